"""What `erpoa doctor` tells about a connection that works."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from erpoa_postgres import PostgresConnector
from psycopg.conninfo import make_conninfo

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken


@pytest.fixture
def server(own_server):
    return own_server


def problems(config):
    session = PostgresConnector().open(config)
    try:
        return list(session.check())
    finally:
        session.close()


def test_a_role_with_just_its_rights_is_well(config):
    assert problems(config) == []


@pytest.mark.parametrize(
    ("power", "words"),
    [("SUPERUSER", "superuser"), ("CREATEROLE", "create roles"), ("CREATEDB", "create databases"),
     ("REPLICATION", "replicate"), ("BYPASSRLS", "row-level")],
)  # fmt: skip
def test_a_role_that_may_too_much(server, config, power, words):
    server.execute(f"ALTER ROLE {config['user']} {power}")
    try:
        (problem,) = problems(config)
        assert words in problem
    finally:
        server.execute(f"ALTER ROLE {config['user']} NO{power}")


def test_rights_to_write_where_nothing_is_written(server, config):
    assert problems({**config, "read_only": True}) == []
    server.execute(*(f"CREATE TABLE t{i} (id int)" for i in range(7)), config=config)
    (problem,) = problems({**config, "read_only": True})
    assert "may write to t0, t1" in problem
    assert "2 more" in problem
    assert "revoke" in problem


def test_rights_that_writing_needs(server, config):
    role, database = f"{config['user']}_less", config["database"]
    server.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'x'", f'GRANT USAGE ON SCHEMA "{config["schema"]}" TO {role}'
    )
    less = {**config, "user": role, "password": Secret("x")}
    try:
        server.execute(f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC")
        temporary, ledger = problems(less)
        assert "GRANT TEMPORARY" in temporary
        assert "ledger: lookup" in ledger
        server.execute(f"GRANT TEMPORARY ON DATABASE {database} TO PUBLIC")
        server.execute("CREATE TABLE erpoa_ledger (run_id text)", config=config)
        (ledger,) = problems(less)
        assert "GRANT SELECT, INSERT" in ledger
        server.execute(f"GRANT SELECT, INSERT ON erpoa_ledger TO {role}", config=config)
        assert problems(less) == []
    finally:
        server.execute(
            f"GRANT TEMPORARY ON DATABASE {database} TO PUBLIC", f"DROP OWNED BY {role}", f"DROP ROLE {role}"
        )


def test_a_schema_that_is_not_there_is_not_replaced_by_another(config):
    with pytest.raises(ContractBroken, match="no schema 'no_such_schema'"):
        PostgresConnector().open({**config, "schema": "no_such_schema"})


def test_a_database_that_is_not_unicode(server, config):
    name = f"erpoa_test_{secrets.token_hex(4)}"
    server.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C' OWNER {config['user']}"
    )
    try:
        with psycopg.connect(make_conninfo(server.admin, dbname=name), autocommit=True) as db:
            db.execute(f"CREATE SCHEMA s AUTHORIZATION {config['user']}")
        (problem,) = problems({**config, "database": name, "schema": "s"})
        assert "SQL_ASCII" in problem
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_settings_that_a_pooler_drops(session):
    session.execute("SET TimeZone = 'Asia/Shanghai'")
    (problem,) = session.check()
    assert "pooler" in problem
