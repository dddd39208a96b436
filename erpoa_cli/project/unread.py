"""Keys that files may have and nothing reads: told, so that nobody relies on them."""

from __future__ import annotations

from collections.abc import Iterator

from erpoa_cli.project.document import Document
from erpoa_cli.project.node import Node
from erpoa_cli.project.notes import Notes

_EACH = "*"
_STARTED = "Leave it out; `erpoa plan` and `erpoa apply` are started by your scheduler."
_BRAKES = "Leave it out: it stops nothing. `max_delete`, `max_undo`, `max_change` and `max_create` do."
_KEYS: dict[str, str] = {
    "timezone": "Leave it out; declare `zone:` of a field, or write timezone('Asia/Shanghai', …) in SQL.",
    "channels": "Leave it out: nothing is sent to anybody.",
    "capture": "Leave it out: sources are read when a command needs them. `incremental:` reads what changed.",
    "schedule": _STARTED,
    "realtime": _STARTED,
    "max_revoke": _BRAKES,
    "max_calls": "Write it under `guards:` in policies/: it counts the whole plan, not one target.",
}
_TARGET = ("schedule", "realtime", "guards.max_revoke", "guards.max_calls")
_PATHS: dict[str, tuple[str, ...]] = {
    "project": ("timezone", "channels", *(f"defaults.targets.{path}" for path in _TARGET)),
    "sources": (f"sources.{_EACH}.capture",),
    "targets": tuple(f"targets.{_EACH}.{path}" for path in _TARGET),
    "policies": ("guards.max_revoke",),
}


def warn_unread(document: Document, notes: Notes) -> None:
    """Note every key of *document* that has no effect."""
    for path in _PATHS.get(document.kind, ()):
        *above, key = path.split(".")
        for owner in _below(document.node, above):
            if key in owner and owner.data[key] is not False:  # `realtime: false` is what happens anyway
                notes.warn("W0103", owner.key_at(key), f"`{key}` has no effect here", _KEYS[key])


def _below(node: Node, path: list[str]) -> Iterator[Node]:
    """The mappings that *path* leads to from *node*."""
    if not path:
        yield node
        return
    first, *rest = path
    for name in list(node.keys()) if first == _EACH else [first]:
        if name in node:
            yield from _below(node.child(name), rest)
