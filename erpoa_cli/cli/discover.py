"""`erpoa discover`: what a system offers; with --write the declarations that fit it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.diagnostic import Diagnostic, Severity
from erpoa_cli.core.report import Answer, Table

if TYPE_CHECKING:
    from erpoa_cli.usecase import Offer

app = application()


@command(app)
def discover(
    options: Options,
    system: Annotated[
        str,
        typer.Argument(
            help="A system of the project; with --openapi, of a name that is free.", metavar="SYSTEM"
        ),
    ],
    object_: Annotated[
        list[str] | None, typer.Option("--object", metavar="NAME", help="Only this object; repeatable.")
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Write sources/ and a commented targets/ file.")
    ] = False,
    openapi: Annotated[
        Path | None,
        typer.Option("--openapi", metavar="FILE", help="Draft a new system from this OpenAPI document."),
    ] = None,
) -> Ending:
    """Look at a system's objects, their fields, types, keys and samples.

    Samples of fields that are declared sensitive, or look so by name or value, are not shown; --write declares them.
    A column that cannot be read without loss is told with the type to declare. --write makes
    sources/SYSTEM_discovered.yml and, commented out, targets/SYSTEM_discovered.yml; nothing is overwritten.

    With --openapi no system is asked: what its document says of calls, paging, fields and refusals becomes the
    description of a new system, with a note where something is guessed. --write makes systems/SYSTEM.yml."""
    if openapi is not None:
        return _drafted(options, system, openapi, write=write)
    from erpoa_cli import usecase

    work = opened.workspace(options)
    found = usecase.discover(work, system, object_ or ())
    written = usecase.declare(work, system, found) if write else ()
    lines = tuple(f"wrote {path}" for path in written)
    return Ending(
        Answer(
            data=_data(system, found, written),
            tables=tuple(_tables(found)),
            lines=lines,
            diagnostics=tuple(_refused(found)),
        )
    )


def _drafted(options: Options, system: str, file: Path, *, write: bool) -> Ending:
    from erpoa_cli import usecase

    text = usecase.draft(system, file)
    if not write:
        return Ending(Answer(data={"system": system, "draft": text, "written": []}, text=text))
    written = usecase.keep_draft(options.directory, system, text)
    lines = tuple(f"wrote {path}" for path in written)
    return Ending(Answer(data={"system": system, "draft": text, "written": list(written)}, lines=lines))


def _tables(found: list[Offer]) -> list[Table]:
    from erpoa_cli.render.value import HIDDEN

    if len(found) > 1:
        rows = tuple((o.info.address, len(o.info.fields), ", ".join(o.info.id), _keys(o)) for o in found)
        return [Table(("object", "fields", "id", "unique"), rows)]
    columns = ("field", "type", "native", "null", "sample")
    return [
        Table(
            columns,
            tuple(
                (
                    f.name,
                    str(f.type) if f.type else f.refused,
                    f.native,
                    "yes" if f.nullable else "",
                    HIDDEN if f.sample and f.name in o.classes else f.sample,
                )
                for f in o.info.fields
            ),
            title=o.info.address,
        )
        for o in found
    ]


def _refused(found: list[Offer]) -> Iterator[Diagnostic]:
    for offer in found:
        if offer.info.refused:
            yield Diagnostic(
                "W0319",
                f"{offer.info.address} cannot be described",
                detail=offer.info.refused,
                remedy="Mend it in its system, or change what the system's config says of it.",
                severity=Severity.WARNING,
            )


def _keys(offer: Offer) -> str:
    return " or ".join("+".join(k) for k in offer.info.keys)


def _data(system: str, found: list[Offer], written: tuple[str, ...]) -> dict[str, object]:
    objects = [
        {
            "object": o.info.address,
            "id": list(o.info.id),
            "keys": [list(k) for k in o.info.keys],
            "writable": o.info.writable,
            "fields": [
                {
                    "name": f.name,
                    "type": str(f.type) if f.type else None,
                    "native": f.native,
                    "nullable": f.nullable,
                    "refused": f.refused,
                }
                for f in o.info.fields
            ],
        }
        for o in found
    ]
    return {"system": system, "objects": objects, "written": list(written)}
