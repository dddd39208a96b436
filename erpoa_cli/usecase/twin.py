"""Stand-ins for the API of a system."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.near import did_you_mean


def serve_twin(
    name: str,
    announce: Callable[[dict[str, Any]], None],
    *,
    host: str,
    port: int,
    seed: int,
    faults: str,
    data: Path | None,
    create_safety: str,
    certificate: Path | None,
    private_key: Path | None,
) -> None:
    """Serve the twin *name* until SIGINT or SIGTERM. *announce* hears its URL and what else a client needs as soon as it
    listens. `Failure` E0613 when it is not installed, E0614 when it cannot start."""
    from erpoa_cli.engine.twin import twins

    there = twins()
    if name not in there:
        remedy = did_you_mean(name, there) or "Install them beside erpoa: `pip install 'erpoa[twin]'`."
        raise Failure(Diagnostic("E0613", f"no twin {name!r}", remedy=remedy))
    try:
        there[name].load()(
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
    except (ImportError, OSError, ValueError) as error:
        raise Failure(
            Diagnostic(
                "E0614",
                f"the twin {name!r} cannot start: {error}",
                remedy="Mend what it says; see `erpoa twin start --help`.",
            ),
        ) from None
