"""Each Tryton example builds its systems for a user who has nothing yet: Tryton's environment too, where the README says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.walkthrough import copied, run
from tests.program import Ended
from tests.services import missing
from tests.tryton.environment import EXAMPLES

PARTIES = "select count(*) from party_party"


def built(command: str, example: Path, **told: str) -> Path:
    done: Ended = run(command, example, told)
    if done.exit == 3:
        missing("TRYTON", done.err)
    assert done.exit == 0, done
    return example / ".erpoa-example"


def parties(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "erp.sqlite")) as erp:
        ((count,),) = erp.execute(PARTIES)
    return int(count)


@pytest.mark.deep("walkthroughs", seconds=200)
def test_the_example_on_sqlite(tmp_path: Path) -> None:
    assert parties(built("python build_erp.py", copied(EXAMPLES / "tryton-sqlite", tmp_path))) == 355


@pytest.mark.deep("walkthroughs", seconds=200)
def test_the_example_on_the_api(tmp_path: Path) -> None:
    made = built("python erp.py build", copied(EXAMPLES / "tryton-api", tmp_path))
    assert parties(made) == 1
    assert (made / "secrets.yml").read_text().startswith('tryton: "')


@pytest.mark.deep("walkthroughs", seconds=200)
def test_the_example_on_databases(tmp_path: Path) -> None:
    """On a PostgreSQL of its own: under the usual names, and with no golden copy."""
    import psycopg

    from tests import mariadb, postgres

    programs, other = postgres.binaries(), mariadb.binaries()
    if programs is None or other is None:
        missing("POSTGRES", "there is no initdb or no mariadbd")
    copied(EXAMPLES / "tryton-sqlite", tmp_path)
    with postgres.server(programs, postgres.QUICK) as erp, mariadb.server(other, mariadb.QUICK) as oa:
        told = {"POSTGRES_PORT": str(erp.port), "MARIADB_PORT": str(oa.port)}
        built("python build_systems.py", copied(EXAMPLES / "tryton-database", tmp_path), **told)
        with psycopg.connect(erp.url, dbname="erpoa_example_erp") as connection:
            assert connection.execute(PARTIES).fetchall() == [(355,)]
