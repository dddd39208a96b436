"""Batches: outcomes per row in the database's own words, identifiers it gives, others who write at the same time."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from decimal import Decimal

import pytest
from erpoa_mysql import MysqlConnector
from erpoa_mysql.wire import Wire

from erpoa_cli.sdk.conformance.writer import Writer, outcomes, read
from erpoa_cli.sdk.errors import ContractBroken, Denied, Fatal, Transient
from tests.mariadb import connect

THING = "CREATE TABLE thing (id int PRIMARY KEY, code varchar(20) UNIQUE, qty int CHECK (qty >= 0), name text NOT NULL)"
TYPES = {"id": "integer", "code": "string", "qty": "integer", "name": "string"}


def row(id_, code=None, qty=1, name="名"):
    return {"id": id_, "code": code or f"C{id_}", "qty": qty, "name": name}


def test_a_refusal_has_its_number_and_no_value_or_the_words_of_a_trigger(server, config, session):
    server.execute(
        "CREATE TABLE line (id int PRIMARY KEY, note tinyint)",
        "CREATE TRIGGER guard BEFORE INSERT ON line FOR EACH ROW "
        "IF NEW.note = 13 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no 13 here'; END IF",
        config=config,
    )
    answers = Writer(session, "line", id="integer", note="integer").create(
        [{"id": 1, "note": 1}, {"id": 3, "note": 1000}, {"id": 4, "note": 13}]
    )
    assert [a["error_class"] for a in answers] == [None, "rejected", "rejected"]
    assert "error 1264" in answers[1]["error"]
    assert "1000" not in answers[1]["error"]
    assert answers[2]["error"] == "no 13 here (error 1644)"


@pytest.fixture
def as_mysql(monkeypatch):
    """A server that tells no more of an INSERT than MySQL does."""
    monkeypatch.setattr(Wire, "tells_all_ids", False)


IDS = (
    "id int AUTO_INCREMENT PRIMARY KEY",
    "id uuid DEFAULT uuid() PRIMARY KEY",
    "id varchar(40) PRIMARY KEY",
)


def test_numbers_of_mysql_are_matched_to_their_rows(server, config, session, as_mysql):
    server.execute(f"CREATE TABLE made ({IDS[0]}, name text, amount decimal(9,2), f float)", config=config)
    matched(server, config, session, "integer")
    server.execute(f"CREATE TABLE other ({IDS[1]}, name text)", config=config)
    with pytest.raises(ContractBroken, match="does not tell"):
        Writer(session, "other", id="string", name="string").create([{"name": "x"}])


def matched(server, config, session, type_):
    writer = Writer(session, "made", id=type_, name="string", amount="decimal(9,1)", f="decimal(9,3)")
    names = ("b", "a", None, "", "same", "same", '"),(')
    rows = [{"name": n, "amount": None, "f": Decimal("0.100")} for n in names]
    answers = writer.create(rows)
    assert outcomes(answers) == ["applied"] * len(rows)
    found = dict(server.execute("SELECT cast(id AS char), name FROM made", config=config))
    assert len({a["id.id"] for a in answers}) == len(rows)
    assert [found[str(a["id.id"])] for a in answers] == [r["name"] for r in rows]


@pytest.mark.parametrize("step", [1, 10])
def test_identifiers_are_right_while_others_create_too(server, config, session, step):
    """And with the steps of a cluster of several masters."""
    server.execute("CREATE TABLE made (id int AUTO_INCREMENT PRIMARY KEY, name text)", config=config)
    session.execute(f"SET auto_increment_increment = {step}")
    other = MysqlConnector().open(config)
    told: dict[str, list[dict]] = {}

    def create(session, who):
        writer = Writer(session, "made", id="integer", name="string")
        told[who] = [
            {**answer, "name": f"{who}{at}"}
            for _ in range(5)
            for at, answer in enumerate(writer.create([{"name": f"{who}{at}"} for at in range(400)]))
        ]

    threads = [threading.Thread(target=create, args=pair) for pair in ((session, "a"), (other, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    other.close()
    found = dict(server.execute("SELECT id, name FROM made", config=config))
    answers = [*told["a"], *told["b"]]
    assert len(found) == len(answers) == 4000
    assert {a["id.id"]: a["name"] for a in answers} == found


def test_zero_is_a_number_like_others(server, config, session):
    server.execute("CREATE TABLE made (id int AUTO_INCREMENT PRIMARY KEY, name text)", config=config)
    answers = Writer(session, "made", id="integer", name="string").create([{"id": 0, "name": "zero"}])
    assert [a["id.id"] for a in answers] == [0]
    assert server.execute("SELECT id FROM made", config=config) == [(0,)]


def test_some_identifiers_are_given_and_some_are_not(server, config, session):
    server.execute("CREATE TABLE made (id int AUTO_INCREMENT PRIMARY KEY, name text)", config=config)
    answers = Writer(session, "made", id="integer", name="string").create(
        [{"id": None, "name": "a"}, {"id": 70, "name": "b"}, {"id": None, "name": "c"}]
    )
    assert [a["id.id"] for a in answers] == [1, 70, 71]


def test_a_value_may_be_required_and_have_no_default(server, config, session):
    server.execute("CREATE TABLE made (id int PRIMARY KEY, name text NOT NULL)", config=config)
    (answer,) = Writer(session, "made", id="integer").create([{"id": 1}])
    assert answer["outcome"] == "rejected", "an empty text was made up"
    assert "1364" in answer["error"]


def test_an_update_to_the_same_values_counts(server, config, session):
    server.execute(THING, "INSERT INTO thing VALUES (1, 'a', 1, 'x'), (2, 'b', 1, 'x')", config=config)
    writer = Writer(session, "thing", **TYPES)
    assert outcomes(writer.update([{"id": 1}, {"id": 2}], [{"qty": 1}, {"qty": 2}])) == ["applied"] * 2


def test_keys_may_be_written_and_change_places(server, config, session):
    server.execute(THING, "INSERT INTO thing VALUES (1, 'a', 1, 'x'), (2, 'b', 1, 'y')", config=config)
    writer = Writer(session, "thing", **TYPES)
    assert outcomes(writer.update([{"id": 1}], [{"id": 10, "code": "c"}], [{"code": "a"}])) == ["applied"]
    answers = writer.update([{"id": 10}, {"id": 2}], [{"code": "b"}, {"code": "d"}])
    assert answers[0]["error_class"] == "duplicate"
    assert answers[1]["outcome"] == "applied"
    assert server.execute("SELECT id, code FROM thing ORDER BY id", config=config) == [(2, "d"), (10, "c")]


@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
def test_engines_without_transactions_are_refused(server, config, session, engine):
    server.execute(
        f"CREATE TABLE loose (id int PRIMARY KEY, v varchar(9)) ENGINE={engine}",
        "INSERT INTO loose VALUES (1, 'a')",
        config=config,
    )
    assert session.objects(["loose"])[0].writable is False
    writer = Writer(session, "loose", id="integer", v="string")
    for write in (
        lambda: writer.create([{"id": 2, "v": "b"}]),
        lambda: writer.update([{"id": 1}], [{"v": "b"}]),
        lambda: writer.delete([{"id": 1}]),
    ):
        with pytest.raises(ContractBroken, match=f"(?i){engine}.*ENGINE=InnoDB"):
            write()
    assert server.execute("SELECT * FROM loose", config=config) == [(1, "a")]


def test_a_ledger_without_transactions_is_refused(server, config, session):
    server.execute(THING, "CREATE TABLE erpoa_ledger (run_id text) ENGINE=MyISAM", config=config)
    with pytest.raises(ContractBroken, match=r"erpoa_ledger.*InnoDB"):
        Writer(session, "thing", **TYPES).create([row(1)])
    assert server.execute("SELECT * FROM thing", config=config) == []


def test_views_partitions_and_generated_columns(server, config, session):
    server.execute(
        "CREATE TABLE p (id int, y int, twice int AS (y * 2) STORED, hidden int INVISIBLE DEFAULT 3, PRIMARY KEY (id, y)) "
        "PARTITION BY RANGE (y) (PARTITION p1 VALUES LESS THAN (10))",
        "CREATE VIEW v AS SELECT id, y FROM p",
        config=config,
    )
    types = {"id": "integer", "y": "integer", "twice": "integer", "hidden": "integer"}
    writer = Writer(session, "p", ("id", "y"), **types)
    answers = writer.create([{"id": 1, "y": 1, "hidden": 4}, {"id": 2, "y": 99, "hidden": 4}])
    assert outcomes(answers) == ["applied", "rejected"], "no partition takes 99"
    assert "1526" in answers[1]["error"]
    assert "99" not in answers[1]["error"]
    assert server.execute("SELECT id, y, twice, hidden FROM p", config=config) == [(1, 1, 2, 4)]
    with pytest.raises(ContractBroken):
        writer.create([{"id": 5, "y": 1, "twice": 2}])
    with pytest.raises(ContractBroken, match="view"):
        Writer(session, "v", ("id", "y"), **types).create([{"id": 3, "y": 1}])
    assert [i.address for i in session.objects() if "." not in i.address] == ["p", "v"], "no ledger"


def test_keys_and_references_are_discovered(server, config, session):
    server.execute(
        "CREATE TABLE m (a int, b varchar(5), PRIMARY KEY (a, b))",
        "CREATE TABLE l (id int PRIMARY KEY, ma int, mb varchar(5), u varchar(50) UNIQUE, w text, up int, "
        "UNIQUE KEY begins (w(5)), UNIQUE KEY two (ma, u), "
        "FOREIGN KEY (ma, mb) REFERENCES m (a, b), FOREIGN KEY (up) REFERENCES l (id))",
        config=config,
    )
    (info,) = session.objects(["l"])
    assert info.id == ("id",)
    assert sorted(info.keys) == [("ma", "u"), ("u",)], "the beginning of a text is no key"
    assert sorted((f.fields, f.object, f.references) for f in info.foreign_keys) == [
        (("ma", "mb"), "m", ("a", "b")), (("up",), "l", ("id",))
    ]  # fmt: skip


def test_a_point_in_a_name(server, config, session):
    other = server.schema()
    name = other["database"]
    server.execute(
        f"CREATE TABLE `{name}`.t (id int PRIMARY KEY)", f"INSERT INTO `{name}`.t VALUES (1)",
        "CREATE TABLE `a.b` (id int PRIMARY KEY)", "INSERT INTO `a.b` VALUES (2)", config=config,
    )  # fmt: skip
    for address, found in ((f"{name}.t", 1), ("a.b", 2)):
        assert read(session, address, id="integer")[0] == [{"id": found}]
        assert session.objects([address])[0].address == address
    for address in ("t", "b", f"{config['database']}.a.b", "information_schema.TABLES"):
        assert read(session, address, id="integer")[1].status == "failed", address


def test_no_rights_is_no_rejected_row(server, config, session):
    user = f"{config['user']}@'%'"
    name = f"elsewhere_{config['user']}"
    server.execute(f"CREATE DATABASE {name}", f"CREATE TABLE {name}.foreign_thing (id int PRIMARY KEY)",
                   f"GRANT SELECT ON {name}.foreign_thing TO {user}")  # fmt: skip
    try:
        with pytest.raises(Denied):
            Writer(session, f"{name}.foreign_thing", id="integer").create([{"id": 1}])
        assert session.objects([f"{name}.foreign_thing"])[0].writable is False
    finally:
        server.execute(f"DROP DATABASE {name}", f"REVOKE SELECT ON {name}.foreign_thing FROM {user}")


def test_a_session_that_reads_only_writes_nothing(server, config):
    server.execute(THING, config=config)
    with (
        closing(MysqlConnector().open({**config, "read_only": True})) as session,
        pytest.raises(Denied, match="1792"),
    ):
        Writer(session, "thing", **TYPES).create([row(1)])
    assert server.execute("SELECT * FROM thing", config=config) == []


def test_no_file_of_this_machine_is_given_to_a_server(server, config, session, monkeypatch):
    """A server that is not what it seems may answer any statement by asking for a file."""
    server.execute("CREATE TABLE x (y text)", config=config)
    other = MysqlConnector().open(config)
    with pytest.raises(RuntimeError, match="LOAD_LOCAL"):
        session.execute("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE x (y)")
    asked = type("Asked", (), {"__init__": lambda self, packet: None, "filename": b"/etc/passwd"})
    monkeypatch.setattr("erpoa_mysql.wire.LoadLocalPacketWrapper", asked)
    with pytest.raises(Fatal, match="not to be trusted"):
        other._db.send("INTO TABLE x (y)", memoryview(b"z"))
    assert not other._db.open
    assert server.execute("SELECT * FROM x", config=config) == []


# -- others who write at the same time --


def test_a_lock_that_is_not_given_is_transient(server, config):
    server.execute(THING, "INSERT INTO thing VALUES (1, 'a', 1, 'old'), (2, 'b', 1, 'old')", config=config)
    with closing(MysqlConnector().open({**config, "lock_timeout": 1})) as session:
        writer = Writer(session, "thing", **TYPES)
        with closing(connect(server.admin)) as other, other.cursor() as cursor:
            cursor.execute(f"USE `{config['database']}`")
            cursor.execute("BEGIN")
            cursor.execute("SELECT * FROM thing WHERE id = 1 FOR UPDATE")
            with pytest.raises(Transient, match="1205"):
                writer.update([{"id": 1}], [{"name": "ours"}])
            started = time.monotonic()
            with pytest.raises(Transient, match="1205"):  # once, not for every half of the batch
                writer.create([row(1), *(row(i) for i in range(3, 40))])
            assert time.monotonic() - started < 4
        assert outcomes(writer.update([{"id": 1}], [{"name": "ours"}])) == ["applied"]


def test_another_writer_that_creates_for_long_is_transient(server, config):
    server.execute(THING, config=config)
    first, second = (MysqlConnector().open({**config, "lock_timeout": 1}) for _ in range(2))
    try:
        first.begin()
        first.write_rows(batch(first, [row(1)]))
        with pytest.raises(Transient, match="another writer"):
            Writer(second, "thing", **TYPES).create([row(2)], unless=(("code",),))
    finally:
        first.close()
        second.close()


def batch(session, rows):
    """The batch that `Writer.create` would write, by key."""
    found = []
    session, write = type("Kept", (), {"write": lambda _, batch: found.append(batch) or iter(())})(), Writer
    write(session, "thing", **TYPES).create(rows, unless=(("code",),))
    return found[0]
