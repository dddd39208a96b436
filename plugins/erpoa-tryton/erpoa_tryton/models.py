"""What models a Tryton database has, and which declared type holds each field exactly."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.schema import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMPTZ,
    Kind,
    Type,
    decimal,
)
from erpoa_cli.sdk.connector import CreateSafety, FieldInfo, ForeignKey, ObjectInfo
from erpoa_tryton.documents import LIFECYCLES
from erpoa_tryton.relation import BATCH, Id, Relation, Row, pages
from erpoa_tryton.rpc import Client

SCOPE = (
    "party.party", "party.party.categories", "party.address", "party.identifier", "party.contact_mechanism",
    "product.category", "product.template", "product.product", "purchase.product_supplier",
    "purchase.product_supplier.price", "purchase.purchase", "purchase.line", "purchase.request",
    "purchase.requisition", "purchase.requisition.line", "company.company", "company.employee",
    "res.user", "res.user.groups", "res.user.companies", "res.user.employees", "res.group", "ir.model.access",
    "ir.model.field.access", "ir.rule.group", "ir.rule.group.groups", "ir.rule", "ir.model.button",
    "ir.model.button.groups", "ir.model.button.rule",
)  # fmt: skip
"""What `objects()` lists; any other model, and many2many field of one, can be named."""

_UNIQUE = {
    "party.party": "code",
    "res.user": "login",
    "res.group": "name",
}  # enforced by the server; RPC does not tell
_HIDDEN = {"password_hash", "password_reset", "password_reset_expire"}
_CHILDREN = {"one2many", "many2many", "one2one"}  # rows of objects of their own
_EXACT = {
    "integer": INTEGER, "biginteger": INTEGER, "many2one": INTEGER, "boolean": BOOLEAN, "date": DATE,
    "char": STRING, "fullchar": STRING, "text": STRING, "fulltext": STRING, "selection": STRING, "reference": STRING,
    "timestamp": TIMESTAMPTZ, "datetime": TIMESTAMPTZ, "time": Type(Kind.TIME), "timedelta": INTEGER,
    "binary": Type(Kind.BYTES), "multiselection": Type(Kind.JSON), "dict": Type(Kind.JSON),
}  # fmt: skip


@dataclass(frozen=True)
class Model(Relation):
    """A model of Tryton."""

    def rows(self, client: Client, domain: Sequence[Any], names: Collection[str]) -> Iterator[list[Row]]:
        return pages(client, self.info.address, domain, names)

    def create(self, client: Client, values: Sequence[Row]) -> list[Id]:
        return [(id_,) for id_ in client.change(f"model.{self.info.address}.create", list(values))]

    def update(self, client: Client, ids: Sequence[Id], values: Sequence[Row], stamps: Sequence[str]) -> None:
        pairs = [part for id_, row in zip(ids, values, strict=True) for part in (list(id_), row)]
        client.change(f"model.{self.info.address}.write", *pairs, _timestamp=self._stamped(ids, stamps))

    def call(self, client: Client, name: str, ids: Sequence[Id], stamps: Sequence[str]) -> None:
        own = [id_ for (id_,) in ids]
        client.change(f"model.{self.info.address}.{name}", own, _timestamp=self._stamped(ids, stamps))

    def _stamped(self, ids: Sequence[Id], stamps: Sequence[str]) -> dict[str, str]:
        return {f"{self.info.address},{id_}": stamp for (id_,), stamp in zip(ids, stamps, strict=True)}


def model(
    address: str, definitions: Mapping[str, Mapping[str, Any]], read_only: bool, lingers: float
) -> Model:
    """*definitions*: the answer of `fields_get`; *lingers*: as of `ObjectInfo`."""
    kept = {name: d for name, d in definitions.items() if d["type"] not in _CHILDREN and name not in _HIDDEN}
    unique = _UNIQUE.get(address)
    info = ObjectInfo(
        address=address,
        fields=tuple(_field(name, kept) for name in sorted(kept, key=lambda n: (n != "id", n))),
        id=("id",),
        keys=((unique,),) if unique in kept else (),
        foreign_keys=tuple(
            ForeignKey((name,), d["relation"], ("id",))
            for name, d in kept.items()
            if d["type"] == "many2one" and d.get("relation")
        ),
        writable=not read_only,
        create_safety=CreateSafety.LOOKUP,
        batch_size=BATCH,
        lingers=lingers,
        lifecycle=LIFECYCLES.get(address),
    )
    return Model(info, kept)


def _field(name: str, definitions: Mapping[str, Mapping[str, Any]]) -> FieldInfo:
    definition = definitions[name]
    type_, refused = declared(definition)
    # The stored copy of a computed amount says nothing of being computed.
    original = definitions.get(name.removesuffix("_cache"))
    computed = bool(definition["readonly"]) or (
        original is not definition and bool((original or {}).get("readonly"))
    )
    native = str(definition["type"])
    return FieldInfo(
        name=name,
        type=type_,
        native=f"{native} (microseconds)" if native == "timedelta" else native,
        nullable=not definition["required"],
        generated=computed,
        writable=not computed,
        refused=refused,
    )


def declared(definition: Mapping[str, Any]) -> tuple[Type | None, str]:
    """The declared type of a field, or why there is none and which to declare. Durations are whole microseconds.

    Floats, and amounts whose digits depend on a currency or unit, get a decimal that holds what a business writes; a
    value with more digits is held or refused, not rounded, and a source may declare a wider type."""
    native = definition["type"]
    if native in _EXACT:
        return _EXACT[native], ""
    if native == "float":
        return decimal(15, 6), ""
    if native == "numeric":
        match json.loads(definition.get("digits") or "null"):
            case [int(precision), int(scale)] if 0 <= scale <= precision <= 38 and precision:
                return decimal(precision, scale), ""
            case [_, int(scale)] if 0 <= scale <= 12:
                return decimal(18, scale), ""
            case _:
                return decimal(18, 4), ""
    return None, f"type {native} has no exact equal here: declare string"
