"""The example on Tryton's API: its README is executed against a real, served Tryton, and after every section hand-written
SQL over both databases says whether the systems are what the README promises."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.walkthrough import IN_TURN, Command, commands, copied, run, settings, with_tryton
from tests.program import Ended
from tests.tryton.databases import of_api_example
from tests.tryton.environment import EXAMPLES

EXAMPLE = EXAMPLES / "tryton-api"
START = Command(1, "python erp.py start", 0)

ONE, TWO, THREE = (f"PR-2027-000{n}" for n in (1, 2, 3))
PURCHASES = "select reference, state, number from purchase_purchase order by id"
LINES = """
    select p.reference, p.state, l.sequence, t.code, l.quantity from purchase_line l
    join purchase_purchase p on p.id = l.purchase join product_product x on x.id = l.product
    join product_template t on t.id = x.template where p.state <> 'cancelled' order by 1, 3
"""
FORMS = "select no, erp_number from requisition order by no"

FIRST = [(ONE, "confirmed", "1"), (TWO, "confirmed", "2")]
PROMISED: dict[int, tuple[list[Any], list[Any]]] = {
    2: (FIRST, [(ONE, "1"), (TWO, "2"), (THREE, None)]),
    3: ([*FIRST, (THREE, "confirmed", "3")], [(ONE, "1"), (TWO, "2"), (THREE, "3")]),
    4: (
        [FIRST[0], (TWO, "cancelled", "2"), (THREE, "confirmed", "3")],
        [(ONE, "1"), (TWO, "2"), (THREE, "3")],
    ),
    5: (
        [FIRST[0], (TWO, "cancelled", "2"), (THREE, "confirmed", "3"), (TWO, "confirmed", "4")],
        [(ONE, "1"), (TWO, "4"), (THREE, "3")],
    ),
}


def test_both_readmes_have_the_same_commands():
    english, chinese = commands(EXAMPLE / "README.md"), commands(EXAMPLE / "README.zh-CN.md")
    assert english == chinese
    assert {command.section for command in english} == set(range(1, 7))


@dataclass(slots=True)
class Site:
    """A copy of the example, with a port of its own for Tryton."""

    path: Path
    port: int

    def run(self, text: str) -> Ended:
        return run(text, self.path, settings(ERPOA_EXAMPLE_ERP=f"http://127.0.0.1:{self.port}"))

    def start(self, text: str) -> Ended:
        """Start Tryton; at another port if somebody took this one in between."""
        for _ in range(4):
            done = self.run(text)
            if done.exit == 0 or "port" not in done.err:
                return done
            self.port = free_port()
        return self.run(text)

    def rows(self, system: str, sql: str) -> list[tuple[Any, ...]]:
        file = self.path / ".erpoa-example" / f"{system}.sqlite"
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(copied(EXAMPLE, tmp_path), free_port())
    try:
        yield made
    finally:
        made.run("python erp.py stop")


def test_what_is_kept_where_the_readme_keeps_it_outlives_a_build(site: Site):
    """Stand-ins for Tryton's environment and the golden database, in the example's own folder."""
    kept = site.path / ".erpoa-example"
    told = "import erp; print(erp.ENVIRONMENT / 'complete', erp.GOLDEN, erp.GOLDEN.with_suffix('.yml'), sep='\\n')"
    own = {k: v for k, v in os.environ.items() if k != "ERPOA_EXAMPLE_HOME"}
    names = subprocess.run(
        [sys.executable, "-c", told], cwd=site.path, env=own, capture_output=True, text=True, check=True
    )
    for name in names.stdout.splitlines():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(Path(name).name)
    for _ in range(2):
        subprocess.run([sys.executable, "erp.py", "build"], cwd=site.path, env=own, check=True)
    assert (kept / "erp.sqlite").read_text() == next(kept.glob("golden*.sqlite")).name


@IN_TURN
def test_the_readme_is_true(site: Site):
    with_tryton(of_api_example())
    script = commands(EXAMPLE / "README.md")
    assert START in script
    for command, following in zip(script, [*script[1:], None], strict=True):
        done = site.start(command.text) if command == START else site.run(command.text)
        assert done.exit == command.exit, f"{command.text}: {done}"
        section = command.section
        if section in PROMISED and (following is None or following.section != section):
            purchases, forms = PROMISED[section]
            assert site.rows("erp", PURCHASES) == purchases, section
            assert site.rows("oa", FORMS) == forms, section
    assert site.rows("erp", LINES) == [
        (ONE, "confirmed", 1, "P-100", 1300.0),
        (ONE, "confirmed", 2, "P-200", 850.5),
        (TWO, "confirmed", 1, "P-300", 40.0),
        (THREE, "confirmed", 1, "P-100", 100.0),
    ]
