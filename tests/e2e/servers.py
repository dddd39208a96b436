"""A copy of the example of Tryton on PostgreSQL and an OA on MariaDB, and the two servers it is on."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from tests import mariadb, postgres
from tests.depth import DEEP
from tests.e2e.conftest import Run
from tests.e2e.walkthrough import ask, commands, copied, run, settings, with_tryton
from tests.program import Ended
from tests.services import missing
from tests.tryton.databases import of_database_example, offer
from tests.tryton.environment import EXAMPLES

EXAMPLE = EXAMPLES / "tryton-database"
NEXT_DOOR = {
    command.text
    for command in commands(EXAMPLES / "tryton-sqlite" / "README.md")
    if command.text.startswith("erpoa ")
}


@dataclass(slots=True)
class Site:
    """A copy of the project, and the two servers."""

    path: Path
    servers: Mapping[str, str]
    forked: Run
    before: dict[str, Any] = field(default_factory=dict)  # what a section's check remembers for the next one

    def run(self, text: str) -> Ended:
        """As a process; what the README next door names, too, only in a deep run: there it is one in every run."""
        if DEEP or text not in NEXT_DOOR:
            return run(text, self.path, settings(**self.servers))
        return ask(text, self.path, settings(**self.servers), self.forked)

    def ask(self, text: str, *codes: int) -> str:
        """What the README does not: quickly."""
        done = ask(text, self.path, settings(**self.servers), self.forked)
        return self.passed(text, done, codes)

    def expect(self, text: str, *codes: int) -> str:
        return self.passed(text, self.run(text), codes)

    def passed(self, text: str, done: Ended, codes: Collection[int]) -> str:
        assert not [secret for secret in self.secrets().values() if secret in done.out + done.err]
        assert done.exit in (codes or (0,)), f"{text}: {done}"
        return done.out

    def plan(self, *codes: int) -> dict[str, Any]:
        """The report of a fresh plan, as JSON."""
        report: dict[str, Any] = json.loads(
            self.ask("erpoa plan --format json --full --detailed-exitcode", *codes)
        )
        return report

    def secrets(self) -> dict[str, str]:
        """Passwords and the key, by their names; before the first build there are none."""
        file = self.path / ".erpoa-example" / "secrets.yml"
        lines = file.read_text().splitlines() if file.exists() else []
        return {name: value.strip(' "') for name, _, value in (line.partition(":") for line in lines)}

    @property
    def name(self) -> str:
        """How the names of all databases and users of this copy begin."""
        return self.servers["ERPOA_EXAMPLE_NAME"]

    def remove(self) -> None:
        """Take away what was made on the servers."""
        import psycopg
        import pymysql  # type: ignore[import-untyped]

        server = psycopg.connect(**self.postgres(), dbname="postgres", autocommit=True)
        with closing(server), closing(pymysql.connect(**self.mariadb())) as other, other.cursor() as cursor:
            for name in (f"{self.name}_erp", f"{self.name}_state"):
                server.execute(f"drop database if exists {name} with (force)")
                server.execute(f"drop role if exists {name}")
            cursor.execute(f"drop database if exists {self.name}_oa")
            cursor.execute(f"drop user if exists {self.name}_oa")

    # -- the servers, past erpoa --

    def postgres(self) -> dict[str, Any]:
        """Its administrator."""
        user, password = self.servers["POSTGRES_ADMIN"], self.servers["PGPASSWORD"]
        return {
            "host": "127.0.0.1", "port": int(self.servers["POSTGRES_PORT"]), "user": user, "password": password
        }  # fmt: skip

    def mariadb(self) -> dict[str, Any]:
        user, password = self.servers["MARIADB_ADMIN"], self.servers["MYSQL_PWD"]
        return {
            "host": "127.0.0.1", "port": int(self.servers["MARIADB_PORT"]), "user": user, "password": password
        }  # fmt: skip

    def erp(self, sql: str) -> list[tuple[Any, ...]]:
        """A query or a change of the ERP's database, by its administrator."""
        return self.in_erp(sql, self.postgres())

    def in_erp(self, sql: str, as_whom: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(dbname=f"{self.name}_erp", **as_whom) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def oa(self, sql: str) -> list[tuple[Any, ...]]:
        """A query of the OA's database, by its administrator."""
        return self.in_oa(sql, self.mariadb())

    def in_oa(self, sql: str, as_whom: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        import pymysql

        connection = pymysql.connect(database=f"{self.name}_oa", **as_whom)
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """Where the servers are, as the example's scripts want to be told; one has the golden database of a real Tryton.
    They are durable: of others `doctor` tells, and the README's says that all is well."""
    programs, others = postgres.binaries(), mariadb.binaries()
    if programs is None or others is None:
        missing("POSTGRES" if programs is None else "MARIADB", "its programs are not installed")
    with postgres.server(programs) as erp, mariadb.server(others) as oa:
        yield _told({"POSTGRES": erp.url, "MARIADB": oa.url})


def _told(urls: Mapping[str, str]) -> dict[str, str]:
    places = {name: urlsplit(url) for name, url in urls.items()}
    passwords = {name: unquote(place.password or "") for name, place in places.items()}
    with_tryton(of_database_example())
    offer(urls["POSTGRES"])
    return {
        "POSTGRES_PORT": str(places["POSTGRES"].port or 5432),
        "POSTGRES_ADMIN": places["POSTGRES"].username or "postgres",
        "PGPASSWORD": passwords["POSTGRES"],
        "MARIADB_PORT": str(places["MARIADB"].port or 3306),
        "MARIADB_ADMIN": places["MARIADB"].username or "root",
        "MYSQL_PWD": passwords["MARIADB"],
    }


@contextmanager
def placed(servers: dict[str, str], into: Path, forked: Run) -> Iterator[Site]:
    """A copy of the example, with names of its own on the servers, for other runs use them too."""
    for name in ("tryton-database", "tryton-sqlite"):
        copied(EXAMPLES / name, into)
    told = {**servers, "ERPOA_EXAMPLE_NAME": f"erpoa_example_{secrets.token_hex(4)}"}
    site = Site(into / "tryton-database", told, forked)
    try:
        yield site
    finally:
        site.remove()
