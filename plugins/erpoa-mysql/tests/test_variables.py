"""Servers that are set up in other ways than most: each test changes variables of a server that no other test uses then."""

from __future__ import annotations

from contextlib import closing

import pytest
from erpoa_mysql import MysqlConnector

from erpoa_cli.sdk.conformance.writer import Writer, outcomes, read
from tests.mariadb import connect

from .test_write import THING, TYPES, row

pytestmark = pytest.mark.process


@pytest.fixture
def server(own_server):
    return own_server


def test_the_ledger_tells_runs_apart_and_lives_in_innodb(server, config, session):
    server.execute("SET GLOBAL default_storage_engine = MyISAM")
    try:
        session = MysqlConnector().open(config)
        server.execute(f"{THING} ENGINE=InnoDB", config=config)
        Writer(session, "thing", **TYPES).create([row(1)])
        session.execute(
            "INSERT INTO erpoa_ledger (run_id, batch, effects_digest) VALUES ('Run', 0, ''), ('run', 0, '')"
        )
        assert session.committed("RUN", 0) is False
        assert session.rows(
            "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = database() AND TABLE_NAME = 'erpoa_ledger'"
        ) == [("InnoDB",)]
        session.close()
    finally:
        server.execute("SET GLOBAL default_storage_engine = InnoDB")


def test_a_server_that_takes_no_stream(server, config):
    server.execute(THING, config=config)
    server.execute("SET GLOBAL local_infile = 0")
    try:
        with closing(MysqlConnector().open(config)) as session:
            assert session._db.takes_streams is False
            assert (
                outcomes(Writer(session, "thing", **TYPES).create([row(i) for i in range(2500)]))
                == ["applied"] * 2500
            )
            session._db.takes_streams = True  # it was on when we looked
            assert outcomes(Writer(session, "thing", **TYPES).update([{"id": 1}], [{"name": "\t\\N\n"}])) == [
                "applied"
            ]
            assert session._db.takes_streams is False
    finally:
        server.execute("SET GLOBAL local_infile = 1")
    assert server.execute("SELECT count(*), min(name) FROM thing", config=config) == [(2500, "\t\\N\n")]


def test_modes_of_the_server_do_not_reach_us(server, config):
    server.execute(
        "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT', GLOBAL time_zone = '+08:00'"
    )
    try:
        server.execute("CREATE TABLE t (id int PRIMARY KEY, s varchar(3), at timestamp NULL)",
                       "INSERT INTO t VALUES (1, 'a\\\\b', '2024-02-29 00:00:00')", config=config)  # fmt: skip
        with closing(MysqlConnector().open(config)) as session:
            writer = Writer(session, "t", id="integer", s="string", at="timestamptz")
            answers = writer.create([{"id": 2, "s": "\\'\""}, {"id": 3, "s": "long"}])
            assert outcomes(answers) == ["applied", "rejected"]
            assert session.rows("SELECT id, s, at FROM t ORDER BY id")[1][1] == "\\'\""
    finally:
        server.execute("SET GLOBAL sql_mode = DEFAULT, GLOBAL time_zone = 'SYSTEM'")


def test_rows_larger_than_a_packet_of_the_protocol(server, config, session):
    """Longer than 16 MiB: the packets continue each other."""
    server.execute("CREATE TABLE t (id int PRIMARY KEY, a longtext, b longblob)", config=config)
    ((usual,),) = server.execute("SELECT @@global.max_allowed_packet")
    server.execute("SET GLOBAL max_allowed_packet = 1 << 28")
    try:
        with closing(connect(server.admin)) as db, db.cursor() as cursor:  # those that are open keep what was
            cursor.execute(f"USE `{config['database']}`")
            cursor.execute(
                "INSERT INTO t VALUES (1, repeat('x', (1 << 24) - 1), 'b'), (2, repeat('y', 255), repeat('z', 70000)), "
                "(3, repeat('名', 12000000), NULL), (4, '', '')"
            )
        rows, verdict = read(session, "t", id="integer", a="string", b="bytes")
    finally:
        server.execute(f"SET GLOBAL max_allowed_packet = {usual}")
    assert verdict.status == "complete", verdict
    assert {row["id"]: (row["a"], row["b"]) for row in rows} == {
        1: ("x" * ((1 << 24) - 1), b"b"),
        2: ("y" * 255, b"z" * 70000),
        3: ("名" * 12_000_000, None),
        4: ("", b""),
    }


def test_a_replica_is_read_completely_only_where_that_is_declared(server, config):
    """A server that takes no writes, as replicas do: our user may not ask for more."""
    server.execute(THING, config=config)
    server.execute("SET GLOBAL read_only = 1")
    try:
        for declared, status in (({}, "partial"), ({"replica": True}, "complete")):
            with closing(MysqlConnector().open({**config, **declared})) as session:
                _, verdict = read(session, "thing", id="integer")
            assert verdict.status == status
            assert ("`replica: true`" in verdict.reason) is (status == "partial")
    finally:
        server.execute("SET GLOBAL read_only = 0")


def test_a_server_that_answers_with_a_few_rows_only_is_told_not_to(server, config):
    server.execute(THING, config=config)
    server.execute("SET GLOBAL sql_select_limit = 5")
    try:
        with closing(MysqlConnector().open(config)) as session:
            Writer(session, "thing", **TYPES).create([row(i) for i in range(9)])
            rows, verdict = read(session, "thing", id="integer")
    finally:
        server.execute("SET GLOBAL sql_select_limit = DEFAULT")
    assert (len(rows), verdict.status) == (9, "complete")
