"""Databases of real servers: read, apply, and whole runs between two of them, beside the same typed by hand.

The servers share the machine's processors and are in nobody's processor seconds: these are the client's.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.bench.company import CHANGED, theirs_sql, typed_sql
from tests.bench.databases import FIELDS, SERVERS, Database
from tests.bench.measure import ERPOA, Row, Section, Spent, interleaved, process
from tests.bench.whole_plan import project
from tests.mariadb import parameters

ROWS = 1_000_000
_HAND, _AIM = "by hand: both sides into DuckDB", "≤ 1.5 ×, < 1.5 GB"
ROOT = Path(__file__).parents[2]


def program(module: str, *arguments: str) -> Spent:
    return process([sys.executable, "-m", f"tests.bench.{module}", *arguments], ROOT)


def reading(server: str, times: int, rows: int = ROWS) -> Section:
    """A whole table into DuckDB."""
    with SERVERS[server]() as new, new() as at:
        at.fill(typed_sql(rows))
        runs: dict[str, Callable[[], Spent]] = {
            "by hand": lambda: program("by_hand", "read", at.plugin, at.url, str(rows)),
            "erpoa": lambda: program(
                "by_connector", "read", at.plugin, json.dumps(dict(at.config)), str(rows)
            ),
        }
        if at.plugin == "postgres":
            runs["COPY BINARY, thrown away"] = lambda: program("by_hand", "postgres_wire", at.url)
        spent = interleaved(runs, times)
    hand = {
        "postgres": "ADBC, decimals as integers",
        "mysql": "the text of the command-line client, parsed by Arrow; its processor seconds with it",
    }
    return Section(
        f"Read of {rows:,} × 15 from {server} into DuckDB",
        f"Each a process of its own. By hand: {hand[at.plugin]}. erpoa's connector also looks for values that no type holds.",
        [Row(name, one, "" if name == "by hand" else "by hand") for name, one in spent.items()],
    )


def applying(server: str, times: int, rows: int = ROWS) -> Section:
    """A million creates, and updates of one row in a hundred of a million."""
    with SERVERS[server]() as new, new() as at, TemporaryDirectory() as place:
        creates, updates = Path(place, "creates.parquet"), Path(place, "updates.parquet")
        sets = ", ".join(f'{n} AS "set.{n}"' for n in FIELDS)
        _save(f"SELECT row_number() OVER () - 1 AS ordinal, {sets} FROM ({typed_sql(rows)})", creates)
        was = ", ".join(f'a.{n} AS "was.{n}"' for n in FIELDS)
        _save(
            f"""SELECT row_number() OVER () - 1 AS ordinal, a.id AS "id.id", d.name AS "set.name", d.balance AS "set.balance",
                {was} FROM ({theirs_sql(rows)}) a JOIN ({typed_sql(rows)}) d USING (id) WHERE id % {CHANGED} = 1""",
            updates,
        )

        def run(module: str, changes: Path, fill: Callable[[], None]) -> Callable[[], Spent]:
            target = at.url if module == "by_hand" else json.dumps(dict(at.config))

            def once() -> Spent:
                fill()
                return program(module, "apply", at.plugin, target, str(changes))

            return once

        full = lambda: at.fill(theirs_sql(rows))  # noqa: E731 - as short as what it stands beside
        spent = interleaved(
            {
                "by hand, creates": run("by_hand", creates, at.empty),
                "erpoa, creates": run("by_connector", creates, at.empty),
                "by hand, 1 % updated": run("by_hand", updates, full),
                "erpoa, 1 % updated": run("by_connector", updates, full),
            },
            times,
        )
    return Section(
        f"Apply of {rows:,} creates and of updates of 1 % to {server}",
        "Each a process of its own that reads the changes from Parquet. By hand: staged by bulk load, then one INSERT … SELECT or UPDATE, "
        "in one transaction. erpoa's connector: batches of 50,000, in which keys that exist are found or refused, all 14 fields compared with what they were, a ledger "
        "row committed, an outcome told per row, the new identifiers with it.",
        [
            Row(name, one, name.replace("erpoa", "by hand") if name.startswith("erpoa") else "")
            for name, one in spent.items()
        ],
    )


def _save(sql: str, file: Path) -> None:
    duckdb.sql(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")


def copying(times: int, rows: int = ROWS) -> Section:
    """Plan and apply of a million creates, PostgreSQL → PostgreSQL."""
    with SERVERS["PostgreSQL"]() as new, new() as erp, new() as oa, TemporaryDirectory() as place:
        erp.fill(typed_sql(rows))
        home = _home(Path(place), erp, oa)

        def planned_and_applied() -> Spent:
            oa.empty()
            spent = _sum(_first_plan(home), process([ERPOA, "apply", "-q", "--yes", "p.erpoaplan"], home))
            with psycopg.connect(oa.url) as there:
                assert there.execute("SELECT count(*) FROM customers").fetchone() == (rows,)
            return spent

        def by_hand() -> Spent:
            oa.empty()
            return program("by_hand", "copy", erp.url, oa.url)

        runs: dict[str, Callable[[], Spent]] = {
            "by hand: ADBC read + ingest": by_hand,
            "erpoa plan + apply": planned_and_applied,
        }
        sling = shutil.which("sling")
        if sling:
            runs["sling"] = lambda: _sling(sling, home, erp, oa)
        spent = interleaved(runs, times)
    without = "" if sling else " sling is not on this machine."
    return Section(
        f"Plan + apply of {rows:,} creates, PostgreSQL → PostgreSQL",
        "By hand nothing is compared, frozen, journalled, verified or remembered." + without,
        [
            Row(
                name, one, "" if name.startswith("by hand") else "by hand: ADBC read + ingest",
                "≤ 2.5 ×, ahead of sling" if name.startswith("erpoa") else "",
            )
            for name, one in spent.items()
        ],
    )  # fmt: skip


def following(times: int, rows: int = ROWS) -> Section:
    """Plan and apply of 1 % of a million, PostgreSQL → PostgreSQL, beside sling's upsert of rows that it is told."""
    changed = f"id % {CHANGED} = 1"
    with (
        SERVERS["PostgreSQL"]() as new,
        new() as erp,
        new() as oa,
        new() as other,
        TemporaryDirectory() as place,
    ):
        for at in (erp, oa, other):
            at.fill(typed_sql(rows))
        home = _home(Path(place), erp, oa)
        _first_plan(home, "--adopt")
        process([ERPOA, "apply", "-q", "p.erpoaplan"], home)

        def planned_and_applied() -> Spent:
            erp.execute(f"UPDATE customers SET balance = coalesce(balance, 0) + 1 WHERE {changed}")
            return _agreed(_sum(_plan(home), process([ERPOA, "apply", "-q", "p.erpoaplan"], home)), erp, oa)

        runs: dict[str, Callable[[], Spent]] = {"erpoa plan + apply": planned_and_applied}
        if sling := shutil.which("sling"):
            rows_told = f"SELECT {', '.join(FIELDS)} FROM customers WHERE {changed}"
            runs = {
                "sling": lambda: _agreed(_sling_incremental(sling, rows_told, home, erp, other), erp, other),
                **runs,
            }
        spent = interleaved(runs, times)
    return Section(
        f"Plan + apply of 1 % of {rows:,} known rows, PostgreSQL → PostgreSQL",
        "erpoa reads and compares both sides whole, and finds which rows changed on either. sling is told which rows to send, does not "
        "look at the others and deletes none." + ("" if sling else " sling is not on this machine."),
        [
            Row(
                name, one, "sling" if sling and name.startswith("erpoa") else "",
                "≤ 1.5 × sling" if name.startswith("erpoa") else "",
            )
            for name, one in spent.items()
        ],
    )  # fmt: skip


def _agreed(spent: Spent, erp: Database, oa: Database) -> Spent:
    """*spent*, if both hold the same sum."""
    total = "SELECT sum(balance), count(*) FROM customers"
    with psycopg.connect(oa.url) as there, psycopg.connect(erp.url) as here:
        assert there.execute(total).fetchone() == here.execute(total).fetchone()
    return spent


def across(times: int, rows: int = ROWS) -> Section:
    """The plan of a million rows in PostgreSQL against a million in MariaDB."""
    with ExitStack() as open_, TemporaryDirectory() as place:
        erp = open_.enter_context(open_.enter_context(SERVERS["PostgreSQL"]())())
        oa = open_.enter_context(open_.enter_context(SERVERS["MariaDB"]())())
        erp.fill(typed_sql(rows))
        oa.fill(theirs_sql(rows))
        home = _home(Path(place), erp, oa)
        out = str(home / "out.parquet")
        hand = lambda: program("by_hand", "diff", erp.plugin, erp.url, oa.plugin, oa.url, out)  # noqa: E731
        runs: dict[str, Callable[[], Spent]] = {
            _HAND: hand,
            "erpoa plan, nothing known": lambda: _first_plan(home, "--adopt"),
        }
        reladiff = shutil.which("reladiff")
        if reladiff:
            runs["reladiff"] = lambda: _reladiff(reladiff, home, erp, oa)
        spent = interleaved(runs, times)
        erp.fill(theirs_sql(rows))  # both sides alike, and known
        _first_plan(home, "--adopt")
        process([ERPOA, "apply", "-q", "p.erpoaplan"], home)
        erp.fill(typed_sql(rows))
        known = {f"{_HAND}, known": hand, "erpoa plan, 1 % of what is known": lambda: _plan(home)}
        spent |= interleaved(known, times)
    without = "" if reladiff else " reladiff is not on this machine."
    return Section(
        f"Whole plan, {rows:,} × 15, PostgreSQL against MariaDB, 1 % changed",
        "Nothing known: a first plan, in which every row found equal is listed for adoption. Known: the rows were agreed before; 1 % is "
        "changed since in PostgreSQL." + without,
        [
            Row(_HAND, spent[_HAND]),
            Row("erpoa plan, nothing known", spent["erpoa plan, nothing known"], _HAND, _AIM),
            *([Row("reladiff", spent["reladiff"], _HAND)] if reladiff else []),
            Row(f"{_HAND}, known", spent[f"{_HAND}, known"]),
            Row(
                "erpoa plan, 1 % of what is known",
                spent["erpoa plan, 1 % of what is known"],
                f"{_HAND}, known",
                _AIM,
            ),
        ],
    )


def _home(home: Path, erp: Database, oa: Database) -> Path:
    project(
        home, {n: {"plugin": at.plugin, "config": dict(at.config)} for n, at in (("erp", erp), ("oa", oa))}
    )
    return home


def _plan(home: Path, *options: str) -> Spent:
    return process([ERPOA, "plan", "-q", *options, "-o", "p.erpoaplan"], home, exits=(0, 4))


def _first_plan(home: Path, *options: str) -> Spent:
    """What an earlier one left is gone."""
    shutil.rmtree(home / ".erpoa", ignore_errors=True)
    return _plan(home, *options)


def _sum(*parts: Spent) -> Spent:
    return Spent(
        sum(s.seconds for s in parts),
        max(s.megabytes or 0 for s in parts),
        sum(s.processor or 0 for s in parts),
    )


def _url(at: Database) -> str:
    """As programs of others take it."""
    if at.plugin == "mysql":
        found = parameters(at.url)
        return f"mysql://{found['user']}@{found['host']}:{found['port']}/{found['database']}"
    there = conninfo_to_dict(at.url)
    return f"postgresql://{there['user']}@{there['host']}:{there['port']}/{there['dbname']}"


def _sling(sling: str, home: Path, erp: Database, oa: Database) -> Spent:
    oa.execute("DROP TABLE IF EXISTS copied")
    spent = process(
        [sling, "run", "--src-conn", f"{_url(erp)}?sslmode=disable", "--src-stream", "public.customers",
         "--tgt-conn", f"{_url(oa)}?sslmode=disable", "--tgt-object", "public.copied", "--mode", "full-refresh"],
        home,
    )  # fmt: skip
    with psycopg.connect(oa.url) as there, psycopg.connect(erp.url) as here:
        count = "SELECT count(*) FROM "
        assert there.execute(count + "copied").fetchone() == here.execute(count + "customers").fetchone()
    return spent


def _sling_incremental(sling: str, query: str, home: Path, erp: Database, oa: Database) -> Spent:
    return process(
        [sling, "run", "--src-conn", f"{_url(erp)}?sslmode=disable", "--src-stream", query,
         "--tgt-conn", f"{_url(oa)}?sslmode=disable", "--tgt-object", "public.customers", "--mode", "incremental",
         "--primary-key", "code"],
        home,
    )  # fmt: skip


def _reladiff(reladiff: str, home: Path, erp: Database, oa: Database) -> Spent:
    columns = [part for name in FIELDS for part in ("-c", name)]
    return process(
        [reladiff, _url(erp), "customers", _url(oa), "customers", "-k", "id", *columns, "--json"], home
    )
