"""`erpoa resolve`: a person settles what no look could settle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.state import assignment
from erpoa_cli.core.address import Address
from erpoa_cli.core.canonical import key_text
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.report import Answer, Table
from erpoa_cli.core.situation import Action

if TYPE_CHECKING:
    from erpoa_cli.state import Doubt, StateReader

app = application()


@command(app)
def resolve(
    options: Options,
    address: Annotated[
        str,
        typer.Argument(help="TARGET/column=value; without it, list what is in doubt.", metavar="[ADDRESS]"),
    ] = "",
    applied: Annotated[
        bool | None, typer.Option("--applied/--not-applied", help="Whether it happened in their system.")
    ] = None,
    id: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="FIELD=VALUE", help="The own id of the row that was created."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="How you know; recorded.")] = "",
) -> Ending:
    """Say what became of an operation whose answer was lost, where the system itself cannot be asked.

    Look at the system first. What was applied is remembered like any other row; what was not is planned again."""
    work = opened.workspace(options)
    if not address:
        with work.reading() as state:
            return _listed(state)
    row = opened.address(address)
    if applied is None or not reason:
        raise Failure(
            Diagnostic(
                "E0612",
                "whether it happened, and how you know, must be said",
                remedy=f'`erpoa resolve {address} --applied --id FIELD=VALUE --reason "…"`, or `--not-applied --reason "…"`',
            ),
        )
    with work.writing() as store:
        doubt = _doubt(store, row)
        layout = store.plan(doubt.run).layout(doubt.target)
        given = dict(assignment(text) for text in id or ())
        needed = set(layout.id) if applied and doubt.action is Action.CREATE else set()
        if set(given) != needed:
            wanted = " ".join(f"--id {name}=VALUE" for name in layout.id if name in needed)
            raise Failure(
                Diagnostic(
                    "E0612",
                    f"the row that was created must be named: {wanted}"
                    if needed
                    else "no --id belongs to this",
                    remedy="Its own id is what their system shows for it." if needed else "Leave it out.",
                ),
            )
        try:
            store.resolve(doubt, applied=applied, id=given, reason=reason, sealer=work.sealer)
        except ValueError as error:
            raise Failure(Diagnostic("E0612", f"--id does not fit: {error}")) from None
    words = "was applied" if applied else "was not applied; the next plan has it again"
    return Ending(
        Answer(data={"address": str(row), "applied": applied}, lines=(f"{row}: settled, it {words}.",))
    )


def _listed(state: StateReader) -> Ending:
    unsettled = {(d.target, d.key) for d in state.unsettled()}
    rows = [
        (_address(d), d.action.value, d.run, f"{d.since:%Y-%m-%d %H:%M} UTC", _next(d, unsettled), d.reason)
        for d in state.in_doubt()
    ]
    names = ("address", "action", "run", "since", "next", "reason")
    data = [dict(zip(names, row, strict=True)) for row in rows]
    lines = () if rows else ("Nothing is in doubt.",)
    return Ending(
        Answer(data={"in_doubt": data}, tables=(Table(names, tuple(rows)),) if rows else (), lines=lines)
    )


def _next(doubt: Doubt, unsettled: set[tuple[str, str]]) -> str:
    return "erpoa resolve" if (doubt.target, doubt.key) in unsettled else "erpoa resume"


def _address(doubt: Doubt) -> str:
    import json

    return str(Address.of(doubt.target, json.loads(doubt.key)))


def _doubt(state: StateReader, row: Address) -> Doubt:
    key = key_text(dict(row.key))
    for doubt in state.unsettled(row.target):
        if doubt.key == key:
            return doubt
    if any(doubt.key == key for doubt in state.in_doubt(row.target)):
        said, remedy = f"the run of {row} is not finished", "`erpoa resume` looks it up first."
    else:
        said, remedy = f"{row} is not in doubt", "`erpoa resolve` without an address lists what is."
    raise Failure(Diagnostic("E0612", said, remedy=remedy))
