"""What `erpoa doctor` tells about a connection that works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from erpoa_mysql import MysqlConnector
from erpoa_mysql.grants import Grants

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import ContractBroken


@pytest.fixture
def server(own_server):
    return own_server


def problems(config):
    with closing(MysqlConnector().open(config)) as session:
        return list(session.check())


@pytest.fixture
def lesser(server, config) -> Iterator[Callable[..., dict]]:
    """A user with only the rights given: each as `PRIVILEGES ON WHAT`, `{}` standing for the database."""
    user = f"{config['user']}_l"

    def made(*rights: str) -> dict:
        server.execute(f"DROP USER IF EXISTS {user}", f"CREATE USER {user}@'%' IDENTIFIED BY 'x'")
        quoted = f"`{config['database']}`".replace("_", "\\_")
        exact = f"`{config['database']}`"
        for right in rights:
            what = right.replace("{}.*", f"{quoted}.*").replace("{}", exact)
            server.execute(f"GRANT {what} TO {user}@'%'")
        return {**config, "user": user, "password": Secret("x")}

    yield made
    server.execute(f"DROP USER IF EXISTS {user}")


NEEDED = "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES ON {}.*"


def test_a_user_with_just_its_rights_is_well(config, lesser):
    assert problems(config) == []
    assert problems(lesser(NEEDED)) == []


@pytest.mark.parametrize("power", ["SUPER", "FILE", "CREATE USER", "SELECT", "RELOAD"])
def test_a_user_that_may_too_much(lesser, power):
    (problem,) = problems(lesser(NEEDED, f"{power} ON *.*"))
    assert "whole server" in problem
    assert power in problem


def test_harmless_rights_on_the_whole_server(lesser):
    assert problems(lesser(NEEDED, "PROCESS ON *.*", "REPLICATION CLIENT ON *.*")) == []


def test_an_administrator(server, config, lesser):
    (problem,) = problems(lesser(NEEDED, "ALL ON *.*"))
    assert "ALL PRIVILEGES" in problem


def test_rights_to_write_where_nothing_is_written(server, config, lesser):
    assert problems({**lesser(NEEDED), "read_only": True}) == [], "nothing is there that could be written"
    server.execute(*(f"CREATE TABLE t{i} (id int)" for i in range(7)), config=config)
    (problem,) = [p for p in problems({**lesser(NEEDED), "read_only": True}) if "read_only" in p]
    assert "may write to t0, t1" in problem
    assert "2 more" in problem
    assert "revoke" in problem
    assert problems({**lesser("SELECT ON {}.*"), "read_only": True}) == []
    (problem,) = problems({**lesser("SELECT ON {}.*", "UPDATE (id) ON {}.t3"), "read_only": True})
    assert "may write to t3:" in problem


def test_rights_that_writing_needs(server, config, lesser):
    server.execute("CREATE TABLE t (id int)", config=config)
    temporary, ledger = problems(lesser("SELECT, INSERT, UPDATE, DELETE ON {}.t"))
    assert "GRANT CREATE TEMPORARY TABLES" in temporary
    assert "ledger: lookup" in ledger
    server.execute(
        "CREATE TABLE erpoa_ledger (run_id varchar(64), batch bigint, effects_digest varchar(80)) ENGINE=InnoDB",
        config=config,
    )
    (rows,) = problems(
        lesser("SELECT ON {}.t", "CREATE TEMPORARY TABLES ON {}.*", "SELECT ON {}.erpoa_ledger")
    )
    assert "GRANT SELECT, INSERT" in rows
    enough = ("SELECT ON {}.t", "CREATE TEMPORARY TABLES ON {}.*", "SELECT, INSERT ON {}.erpoa_ledger")
    assert problems(lesser(*enough)) == []
    server.execute("ALTER TABLE erpoa_ledger ENGINE=MyISAM", config=config)
    (engine,) = problems(lesser(*enough))
    assert "ENGINE=InnoDB" in engine


def test_rights_of_a_role_count(server, config, lesser):
    role = f"{config['user']}_r"
    server.execute(
        f"CREATE ROLE {role}", f"GRANT {NEEDED.replace('{}', '`' + config['database'] + '`')} TO {role}"
    )
    try:
        user = lesser(f"{role}")
        server.execute(f"SET DEFAULT ROLE {role} FOR {user['user']}@'%'")
        assert problems(user) == []
    finally:
        server.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("lines", "may", "everywhere"),
    [
        (["GRANT USAGE ON *.* TO `u`@`%`"], False, set()),
        (["GRANT ALL PRIVILEGES ON `my\\_db`.* TO `u`@`%` WITH GRANT OPTION"], True, set()),
        (["GRANT SELECT ON `myxdb`.* TO `u`@`%`"], False, set()),
        (["GRANT SELECT, INSERT ON `my%`.* TO `u`@`%`"], True, set()),
        (["GRANT SELECT (`a`, `b`), INSERT (`a`) ON `my_db`.`t` TO `u`@`%`"], True, set()),
        (["GRANT SELECT, INSERT ON `my_db`.`t``x` TO `u`@`%`"], False, set()),
        (["GRANT SELECT, INSERT, CREATE TEMPORARY TABLES ON *.* TO `u`@`%` WITH GRANT OPTION"], True,
         {"SELECT", "INSERT", "CREATE TEMPORARY TABLES", "GRANT OPTION"}),
        # as MySQL tells partial revokes, dynamic privileges and roles
        (["GRANT SELECT, INSERT ON *.* TO `u`@`%`", "REVOKE INSERT ON `my_db`.* FROM `u`@`%`"], False, {"SELECT", "INSERT"}),
        (["GRANT BACKUP_ADMIN,SYSTEM_USER ON *.* TO `u`@`%`", "GRANT `r`@`%` TO `u`@`%`"], False,
         {"BACKUP_ADMIN", "SYSTEM_USER"}),
    ],
)  # fmt: skip
def test_grants_are_understood(lines, may, everywhere):
    class Told:
        is_mariadb = True

        def rows(self, sql):
            return [(line,) for line in lines]

    grants = Grants(Told())
    assert grants.may("INSERT", "my_db", "t") is may
    assert grants.everywhere() == everywhere


def test_a_server_that_is_not_durable(server, config):
    server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    try:
        (problem,) = problems(config)
        assert "power failure" in problem
    finally:
        server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")


def test_a_replica(server, config, lesser):
    server.execute("SET GLOBAL read_only = 1")
    try:
        (problem,) = problems(config)
        assert "read-only" in problem
        assert problems({**lesser("SELECT ON {}.*"), "read_only": True}) == []
    finally:
        server.execute("SET GLOBAL read_only = 0")


def test_settings_that_a_proxy_drops(session):
    for setting in ("time_zone = '+08:00'", "sql_mode = ''"):
        session.execute(f"SET {setting}")
        (problem,) = session.check()
        assert "proxy" in problem


def test_a_server_that_is_too_old(config, monkeypatch):
    monkeypatch.setattr("erpoa_mysql.settings._NEEDED", {True: (99,), False: (99,)})
    with pytest.raises(ContractBroken, match="newer is needed"):
        MysqlConnector().open(config)
