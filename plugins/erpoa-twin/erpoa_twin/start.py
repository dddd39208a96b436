"""What `erpoa twin start generic` runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from erpoa_twin.faults import named
from erpoa_twin.running import serving
from erpoa_twin.settings import Settings


def start(
    announce: Callable[[dict[str, Any]], None], *, faults: str, data: Path | None, **settings: Any
) -> None:
    """Serve the generic twin until SIGINT or SIGTERM; *announce* is called once, when it listens.

    *faults* is `none`, `all` or a JSON file; *settings* are those of `Settings`. Raises `ValueError` or `OSError`, with
    words for people, when it cannot start."""
    made = Settings(faults=named(faults), data=data, **settings)
    ended = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: ended.set()) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with serving(made) as twin:
            announce({
                "url": twin.url,
                "client_id": made.client_id,
                "client_secret": made.client_secret,
                "seed": made.seed,
                "create_safety": made.create_safety,
                "faults": sorted(made.faults),
            })  # fmt: skip
            ended.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
