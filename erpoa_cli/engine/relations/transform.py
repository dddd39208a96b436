"""Building seeds and models in the locked staging area, with their tests; what absence from them proves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from erpoa_cli.core.dependency import inputs
from erpoa_cli.core.diagnostic import Diagnostic, Location, Severity
from erpoa_cli.core.event import Finished, Listener, Started, ignore
from erpoa_cli.core.plan import Read, ReadStatus
from erpoa_cli.core.project import Transform
from erpoa_cli.core.relation import TRANSFORM
from erpoa_cli.core.schema import Field, identifier
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.model import origins, selected, sql_finding
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.kept_key import carry, kept_key
from erpoa_cli.engine.relations.quality import Tested, Unmapped, run_contract, run_data_test, run_test
from erpoa_cli.engine.relations.seed import load_seed
from erpoa_cli.engine.staging import Staging, located, relation

SECONDS = 600.0  # the longest a single model may take


@dataclass(slots=True)
class Built:
    """What building gave. `blocked`: relations that must not be used, with the reason; `held`: rows set aside per
    relation, `keyless`: those of them that nobody can name; `kept`: (model, relation) where the rows held of the
    relation are held of the model too, by the same key; `tested`: every test and contract that ran."""

    bound: Bound
    reads: Mapping[str, Read]
    diagnostics: list[Diagnostic] = field(default_factory=list)
    blocked: dict[str, str] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    keyless: dict[str, int] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)
    tested: list[Tested] = field(default_factory=list)

    @property
    def unmapped(self) -> list[Unmapped]:
        """Values that `mapped` tests did not find in their code maps."""
        return [value for tested in self.tested for value in tested.unmapped]

    def evidence(self, name: str) -> str:
        """Why a row that *name* does not have may still exist; empty: every read behind it was complete and not
        empty, and no row was set aside on the way that could have become one of its rows."""
        reasons = [self.blocked[name]] if name in self.blocked else []
        reasons += [_unproven(source, self.reads.get(source)) for source in sorted(self.bound.behind(name))]
        models = self.bound.project.transforms
        asked = {t for n in self.bound.made_of(name) if n in models for t in models[n].actuals}
        actuals = sorted(f"actual.{target}" for target in asked)
        reasons += [_unproven(actual, self.reads.get(actual), empty=True) for actual in actuals]
        reasons += self._lost(name)
        return "; ".join(dict.fromkeys(filter(None, reasons)))

    def _lost(self, name: str) -> list[str]:
        """Rows set aside in or behind *name* of which nobody can tell which rows of *name* they would be."""
        reasons = [f"{n} rows of {name} are held and have no key"] if (n := self.keyless.get(name)) else []
        for behind in inputs(self.bound.project, name):
            if self.held.get(behind) and (name, behind) not in self.kept:
                reasons.append(f"{self.held[behind]} rows of {behind} are held")
            reasons += self._lost(behind)
        return reasons


def _unproven(name: str, read: Read | None, *, empty: bool = False) -> str:
    if read is None:
        return f"{name} was not read"
    if read.verdict.status is ReadStatus.FAILED:
        return _unread(name, read)
    if read.verdict.status is not ReadStatus.COMPLETE:
        return f"{name}: {read.verdict.reason or read.verdict.status.value}"
    if not empty and not read.verdict.evidence.get("rows"):
        return f"{name} is empty"
    return ""


def _unread(name: str, read: Read) -> str:
    return f"{name} could not be read: {read.verdict.reason}"


def build_models(
    bound: Bound,
    staging: Staging,
    names: Iterable[str],
    reads: Mapping[str, Read],
    *,
    seconds: float = SECONDS,
    listener: Listener = ignore,
) -> Built:
    """Build the seeds and models among *names* and behind them into `model."NAME"`, in a staging area that is locked: SQL
    of the project runs in it.

    Sources (and the actual rows that models ask for) were read before. Rows that a test sets aside are gone before
    the next model sees the relation. A relation behind a failed read, a failed model or a failed `error` test is
    `blocked`, and so is everything made of it."""
    assert staging.locked
    built = Built(bound, reads)
    needed = bound.needed(names)
    for name, read in reads.items():
        if read.verdict.status is ReadStatus.FAILED:
            built.blocked[name] = _unread(name, read)
        if name in bound.project.sources:
            _count_held(built, staging, name)
    for name in bound.order:
        if name in needed:
            listener(Started(f"build {name}"))
            with staging.limited(seconds):
                rows = _build(name, built, staging)
            listener(Finished(f"build {name}", rows))
    return built


def _build(name: str, built: Built, staging: Staging) -> int:
    project = built.bound.project
    fields = built.bound.relations[name]
    if name in project.seeds:
        seed = project.seeds[name]
        findings = load_seed(staging, Path(project.root), seed, fields)
        built.diagnostics += findings
        if findings:
            built.blocked[name] = findings[0].summary
            return 0
        tests, key, contract = seed.tests, seed.key, ""
    else:
        model = project.transforms[name]
        staging.create(TRANSFORM.schema, name, fields)
        held.prepare(staging, name)
        if not _select(model, fields, built, staging):
            return 0
        tests, key, contract = model.tests, model.key, model.contract
    for test in tests:
        said = f"test {test.kind} {', '.join(test.columns)}"
        _take(name, said, test.at, partial(run_test, staging, built.bound, name, key, test), built)
    if contract:
        agreed = project.contracts[contract]
        judge = partial(run_contract, staging, built.bound, name, key, agreed)
        _take(name, f"contract {contract}", agreed.at, judge, built)
    _count_held(built, staging, name)
    return int(staging.scalar(f"SELECT count(*) FROM {located(built.bound.project, name)}"))


def _select(model: Transform, fields: Iterable[Field], built: Built, staging: Staging) -> bool:
    """Fill the relation of *model*; False, with the reason in *built*, when it cannot be."""
    project = built.bound.project
    behind = (*inputs(project, model.name), *(f"actual.{t}" for t in model.actuals))
    if stopped := [built.blocked[n] for n in behind if n in built.blocked]:
        built.blocked[model.name] = "; ".join(dict.fromkeys(stopped))
        return False
    columns = ", ".join(
        f"CAST(q.{identifier(f.name)} AS {f.type.duckdb}) AS {identifier(f.name)}" for f in fields
    )
    try:
        staging.execute(
            f"INSERT INTO {relation(TRANSFORM.schema, model.name)} SELECT {columns} FROM (\n{selected(model.sql)}\n) AS q"
        )
    except SqlProblem as problem:
        problem.line = max(0, problem.line - 1)  # the SELECT stands a line below our own
        finding = sql_finding(project, f"model {model.name}", model.file, model.sql, problem)
        built.diagnostics.append(replace(finding, code="E0353"))
        built.blocked[model.name] = finding.summary
        return False
    _carry_held(model, built, staging)
    return True


def _carry_held(model: Transform, built: Built, staging: Staging) -> None:
    """Hold of *model* what is held of the relations whose key it keeps."""
    behind = [name for name in inputs(built.bound.project, model.name) if built.held.get(name)]
    if not behind or not model.key:
        return
    names = [f.name for f in built.bound.relations[model.name]]
    known = dict(zip(names, origins(model, names, built.bound.relations, staging), strict=True))
    tree = staging.syntax(selected(model.sql))
    for name in behind:
        if columns := kept_key(tree, known, model.key, name, built.bound.key(name)):
            carry(staging, name, model.name, columns)
            built.kept.add((model.name, name))


def _take(name: str, said: str, at: Location, judge: Callable[[], Tested], built: Built) -> None:
    """Take in what *judge* finds; a test that cannot run at all blocks like one that fails."""
    try:
        tested = judge()
    except SqlProblem as problem:
        summary = f"{name}: {said} cannot run: {problem.summary}"
        remedy = "Its values must be of the column's type, its patterns such as RE2 knows (no look-around)."
        tested = Tested(name, said, 0, at, Diagnostic("E0355", summary, remedy=remedy, at=at))
    built.tested.append(tested)
    if tested.diagnostic:
        built.diagnostics.append(tested.diagnostic)
        if tested.diagnostic.severity is Severity.ERROR:
            built.blocked.setdefault(name, tested.diagnostic.summary)


def _count_held(built: Built, staging: Staging, name: str) -> None:
    built.held[name] = held.count(staging, name)
    built.keyless[name] = held.keyless(staging, name)


def run_data_tests(built: Built, staging: Staging, *, seconds: float = SECONDS) -> list[Tested]:
    """Run the `tests/*.sql` whose relations are all built and not blocked."""
    found = []
    for test in built.bound.project.tests.values():
        needed = set(test.inputs)
        if needed <= {*built.held} and not needed & {*built.blocked}:
            with staging.limited(seconds):
                found.append(run_data_test(staging, built.bound, test))
    return found
