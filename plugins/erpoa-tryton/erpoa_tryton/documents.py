"""The lifecycles of the business documents of Tryton's own modules: what their buttons do to their `state`."""

from __future__ import annotations

from collections.abc import Mapping

from erpoa_cli.core.lifecycle import ABSENT, TASK, Lifecycle, Move

_PURCHASE = Lifecycle(
    field="state",
    states=dict.fromkeys(("draft", "quotation", "confirmed", "processing", "done", "cancelled"), ""),
    moves=(
        Move(("draft",), "quotation", ("quote",)),  # gives the number
        Move(("quotation",), "confirmed", ("confirm",)),
        Move(("confirmed",), "processing", ("process",)),
        Move(("draft", "quotation"), "cancelled", ("cancel",)),
        Move(("quotation", "confirmed"), "draft", ("draft",)),
        Move(("draft",), ABSENT, ()),
    ),
    undo={
        "draft": ABSENT,
        "quotation": "cancelled",
        "confirmed": "cancelled",
        "processing": TASK,  # invoices and receipts exist
        "done": TASK,
    },
    dead=frozenset({"cancelled"}),
    editable=frozenset({"draft"}),
)
_REQUISITION = Lifecycle(
    field="state",
    states=dict.fromkeys(("draft", "waiting", "approved", "rejected", "processing", "done", "cancelled"), ""),
    moves=(
        Move(("draft",), "waiting", ("wait",)),
        Move(("waiting",), "approved", ("approve",)),
        Move(("waiting",), "rejected", ("reject",)),
        Move(("waiting", "approved", "rejected"), "draft", ("draft",)),
        Move(("draft",), "cancelled", ("cancel",)),
        Move(("draft",), ABSENT, ()),
    ),
    undo={
        "draft": ABSENT,
        "waiting": "cancelled",
        "rejected": "cancelled",
        "approved": "cancelled",
        "processing": TASK,  # purchase requests exist
        "done": TASK,
    },
    dead=frozenset({"cancelled"}),
    editable=frozenset({"draft"}),
)
LIFECYCLES: Mapping[str, Lifecycle] = {
    "purchase.purchase": _PURCHASE,
    "purchase.requisition": _REQUISITION,
}
