"""`zone` on server databases: the tests of the embedded ones, over PostgreSQL and MariaDB, and instants of theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pymysql  # type: ignore[import-untyped]
import pytest
from psycopg.conninfo import conninfo_to_dict

from erpoa_cli.core.conclusion import PlanConclusion, RunConclusion
from tests import mariadb, postgres
from tests.unit.engine.test_zone import (
    HERE,
    LOCAL,
    THERE,
    World,
    test_a_local_time_that_never_was_or_was_twice_holds_its_row,
    test_a_moment_whose_local_time_comes_twice_is_held,
    test_a_row_that_moved_is_not_overwritten,
    test_an_incremental_read_goes_on_from_the_local_time,
    test_local_times_become_those_of_the_other_zone,
    test_their_ambiguous_time_holds_the_row,
    there,
)

pytestmark = pytest.mark.in_turn("zones", of=3, seconds=3)

__all__ = [
    "test_a_local_time_that_never_was_or_was_twice_holds_its_row",
    "test_a_moment_whose_local_time_comes_twice_is_held",
    "test_a_row_that_moved_is_not_overwritten",
    "test_an_incremental_read_goes_on_from_the_local_time",
    "test_local_times_become_those_of_the_other_zone",
    "test_their_ambiguous_time_holds_the_row",
]

INSTANTS = {"postgres": "TIMESTAMPTZ", "mariadb": "TIMESTAMP(6) NULL"}


class Served(World):
    """Each end in a database of its own, at the URLs *at*."""

    def __init__(self, root: Path, kind: str, at: Mapping[str, str]) -> None:
        self.at = at
        super().__init__(root, kind)

    @property
    def plugin(self) -> str:
        return {"postgres": "postgres", "mariadb": "mysql"}[self.kind]

    def config(self, name: str) -> Mapping[str, Any]:
        if self.kind == "mariadb":
            found = mariadb.parameters(self.at[name])
        else:
            told = conninfo_to_dict(self.at[name])
            found = {**told, "database": told["dbname"], "port": int(told["port"] or 5432)}
        return {n: found[n] for n in ("host", "port", "database", "user")}

    def write(self, name: str, sql: str, *values: object) -> list[tuple[object, ...]]:
        sql = sql.replace("?", "%s")
        if self.kind == "postgres":
            with psycopg.connect(self.at[name], options="-c TimeZone=UTC") as db:
                cursor = db.execute(sql, values)
                return cursor.fetchall() if cursor.description else []
        with closing(self._mariadb(name)) as other, other.cursor() as cursor:
            cursor.execute(sql, values or None)
            return list(cursor.fetchall())

    def _mariadb(self, name: str) -> Any:
        at, zone = mariadb.parameters(self.at[name]), "SET time_zone = '+00:00'"
        return pymysql.connect(**at, autocommit=True, charset="utf8mb4", init_command=zone)


@pytest.fixture(params=["postgres", "mariadb"])
def world(
    tmp_path: Path, request: pytest.FixtureRequest, service_url: Callable[[str], str]
) -> Iterator[Served]:
    databases = {"postgres": postgres.database, "mariadb": mariadb.database}[request.param]
    url = service_url(request.param.upper())
    with ExitStack() as stack:
        at = {name: stack.enter_context(databases(url)) for name in ("erp", "oa")}
        if request.param == "postgres":  # their sessions live in zones of which ours must know nothing
            for name, zone in (("erp", "America/St_Johns"), ("oa", "Pacific/Chatham")):
                with psycopg.connect(at[name], autocommit=True) as db:
                    db.execute(
                        f"ALTER DATABASE {conninfo_to_dict(at[name])['dbname']} SET timezone = '{zone}'"
                    )
        yield Served(tmp_path, request.param, at)


def test_instants_of_theirs_become_local_times(world: Served) -> None:
    """A column of instants needs no zone of its source; what is written back is local all the same."""
    world.write("erp", "DROP TABLE note")
    world.write("erp", f"CREATE TABLE note (code VARCHAR(40) PRIMARY KEY, moment {INSTANTS[world.kind]})")
    for code, at in LOCAL.items():
        world.put(code, there(at, "UTC"))
    world.declare(HERE, THERE)
    text = (world.root / "sources/s.yml").read_text()
    world.file("sources/s.yml", text.replace(f"{{type: timestamp, zone: {HERE}}}", "timestamptz"))
    assert world.apply().conclusion is RunConclusion.SUCCEEDED
    assert world.held() == {code: there(at) for code, at in LOCAL.items()}
    assert world.plan().conclusion is PlanConclusion.UNCHANGED
