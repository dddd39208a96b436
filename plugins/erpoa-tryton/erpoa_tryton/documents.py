"""The lifecycles of the business documents of Tryton's own modules: what their buttons do to their `state`.

Once confirmed or approved, a document goes on to `processing` by itself, mostly within the same call, and to `done`.
No button leads back from there: undoing it means to return goods and cancel invoices, which is for a person.
"""

from __future__ import annotations

from collections.abc import Mapping

from erpoa_cli.core.lifecycle import ABSENT, TASK, Lifecycle, Move

_PURCHASE = Lifecycle(
    field="stage",
    states={
        "done": "state = 'done'",
        "cancelled": "state = 'cancelled'",
        "processing": "state = 'processing'",
        "confirmed": "state = 'confirmed'",
        "quotation": "state = 'quotation'",
        "draft": "state = 'draft'",
    },
    moves=(
        Move(("draft",), "quotation", ("quote",)),  # gives the number
        Move(("quotation",), "confirmed", ("confirm",)),
        Move(("draft", "quotation"), "cancelled", ("cancel",)),
        Move(("quotation", "confirmed"), "draft", ("draft",)),
        Move(("draft",), ABSENT, ()),
    ),
    undo={
        "draft": ABSENT,
        "quotation": "cancelled",
        "confirmed": "cancelled",
        "processing": TASK,
        "done": TASK,
    },
    dead=frozenset({"cancelled"}),
    editable=frozenset({"draft"}),
    fulfils={"processing": ("confirmed",), "done": ("confirmed", "processing")},
)
_REQUISITION = Lifecycle(
    field="stage",
    states={
        "done": "state = 'done'",
        "cancelled": "state = 'cancelled'",
        "rejected": "state = 'rejected'",
        "processing": "state = 'processing'",
        "approved": "state = 'approved'",
        "waiting": "state = 'waiting'",
        "draft": "state = 'draft'",
    },
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
        "processing": TASK,
        "done": TASK,
    },
    dead=frozenset({"cancelled"}),
    editable=frozenset({"draft"}),
    fulfils={"processing": ("approved",), "done": ("approved", "processing")},
)
LIFECYCLES: Mapping[str, Lifecycle] = {
    "purchase.purchase": _PURCHASE,
    "purchase.requisition": _REQUISITION,
}
