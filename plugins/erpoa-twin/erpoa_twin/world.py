"""What one running twin consists of: settings, memory, rules, faults, and what readers do not see yet."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from erpoa_twin.documents import Caller, Documents
from erpoa_twin.example import EXAMPLE
from erpoa_twin.faults import Drawing
from erpoa_twin.kinds import KINDS
from erpoa_twin.settings import Settings
from erpoa_twin.store import Document, Store
from erpoa_twin.values import Refusal
from erpoa_twin.webhooks import Webhooks


@dataclass(slots=True)
class _Lag:
    """What readers still see of a document (None: nothing), for a number of reads or until a monotonic moment."""

    before: Document | None
    reads: int
    until: float


class World:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings.data)
        self.documents = Documents(self.store, unique=settings.create_safety != "none")
        self.drawing = Drawing(settings.seed, settings.faults)
        self.webhooks = Webhooks(self.store, self.drawing)
        self._lags: dict[tuple[str, int], _Lag] = {}
        if not self.store.setting("founded", False):
            self.fill(EXAMPLE)
            self.store.set("founded", True)

    def fill(self, given: Mapping[str, Any]) -> int:
        """Create documents, `{kind: [document, …]}`, all or none; no faults, no call. Raises `Refusal`."""
        with self.store.transaction():
            for name in given:
                if name not in KINDS:
                    raise Refusal(422, "KIND_UNKNOWN", f"there are {', '.join(KINDS)}", name)
            wanted = [(kind, row) for name, kind in KINDS.items() for row in given.get(name, ())]
            for kind, row in wanted:
                self.documents.create(kind, row, Caller())
        return len(wanted)

    def reset(self, *, seed: int | None, example: bool) -> None:
        """As at the first start, with the same rules of faults."""
        self.store.reset()
        self.drawing.restart(seed)
        self.webhooks.told.clear()
        self._lags.clear()
        if example:
            self.fill(EXAMPLE)

    def lag(self, kind: str, id: int, before: Document | None, options: Mapping[str, Any]) -> None:
        """Let readers see *before* for so many `reads`, or so many `milliseconds`, whichever lasts longer."""
        until = time.monotonic() + options["milliseconds"] / 1000
        older = self._lags.get((kind, id))
        self._lags[kind, id] = _Lag(older.before if older else before, options["reads"], until)

    def seen(self, kind: str, id: int, document: Document | None) -> Document | None:
        """What a reader sees of *document*; counts as a read."""
        lag = self._lags.get((kind, id))
        if lag is None:
            return document
        if lag.reads <= 0 and time.monotonic() >= lag.until:
            del self._lags[kind, id]
            return document
        lag.reads -= 1
        return lag.before
