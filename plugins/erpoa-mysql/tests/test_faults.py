"""What is left when the connection, the server or both go away while a batch is written."""

from __future__ import annotations

import socket
import threading
from contextlib import closing, contextmanager, suppress

import pymysql
import pytest
from erpoa_mysql import MysqlConnector
from erpoa_mysql.settings import end_when_idle
from erpoa_mysql.wire import Wire
from pymysql.constants import COMMAND

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.conformance.served import Background, Served, outcome, until, update
from erpoa_cli.sdk.errors import InDoubt, Transient
from tests.mariadb import Server, connect, parameters

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def running(private) -> Server:
    admin(private, "CREATE DATABASE IF NOT EXISTS work", "CREATE USER IF NOT EXISTS worker@'%' IDENTIFIED BY 'w'",
          "GRANT ALL ON work.* TO worker@'%'")  # fmt: skip
    return private


def admin(running, *statements):
    at = parameters(running.url)
    with closing(pymysql.connect(**at, autocommit=True, ssl_disabled=True)) as db, db.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


def anew(running):
    admin(running, "DROP TABLE IF EXISTS work.thing, work.erpoa_ledger",
          "CREATE TABLE work.thing (id int PRIMARY KEY, v text)", "INSERT INTO work.thing VALUES (1, 'old')")  # fmt: skip


@pytest.fixture
def session(running):
    anew(running)
    with closing(MysqlConnector().open(config(running))) as found:
        yield found


def config(running, **more):
    return {"host": "127.0.0.1", "port": running.port, "database": "work", "user": "worker", "password": Secret("w"),
            **more}  # fmt: skip


class Proxy:
    """Stands between a session and the server. When the session says `COMMIT` it lets it through and cuts the line
    instead of the answer, or cuts it at once, as `lets_through` says."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.lets_through: bool | None = None  # None: nothing is cut
        self._answer_is_lost = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            theirs = socket.create_connection(("127.0.0.1", self._port))
            ends = (ours, theirs)
            threading.Thread(target=self._to_server, args=ends, daemon=True).start()
            threading.Thread(target=self._to_session, args=ends, daemon=True).start()

    def _to_server(self, ours: socket.socket, theirs: socket.socket) -> None:
        while data := self._received(ours):
            cuts = data.endswith(b"\x03COMMIT") and self.lets_through is not None
            if cuts and not self.lets_through:
                ours.shutdown(socket.SHUT_RDWR)
                break
            self._answer_is_lost = cuts
            theirs.sendall(data)
        theirs.close()

    def _to_session(self, ours: socket.socket, theirs: socket.socket) -> None:
        with ours, suppress(OSError):
            while data := self._received(theirs):
                if self._answer_is_lost:
                    self._answer_is_lost = False
                    ours.shutdown(socket.SHUT_RDWR)
                    break
                ours.sendall(data)

    @staticmethod
    def _received(end: socket.socket) -> bytes:
        try:
            return end.recv(1 << 16)
        except OSError:
            return b""


def waiting(running):
    return admin(
        running, "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
    )


def kill(running):
    for (process,) in admin(running, "SELECT ID FROM information_schema.PROCESSLIST WHERE USER = 'worker'"):
        admin(running, f"KILL {process}")


def held(running):
    """A connection that keeps the row to itself."""
    other = connect(running.url)
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM work.thing FOR UPDATE")
    return other


VALUE = "SELECT v FROM work.thing"


class TestServed(Served):
    connector = MysqlConnector
    # whoever has changed less is the one that is undone
    stubborn = ("INSERT INTO work.thing SELECT seq, 'x' FROM work.seq_100_to_400",)
    deadlock = "1213"
    many = "INSERT INTO thing SELECT seq, repeat('x', 2000) FROM seq_2_to_12000"

    @pytest.fixture(autouse=True)
    def _at(self, running):
        self.running = running

    def config(self):
        anew(self.running)
        return config(self.running)

    def by_hand(self, *statements):
        return admin(self.running, "USE work", *statements)

    def kill(self):
        kill(self.running)

    def waiting(self):
        return [process for (process,) in waiting(self.running)]

    def is_there(self, connection):
        its = f"SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = {connection}"
        return bool(self.by_hand(its))

    @contextmanager
    def held(self):
        with closing(held(self.running)) as other, other.cursor() as cursor:
            cursor.execute("USE work")
            yield cursor.execute
            other.rollback()

    def cut(self, session):
        session._db._sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def impatient(session, running, monkeypatch, request):
    """A session that may stand still for a second only; with *param* False as on a server without limits of its own
    for transactions."""
    monkeypatch.setattr("erpoa_mysql.settings._IDLE", 1)
    if not request.param:
        kinds = ("idle_transaction", "idle_write_transaction", "idle_readonly_transaction")
        session.execute(f"SET {', '.join(f'{kind}_timeout = 0' for kind in kinds)}")
        monkeypatch.setattr(Wire, "is_mariadb", False)
    end_when_idle(session._db)
    monkeypatch.undo()
    session.execute(session.ledger_ddl())
    return session


def goes_on(running):
    """Another does our work, once the server has ended ours."""
    with closing(connect(running.url)) as other, other.cursor() as cursor:
        cursor.execute("SET innodb_lock_wait_timeout = 20")
        cursor.execute("UPDATE work.thing SET v = 'theirs'")
        cursor.execute("INSERT INTO work.erpoa_ledger (run_id, batch, effects_digest) VALUES ('r', 1, 'd')")


@pytest.mark.parametrize("impatient", [True, False], indirect=True, ids=["transactions", "connections"])
def test_who_stops_inside_a_batch_neither_holds_its_rows_for_ever_nor_commits_later(running, impatient):
    """A process that is stopped, a machine that sleeps, a network that is cut: another goes on in its place."""
    impatient.begin()
    impatient.enter_ledger(update(1))
    impatient.write_rows(update(1))
    goes_on(running)
    with pytest.raises(InDoubt, match="commit was lost"):
        impatient.commit()
    assert admin(running, VALUE) == [("theirs",)]
    assert impatient.committed("r", 1) is True
    with pytest.raises(InDoubt, match="was committed before"):
        outcome(impatient, update(1))


@pytest.mark.parametrize("impatient", [True, False], indirect=True, ids=["transactions", "connections"])
def test_who_only_locked_its_rows_does_not_hold_them_for_ever(running, impatient):
    impatient.begin()
    assert impatient.rows("SELECT v FROM thing FOR UPDATE") == [("old",)]
    goes_on(running)


@pytest.mark.parametrize("impatient", [True], indirect=True)
def test_who_stops_while_it_sends_a_batch_does_not_hold_its_rows_for_ever(running, impatient):
    impatient.begin()
    impatient.enter_ledger(update(1))
    wire = impatient._db
    wire.run("CREATE TEMPORARY TABLE sent (v text)")
    wire._execute_command(COMMAND.COM_QUERY, "LOAD DATA LOCAL INFILE 'erpoa' INTO TABLE sent")
    assert wire._read_packet().is_load_local_packet()
    wire.write_packet(b"half a batch")
    goes_on(running)
    assert admin(running, VALUE) == [("theirs",)]


def test_a_session_that_is_idle_between_batches_goes_on(running, session, monkeypatch):
    monkeypatch.setattr("erpoa_mysql.settings._IDLE", 1)
    monkeypatch.setattr(Wire, "is_mariadb", False)
    end_when_idle(session._db)
    monkeypatch.undo()
    assert outcome(session, update(1)) == ["applied"]
    first = session._db.thread_id()
    until(lambda: not admin(running, f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ID = {first}"))
    assert outcome(session, update(2)) == ["stale"], "the row has our value now"


@pytest.mark.parametrize("lets_through", [True, False])
def test_a_commit_without_an_answer_is_looked_up(running, session, lets_through):
    proxy = Proxy(running.port)
    with closing(proxy), closing(MysqlConnector().open(config(running, port=proxy.port))) as doubtful:
        doubtful.execute(doubtful.ledger_ddl())
        proxy.lets_through = lets_through
        with pytest.raises(InDoubt, match="commit was lost"):
            outcome(doubtful, update(1))
        proxy.lets_through = None
        assert doubtful.committed("r", 1) is lets_through
        if lets_through:
            with pytest.raises(InDoubt, match="committed before"):
                outcome(doubtful, update(1))
        else:
            assert outcome(doubtful, update(1)) == ["applied"]
    assert admin(running, VALUE) == [("ours",)]


@pytest.mark.parametrize("kills", [True, False])
def test_a_server_that_goes_down_in_a_batch_and_comes_back(running, session, kills):
    other = held(running)
    write = Background(session, update(1))
    until(lambda: waiting(running))
    running.stop(kill=kills)
    other._force_close()
    error = write.ended()
    back = threading.Timer(0.7, running.start)  # longer than our first try to come back
    back.start()
    committed = session.committed("r", 1)  # it waits until the server is back
    back.join()
    # a server that goes down in order ends the others first: ours may come as far as its commit
    assert isinstance(error, Transient) or (isinstance(error, InDoubt) and not kills)
    assert committed is False or isinstance(error, InDoubt)
    assert admin(running, VALUE) == [("ours" if committed else "old",)]
    if committed:
        with pytest.raises(InDoubt, match="committed before"):
            outcome(session, update(1))
    else:
        assert outcome(session, update(1)) == ["applied"]


def test_what_was_committed_outlives_a_power_failure(running, session):
    assert outcome(session, update(1)) == ["applied"]
    running.stop(kill=True)
    running.start()
    assert session.committed("r", 1) is True
    assert admin(running, VALUE) == [("ours",)]
