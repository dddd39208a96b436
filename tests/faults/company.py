"""A company whose systems and shared state are databases of a real PostgreSQL, and the machines that work for it."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.faults import machines
from tests.faults.machines import PASSWORD, Machine
from tests.faults.scene import AGREEMENT, HERE, KEY
from tests.postgres import PATIENT, database
from tests.program import Forks, environment

PLAN = "the.erpoaplan"

# Every business row that erpoa may write, without the numbers that their database gives: a rollback skips some.
CONTENTS = (
    "SELECT req_no, number, supplier, needed_by FROM erp.purchase_order ORDER BY 1",
    """SELECT o.req_no, l.line_no, l.item, l.qty, l.price FROM erp.purchase_order_line l
       JOIN erp.purchase_order o ON o.id = l.order_id ORDER BY 1, 2""",
    """SELECT d.code, d.name, p.code, m.code, d.remark FROM oa.dept d LEFT JOIN oa.dept p ON p.id = d.parent_id
       LEFT JOIN oa.person m ON m.id = d.manager_id ORDER BY 1""",
    """SELECT p.code, p.name, d.code, p.id_card, p.phone, p.remark FROM oa.person p JOIN oa.dept d ON d.id = p.dept_id
       ORDER BY 1""",
    "SELECT * FROM oa.requisition ORDER BY req_no",
    "SELECT code, name FROM oa.item ORDER BY code",
)

SYSTEMS = """systems:
  erp: {{plugin: postgres, role: erp, description: The ERP, owner: tests@huaxin.example, config: {erp}}}
  oa: {{plugin: postgres, role: oa, description: The OA, owner: tests@huaxin.example, config: {oa}}}
"""
OF_ITEMS = {
    "an item is missing, or another": "SELECT code, name FROM item EXCEPT SELECT code, name FROM oa.item",
    "an item is not the ERP's": "SELECT code FROM oa.item EXCEPT SELECT code FROM item",
    "an item is there twice": "SELECT code FROM oa.item GROUP BY code HAVING count(*) > 1",
}
SHARED = """
key: "{{ secret('seal_key') }}"
environments:
  dev: {state: "{{ secret('state_url') }}"}
"""


@dataclass(slots=True)
class Company:
    """Both systems in one database, the state in another. `role` is the state's, with a password."""

    admin: str
    state: str
    role: str
    home: Path
    forks: Mapping[str, Forks]  # by the name of the machine; "" is this one
    _saved: dict[str, bytes] = field(default_factory=dict)
    _machines: int = 0

    # -- its days --

    def build(self) -> None:
        self.sql((HERE / "company.sql").read_text(encoding="utf-8"))
        for system in ("erp", "oa"):
            text = (HERE / f"{system}.sql").read_text(encoding="utf-8")
            rows = re.findall(r"^INSERT INTO .*?;$", text, re.DOTALL | re.MULTILINE)
            self.sql(f"SET search_path TO {system}; {''.join(rows)}")

    def edit(self) -> None:
        """A day's work on both sides."""
        for system in ("erp", "oa"):
            text = (HERE / f"{system}_edits.sql").read_text(encoding="utf-8")
            self.sql(f"SET search_path TO {system}; {text}")

    def prepared(self) -> Company:
        """The moment `planned`: agreed once, a day's work later, a reviewed plan waits."""
        machine = self.machine()
        machine.must("apply", "--yes")
        assert self.disagreements() == {}
        self.edit()
        assert self.disagreements()
        machine.must("plan", "-o", PLAN)
        self.save("planned", machine.root / PLAN)
        return self

    def undisturbed(self) -> dict[str, Any]:
        """What both systems hold after the plan of `planned` when nobody interferes."""
        self.restore("planned")
        self.machine(moment="planned").must("apply", PLAN)
        assert self.disagreements() == {}
        return self.contents()

    def assert_as_undisturbed(self, wanted: dict[str, Any]) -> None:
        """The systems and the state are as if nothing had happened."""
        assert self.disagreements() == {}
        assert self.contents() == wanted
        assert self.runs() == ["applied", "applied"]
        self.machine().nothing_to_do()

    def save(self, moment: str, plan: Path) -> None:
        """Keep both databases and a plan as they are."""
        for name in self._databases():
            self._serve(f"CREATE DATABASE {name}_{moment} TEMPLATE {name}")
        self._saved[moment] = plan.read_bytes()

    def restore(self, moment: str) -> None:
        """Put both databases back; every machine made from now on has the plan."""
        for name in self._databases():
            self._serve(f"DROP DATABASE {name} WITH (FORCE)")
            self._serve(f"CREATE DATABASE {name} TEMPLATE {name}_{moment}")

    def forget(self) -> None:
        for moment in self._saved:
            for name in self._databases():
                self._serve(f"DROP DATABASE IF EXISTS {name}_{moment} WITH (FORCE)")

    def _databases(self) -> list[str]:
        return [str(conninfo_to_dict(url)["dbname"]) for url in (self.admin, self.state)]

    def _serve(self, statement: str) -> None:
        with psycopg.connect(
            make_conninfo(self.admin, dbname="postgres"), autocommit=True, options=PATIENT
        ) as db:
            db.execute(statement)

    # -- its machines --

    def url(self, role: str = "", host: str = "", port: int = 0) -> str:
        """The URL of the state."""
        place = conninfo_to_dict(self.state)
        at = f"{host or place['host']}:{port or place['port']}"
        return f"postgresql://{role or self.role}:{quote(PASSWORD, safe='')}@{at}/{place['dbname']}"

    def machine(self, *, url: str = "", elsewhere: str = "", clock: str = "", moment: str = "") -> Machine:
        """A fresh checkout. *elsewhere*: the host name of another machine; *clock*: how far its own is off."""
        self._machines += 1
        root = self.home / f"machine{self._machines}"
        for part in ("world", "more"):
            shutil.copytree(HERE / part, root, dirs_exist_ok=True)
        place = conninfo_to_dict(self.admin)
        config = {
            "host": place["host"],
            "port": int(str(place["port"])),
            "database": place["dbname"],
            "user": place["user"],
        }
        systems = SYSTEMS.format(erp={**config, "schema": "erp"}, oa={**config, "schema": "oa"})
        (root / "systems" / "systems.yml").write_text(systems)
        with (root / "erpoa.yml").open("a") as file:
            file.write(SHARED)
        if moment:
            (root / PLAN).write_bytes(self._saved[moment])
        env = environment(ERPOA_SECRET_STATE_URL=url or self.url(), ERPOA_SECRET_SEAL_KEY=KEY)
        prefix = (*machines.elsewhere(elsewhere), *machines.wrong_clock(clock))
        return Machine(root, env, prefix, None if clock else self.forks[elsewhere])

    # -- what is there --

    def sql(self, script: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as db:
            db.execute(script)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin, autocommit=True) as db:
            return db.execute(query).fetchall()

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        return {query: self.rows(query) for query in CONTENTS}

    def disagreements(self) -> dict[str, list[tuple[Any, ...]]]:
        """What is wrong between the two systems; empty when they agree, no row is lost and none is double."""
        with psycopg.connect(self.admin, autocommit=True, options="-c search_path=erp") as db:
            answers = {
                what: db.execute(query).fetchall() for what, query in {**AGREEMENT, **OF_ITEMS}.items()
            }
        return {what: rows for what, rows in answers.items() if rows}

    def written(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of both systems with the transaction that wrote it."""
        tables = self.rows(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('erp', 'oa') ORDER BY 1"
        )
        return {
            name: self.rows(f"SELECT xmin::text, t::text FROM {name} t ORDER BY 1, 2") for (name,) in tables
        }

    def control(self, query: str) -> list[tuple[Any, ...]]:
        """A query of the state."""
        with psycopg.connect(self.state, autocommit=True, options="-c search_path=erpoa") as db:
            return db.execute(query).fetchall()

    def administer(self, *statements: str) -> None:
        """Statements of the administrator of the state's database; who holds them up for a minute is told, and ended: a process
        that was stopped while it sent a statement is not idle for its server, and holds its locks until somebody does that."""
        with psycopg.connect(
            self.state, autocommit=True, options="-c search_path=erpoa -c lock_timeout=60s"
        ) as db:
            for statement in statements:
                try:
                    db.execute(statement)
                except psycopg.errors.LockNotAvailable:
                    held_up = db.execute(
                        "SELECT pid, state, wait_event_type, wait_event, query, now() - state_change, pg_blocking_pids(pid) "
                        "FROM pg_stat_activity WHERE datname = current_database()"
                    ).fetchall()
                    print(f"{statement} waited: {held_up}")
                    for pid in {pid for *_, pids in held_up for pid in pids}:
                        db.execute("SELECT pg_terminate_backend(%s)", (pid,))
                    db.execute(statement)

    def remembered(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the state with the transaction that wrote it."""
        tables = self.control("SELECT tablename FROM pg_tables WHERE schemaname = 'erpoa' ORDER BY 1")
        return {
            name: self.control(f"SELECT xmin::text, t::text FROM {name} t ORDER BY 1, 2")
            for (name,) in tables
        }

    def runs(self) -> list[str]:
        """How the runs ended, in their order."""
        return [status for (status,) in self.control("SELECT status FROM runs ORDER BY opened")]

    # -- what happens to it --

    def expire(self) -> None:
        """The lease runs out, as it does a minute after its holder renewed it last."""
        self.administer("UPDATE lease SET expires = '2020-01-01T00:00:00+00:00' WHERE token IS NOT NULL")

    @contextmanager
    def nobody_writes(self, table: str) -> Iterator[None]:
        """While the block runs, whoever writes to *table* waits."""
        with psycopg.connect(self.admin) as sitter:
            sitter.execute(f"LOCK TABLE {table} IN SHARE MODE")
            yield

    def wait_for_a_writer(self) -> None:
        """Until somebody waits to write in the systems."""
        query = """SELECT 1 FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'erpoa'"""
        deadline = time.monotonic() + 60
        while not self.rows(query):
            assert time.monotonic() < deadline, "nobody came to write"
            time.sleep(0.05)


@contextmanager
def company(server: str, home: Path, forked: Mapping[str, Forks]) -> Iterator[Company]:
    """A company in databases of its own at *server*, which go when the block ends."""
    role = f"erpoa_runner_{token_hex(4)}"
    with database(server) as systems, database(server) as state:
        made = Company(systems, state, role, home, forked)
        made.administer(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        made.administer(f"GRANT CREATE ON DATABASE {conninfo_to_dict(state)['dbname']} TO {role}")
        try:
            made.build()
            yield made
        finally:
            made.forget()
            made.administer(f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")
