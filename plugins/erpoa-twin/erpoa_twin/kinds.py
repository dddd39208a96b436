"""What the generic twin keeps: kinds of documents, their fields, and the calls that move them between states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Type(StrEnum):
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    DECIMAL = "decimal"
    INTEGER = "integer"  # given by the server only
    CURRENCY = "currency"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class Field:
    """`to`: the kind a reference means, by its code. `computed`: the server gives it and refuses a write.
    `open`: may be written in every state."""

    name: str
    type: Type = Type.TEXT
    required: bool = False
    to: str = ""
    computed: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """A call that leads from one of the states `start` to `end`."""

    start: tuple[str, ...]
    end: str


@dataclass(frozen=True, slots=True)
class Kind:
    """`key` is the field in which the client's own reference stands. A kind without `states` has no lifecycle and no
    number; the first state is where a document begins and the only one in which it can be edited and deleted. In the
    states `over` it no longer holds its key: the next document may have it."""

    name: str
    key: str
    fields: tuple[Field, ...]
    lines: tuple[Field, ...] = ()
    prefix: str = ""
    states: tuple[str, ...] = ()
    moves: Mapping[str, Move] = field(default_factory=dict)
    over: tuple[str, ...] = ()
    comments: bool = False

    @property
    def named(self) -> dict[str, Field]:
        return {f.name: f for f in self.fields}


DIGITS = {"CNY": 2, "USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
"""Currencies and the decimal places of their amounts."""


def _reference(name: str, to: str, *, required: bool = False) -> Field:
    return Field(name, Type.REFERENCE, required=required, to=to)


def _master(name: str, *more: Field) -> Kind:
    code, called = Field("code", required=True), Field("name", required=True)
    return Kind(name, "code", (code, called, *more, Field("active", Type.BOOLEAN)))


_LINES = (
    _reference("product", "products", required=True),
    Field("quantity", Type.DECIMAL, required=True),
    Field("price", Type.DECIMAL, required=True),
    Field("note"),
    Field("line", Type.INTEGER, computed=True),
    Field("amount", Type.DECIMAL, computed=True),
)
_HEAD = (
    Field("reference"),
    _reference("department", "departments"),
    Field("currency", Type.CURRENCY, required=True),
    Field("note"),
    Field("total", Type.DECIMAL, computed=True),
)
_ORDER = Kind(
    "purchase_orders",
    "reference",
    (
        *_HEAD,
        _reference("supplier", "suppliers", required=True),
        _reference("buyer", "employees"),
        Field("order_date", Type.DATE),
    ),
    lines=(*_LINES, Field("received", Type.DECIMAL, computed=True)),
    prefix="PO",
    states=("draft", "submitted", "confirmed", "received", "closed", "cancelled"),
    moves={
        "submit": Move(("draft",), "submitted"),
        "withdraw": Move(("submitted",), "draft"),
        "audit": Move(("submitted",), "confirmed"),
        "unaudit": Move(("confirmed",), "draft"),
        "receive": Move(("confirmed",), "received"),
        "close": Move(("confirmed", "received"), "closed"),
        "cancel": Move(("draft", "submitted", "confirmed"), "cancelled"),
    },
    over=("cancelled",),
)
_REQUISITION = Kind(
    "requisitions",
    "reference",
    (
        *_HEAD,
        _reference("applicant", "employees", required=True),
        _reference("supplier", "suppliers"),
        Field("erp_number", open=True),
        Field("revision", Type.INTEGER, computed=True),
    ),
    lines=_LINES,
    prefix="PR",
    states=("draft", "running", "approved", "rejected", "withdrawn", "revoked"),
    moves={
        "submit": Move(("draft",), "running"),
        "approve": Move(("running",), "approved"),
        "reject": Move(("running",), "rejected"),
        "withdraw": Move(("running",), "withdrawn"),
        "revoke": Move(("approved",), "revoked"),
        "reopen": Move(("approved", "rejected", "withdrawn", "revoked"), "draft"),
    },
    comments=True,
)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _master("suppliers", Field("tax_no")),
        _master("products", Field("unit")),
        _master("departments", _reference("parent", "departments")),
        _master("employees", Field("email"), _reference("department", "departments")),
        _ORDER,
        _REQUISITION,
    )
}
"""By name; masters stand before what refers to them."""
