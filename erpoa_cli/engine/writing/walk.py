"""One pass over the batches of a plan, from where its journal stands to the end."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import BASE, ID, PENDING, WANTED
from erpoa_cli.core.conclusion import RunConclusion
from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.event import Finished, Listener, Started, ignore
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.core.target import OnStale
from erpoa_cli.engine.batching import rows_per_batch
from erpoa_cli.engine.reach import Leaving
from erpoa_cli.engine.remainder import remainder
from erpoa_cli.engine.writing.again import Again
from erpoa_cli.engine.writing.batch import Batch, batches, placing, with_unready, without
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.engine.writing.document import Documents, Parts
from erpoa_cli.engine.writing.doubt import RowByRow
from erpoa_cli.engine.writing.exchange import exchanges
from erpoa_cli.engine.writing.further import without_further
from erpoa_cli.engine.writing.produced import Produced, wanted_targets
from erpoa_cli.engine.writing.remarks import Remarks
from erpoa_cli.engine.writing.request import request
from erpoa_cli.engine.writing.stranger import without_strangers
from erpoa_cli.engine.writing.tally import Tally
from erpoa_cli.engine.writing.write import perform, settle
from erpoa_cli.sdk.connector import OUTCOMES, WriteBatch
from erpoa_cli.sdk.errors import InDoubt, SystemFailure
from erpoa_cli.state import WHOLE, Intent, Journal, Part, PlanFile, RunStatus, Sealer
from erpoa_cli.state import Batch as Entry
from erpoa_cli.state.columns import names

_UNFINISHED = frozenset({Outcome.REJECTED, Outcome.STALE, Outcome.BLOCKED, Outcome.WAITING, Outcome.IN_DOUBT})


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """`verify`: read every written row back; `stop`: set by Ctrl-C, honoured after the current batch; `part`: what of the
    plan is asked for, of a run that is opened (one that is resumed knows it)."""

    verify: bool = True
    part: Part = WHOLE
    stop: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: outcomes per target, what failed as a whole, and what all of it amounts to."""

    run: str
    plan: PlanFile
    status: RunStatus
    serial: int
    outcomes: Mapping[str, Mapping[Outcome, int]]
    diagnostics: tuple[Diagnostic, ...] = ()
    remarks: tuple[Diagnostic, ...] = ()  # of rows that were applied: warnings

    @property
    def conclusion(self) -> RunConclusion:
        if self.status is RunStatus.IN_DOUBT or any(c.get(Outcome.IN_DOUBT) for c in self.outcomes.values()):
            return RunConclusion.IN_DOUBT
        if self.diagnostics:
            return RunConclusion.FAILED
        if self.status is RunStatus.INTERRUPTED:
            return RunConclusion.INTERRUPTED
        if self.status is RunStatus.PAUSED:
            return RunConclusion.PARTIAL if _left_over(self.outcomes) else RunConclusion.SUCCEEDED
        left = remainder(self.plan)
        undone = _left_over(self.outcomes) or self.status is RunStatus.ABORTED
        return RunConclusion.PARTIAL if left is RunConclusion.SUCCEEDED and undone else left


def _left_over(outcomes: Mapping[str, Mapping[Outcome, int]]) -> bool:
    """Some row is not as the plan wanted it."""
    return any(n and outcome in _UNFINISHED for counts in outcomes.values() for outcome, n in counts.items())


@dataclass(frozen=True, slots=True)
class _Task:
    """A batch under its number, what of it is ready to be written and why the rest is not, and the lines it carries
    (filled in), which have the numbers after its own."""

    batch: Batch
    number: int
    ready: Batch
    problems: Mapping[int, tuple[Outcome, str]]
    parts: Parts


class Walk:
    """One pass over the batches of a plan, starting from what its journal already knows."""

    def __init__(
        self,
        plan: PlanFile,
        sealer: Sealer | None,
        desks: Mapping[str, Desk],
        journal: Journal,
        options: ApplyOptions,
        listener: Listener = ignore,
    ) -> None:
        self._plan = plan
        self._sealer = sealer
        self._tables = {name: placing(plan, name) for name in plan.members(Member.CHANGES)}
        self._desks = desks
        self._journal = journal
        self._options = options
        self._listener = listener
        self._documents = Documents(plan, desks, self._rows)
        parents = {
            name: desk.target.lines.parent
            for name, desk in desks.items()
            if desk.target.lines and name not in self._documents.targets
        }
        keys = {name: plan.layout(name).key for name in desks}
        lines = {
            name for name, parent in parents.items() if parent in desks and desks[parent].target.lifecycle
        }
        self._produced = Produced({*wanted_targets(self._tables), *parents.values(), *lines}, keys, parents)
        self._done: dict[str, set[int]] = {}
        self._tallies = {name: Tally(table) for name, table in self._tables.items()}
        self._again = Again({name: desk.target.system for name, desk in desks.items()})
        self._remarks = Remarks(keys)
        self._number = 0
        self._written = 0  # rows, in the last pass
        self._since = 0  # rows that the run wrote before, of the part that is asked for

    def run(self) -> RunResult:
        """Walk to the end, or to the first system that fails as a whole; close the run accordingly."""
        problems: tuple[Diagnostic, ...] = ()
        try:
            self._remember()
            status = self._write_all()
        except InDoubt as error:
            status, problems = RunStatus.IN_DOUBT, (_failed(error),)
        except SystemFailure as error:
            status, problems = RunStatus.INTERRUPTED, (_failed(error),)
        outcomes = {name: counts for name, tally in self._tallies.items() if (counts := tally.counts())}
        if status is RunStatus.APPLIED and _left_over(outcomes):
            status = RunStatus.PARTIAL
        serial = self._journal.close(status)
        remarks = tuple(self._remarks.diagnostics())
        return RunResult(self._journal.run, self._plan, status, serial, outcomes, problems, remarks)

    def _remember(self) -> None:
        """Take in what the journal holds; settle batches of which only the intent is known."""
        entries = {entry.intent.number: entry for entry in self._journal.batches()}
        self._number = max(entries, default=-1) + 1
        for number, entry in entries.items():
            if entry.intent.target in self._documents.targets:
                continue  # its document tells
            batch = self._batch_of(entry)
            if entry.results is None:
                self._settle(self._task(batch, number))
            else:
                parts = self._documents.parts(batch)
                known = [entries[number + n].results for n, _ in enumerate(parts, 1)]
                self._resettle(batch, number, [entry.results, *(r for r in known if r is not None)])
            self._done.setdefault(batch.target, set()).update(batch.ordinals)
            if number >= self._journal.part.begin:
                self._since += batch.rows.num_rows

    def _batch_of(self, entry: Entry) -> Batch:
        intent = entry.intent
        rows = self._rows(intent.target, intent.ordinals)
        fields = tuple(rows["fields"][0].as_py() or ())
        placed = self._tables[intent.target]
        place = placed.filter(pc.equal(placed["ordinal"], intent.ordinals[0])).to_pylist()[0]
        before, call = names(place["before"]), place["call"]
        return Batch(intent.target, intent.wave, intent.step, intent.action, fields, rows, before, call)

    def _rows(self, target: str, ordinals: pa.Array) -> pa.Table:
        """What is to be written, and what must be there; what was agreed has no part in it."""
        names = self._plan.layout(target).plan_schema().names
        columns = [name for name in names if not any(image.has(name) for image in BASE)]
        return self._plan.table(Member.CHANGES, target, self._sealer, columns=columns, ordinals=ordinals)

    def _backwards(self, target: str, ordinals: pa.Array) -> pa.Table:
        rows = self._rows(target, ordinals)
        return rows.take(pa.array(range(rows.num_rows - 1, -1, -1), pa.int64()))

    def _task(self, batch: Batch, number: int) -> _Task:
        """*batch* with the lines it carries, as far as their pending values are known by now."""
        ready, problems = self._produced.fill(batch)
        parts = self._documents.parts(batch)
        filled = [self._produced.fill(part) for part in parts]
        problems |= self._documents.unready(ready, parts, [said for _, said in filled])
        ready = without(ready, problems)
        carried = self._documents.only(tuple(part for part, _ in filled), ready)
        ready = self._documents.composed(ready, carried)
        whole = tuple(with_unready(part, known) for part, (known, _) in zip(parts, filled, strict=True))
        return _Task(batch, number, ready, problems, whole)

    def _settle(self, task: _Task) -> None:
        ready, number = task.ready, task.number
        if ready.rows.num_rows:
            desk = self._desks[ready.target]
            if _at_once(desk, ready):
                outcomes = settle(desk, ready, self._request(ready, number))
            else:
                outcomes = self._singly(desk, number).settle(ready)
            if outcomes is not None:
                self._record(task, outcomes)
                return
        self._perform(task)

    def _resettle(self, batch: Batch, number: int, known: Sequence[pa.Table]) -> None:
        """Take in what was recorded of a batch and of the lines it carries; look again for the rows that are in doubt."""
        results, *lines = known
        parts = self._documents.parts(batch)
        unclear = pc.equal(results["outcome"], Outcome.IN_DOUBT.value)
        if not pc.any(unclear).as_py():
            self._take(batch, number, results, parts, lines)
            return
        words = {r["ordinal"]: r["error"] or "" for r in results.filter(unclear).to_pylist()}
        clear = without(batch, words)
        rest = self._documents.only(parts, clear)
        told = [
            r.filter(pc.is_in(r["ordinal"], p.rows["ordinal"].combine_chunks()))
            for p, r in zip(rest, lines, strict=True)
        ]
        self._take(clear, number, results.filter(pc.invert(unclear)), rest, told)
        aside = without(batch, clear.ordinals)
        task = self._task(aside, number)
        outcomes = self._singly(self._desks[batch.target], number).settle(task.ready, words)
        self._record(task, outcomes)

    def _request(self, batch: Batch, number: int) -> WriteBatch:
        desk = self._desks[batch.target]
        return request(desk, batch, self._journal.run, number, self._plan.header.effects_digest)

    def _singly(self, desk: Desk, number: int) -> RowByRow:
        return RowByRow(desk, lambda batch: self._request(batch, number), self._options.verify)

    def _write_all(self) -> RunStatus:
        """INTERRUPTED by a person; ABORTED where a target wants the run given up at a stale row; PAUSED where only a part was
        asked for."""
        every = {n: t for n, t in self._tables.items() if n not in self._documents.targets}
        alone = self._asked(every)
        most = self._journal.part.first
        most = None if most is None else max(0, most - self._since)
        stopped, backwards = self._pass(alone, self._done, most=most), False
        left = sum(t.num_rows for t in every.values()) - sum(map(len, self._done.values())) - self._written
        while stopped is None and (refused := self._again.tables(alone)):
            backwards = (
                not backwards
            )  # so a chain of rows that wait for each other takes two passes, not one per row
            stopped = self._pass(refused, backwards=backwards)
        if stopped is None:
            for number, answers in self._again.told(self._exchanges):
                self._journal.record(number, answers)
        return stopped or (RunStatus.PAUSED if left else RunStatus.APPLIED)

    def _asked(self, tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """What of *tables* is asked for: the targets that are named, documents with their lines, what rows wait for, and what
        comes before them in their systems, for the order of waves is a promise: what a delete rests on was moved or
        deleted by then."""
        targets = self._journal.part.targets
        if targets is None:
            return dict(tables)
        lines = {name: desk.target.lines.parent for name, desk in self._desks.items() if desk.target.lines}
        whole, new = set[str](), set(targets)
        while new:
            whole |= new
            more = {lines[name] for name in new if name in lines}
            more |= {name for name, parent in lines.items() if parent in new}
            new = (more | wanted_targets({n: self._tables[n] for n in new if n in self._tables})) - whole
        found = {name: table for name, table in tables.items() if name in whole}
        before: dict[str, int] = {}  # system → rows of earlier waves than this go along
        while True:
            needed = dict(before)
            for name, table in found.items():
                if table.num_rows:
                    names = {
                        name,
                        *wanted_targets({name: table}),
                        *(n for n, p in lines.items() if p == name),
                    }
                    last = pc.max(table["wave"]).as_py()
                    for system in {self._desks[n].target.system for n in names if n in self._desks}:
                        needed[system] = max(needed.get(system, 0), last)
            if needed == before:
                return found
            before = needed
            for name, table in tables.items():
                limit = before.get(self._desks[name].target.system)
                if name not in whole and limit is not None:
                    found[name] = table.filter(pc.less(table["wave"], limit))

    def _exchanges(self, target: str, ordinals: pa.Array) -> Mapping[int, str]:
        return exchanges(self._rows(target, ordinals), self._plan.layout(target).key)

    def _pass(
        self,
        tables: Mapping[str, pa.Table],
        done: Mapping[str, Collection[int]] | None = None,
        *,
        backwards: bool = False,
        most: int | None = None,
    ) -> RunStatus | None:
        """Write what *tables* tell (see `batches`) and is not *done*, *most* rows of it, the rows of each batch perhaps
        *backwards*; why that ended early, if it did."""
        self._written = 0
        sizes = {name: rows_per_batch(desk.target, desk.info) for name, desk in self._desks.items()}
        load = self._backwards if backwards else self._rows
        for whole in batches(tables, load, sizes, done):
            if self._options.stop.is_set():
                return RunStatus.INTERRUPTED
            left = whole.rows.num_rows if most is None else most - self._written
            if not left:
                break
            batch = replace(whole, rows=whole.rows.slice(0, left))
            counts = self._write(batch)
            self._written += batch.rows.num_rows
            if counts[Outcome.STALE] and self._desks[batch.target].target.on_stale is OnStale.ABORT:
                return RunStatus.ABORTED
        return None

    def _write(self, batch: Batch) -> Counter[Outcome]:
        desk = self._desks[batch.target]
        self._listener(Started(f"write {batch.target}", desk.target.system, batch.rows.num_rows))
        task = self._task(batch, self._number)
        written = [batch, *task.parts]
        self._journal.intend(*(_intent(each, n) for n, each in enumerate(written, self._number)))
        self._number += len(written)
        counts = self._perform(task)
        self._listener(Finished(f"write {batch.target}", batch.rows.num_rows))
        return counts

    def _perform(self, task: _Task) -> Counter[Outcome]:
        """Write what of a batch is ready, and record what became of all of it."""
        desk, outcomes = self._desks[task.batch.target], None
        ready, strangers = without_strangers(desk, task.ready)
        ready, further = without_further(desk, ready, lambda: self._leaving(desk, ready.wave))
        if ready.rows.num_rows:
            if _at_once(desk, ready):
                ask = self._request(ready, task.number)
                outcomes = perform(desk, ready, ask, verify=self._options.verify)
            else:
                outcomes = self._singly(desk, task.number).write(ready)
        problems = {**task.problems, **strangers, **further}
        return self._record(replace(task, ready=ready, problems=problems), outcomes)

    def _leaving(self, desk: Desk, wave: int) -> dict[str, Leaving]:
        """By object of the system of *desk*, the rows that this plan deletes in *wave* or later."""
        found: dict[str, Leaving] = {}
        for name, other in self._desks.items():
            if other.target.system != desk.target.system or other.target.embedded or not other.id_types:
                continue
            placed = self._tables[name]
            deletes = pc.and_(
                pc.equal(placed["action"], Action.DELETE.value), pc.greater_equal(placed["wave"], wave)
            )
            ordinals = placed["ordinal"].filter(deletes).combine_chunks()
            rows = self._rows(name, ordinals).select([ID(n) for n in other.id_types]).to_pylist()
            ids = frozenset(
                tuple(canonical(row[ID(n)], t) for n, t in other.id_types.items()) for row in rows
            )
            found.setdefault(other.target.object, Leaving(other.id_types, ids))
        return found

    def _record(self, task: _Task, outcomes: pa.Table | None) -> Counter[Outcome]:
        """Journal what became of a batch, of which *outcomes* tell what was ready, with the values that were
        pending; and of the lines it carries."""
        tables = []
        if outcomes is not None:
            lists = [n for n in self._desks[task.batch.target].lists if n in task.ready.fields]
            recomposed = [n for n in lists if not _as_planned(task, WANTED(n))]
            tables.append(_with_resolved(task.ready, outcomes, recomposed))
        if task.problems:
            rows = [
                {"ordinal": ordinal, "outcome": outcome.value, "error_class": outcome.value, "error": words}
                for ordinal, (outcome, words) in task.problems.items()
            ]
            tables.append(pa.Table.from_pylist(rows, OUTCOMES))
        results = pa.concat_tables(tables, promote_options="default").sort_by("ordinal")
        whole = with_unready(task.batch, task.ready)
        lines = self._documents.follow(whole, results, task.parts)
        self._journal.record(task.number, results, *enumerate(lines, task.number + 1))
        return self._take(task.batch, task.number, results, task.parts, lines)

    def _take(
        self, batch: Batch, number: int, results: pa.Table, parts: Parts, lines: Sequence[pa.Table]
    ) -> Counter[Outcome]:
        counts = self._count(batch, results)
        for part, told in zip(parts, lines, strict=True):
            self._count(part, told)
        self._again.take(batch.target, number, results)
        return counts

    def _count(self, batch: Batch, results: pa.Table) -> Counter[Outcome]:
        self._produced.remember(batch, results)
        self._remarks.take(batch, results)
        told = results["outcome"].value_counts().to_pylist()
        counts = Counter({Outcome(c["values"]): c["counts"] for c in told})
        self._tallies[batch.target].take(results, counts)
        return counts


def _at_once(desk: Desk, batch: Batch) -> bool:
    """Whether *batch* is written as a whole or not at all; a call never is."""
    return desk.transactional and not batch.call


def _intent(batch: Batch, number: int) -> Intent:
    ordinals = batch.rows["ordinal"].combine_chunks().sort()
    return Intent(number, batch.target, batch.action, ordinals, batch.wave, batch.step)


def _as_planned(task: _Task, column: str) -> bool:
    """Whether what is ready has the plan's values of *column*."""
    rows = without(task.batch, set(task.batch.ordinals) - set(task.ready.ordinals)).rows
    return bool(rows[column].combine_chunks().equals(task.ready.rows[column].combine_chunks()))


def _with_resolved(ready: Batch, outcomes: pa.Table, recomposed: Sequence[str]) -> pa.Table:
    """*outcomes* with the values that pending references were resolved to, and the lists that were *recomposed* of
    such values, as `d_*`."""
    names = [f for f in ready.fields if PENDING(f) in ready.rows.schema.names]
    pending = [WANTED(f) for f in names if ready.rows[PENDING(f)].null_count < ready.rows.num_rows]
    pending += [WANTED(f) for f in recomposed]
    if not pending:
        return outcomes
    rows = ready.rows.take(pc.index_in(outcomes["ordinal"], ready.rows["ordinal"].combine_chunks()))
    for name in pending:
        outcomes = outcomes.append_column(name, rows[name])
    return outcomes


def _failed(error: SystemFailure) -> Diagnostic:
    return Diagnostic(
        "E0540",
        f"the run stopped: {error}",
        remedy="What was written is recorded. Mend the cause, then run `erpoa resume`.",
    )
