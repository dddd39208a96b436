"""`erpoa state show|links|tasks`: what is remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer, Table

app = application()


@command(app)
def show(options: Options) -> Ending:
    """Show lineage, serial, and how many rows are managed, rejected, in doubt, left to people and protected."""
    from erpoa_cli.usecase import summarise

    found = summarise(opened.workspace(options))
    counts = {name: getattr(found, name) for name in ("rejected", "in_doubt", "open_tasks", "protected")}
    data = {
        "environment": found.environment,
        "lineage": found.lineage,
        "serial": found.serial,
        "targets": [asdict(target) for target in found.targets],
        **counts,
        "bookmarks": dict(found.bookmarks),
    }
    lines = (
        f"environment {found.environment}, serial {found.serial}, lineage {found.lineage or '(none yet)'}",
        ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counts.items()),
    )
    rows = tuple((target.target, target.system, target.object, target.rows) for target in found.targets)
    table = Table(("target", "system", "object", "managed rows"), rows)
    return Ending(Answer(data=data, tables=(table,), lines=lines))


@command(app)
def links(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target.", metavar="TARGET")],
) -> Ending:
    """List which row of ours is which row of theirs, and the keys whose rows are over.

    The generation tells how often a row of that key was made: a key whose row was undone, deleted or forgotten is made
    anew with the next one."""
    from erpoa_cli import usecase

    found = usecase.links(opened.workspace(options), target)
    rows = tuple((*link.key.values(), *link.id.values(), link.generation) for link in found.live)
    tables = [Table((*found.key, *(f"their {name}" for name in found.id), "generation"), rows)]
    if found.over:
        lines = tuple((*link.key.values(), link.generation) for link in found.over)
        tables.append(Table((*found.key, "generation"), lines, title="over"))
    data = {
        "target": target,
        "links": [{"key": link.key, "id": link.id, "generation": link.generation} for link in found.live],
        "over": [{"key": link.key, "generation": link.generation} for link in found.over],
    }
    return Ending(Answer(data=data, tables=tuple(tables)))


@command(app)
def tasks(
    options: Options,
    target: Annotated[str, typer.Argument(help="A target; without it, all.", metavar="[TARGET]")] = "",
) -> Ending:
    """List the documents that only a person can bring where they should be."""
    from erpoa_cli import usecase

    names = ("address", "code", "what", "since", "run")
    rows = tuple(
        (str(task.address), task.code, task.reason, f"{task.since:%Y-%m-%d %H:%M} UTC", task.run)
        for task in usecase.tasks(opened.workspace(options), target or None)
    )
    data = [dict(zip(names, row, strict=True)) for row in rows]
    lines = () if rows else ("Nothing waits for a person.",)
    return Ending(Answer(data={"tasks": data}, tables=(Table(names, rows),) if rows else (), lines=lines))
