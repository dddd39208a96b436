"""Random documents, wishes and handwork in an ERP, applied for real, against the rules retold in plain Python.

The oracle shares nothing with the engine: states are followed in dictionaries, ways are written out by hand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import depth
from tests.integration.documents import Documents

pytestmark = pytest.mark.slow

WORLDS, ROUNDS, NUMBERS = 200, 5, 14
WISHES = ("draft", "submitted", "confirmed", "confirmed", "undo")
COLUMNS = {
    "draft": ("D", None, 0),
    "submitted": ("S", None, 0),
    "confirmed": ("C", None, 0),
    "cancelled": ("C", "B", 0),
    "received": ("C", None, 7),
}
REACHES = {
    "draft": {"submitted", "confirmed", "cancelled"},
    "submitted": {"draft", "confirmed", "cancelled"},
    "confirmed": {"draft", "submitted", "cancelled"},
    "received": set(),
}
UNDONE = {"draft": None, "submitted": "cancelled", "confirmed": "cancelled"}  # received: for a person


@dataclass(slots=True)
class Order:
    supplier: str
    state: str


@dataclass(slots=True)
class Known:
    """What was last agreed of a requisition's document, and seen of its state."""

    supplier: str
    state: str
    seen: str


class Oracle:
    """What stands in the ERP by the rules; `living`: the document of each requisition, `over`: how many were cancelled."""

    def __init__(self) -> None:
        self.wanted: dict[str, tuple[str, str]] = {}  # requisition → state or undo, supplier
        self.living: dict[str, Order] = {}
        self.over: dict[str, int] = {}
        self.known: dict[str, Known] = {}

    def cancel(self, no: str) -> None:
        del self.living[no]
        self.over[no] = self.over.get(no, 0) + 1

    def apply(self) -> None:
        for no, (state, supplier) in self.wanted.items():
            if state == "undo":
                self._undo(no)
            elif no in self.living and no in self.known:
                self._agree(self.living[no], self.known[no], state, supplier)
            elif no in self.living:
                self._meet(no, state, supplier)
            elif no not in self.known:  # else they removed it, which is only reported
                self.living[no] = Order(supplier, state)
                self.known[no] = Known(supplier, state, state)

    def _undo(self, no: str) -> None:
        order = self.living.get(no)
        if order is None:
            self.known.pop(no, None)
        elif no in self.known and order.state in UNDONE:
            if UNDONE[order.state] is None:
                del self.living[no]
            else:
                self.cancel(no)
            del self.known[no]

    def _agree(self, order: Order, known: Known, state: str, supplier: str) -> None:
        here = order.state
        moves = state not in {here, known.state}
        if moves and state not in REACHES[here]:
            return  # a task: nothing of it is written
        if supplier != order.supplier:
            if here == "received":
                return  # a task
            order.supplier = known.supplier = supplier
        if moves:
            order.state = state
        if order.state == state or state not in REACHES[order.state]:  # agreed, or gone on by itself
            known.state, known.seen = state, order.state

    def _meet(self, no: str, state: str, supplier: str) -> None:
        """A document that a person made: taken over as it is, unless something of it would have to be written."""
        order = self.living[no]
        if order.supplier == supplier and (order.state == state or state not in REACHES[order.state]):
            self.known[no] = Known(supplier, state, order.state)


def handwork(chance: random.Random, world: Documents, oracle: Oracle) -> None:
    """What people do in the ERP between two runs."""
    for no, order in [*oracle.living.items()]:
        match chance.randrange(9):
            case 0 if order.state == "confirmed":
                order.state = "received"
            case 1 if order.state in {"submitted", "confirmed"}:
                order.state = "draft"
            case 2 if order.state in {"submitted", "confirmed"}:
                oracle.cancel(no)
                world.sql(
                    "erp",
                    f"UPDATE po SET status = 'C', cancelled = 'B' WHERE req_no = '{no}' AND cancelled IS NULL",
                )
                continue
            case 3 if order.state == "draft":
                del oracle.living[no]
                world.sql("erp", f"DELETE FROM po WHERE req_no = '{no}' AND cancelled IS NULL")
                continue
            case _:
                continue
        status, _, received = COLUMNS[order.state]
        world.sql(
            "erp",
            f"UPDATE po SET status = '{status}', received = {received} WHERE req_no = '{no}' AND cancelled IS NULL",
        )


def by_hand(chance: random.Random, world: Documents, oracle: Oracle, no: str) -> None:
    """A person makes the document of a requisition that has none yet."""
    state = chance.choice(["draft", "submitted", "confirmed", "received"])
    supplier = oracle.wanted[no][1]
    status, _, received = COLUMNS[state]
    world.sql(
        "erp",
        f"INSERT INTO po (req_no, supplier, status, received) VALUES ('{no}', '{supplier}', '{status}', {received})",
    )
    oracle.living[no] = Order(supplier, state)


def wishes(chance: random.Random, world: Documents, oracle: Oracle) -> Iterator[str]:
    """Requisitions change; the numbers of new ones."""
    for number in range(NUMBERS):
        no = f"PR-{number:02}"
        if chance.random() < 0.4:
            continue
        state, supplier = oracle.wanted.get(no, ("confirmed", "华信"))
        if chance.random() < 0.6:
            state = chance.choice(WISHES)
        if chance.random() < 0.3:
            supplier = chance.choice(["华信", "Ａcme 公司", "= 1+1"])
        if no not in oracle.wanted:
            yield no
        oracle.wanted[no] = (state, supplier)
        world.want(no, state, supplier)


@pytest.mark.sampled("property", seconds=150, least=30)
def test_the_erp_is_what_the_rules_say(tmp_path: Path):
    for number in depth.some(range(WORLDS), 2):
        print(f"world {number}")
        (tmp_path / str(number)).mkdir()
        judge(number, Documents(tmp_path / str(number)).build())


def judge(number: int, world: Documents) -> None:
    chance, oracle = random.Random(number), Oracle()
    for _ in range(ROUNDS):
        handwork(chance, world, oracle)
        new = [*wishes(chance, world, oracle)]
        for no in new:
            if oracle.wanted[no][0] != "undo" and chance.random() < 0.3:
                by_hand(chance, world, oracle, no)
        plan = world.plan()
        if plan.header.applyable:
            world.apply(plan)
        oracle.apply()
        found = world.rows(
            "SELECT req_no, supplier, status, received FROM po WHERE cancelled IS NULL ORDER BY 1"
        )
        wanted = [
            (no, order.supplier, COLUMNS[order.state][0], COLUMNS[order.state][2])
            for no, order in sorted(oracle.living.items())
        ]
        assert found == wanted
        cancelled = dict(world.rows("SELECT req_no, count(*) FROM po WHERE cancelled IS NOT NULL GROUP BY 1"))
        assert cancelled == oracle.over
        again = world.plan().header.counts["orders"]
        assert not {"create", "update", "move", "delete"} & again.keys(), again
