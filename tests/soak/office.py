"""The office of a soak test: approved, changed, revoked requisitions in SQLite, and in plain Python what each means for
the ERP. It shares nothing with erpoa: it is what erpoa is judged by."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

SUPPLIERS = [f"V{n:03}" for n in range(40)]
PRODUCTS = [f"M{n:03}" for n in range(60)]
WORDS = ("备货", "紧急 🚚", "Ｎo．５", 'it\'s "quoted"', "a\\b", "=1+1", "第二行", "")

_TABLES = """
CREATE TABLE requisition (no TEXT PRIMARY KEY, state TEXT NOT NULL, supplier TEXT NOT NULL, note TEXT);
CREATE TABLE line (no TEXT NOT NULL, line_no TEXT NOT NULL, product TEXT NOT NULL, quantity TEXT NOT NULL, price TEXT NOT NULL,
    PRIMARY KEY (no, line_no));
"""


@dataclass(slots=True)
class Line:
    product: str
    quantity: Decimal
    price: Decimal


@dataclass(slots=True)
class Requisition:
    """`state`: approved or revoked; `lines` by their number."""

    no: str
    state: str
    supplier: str
    note: str | None
    lines: dict[str, Line] = field(default_factory=dict)


class Office:
    """All requisitions, and the day's work on them. The same *seed* does the same."""

    def __init__(self, path: Path, seed: int) -> None:
        self._path = path
        self._random = random.Random(seed)
        self.requisitions: dict[str, Requisition] = {}
        with closing(sqlite3.connect(path)) as db:
            db.executescript(_TABLES)

    def work(self, new: int, *, unrest: float) -> None:
        """*new* requisitions are approved; of those before, a share of *unrest* is changed, another revoked or approved
        again."""
        before = [*self.requisitions.values()]
        touched = [self._change(one) for one in before if self._random.random() < unrest]
        turned = [self._turn(one) for one in before if self._random.random() < unrest]
        made = [self._new(len(self.requisitions) + n) for n in range(new)]
        for one in made:
            self.requisitions[one.no] = one
        self._save({one.no: one for one in (*touched, *turned, *made)})

    def _new(self, number: int) -> Requisition:
        lines = {f"L{n}": self._line() for n in range(1, self._random.randint(1, 4) + 1)}
        return Requisition(f"PR-{number:07}", "approved", self._random.choice(SUPPLIERS), self._note(), lines)

    def _note(self) -> str | None:
        return self._random.choice([*WORDS, None])

    def _line(self) -> Line:
        quantity = Decimal(self._random.randint(1, 10**6)) / 1000
        return Line(self._random.choice(PRODUCTS), quantity, Decimal(self._random.randint(0, 10**7)) / 100)

    def _change(self, one: Requisition) -> Requisition:
        match self._random.randrange(4):
            case 0:
                one.note = self._note()
            case 1:
                one.supplier = self._random.choice(SUPPLIERS)
            case 2:
                one.lines[f"L{len(one.lines) + 10}"] = self._line()
            case _:
                one.lines[self._random.choice([*one.lines])] = self._line()
        return one

    def _turn(self, one: Requisition) -> Requisition:
        one.state = "revoked" if one.state == "approved" else "approved"
        return one

    def _save(self, changed: dict[str, Requisition]) -> None:
        with closing(sqlite3.connect(self._path)) as db, db:
            keys = [(no,) for no in changed]
            db.executemany("DELETE FROM line WHERE no = ?", keys)
            db.executemany("DELETE FROM requisition WHERE no = ?", keys)
            db.executemany(
                "INSERT INTO requisition VALUES (?, ?, ?, ?)",
                [(one.no, one.state, one.supplier, one.note) for one in changed.values()],
            )
            db.executemany(
                "INSERT INTO line VALUES (?, ?, ?, ?, ?)",
                [
                    (one.no, number, line.product, str(line.quantity), str(line.price))
                    for one in changed.values()
                    for number, line in one.lines.items()
                ],
            )
