"""What is left when the connection, the server or both go away while a batch is written."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pyarrow as pa
import pytest
from erpoa_postgres import PostgresConnector
from psycopg.conninfo import make_conninfo

from erpoa_cli.core.schema import INTEGER, STRING, Field
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.conformance.served import Background, Served, outcome, until, update
from erpoa_cli.sdk.connector import ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import InDoubt, Transient
from tests import depth
from tests.faults.wire import wire
from tests.postgres import Cluster

pytestmark = pytest.mark.process

TABLE = "CREATE TABLE IF NOT EXISTS thing (id int PRIMARY KEY, v text); TRUNCATE thing; INSERT INTO thing VALUES (1, 'old')"


@pytest.fixture(scope="session")
def cluster(private) -> Cluster:
    with psycopg.connect(private.url, autocommit=True) as db:
        db.execute("CREATE ROLE worker LOGIN PASSWORD 'w'")
        db.execute("CREATE DATABASE work OWNER worker")
    return private


def work(cluster):
    return make_conninfo(cluster.url, dbname="work")


def admin(cluster, *statements):
    with psycopg.connect(work(cluster), autocommit=True) as db:
        for statement in statements:
            cursor = db.execute(statement)
        return cursor.fetchall() if cursor.description else []


def config(cluster, **more):
    return {
        "host": "127.0.0.1", "port": cluster.port, "database": "work", "user": "worker", "password": Secret("w"), **more
    }  # fmt: skip


@pytest.fixture
def session(cluster):
    found = PostgresConnector().open(config(cluster))
    found.execute(TABLE)
    found.execute("DROP TABLE IF EXISTS erpoa_ledger")
    yield found
    found.close()


def waiting(cluster):
    return admin(
        cluster, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'worker'"
    )


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'"


class TestServed(Served):
    connector = PostgresConnector
    stubborn = ("SET deadlock_timeout = '60s'",)  # whoever looks first is the one that is ended
    deadlock = "40P01"
    many = "INSERT INTO thing SELECT i, repeat('x', 2000) FROM generate_series(2, 12000) i"

    @pytest.fixture(autouse=True)
    def _at(self, cluster):
        self.cluster = cluster

    def config(self):
        self.by_hand("DROP TABLE IF EXISTS erpoa_ledger", "SET ROLE worker", TABLE)
        return config(self.cluster)

    def by_hand(self, *statements):
        return admin(self.cluster, *statements)

    def kill(self):
        self.by_hand(KILL)

    def waiting(self):
        return [pid for (pid,) in waiting(self.cluster)]

    def is_there(self, connection):
        return bool(self.by_hand(f"SELECT 1 FROM pg_stat_activity WHERE pid = {connection}"))

    @contextmanager
    def held(self):
        with psycopg.connect(work(self.cluster)) as other:
            other.execute("SELECT FROM thing WHERE id = 1 FOR UPDATE")
            yield other.execute
            other.rollback()

    def cut(self, session):
        with socket.socket(fileno=session._db.pgconn.socket) as line:
            line.shutdown(socket.SHUT_RDWR)
            line.detach()


def test_readings_go_on_after_all_connections_were_lost(cluster, session):
    asked = ReadRequest(object="thing", fields=(Field("v", STRING),))
    for lose in (lambda: None, lambda: admin(cluster, KILL), lambda: (cluster.stop(), cluster.start())):
        lose()
        reading = session.read(asked)
        assert [row for batch in reading for row in batch.to_pylist()] == [{"v": "old"}]
        assert reading.verdict.status == "complete"


def test_who_stops_inside_a_batch_neither_holds_its_rows_for_ever_nor_commits_later(
    cluster, session, monkeypatch
):
    """A process that is stopped, a machine that sleeps: another goes on in its place."""
    session.execute(session.ledger_ddl())
    monkeypatch.setattr("erpoa_postgres.session._IDLE", "300ms")
    session.begin()
    session.enter_ledger(update(1))
    session.write_rows(update(1))
    with psycopg.connect(work(cluster)) as other:
        other.execute("INSERT INTO erpoa_ledger VALUES ('r', 1, 'd')")  # waits until the server ends ours
        other.execute("UPDATE thing SET v = 'theirs'")
    with pytest.raises(InDoubt, match="idle-in-transaction"):
        session.commit()
    assert admin(cluster, "SELECT v FROM thing") == [("theirs",)]
    with pytest.raises(InDoubt, match="was committed before"):
        outcome(session, update(1))


def create(number):
    return WriteBatch(
        object="numbered", action=Action.CREATE, run="r", number=number, effects_digest="d", id=("id",),
        rows=pa.RecordBatch.from_pydict({"ordinal": pa.array([0]), "set.v": [str(number)]}),
        types={"id": INTEGER, "v": STRING}, unless=(("v",),),
    )  # fmt: skip


@pytest.mark.sampled("machines", seconds=20, least=5)
def test_who_stops_anywhere_in_a_batch_holds_nobody_up(cluster, session, monkeypatch):
    """Neither another writer for longer than a transaction may stand still, nor who makes and drops databases."""
    monkeypatch.setattr("erpoa_postgres.session._IDLE", "300ms")
    session.execute("CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text UNIQUE)")
    session.execute(session.ledger_ddl())
    with wire("127.0.0.1", cluster.port) as line:
        undisturbed = PostgresConnector().open(config(cluster, port=line.port))
        outcome(undisturbed, create(1))
        line.passes = many = 1000
        outcome(undisturbed, create(2))
        pieces = many - line.passes
        undisturbed.close()
    assert pieces > 10
    number = 2
    for passes in depth.some(range(pieces), 6):
        with wire("127.0.0.1", cluster.port) as line:
            stopped = PostgresConnector().open(config(cluster, port=line.port))
            outcome(stopped, create(number := number + 1))
            line.passes = passes
            write = Background(stopped, create(number := number + 1))
            try:
                until(line.stands_still.is_set)
                with psycopg.connect(cluster.url, autocommit=True, options="-c statement_timeout=20s") as db:
                    db.execute("CREATE DATABASE made")
                    db.execute("DROP DATABASE made")
                other = PostgresConnector().open(config(cluster, lock_timeout=20))
                assert outcome(other, create(number)) == ["applied"]
                other.close()
            finally:
                line.go_on()
                write.ended()
                stopped.close()
    assert admin(cluster, "SELECT count(*), count(DISTINCT v) FROM numbered") == [(number, number)]


def test_who_stops_while_it_sends_its_rows_holds_nobody_up(cluster, session):
    """In the middle of a message it is not idle for the server: before it is through, nothing is locked."""
    session.execute(session.ledger_ddl())
    batch = update(2, value="行" * 1_000_000)
    with wire("127.0.0.1", cluster.port) as line:
        stopped = PostgresConnector().open(config(cluster, port=line.port))
        line.passes = 1000
        assert outcome(stopped, replace(batch, number=1)) == ["applied"]
        sizes = line.carried[-1000 + line.passes :]
        session.execute("UPDATE thing SET v = 'old'")
        line.passes = next(n for n, size in enumerate(sizes) if size > 60_000) + 2
        write = Background(stopped, batch)
        try:
            until(line.stands_still.is_set)
            other = PostgresConnector().open(config(cluster, lock_timeout=2))
            assert outcome(other, batch) == ["applied"]
            other.close()
        finally:
            line.go_on()
            assert isinstance(write.ended(), InDoubt), "the batch was committed by the other"
            stopped.close()


def test_a_commit_without_an_answer_is_looked_up(cluster, session):
    """The server waits for a standby that does not exist, after it committed: its answer never comes."""
    session.execute(session.ledger_ddl())
    admin(cluster, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
    try:
        until(lambda: session.rows("SHOW synchronous_standby_names") == [("nobody",)])
        write = Background(session, update(1))
        syncing = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND usename = 'worker'"
        until(lambda: admin(cluster, syncing))
        admin(cluster, KILL)
        assert isinstance(write.ended(), InDoubt)
        assert session.committed("r", 1) is True
        with pytest.raises(InDoubt):
            outcome(session, update(1))
    finally:
        admin(cluster, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
    assert admin(cluster, "SELECT v FROM thing") == [("ours",)]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_goes_down_in_a_batch_and_comes_back(cluster, session, mode):
    # a prepared transaction keeps its locks while the server goes down: an open one may end before our write does
    admin(cluster, "BEGIN", "SELECT FROM thing FOR UPDATE", "PREPARE TRANSACTION 'other'")
    write = Background(session, update(1))
    until(lambda: waiting(cluster))
    cluster.stop(mode)
    back = threading.Timer(0.7, cluster.start)  # longer than our first try to come back
    back.start()
    try:
        assert isinstance(write.ended(), Transient)
        assert session.committed("r", 1) is False, "it waits until the server is back"
    finally:
        back.join()
        admin(cluster, "ROLLBACK PREPARED 'other'")
    assert admin(cluster, "SELECT v FROM thing") == [("old",)]
    assert outcome(session, update(1)) == ["applied"]
