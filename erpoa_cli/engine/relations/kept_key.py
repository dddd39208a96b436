"""Whether a model keeps the key of a relation it reads: then a row set aside there is one row missing here, with
the same key, and nothing else.

Only what is plain counts: one SELECT over the relation, once, without grouping, windows, DISTINCT or LIMIT, whose
key columns are exactly the relation's key columns, unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from erpoa_cli.core.schema import identifier, literal
from erpoa_cli.engine.binding.lineage import Origin
from erpoa_cli.engine.staging import Staging, relation

_CHOOSING = ("group_expressions", "having", "qualify", "sample")


def kept_key(
    tree: Mapping[str, Any],
    origins: Mapping[str, Origin],
    key: Sequence[str],
    behind: str,
    behind_key: Sequence[str],
) -> dict[str, str] | None:
    """For every column of the model's *key* the column of *behind* it is; None when the key is not kept.

    *tree* is the model's syntax tree, *origins* what its columns are computed from."""
    if not key or not behind_key or tree.get("error") or not _plain(tree, behind):
        return None
    found: dict[str, str] = {}
    for name in key:
        origin = origins[name]
        [*columns] = origin.columns
        if not origin.plain or len(columns) != 1 or columns[0][0] != behind:
            return None
        found[name] = columns[0][1]
    same = len(found) == len(behind_key) and set(found.values()) == set(behind_key)
    return found if same else None


def _plain(tree: Mapping[str, Any], behind: str) -> bool:
    times = 0
    for node in _objects(tree):
        if node.get("type") == "SET_OPERATION_NODE" or node.get("class") == "WINDOW":
            return False
        if any(node.get(word) for word in _CHOOSING) or any(
            modifier.get("type") != "ORDER_MODIFIER" for modifier in node.get("modifiers", ())
        ):
            return False
        times += (
            node.get("type") == "BASE_TABLE" and node.get("table_name", "").casefold() == behind.casefold()
        )
    return times == 1


def _objects(node: Any) -> Iterator[Mapping[str, Any]]:
    match node:
        case Mapping():
            yield node
            for part in node.values():
                yield from _objects(part)
        case list():
            for part in node:
                yield from _objects(part)
        case _:
            return


def carry(staging: Staging, behind: str, name: str, columns: Mapping[str, str]) -> None:
    """Put the rows held from *behind* into `held` of the model *name* as well, under its own key *columns*."""
    parts = ", ".join(
        f"{literal(own)}, json_extract_string(key, {literal('$.' + _json_name(theirs))})"
        for own, theirs in columns.items()
    )
    staging.execute(
        f"INSERT INTO {relation('held', name)} SELECT CAST(json_object({parts}) AS VARCHAR), {identifier('field')}, "
        f"code, concat({literal(behind + ': ')}, reason) FROM {relation('held', behind)} WHERE key IS NOT NULL"
    )


def _json_name(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
