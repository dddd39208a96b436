"""Many2many fields as objects of their own, a row per pair: Tryton offers no calls for the models in between.

`res.user.groups` has the fields `origin` (a user) and `target` (a group). Adding a pair that is there, and removing
one that is not, changes nothing in Tryton.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.schema import INTEGER
from erpoa_cli.sdk.connector import CreateSafety, FieldInfo, ForeignKey, ObjectInfo
from erpoa_cli.sdk.errors import ContractBroken
from erpoa_tryton.relation import BATCH, STAMP, Id, Relation, Row, pages
from erpoa_tryton.rpc import Client

_ORIGIN, _TARGET = "origin", "target"


@dataclass(frozen=True)
class Link(Relation):
    """The many2many `field` of the model `model`."""

    model: str
    field: str

    def rows(self, client: Client, domain: Sequence[Any], names: Collection[str]) -> Iterator[list[Row]]:  # noqa: ARG002
        whole = [self._of_model(clause) for clause in domain]
        for owners in pages(client, self.model, whole, [self.field, STAMP]):
            found = [
                {_ORIGIN: owner["id"], _TARGET: target, STAMP: owner[STAMP]}
                for owner in owners
                for target in owner[self.field] or ()
            ]
            yield [row for row in found if all(_holds(clause, row) for clause in domain)]

    def create(self, client: Client, values: Sequence[Row]) -> list[Id]:
        ids: list[Id] = [(row[_ORIGIN], row[_TARGET]) for row in values]
        self._write(client, "add", ids)
        return ids

    def update(self, *_: object) -> None:
        raise ContractBroken(
            f"a row of {self.info.address} is its key: it is added or removed, never changed"
        )

    def call(self, client: Client, name: str, ids: Sequence[Id], stamps: Sequence[str]) -> None:  # noqa: ARG002
        if name != "delete":
            raise ContractBroken(f"{self.info.address} has no button {name!r}")
        self._write(client, "remove", ids)

    def _write(self, client: Client, how: str, ids: Sequence[Id]) -> None:
        targets: dict[int, list[int]] = defaultdict(list)
        for origin, target in ids:
            targets[origin].append(target)
        parts = [part for origin, own in targets.items() for part in ([origin], {self.field: [[how, own]]})]
        client.change(f"model.{self.model}.write", *parts)

    def _of_model(self, clause: Any) -> Any:
        """A clause over pairs as one over the model's rows that have such a pair."""
        match clause:
            case [str(name), str(operator), value] if name in self.definitions:
                return ["id" if name == _ORIGIN else self.field, operator, value]
            case list():
                return [self._of_model(part) for part in clause]
            case _:
                return clause


def link(model: str, field: str, definition: Mapping[str, Any], read_only: bool, lingers: float) -> Link:
    """The object of the many2many *field* of *model*, whose answer of `fields_get` is *definition*."""
    fields = (
        FieldInfo(name=_ORIGIN, type=INTEGER, native=model, nullable=False),
        FieldInfo(name=_TARGET, type=INTEGER, native=definition["relation"], nullable=False),
    )
    info = ObjectInfo(
        address=f"{model}.{field}",
        fields=fields,
        id=(_ORIGIN, _TARGET),
        foreign_keys=tuple(ForeignKey((f.name,), f.native, ("id",)) for f in fields),
        writable=not read_only and not definition["readonly"],
        create_safety=CreateSafety.LOOKUP,
        batch_size=BATCH,
        lingers=lingers,
    )
    definitions = {f.name: {"type": "many2one", "string": f.name} for f in fields}
    return Link(info, definitions, model, field)


def _holds(clause: Any, row: Row) -> bool:
    match clause:
        case ["OR", *parts]:
            return any(_holds(part, row) for part in parts)
        case [str(name), "=", value]:
            return bool(row[name] == value)
        case [str(name), "in", values]:
            return row[name] in values
        case list():
            return all(_holds(part, row) for part in clause)
        case _:
            return True
