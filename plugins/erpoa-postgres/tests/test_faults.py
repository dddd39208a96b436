"""What is left when the connection, the server or both go away while a batch is written."""

from __future__ import annotations

import socket
import threading
import time

import psycopg
import pyarrow as pa
import pytest
from erpoa_postgres import PostgresConnector, stage
from psycopg.conninfo import make_conninfo

from erpoa_cli.core.schema import INTEGER, STRING, Field
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.connector import ReadRequest, WriteBatch
from erpoa_cli.sdk.errors import InDoubt, SystemFailure, Transient
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


@pytest.fixture
def session(cluster):
    config = {
        "host": "127.0.0.1",
        "port": cluster.port,
        "database": "work",
        "user": "worker",
        "password": Secret("w"),
    }
    found = PostgresConnector().open(config)
    found.execute(TABLE)
    found.execute("DROP TABLE IF EXISTS erpoa_ledger")
    yield found
    found.close()


def update(number, *, value="ours", ledger=True):
    return WriteBatch(
        object="thing", action=Action.UPDATE, run="r", number=number, effects_digest="d", id=("id",),
        rows=pa.RecordBatch.from_pydict(
            {"ordinal": pa.array([0]), "id.id": pa.array([1]), "set.v": [value], "was.v": ["old"]}
        ),
        types={"id": INTEGER, "v": STRING}, ledger=ledger,
    )  # fmt: skip


def outcome(session, batch):
    return [row["outcome"] for answer in session.write(batch) for row in answer.to_pylist()]


class Background:
    """A write in a thread: what it ends with."""

    def __init__(self, session, batch):
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, args=(session, batch))
        self._thread.start()

    def _run(self, session, batch):
        try:
            outcome(session, batch)
        except SystemFailure as error:
            self.error = error

    def ended(self):
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self.error


def until(condition):
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def waiting(cluster):
    return admin(
        cluster, "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = 'worker'"
    )


KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'worker'"


def test_a_connection_lost_between_batches_is_made_anew(cluster, session):
    assert outcome(session, update(1)) == ["applied"]
    admin(cluster, KILL)
    assert session.committed("r", 1) is True
    admin(cluster, KILL)
    assert outcome(session, update(2)) == ["stale"], "the row has our value now"
    admin(cluster, KILL)
    assert [i.address for i in session.objects()] == ["thing"]


def test_readings_go_on_after_all_connections_were_lost(cluster, session):
    asked = ReadRequest(object="thing", fields=(Field("v", STRING),))
    for lose in (lambda: None, lambda: admin(cluster, KILL), lambda: (cluster.stop(), cluster.start())):
        lose()
        reading = session.read(asked)
        assert [row for batch in reading for row in batch.to_pylist()] == [{"v": "old"}]
        assert reading.verdict.status == "complete"


def test_a_connection_lost_in_a_batch_leaves_nothing(cluster, session):
    with psycopg.connect(work(cluster)) as other:
        other.execute("SELECT FROM thing FOR UPDATE")
        write = Background(session, update(1))
        until(lambda: waiting(cluster))
        admin(cluster, KILL)
        assert isinstance(write.ended(), Transient)
    assert session.committed("r", 1) is False
    assert admin(cluster, "SELECT v FROM thing") == [("old",)]
    assert outcome(session, update(1)) == ["applied"], "the same batch again"
    assert session.committed("r", 1) is True


@pytest.mark.parametrize("ledger", [True, False])
def test_a_server_process_that_does_not_know_we_are_gone_is_ended_before_anything_else(
    cluster, session, ledger
):
    """Else it would still write what is planned again meanwhile."""
    with psycopg.connect(work(cluster)) as other:
        other.execute("SELECT FROM thing FOR UPDATE")
        write = Background(session, update(1, ledger=ledger))
        until(lambda: waiting(cluster))
        (pid,) = waiting(cluster)[0]
        with socket.socket(fileno=session._db.pgconn.socket) as cut:
            cut.shutdown(socket.SHUT_RDWR)
            cut.detach()
        assert isinstance(write.ended(), Transient)
        assert waiting(cluster) == [(pid,)], "the old one still wants to write"
        assert not session.committed("r", 1)
        assert admin(cluster, f"SELECT 1 FROM pg_stat_activity WHERE pid = {pid}") == []
    assert admin(cluster, "SELECT v FROM thing") == [("old",)]


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


def test_who_stops_while_it_sends_its_rows_holds_nobody_up(cluster, session, monkeypatch):
    """A server takes that for work: neither idle nor waiting for a lock."""
    session.execute(session.ledger_ddl())
    go_on, plain = threading.Event(), stage.csv_blocks

    def stopped(columns, names):
        if threading.current_thread() is not threading.main_thread():
            yield b""
            go_on.wait(60)
        yield from plain(columns, names)

    monkeypatch.setattr(stage, "csv_blocks", stopped)
    write = Background(session, update(1))
    try:
        sending = "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND wait_event = 'ClientRead' AND usename = 'worker'"
        until(lambda: admin(cluster, sending))
        config = {
            "host": "127.0.0.1",
            "port": cluster.port,
            "database": "work",
            "user": "worker",
            "password": Secret("w"),
        }
        other = PostgresConnector().open({**config, "lock_timeout": 2})
        assert outcome(other, update(1, value="other")) == ["applied"]
        other.close()
    finally:
        go_on.set()
    assert isinstance(write.ended(), InDoubt), "the batch was committed by the other"
    assert admin(cluster, "SELECT v FROM thing") == [("other",)]


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


def test_a_deadlock_is_transient_and_leaves_nothing(cluster, session):
    session.execute(session.ledger_ddl())
    with psycopg.connect(work(cluster)) as other:
        other.execute("SET deadlock_timeout = '60s'")  # whoever looks first is the one that is ended: we
        other.execute("SELECT FROM thing WHERE id = 1 FOR UPDATE")
        write = Background(session, update(1))
        until(lambda: waiting(cluster))  # it has its ledger row and waits for ours
        other.execute("INSERT INTO erpoa_ledger VALUES ('r', 1, 'theirs')")
        other.rollback()
    error = write.ended()
    assert isinstance(error, Transient)
    assert "40P01" in str(error)
    assert session.committed("r", 1) is False
    assert outcome(session, update(1)) == ["applied"]


def test_a_read_that_loses_its_connection_has_failed(cluster, session):
    session.execute("INSERT INTO thing SELECT i, repeat('x', 2000) FROM generate_series(2, 12000) i")
    reading = session.read(ReadRequest(object="thing", fields=(Field("id", INTEGER), Field("v", STRING))))
    batches = iter(reading)
    next(batches)
    admin(cluster, KILL)
    read = 1 + sum(1 for _ in batches)
    assert reading.verdict.status == "failed", f"{read} batches: {reading.verdict}"
