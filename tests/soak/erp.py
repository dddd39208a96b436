"""The ERP of a soak test: a twin in a process of its own, and its file, read past every API when the twin has ended."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.soak.office import PRODUCTS, SUPPLIERS, Office, Requisition

FAULTS: Mapping[str, Any] = {
    "slow": {"rate": 0.002, "seconds": 0.05},
    "token_expired": 0.002,
    "rate_limited": {"rate": 0.01, "retry_after": 0},
    "error_before_commit": 0.01,
    "error_after_commit": 0.01,
    "error_in_200": 0.01,
    "timeout_before_commit": {"rate": 0.001, "seconds": 1.5},
    "timeout_after_commit": {"rate": 0.001, "seconds": 1.5},
    "dropped_before_commit": 0.01,
    "dropped_after_commit": 0.01,
    "truncated": 0.005,
    "stale_reads": {"rate": 0.005, "milliseconds": 100},
    "page_shift": 0.002,
    "normalising": {"rate": 0.05, "upper": False},
}
"""Every fault that a call can meet; a lost answer comes at 3.6 % of all writes."""
EDITABLE = "draft"
DEAD = "cancelled"


class Erp:
    """The running twin; `url` is where it listens."""

    def __init__(self, url: str) -> None:
        self.url = url

    def faults(self, rules: Mapping[str, Any]) -> None:
        self._admin("PUT", "faults", rules)

    def masters(self) -> None:
        made = {
            "suppliers": [{"code": code, "name": f"供应商 {code}"} for code in SUPPLIERS],
            "products": [{"code": code, "name": f"物料 {code}"} for code in PRODUCTS],
        }
        self._admin("POST", "documents", made)

    def met(self) -> Mapping[str, int]:
        counted: Mapping[str, int] = self._admin("GET", "counters")["faults"]
        return counted

    def _admin(self, method: str, path: str, content: object = None) -> Any:
        body = None if content is None else json.dumps(content).encode()
        with urlopen(Request(f"{self.url}/_twin/{path}", body, method=method), timeout=60) as answer:
            return json.load(answer)


@contextmanager
def erp(erpoa: Path, file: Path, seed: int, safety: str) -> Iterator[Erp]:
    """A twin that keeps what it knows in *file*."""
    command = [str(erpoa), "twin", "start", "generic", "--seed", str(seed), "--data", str(file)]
    command += ["--create-safety", safety, "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as twin:
        assert twin.stdout is not None
        try:
            told = ""
            for line in twin.stdout:  # one document, printed over several lines
                told += line
                if line == "}\n":
                    break
            yield Erp(json.loads(told)["twin"]["url"])
        finally:
            twin.send_signal(signal.SIGTERM)
            twin.wait(60)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What stands in the ERP against what the office wants. References by what is wrong with them."""

    documents: int
    duplicated: list[str]
    lost: list[str]
    wrong: dict[str, str]
    repeated: dict[str, int]

    @property
    def bad(self) -> dict[str, str]:
        """Reference → why."""
        return {
            **self.wrong,
            **dict.fromkeys(self.lost, "there is no document"),
            **{no: f"{n} more creates than documents" for no, n in self.repeated.items()},
            **dict.fromkeys(self.duplicated, "several living documents"),
        }


def judge(file: Path, office: Office) -> Judgement:
    """Compare by hand: one living document per approved requisition, in its state, with its content; none per
    revoked; every create that was ever made is a document of its own that lives, or was undone before the next."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        rows = db.execute(
            "SELECT key, state, content FROM document WHERE kind = 'purchase_orders'"
        ).fetchall()
        effects = db.execute(
            "SELECT key, effect, number FROM effect WHERE kind = 'purchase_orders' ORDER BY number"
        ).fetchall()
    living: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for key, state, content in rows:
        if state != DEAD:
            living.setdefault(key, []).append((state, json.loads(content)))
    lost, wrong = [], {}
    for no, one in office.requisitions.items():
        found = living.get(no, [])
        if one.state == "approved" and not found:
            lost.append(no)
        elif one.state == "approved" and (why := _differs(one, *found[0])):
            wrong[no] = why
        elif one.state == "revoked" and found:
            wrong[no] = f"it is revoked and its document is {found[0][0]}"
    unknown = dict.fromkeys(living.keys() - office.requisitions.keys(), "nobody wanted it")
    return Judgement(
        documents=len(rows),
        duplicated=[no for no, found in living.items() if len(found) > 1],
        lost=lost,
        wrong=wrong | unknown,
        repeated=_repeated(effects),
    )


def _repeated(effects: list[tuple[str, str, int]]) -> dict[str, int]:
    """References of which a document was created while an earlier one lived."""
    alive: Counter[str] = Counter()
    repeated: Counter[str] = Counter()
    for key, effect, _ in effects:
        if effect == "create":
            repeated[key] += alive[key] > 0
            alive[key] += 1
        elif effect in {"cancel", "delete"}:
            alive[key] -= 1
    return +repeated


def _differs(one: Requisition, state: str, content: Mapping[str, Any]) -> str:
    if state != "confirmed":
        return f"it is approved and its document is {state}"
    if content["supplier"] != one.supplier:
        return f"supplier {content['supplier']!r}, wanted {one.supplier!r}"
    if (content.get("note") or "").strip() != (one.note or "").strip():
        return f"note {content.get('note')!r}, wanted {one.note!r}"
    theirs = {
        line["note"]: (line["product"], Decimal(line["quantity"]), _cents(line["price"]))
        for line in content["lines"]
    }
    ours = {number: (line.product, line.quantity, _cents(line.price)) for number, line in one.lines.items()}
    return "" if theirs == ours and len(content["lines"]) == len(ours) else f"lines {theirs}, wanted {ours}"


def _cents(price: str | Decimal) -> Decimal:
    """The ERP may round prices to the digits of the currency; nothing else."""
    return round(Decimal(price), 2)
