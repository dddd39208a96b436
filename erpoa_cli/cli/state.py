"""`erpoa state`: care for what erpoa remembers; each command with --dry-run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import key_text
from erpoa_cli.core.columns import ID, KEY, Columns
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.state import Layout, Sealer, StateReader, StateWriter
    from erpoa_cli.usecase import Workspace

app = application("Care for what erpoa remembers.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Row = Annotated[str, typer.Argument(help="TARGET/column=value", metavar="ADDRESS")]


@command(app)
def show(options: Options) -> Ending:
    """Show lineage, serial, and how many rows are managed, rejected, in doubt, left to people and protected."""
    work = opened.workspace(options)
    project = work.project
    key = work.sealer
    with work.reading() as state:
        rows = [
            (name, layout.system, layout.object, _managed(state, name, key))
            for name, layout in state.targets().items()
        ]
        counts = {
            "rejected": len(state.rejected()),
            "in_doubt": len(state.in_doubt()),
            "open_tasks": len(state.tasks()),
            "protected": len(state.protected()),
        }
        data: dict[str, Any] = {
            "environment": project.environment,
            "lineage": state.lineage,
            "serial": state.serial,
            "targets": [dict(zip(("target", "system", "object", "rows"), row, strict=True)) for row in rows],
            **counts,
            "bookmarks": dict(state.bookmarks()),
        }
    lines = (
        f"environment {project.environment}, serial {data['serial']}, lineage {data['lineage'] or '(none yet)'}",
        ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counts.items()),
    )
    table = Table(("target", "system", "object", "managed rows"), tuple(rows))
    return Ending(Answer(data=data, tables=(table,), lines=lines))


def _managed(state: StateReader, target: str, key: Sealer | None) -> int:
    return sum(batch.num_rows for batch in state.base(state.targets()[target], key))


@command(app)
def links(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target.", metavar="TARGET")],
) -> Ending:
    """List which row of ours is which row of theirs, and the keys whose rows are over.

    The generation tells how often a row of that key was made: a key whose row was undone, deleted or forgotten is made
    anew with the next one."""
    work = opened.workspace(options)
    with work.reading() as state:
        layout = _known(state, target)
        key = work.sealer
        live = [row for batch in state.base(layout, key) for row in batch.to_pylist()]
        rows = [(_texts(row, KEY, layout.key), _texts(row, ID, layout.id), row["generation"]) for row in live]
        rows.sort(key=lambda row: [value or "" for value in row[0].values()])
        gone = state.generations(layout, key).to_pylist()
        over = [(_texts(row, KEY, layout.key), row["generation"]) for row in gone]
    tables = [
        Table(
            (*layout.key, *(f"their {n}" for n in layout.id), "generation"),
            tuple((*key.values(), *id_.values(), generation) for key, id_, generation in rows),
        )
    ]
    if over:
        lines = tuple((*key.values(), generation) for key, generation in over)
        tables.append(Table((*layout.key, "generation"), lines, title="over"))
    data = {
        "target": target,
        "links": [{"key": key, "id": id_, "generation": generation} for key, id_, generation in rows],
        "over": [{"key": key, "generation": generation} for key, generation in over],
    }
    return Ending(Answer(data=data, tables=tuple(tables)))


def _texts(row: Mapping[str, Any], columns: Columns, types: Mapping[str, Any]) -> dict[str, str | None]:
    """The values of *row* in the columns of *types*, as canonical text."""
    from erpoa_cli.core.canonical import canonical

    return {name: canonical(row[columns(name)], type_) for name, type_ in types.items()}


@command(app)
def tasks(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target; without it, all.", metavar="[TARGET]")] = "",
) -> Ending:
    """List the documents that only a person can bring where they should be."""
    work = opened.workspace(options)
    with work.reading() as state:
        if target:
            _known(state, target)
        found = state.tasks(target or None)
    names = ("address", "code", "what", "since", "run")
    rows = tuple(
        (
            str(Address.of(task.target, json.loads(task.key))),
            task.code,
            task.reason,
            f"{task.since:%Y-%m-%d %H:%M} UTC",
            task.run,
        )
        for task in found
    )
    data = [dict(zip(names, row, strict=True)) for row in rows]
    lines = () if rows else ("Nothing waits for a person.",)
    return Ending(Answer(data={"tasks": data}, tables=(Table(names, rows),) if rows else (), lines=lines))


def _known(state: StateReader, target: str) -> Layout:
    targets = state.targets()
    if target not in targets:
        raise Failure(
            Diagnostic(
                "E0605", f"the state knows no target {target!r}", remedy=did_you_mean(target, targets)
            ),
            exit=Exit.INVALID,
        )
    return targets[target]


@command(app)
def forget(options: Options, address: Row, yes: Yes = False, dry_run: DryRun = False) -> Ending:
    """Forget a row, or every row when a TARGET is named: they stay in their system, and the next plan meets
    them as for the first time."""
    row = opened.address(address) if "/" in address else Address(address, ())
    key = _key(row) if row.key else None
    return _edit(
        options,
        row,
        dry_run=dry_run,
        asks=not yes,
        words="forgotten",
        edit=lambda state, work: state.forget(row.target, key, work.sealer),
    )


@command(app)
def protect(
    options: Options,
    address: Row,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; recorded.")] = "",
    dry_run: DryRun = False,
) -> Ending:
    """Protect a row from being deleted."""
    row = opened.address(address)

    def edit(state: StateWriter, _work: Workspace) -> bool:
        state.protect(row.target, _key(row), reason)
        return True

    return _edit(options, row, dry_run=dry_run, words="protected", edit=edit)


@command(app)
def unprotect(options: Options, address: Row, dry_run: DryRun = False) -> Ending:
    """Let a protected row be deleted again."""
    row = opened.address(address)
    return _edit(
        options,
        row,
        dry_run=dry_run,
        words="no longer protected",
        edit=lambda state, _work: state.unprotect(row.target, _key(row)),
    )


@command(app)
def rekey(
    options: Options,
    address: Row,
    new: Annotated[str, typer.Argument(help="Its new address.", metavar="NEW")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Give a managed row another key, so that a renamed code is not a delete and a create."""
    row, renamed = opened.address(address), opened.address(new)
    if renamed.target != row.target or {n for n, _ in renamed.key} != {n for n, _ in row.key}:
        raise Failure(
            Diagnostic(
                "E0606", f"{new} is no other name of {address}: a row of another target, or by other columns"
            ),
            exit=Exit.INVALID,
        )

    def free(state: StateReader, work: Workspace) -> None:
        _known_key(_known(state, row.target), renamed)
        if _key(renamed) != _key(row) and state.managed(row.target, _key(renamed), work.sealer):
            raise _linked(
                f"{renamed} is linked to a row of its own",
                f"Give that one a key that is free first: `erpoa state rekey {renamed} {row.target}/…`. If the two rows exchanged "
                f"their keys, {row} gets the key {renamed} then, and that one {row}.",
            )

    return _edit(
        options,
        row,
        dry_run=dry_run,
        asks=not yes,
        words=f"now {renamed}",
        check=free,
        edit=lambda state, work: state.rekey(row.target, _key(row), _key(renamed), work.sealer),
    )


@command(app)
def adopt(
    options: Options,
    address: Row,
    id: Annotated[list[str], typer.Option("--id", metavar="FIELD=VALUE", help="Their row's own id.")],
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Say which of their rows is ours, where recognition by `match` cannot tell."""
    row = opened.address(address)
    values = dict(assignment(text) for text in id)

    def free(state: StateReader, work: Workspace) -> None:
        others = state.linked(row.target, _id(_known(state, row.target), row, values), work.sealer)
        if other := next((key for key in map(json.loads, others) if key != dict(row.key)), None):
            address = Address.of(row.target, other)
            told = ", ".join(f"{name} {value}" for name, value in values.items())
            raise _linked(
                f"their row with {told} is linked to {address} already",
                f"Is that link wrong, `erpoa state forget {address}` gives it up; did the row get another key, "
                f"`erpoa state rekey {address} {row}` says so.",
            )

    def edit(state: StateWriter, work: Workspace) -> bool:
        layout = _known(state, row.target)
        state.adopt(layout, _key(row), _id(layout, row, values), work.sealer)
        return True

    return _edit(
        options, row, dry_run=dry_run, asks=not yes, unknown=True, words="adopted", check=free, edit=edit
    )


def _id(layout: Layout, row: Address, values: Mapping[str, str]) -> dict[str, str]:
    """The id that *values* spell, as canonical text; Failure E0601 when they spell none."""
    from erpoa_cli.state.texts import one_text

    if set(values) != set(layout.id):
        words = (
            f"a row of {row.target} is told by {', '.join(layout.id) or 'no id'}, not by {', '.join(values)}"
        )
        raise Failure(Diagnostic("E0601", words), exit=Exit.INVALID)
    found = {}
    for name, type_ in layout.id.items():
        try:
            found[name] = one_text(values[name], type_)
        except ValueError:
            words = f"--id {name}: {values[name]!r} is no {type_}, which {name} of {row.target} is"
            remedy = f"`erpoa state links {row.target}` shows how ids look."
            raise Failure(Diagnostic("E0601", words, remedy=remedy), exit=Exit.INVALID) from None
    return found


def _linked(words: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0618", words, remedy=remedy), exit=Exit.INVALID)


def _unchecked(_state: StateReader, _work: Workspace) -> None:
    """Nothing else must hold."""


def assignment(text: str) -> tuple[str, str]:
    """FIELD=VALUE, taken apart; Failure E0601 when it is not that."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Failure(Diagnostic("E0601", f"--id {text!r} is not FIELD=VALUE"), exit=Exit.INVALID)
    return name, value


def _key(address: Address) -> str:
    key: Mapping[str, str] = dict(address.key)
    return key_text(key)


def _known_key(layout: Layout, row: Address) -> None:
    """Failure E0606 where *row* is named by other columns than those of its target's key, or by what none of them can be."""
    from erpoa_cli.state.texts import one_text

    remedy = f"`erpoa state links {row.target}` lists them."
    if row.key and {name for name, _ in row.key} != set(layout.key):
        words = f"{row} does not name a row: the key of {row.target} is {', '.join(layout.key)}"
        raise Failure(Diagnostic("E0606", words, remedy=remedy), exit=Exit.INVALID)
    for name, text in row.key:
        try:
            spelt = one_text(text, layout.key[name])
        except ValueError:
            words = f"{row} does not name a row: {text!r} is no {layout.key[name]}, which {name} of {row.target} is"
            raise Failure(Diagnostic("E0606", words, remedy=remedy), exit=Exit.INVALID) from None
        if spelt != text:
            words = f"{row} does not name a row: {name} is written {spelt}, not {text}"
            raise Failure(Diagnostic("E0606", words, remedy=remedy), exit=Exit.INVALID)


def _edit(
    options: Options,
    row: Address,
    *,
    dry_run: bool,
    words: str,
    edit: Callable[[StateWriter, Workspace], Any],
    asks: bool = False,
    unknown: bool = False,
    check: Callable[[StateReader, Workspace], None] = _unchecked,
) -> Ending:
    """Change the state under the lock, or with *dry_run* say that it would be. What *asks* says first how many rows it
    concerns; of one row that is named a pipeline is not asked. *unknown*: the row need not be managed. *check* raises what speaks against the edit."""
    work = opened.workspace(options)
    name = str(row).rstrip("/")  # a whole target has no key
    with work.reading() as state:
        _known_key(_known(state, row.target), row)
        check(state, work)
        rows = state.managed(row.target, _key(row) if row.key else None, work.sealer)
    if not rows and not unknown and asks | dry_run:
        raise _not_there(name, row.target)
    managed = f"{rows:,} managed row{'' if rows == 1 else 's'}"
    data: dict[str, Any] = {"address": name, "rows": rows}
    if dry_run:
        return Ending(
            Answer(data={**data, "changed": False}, lines=(f"{name} would be {words}: {managed}.",))
        )
    asks &= options.interactive or not row.key or rows > 1
    if asks and not opened.agreed(options, f"{name} will be {words}: {managed}."):
        return Ending(Answer(data={**data, "changed": False}, lines=("Nothing was changed.",)))
    with work.writing() as store:
        check(store, work)
        changed = bool(edit(store, work))
    if not changed:
        raise _not_there(name, row.target)
    return Ending(Answer(data={**data, "changed": True}, lines=(f"{name} is {words}: {managed}.",)))


def _not_there(name: str, target: str) -> Failure:
    words, remedy = f"the state has no row {name}", f"`erpoa state links {target}` lists them."
    return Failure(Diagnostic("E0605", words, remedy=remedy), exit=Exit.INVALID)


@command(app)
def system(
    options: Options,
    name: Annotated[str, typer.Argument(help="A system.", metavar="SYSTEM")],
    moved: Annotated[bool, typer.Option("--moved", help="It is the same data, at another place.")] = False,
    trial: Annotated[
        bool, typer.Option("--trial", help="It is a copy: plan with it, apply nothing.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="It is another system: forget what is remembered of the old one.")
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Ending:
    """Show which system a name stands for, and which one is remembered; say what it is when they differ."""
    from erpoa_cli.engine.connect import Connections

    if moved + trial + anew > 1:
        words = "--moved, --trial and --anew exclude each other"
        raise Failure(Diagnostic("E0601", words), exit=Exit.INVALID)
    work = opened.workspace(options)
    project = work.project
    if name not in project.systems:
        words = f"there is no system {name!r}"
        raise Failure(
            Diagnostic("E0605", words, remedy=did_you_mean(name, project.systems)), exit=Exit.INVALID
        )
    with Connections(project) as connections:
        now = connections.identity(name)
    with work.reading() as state:
        known = state.systems().get(name)
        of_it = [target for target, layout in state.targets().items() if layout.system == name]
        rows = sum(state.managed(target, sealer=work.sealer) for target in of_it)
    data = {
        "system": name,
        "identity": now,
        "remembered": known.identity if known else None,
        "trial": (known.trial or None) if known else None,
        "rows": rows,
    }
    told = [
        f"{name} is {now}.",
        f"{rows:,} managed rows are remembered of {known.identity if known else 'none'}.",
    ]
    if known and known.trial:
        told.append(f"Plans may also be made with its copy {known.trial}.")
    if trial and known is None:
        words = f"nothing is remembered of system {name}: there is nothing that it could be a copy of"
        remedy = "Where plans shall be made and nothing applied, give it `read_only`, or an environment of its own."
        raise Failure(Diagnostic("E0605", words, remedy=remedy), exit=Exit.INVALID)
    says = "moved" if moved else "a copy for trial" if trial else "a new start" if anew else ""
    if not says or dry_run:
        return Ending(Answer(data={**data, "changed": False}, lines=tuple(told)))
    effect = f": {rows:,} managed rows will be forgotten" if anew else ""
    if not yes and not opened.agreed(options, f"{' '.join(told)} It is {says}{effect}."):
        return Ending(Answer(data={**data, "changed": False}, lines=("Nothing was changed.",)))
    with work.writing() as store:
        if anew:
            store.begin_anew(name, work.sealer)
        store.declare_system(name, now, trial=trial)
    return Ending(Answer(data={**data, "changed": True}, lines=(f"{name} is {says}, at {now}.",)))


@command(app)
def rebuild(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target.", metavar="TARGET")],
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Make what is remembered of a target anew, of the archived plans and the journal."""
    work = opened.workspace(options)
    project = work.project
    data: dict[str, Any] = {"target": target, "changed": not dry_run}
    if dry_run:
        return Ending(Answer(data=data, lines=(f"What is remembered of {target} would be made anew.",)))
    with work.writing() as store:
        rows = store.rebuild(target, work.sealer)
    if rows is None:
        words = f"no run ever wrote to {target!r}: there is nothing to make anew"
        remedy = did_you_mean(target, project.targets) or "See `erpoa runs ls`."
        raise Failure(Diagnostic("E0605", words, remedy=remedy), exit=Exit.INVALID)
    told = f"What is remembered of {target} was made anew: {rows:,} managed rows."
    return Ending(Answer(data={**data, "rows": rows}, lines=(told,)))


@command(app)
def migrate(
    options: Options,
    renamed_from: Annotated[
        str,
        typer.Option(
            "--renamed-from", metavar="NAME", help="What the project was called before it was renamed."
        ),
    ] = "",
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Bring the state's format up to date; make a shared state that is missing."""
    from erpoa_cli.state import FORMAT
    from erpoa_cli.state import migrate as bring_up

    work = opened.workspace(options)
    project = work.project
    if dry_run:
        told = f"The state would have format {FORMAT}."
        return Ending(Answer(data={"format_of_state": FORMAT, "changed": False}, lines=(told,)))
    number = bring_up(Path(project.root), project.state, project.name, renamed_from=renamed_from)
    return Ending(Answer(data={"format_of_state": number}, lines=(f"The state has format {number}.",)))


@command(app)
def backup(
    options: Options,
    file: Annotated[Path, typer.Argument(help="The tar file to write.", metavar="FILE")],
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Copy the whole state, local or shared, without its key, to a tar file."""
    from erpoa_cli.state.backup import backup as copy

    work = opened.workspace(options)
    project = work.project
    if dry_run:
        return Ending(Answer(data={"file": str(file), "files": 0}, lines=(f"{file} would be written.",)))
    files = copy(Path(project.root), file.resolve(), project.state, project.name)
    return Ending(Answer(data={"file": str(file), "files": files}, lines=(f"{file} holds {files} files.",)))


@command(app)
def restore(
    options: Options,
    file: Annotated[Path, typer.Argument(help="The tar file of `erpoa state backup`.", metavar="FILE")],
    *,
    dry_run: DryRun = False,
) -> Ending:
    """Make an environment's state what a copy holds; from local to shared or back, too. Nothing is overwritten."""
    from erpoa_cli.state.backup import restore as bring_back

    work = opened.workspace(options)
    project = work.project
    name = project.environment
    if dry_run:
        told = f"The state of {name} would be that of {file}."
        return Ending(Answer(data={"file": str(file), "restored": False}, lines=(told,)))
    serial = bring_back(Path(project.root), file.resolve(), name, project.state, project.name)
    told = f"The state of {name} is restored, serial {serial}."
    return Ending(Answer(data={"file": str(file), "restored": True, "serial": serial}, lines=(told,)))
