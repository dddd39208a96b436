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
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Project
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.state import Layout, Sealer, StateReader, StateWriter

app = application("Care for what erpoa remembers.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")]
Row = Annotated[str, typer.Argument(help="TARGET/column=value", metavar="ADDRESS")]


@command(app)
def show(options: Options) -> Ending:
    """Show lineage, serial, and how many rows are managed, rejected, in doubt, left to people and protected."""
    project = opened.project(options)
    key = opened.sealer(project)
    with opened.reading(project) as state:
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
    project = opened.project(options)
    with opened.reading(project) as state:
        layout = _known(state, target)
        key = opened.sealer(project)
        live = [row for batch in state.base(layout, key) for row in batch.to_pylist()]
        rows = [
            (_texts(row, "k_", layout.key), _texts(row, "id_", layout.id), row["generation"]) for row in live
        ]
        rows.sort(key=lambda row: [value or "" for value in row[0].values()])
        gone = state.generations(layout, key).to_pylist()
        over = [(_texts(row, "k_", layout.key), row["generation"]) for row in gone]
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


def _texts(row: Mapping[str, Any], prefix: str, types: Mapping[str, Any]) -> dict[str, str | None]:
    """The values of *row* in the columns of *types*, as canonical text."""
    from erpoa_cli.core.canonical import canonical

    return {name: canonical(row[prefix + name], type_) for name, type_ in types.items()}


@command(app)
def tasks(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target; without it, all.", metavar="[TARGET]")] = "",
) -> Ending:
    """List the documents that only a person can bring where they should be."""
    project = opened.project(options)
    with opened.reading(project) as state:
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
def forget(options: Options, address: Row, dry_run: DryRun = False) -> Ending:
    """Forget a row, or every row when a TARGET is named: they stay in their system, and the next plan meets
    them as for the first time."""
    row = opened.address(address) if "/" in address else Address(address, ())
    key = _key(row) if row.key else None
    return _edit(
        options,
        row,
        dry_run=dry_run,
        words="forgotten",
        edit=lambda state, project: state.forget(row.target, key, opened.sealer(project)),
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

    def edit(state: StateWriter, _project: Project) -> bool:
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
        edit=lambda state, _project: state.unprotect(row.target, _key(row)),
    )


@command(app)
def rekey(
    options: Options,
    address: Row,
    new: Annotated[str, typer.Argument(help="Its new address.", metavar="NEW")],
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
    return _edit(
        options,
        row,
        dry_run=dry_run,
        words=f"now {renamed}",
        edit=lambda state, project: state.rekey(row.target, _key(row), _key(renamed), opened.sealer(project)),
    )


@command(app)
def adopt(
    options: Options,
    address: Row,
    id: Annotated[list[str], typer.Option("--id", metavar="FIELD=VALUE", help="Their row's own id.")],
    dry_run: DryRun = False,
) -> Ending:
    """Say which of their rows is ours, where recognition by `match` cannot tell."""
    row = opened.address(address)
    values = dict(assignment(text) for text in id)

    def edit(state: StateWriter, project: Project) -> bool:
        layout = _known(state, row.target)
        if set(values) != set(layout.id):
            words = f"a row of {row.target} is told by {', '.join(layout.id) or 'no id'}, not by {', '.join(values)}"
            raise Failure(Diagnostic("E0601", words), exit=Exit.INVALID)
        state.adopt(layout, _key(row), values, opened.sealer(project))
        return True

    return _edit(options, row, dry_run=dry_run, words="adopted", edit=edit)


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
    """Failure E0606 where *row* is named by other columns than those of its target's key."""
    if row.key and {name for name, _ in row.key} != set(layout.key):
        words = f"{row} does not name a row: the key of {row.target} is {', '.join(layout.key)}"
        remedy = f"`erpoa state links {row.target}` lists them."
        raise Failure(Diagnostic("E0606", words, remedy=remedy), exit=Exit.INVALID)


def _edit(
    options: Options,
    row: Address,
    *,
    dry_run: bool,
    words: str,
    edit: Callable[[StateWriter, Project], Any],
) -> Ending:
    """Change the state under the lock, or with *dry_run* say that it would be."""
    project = opened.project(options)
    name = str(row).rstrip("/")  # a whole target has no key
    if dry_run:
        with opened.reading(project) as state:
            _known_key(_known(state, row.target), row)
        told = Answer(data={"address": name, "changed": False}, lines=(f"{name} would be {words}.",))
        return Ending(told)
    with opened.writing(options, project) as store:
        _known_key(_known(store, row.target), row)
        changed = bool(edit(store, project))
    if not changed:
        raise Failure(
            Diagnostic(
                "E0605",
                f"the state has no row {name}",
                remedy=f"`erpoa state links {row.target}` lists them.",
            ),
            exit=Exit.INVALID,
        )
    return Ending(Answer(data={"address": name, "changed": True}, lines=(f"{name} is {words}.",)))


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

    project = opened.project(options)
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

    project = opened.project(options)
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

    project = opened.project(options)
    name = project.environment
    if dry_run:
        told = f"The state of {name} would be that of {file}."
        return Ending(Answer(data={"file": str(file), "restored": False}, lines=(told,)))
    serial = bring_back(Path(project.root), file.resolve(), name, project.state, project.name)
    told = f"The state of {name} is restored, serial {serial}."
    return Ending(Answer(data={"file": str(file), "restored": True, "serial": serial}, lines=(told,)))
