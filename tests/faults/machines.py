"""Two machines, one shared state: checkouts of the project of these tests, whose systems and state are databases of a
real PostgreSQL.

A machine that is *elsewhere* has a host name and process numbers of its own (Linux namespaces): nobody here can see
whether its processes live.
"""

from __future__ import annotations

import re
import shutil
import subprocess
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

from tests.faults.kept import forms
from tests.faults.program import ERPOA, Ended, environment
from tests.faults.scene import AGREEMENT, HERE, KEY
from tests.postgres import database

PLAN = "the.erpoaplan"
PASSWORD = "pä:ss/wörd+密码 7QXcanary"
LEAKS = forms(PASSWORD)

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
ITEMS = """sources:
  erp_items:
    description: Items, read as they change
    owner: tests@huaxin.example
    system: erp
    object: item
    key: [code]
    fields: {code: string, name: string, updated_at: timestamptz}
    incremental: {cursor: updated_at, lookback: PT0S, full_every: P1D}
"""
OA_ITEMS = """targets:
  oa_items:
    description: Items in the OA
    owner: tests@huaxin.example
    from: erp_items
    system: oa
    object: item
    key: [code]
    fields: [code, name]
    on_source_gone: delete
    guards: {max_delete: {count: 100, share: 100%}, max_change: {share: 100%, floor: 100}}
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


@dataclass(frozen=True, slots=True)
class Machine:
    """A checkout and how its commands are run."""

    root: Path
    env: Mapping[str, str]
    prefix: tuple[str, ...] = ()

    def run(self, *arguments: str) -> Ended:
        """The installed program, to its end."""
        with self.start(*arguments) as program:
            return ended(program)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self.prefix, str(ERPOA), *arguments],
            cwd=self.root,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def must(self, *arguments: str, exit: int = 0) -> Ended:
        """A command that ends with *exit*."""
        done = self.run(*arguments)
        assert done.exit == exit, done
        return done

    def nothing_to_do(self) -> None:
        """A plan made here is empty."""
        self.must("plan", "--detailed-exitcode")


def ended(program: subprocess.Popen[bytes]) -> Ended:
    """How *program* ended. Whatever it did, it did not tell the password of the state."""
    out, err = program.communicate(timeout=180)
    assert not [form for form in LEAKS if form in out or form in err], "the password was told"
    return Ended(program.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


@dataclass(slots=True)
class Company:
    """Both systems in one database, the state in another. `role` is the state's, with a password."""

    admin: str
    state: str
    role: str
    home: Path
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
        with psycopg.connect(make_conninfo(self.admin, dbname="postgres"), autocommit=True) as db:
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
        shutil.copytree(HERE / "world", root)
        place = conninfo_to_dict(self.admin)
        config = {
            "host": place["host"],
            "port": int(str(place["port"])),
            "database": place["dbname"],
            "user": place["user"],
        }
        systems = SYSTEMS.format(erp={**config, "schema": "erp"}, oa={**config, "schema": "oa"})
        (root / "systems" / "systems.yml").write_text(systems)
        (root / "sources" / "items.yml").write_text(ITEMS)
        (root / "targets" / "items.yml").write_text(OA_ITEMS)
        with (root / "erpoa.yml").open("a") as file:
            file.write(SHARED)
        if moment:
            (root / PLAN).write_bytes(self._saved[moment])
        env = environment(ERPOA_SECRET_STATE_URL=url or self.url(), ERPOA_SECRET_SEAL_KEY=KEY)
        return Machine(root, env, (*_elsewhere(elsewhere), *_clock(clock)))

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
        """Statements of the administrator of the state's database."""
        with psycopg.connect(self.state, autocommit=True, options="-c search_path=erpoa") as db:
            for statement in statements:
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
def company(server: str, home: Path) -> Iterator[Company]:
    """A company in databases of its own at *server*, which go when the block ends."""
    role = f"erpoa_runner_{token_hex(4)}"
    with database(server) as systems, database(server) as state:
        made = Company(systems, state, role, home)
        made.administer(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        made.administer(f"GRANT CREATE ON DATABASE {conninfo_to_dict(state)['dbname']} TO {role}")
        try:
            made.build()
            yield made
        finally:
            made.forget()
            made.administer(f"DROP OWNED BY {role} CASCADE", f"DROP ROLE {role}")


def _elsewhere(host: str) -> tuple[str, ...]:
    if not host:
        return ()
    own = ("unshare", "--pid", "--fork", "--kill-child", "--uts")
    return (*own, "sh", "-c", 'hostname "$0" && exec "$@"', host)


def _clock(offset: str) -> tuple[str, ...]:
    return ("faketime", "-f", offset) if offset else ()


def can_be_elsewhere() -> bool:
    """Whether namespaces may be made here (Linux, as root)."""
    done = (
        subprocess.run([*_elsewhere("elsewhere"), "true"], check=False, capture_output=True)
        if shutil.which("unshare")
        else None
    )
    return done is not None and done.returncode == 0
