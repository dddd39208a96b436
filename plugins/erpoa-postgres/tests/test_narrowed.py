"""A table of which row-level security shows a part: the read is not complete, and nothing is removed for it."""

from __future__ import annotations

from typing import Any

import pytest
from erpoa_postgres import PostgresConnector, select
from erpoa_postgres.session import PostgresSession

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import Field, parse_type
from erpoa_cli.sdk.connector import ReadRequest

from .conftest import Server

FIELDS = (Field("code", parse_type("string")),)


@pytest.fixture
def narrowed(server: Server, config: dict[str, Any]) -> dict[str, Any]:
    """A table of the superuser, of which the role sees two of three rows; and a view over it."""
    where = f'"{config["schema"]}"'
    server.execute(
        f"CREATE TABLE {where}.thing (code text PRIMARY KEY)",
        f"INSERT INTO {where}.thing VALUES ('A'), ('B'), ('C')",
        f"CREATE VIEW {where}.things AS SELECT * FROM {where}.thing",
        f"GRANT SELECT ON {where}.thing, {where}.things TO {config['user']}",
        f"ALTER TABLE {where}.thing ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY narrow ON {where}.thing FOR SELECT TO {config['user']} USING (code <> 'C')",
    )
    return config


def read(session: PostgresSession, **asked: Any) -> tuple[list[str], ReadStatus, str]:
    reading = session.read(ReadRequest(fields=FIELDS, **asked))
    codes = sorted(code for batch in reading for code in batch["code"].to_pylist())
    return codes, reading.verdict.status, reading.verdict.reason


@pytest.mark.parametrize("asked", [{"object": "thing"}, {"object": "", "query": "SELECT code FROM thing"}])
def test_a_read_that_a_policy_narrows_is_partial(narrowed: dict[str, Any], asked: dict[str, Any]) -> None:
    session = PostgresConnector().open(narrowed)
    codes, status, reason = read(session, **asked)
    session.close()
    assert (codes, status) == (["A", "B"], ReadStatus.PARTIAL)
    assert "row-level security" in reason


def test_who_is_not_narrowed_reads_completely(server: Server, narrowed: dict[str, Any]) -> None:
    server.execute(f"ALTER ROLE {narrowed['user']} BYPASSRLS")
    try:
        session = PostgresConnector().open(narrowed)
        found = read(session, object="thing")
        session.close()
    finally:
        server.execute(f"ALTER ROLE {narrowed['user']} NOBYPASSRLS")
    assert found == (["A", "B", "C"], ReadStatus.COMPLETE, "")


def test_a_replica_is_read_completely_only_where_that_is_declared(
    server: Server, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that answers as a standby does."""
    server.execute(f'CREATE TABLE "{config["schema"]}".thing (code text PRIMARY KEY)', config=config)
    monkeypatch.setattr(select, "_IS_REPLICA", "SELECT true")
    for declared, status in (({}, ReadStatus.PARTIAL), ({"replica": True}, ReadStatus.COMPLETE)):
        session = PostgresConnector().open({**config, **declared})
        found = read(session, object="thing")
        session.close()
        assert found[1] is status
        assert ("`replica: true`" in found[2]) is (status is ReadStatus.PARTIAL)
