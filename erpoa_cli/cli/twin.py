"""`erpoa twin`: a stand-in for a system's API, with faults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from erpoa_cli.cli.ending import Ending, finish
from erpoa_cli.cli.exits import Exit
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.core.report import Answer, Table

app = application("Serve a stand-in for a system's API, with faults.")


@command(app)
def start(
    options: Options,
    name: Annotated[str, typer.Argument(help="A twin's name, for example generic.", metavar="NAME")],
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 0,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="The same seed draws the same faults.", metavar="N")
    ] = 1,
    faults: Annotated[
        str, typer.Option("--faults", metavar="FILE|none|all", help="A JSON file with rates.")
    ] = "none",
    data: Annotated[
        Path | None, typer.Option("--data", metavar="FILE", help="Keep what is written; default: in memory.")
    ] = None,
    create_safety: Annotated[
        str,
        typer.Option(
            "--create-safety", metavar="key|lookup|none", help="How a repeated create can be recognised."
        ),
    ] = "key",
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help="PEM; serves https.")
    ] = None,
    private_key: Annotated[
        Path | None, typer.Option("--private-key", metavar="FILE", help="PEM, where it is another file.")
    ] = None,
) -> int:
    """Serve a twin until Ctrl-C or SIGTERM. It tells its URL and how to log in as soon as it listens."""
    from erpoa_cli.usecase import serve_twin

    def announce(about: dict[str, Any]) -> None:
        rows = tuple((key, ", ".join(v) if isinstance(v, list) else str(v)) for key, v in about.items())
        finish(
            options, Ending(Answer(data={"twin": {"name": name, **about}}, tables=(Table(("", ""), rows),)))
        )

    serve_twin(
        name,
        announce,
        host=host,
        port=port,
        seed=seed,
        faults=faults,
        data=data,
        create_safety=create_safety,
        certificate=certificate,
        private_key=private_key,
    )
    return int(Exit.SUCCESS)
