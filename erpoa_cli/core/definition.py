"""Digests of what a project says about each node: whether a definition changed, whatever file it stands in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

from erpoa_cli.core.graph import NodeId
from erpoa_cli.core.project import Project
from erpoa_cli.core.secret import Secret

# Said about a node, where it is said, or what it may do: no value that is read or written depends on them.
_WORDS = frozenset({"description", "owner", "tags", "at", "reach"})


def definitions(project: Project) -> dict[NodeId, str]:
    """Node (as `Graph` names it) → SHA-256 of its definition: values as they are after rendering, with the contract
    it names and, of a seed, the bytes of its file. Where it stands and how it is described does not count."""
    nodes: dict[NodeId, Any] = {
        **{f"source:{s.name}": (s, project.contracts.get(s.contract)) for s in project.sources.values()},
        **{f"seed:{s.name}": (s, project.files.get(s.file)) for s in project.seeds.values()},
        **{
            f"transform:{t.name}": (t, project.contracts.get(t.contract)) for t in project.transforms.values()
        },
        **{f"target:{t.name}": (t, project.contracts.get(t.contract)) for t in project.targets.values()},
        **{f"test:{t.name}": t for t in project.tests.values()},
    }
    return {name: _digest(definition) for name, definition in nodes.items()}


def changed(project: Project, before: Mapping[NodeId, str]) -> frozenset[NodeId]:
    """The nodes of *project* whose definition is not the one of *before*: new and modified ones."""
    return frozenset(node for node, digest in definitions(project).items() if before.get(node) != digest)


def _digest(value: Any) -> str:
    text = json.dumps(_plain(value), ensure_ascii=False, sort_keys=True)
    return sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
        case Secret():
            return "secret"
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case set() | frozenset():
            return sorted(map(str, value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            said = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in _WORDS}
            return {"": type(value).__name__, **{name: _plain(item) for name, item in said.items()}}
        case _:
            return f"{type(value).__name__} {value}"
