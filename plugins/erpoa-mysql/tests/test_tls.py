"""Whom we speak to: certificates are checked, and a server elsewhere is never spoken to in the clear."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from erpoa_mysql import MysqlConnector
from erpoa_mysql.config import Place
from erpoa_mysql.wire import Wire

from erpoa_cli.core.schema import STRING, Field
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import Denied, Fatal, SystemFailure
from tests.certificates import Authority
from tests.mariadb import Server, connect

pytestmark = pytest.mark.process

PASSWORD = "p@ss w0rd'\\名"


@dataclass(frozen=True)
class Served:
    server: Server
    ours: Authority
    theirs: Authority


@pytest.fixture(scope="module")
def served(private, tmp_path_factory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    with closing(connect(private.url)) as db, db.cursor() as cursor:
        cursor.execute("CREATE DATABASE IF NOT EXISTS secured")
        cursor.execute("CREATE USER IF NOT EXISTS guarded@'%%' IDENTIFIED BY %s", (PASSWORD,))
        cursor.execute("GRANT ALL ON secured.* TO guarded@'%'")
    yield Served(private, ours, theirs)
    plain(private)


def execute(server: Server, statement: str) -> None:
    with closing(connect(server.url)) as db, db.cursor() as cursor:
        cursor.execute(statement)


TLS = ("ssl_cert", "ssl_key", "ssl_ca")


def serve(served: Served, certificate: Path, key: Path) -> None:
    server = served.server
    for name, source in zip(TLS, (certificate, key, served.ours.file), strict=True):
        own = server.folder / name
        own.write_bytes(source.read_bytes())
        server.give(own)
        server.settings[name] = str(own)
    server.stop()
    server.start()


def plain(server: Server) -> None:
    for name in TLS:
        server.settings.pop(name, None)
    server.stop()
    server.start()


def config(served: Served, **more):
    return {
        "host": "127.0.0.1", "port": served.server.port, "database": "secured", "user": "guarded",
        "password": Secret(PASSWORD), **more,
    }  # fmt: skip


CIPHER = (
    "SELECT VARIABLE_VALUE AS v FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_VERSION'"
)


def test_a_certificate_that_is_good_and_names_the_host(served):
    serve(served, *served.ours.sign("good", "127.0.0.1"))
    with closing(MysqlConnector().open(config(served, ca_file=str(served.ours.file)))) as session:
        assert session.rows(CIPHER) == [("TLSv1.3",)]
        reading = session.read(ReadRequest(object="", query=CIPHER, fields=(Field("v", STRING),)))
        assert [b.to_pylist() for b in reading] == [[{"v": "TLSv1.3"}]], (
            "the reading connection speaks TLS too"
        )


@pytest.mark.parametrize("case", ["another authority", "another host", "another authority for the reader"])
def test_any_other_certificate_is_refused(served, case):
    serve(served, *served.ours.sign("other", *(["127.0.0.1"] if "authority" in case else [])))
    wrong = served.theirs.file if "authority" in case else served.ours.file
    if "reader" in case:
        with closing(MysqlConnector().open(config(served, ca_file=str(served.ours.file)))) as session:
            session._place = Place.of(config(served, ca_file=str(wrong)))
            reading = session.read(
                ReadRequest(object="", query="SELECT 1 AS n", fields=(Field("n", STRING),))
            )
            assert list(reading) == []
        assert reading.verdict.status == "failed"
        assert "certificate" in reading.verdict.reason
        return
    with pytest.raises(Fatal, match="certificate") as caught:
        MysqlConnector().open(config(served, ca_file=str(wrong)))
    assert "p@ss" not in str(caught.value)


def test_our_own_certificate_where_the_server_asks_for_one(served):
    serve(served, *served.ours.sign("good", "127.0.0.1"))
    execute(served.server, "ALTER USER guarded@'%' REQUIRE X509")
    try:
        certificate, key = served.ours.sign("guarded")
        own = {"cert_file": str(certificate), "key_file": str(key)}
        for more in (own, {**own, "ca_file": str(served.ours.file)}):
            MysqlConnector().open(config(served, **more)).close()
        with pytest.raises(Denied):
            MysqlConnector().open(config(served, ca_file=str(served.ours.file)))
    finally:
        execute(served.server, "ALTER USER guarded@'%' REQUIRE NONE")


def test_tls_is_taken_where_it_is_offered_and_need_not_be_verified(served):
    serve(served, *served.ours.sign("good", "127.0.0.1"))
    with closing(MysqlConnector().open(config(served))) as session:
        assert session.rows(CIPHER) == [("TLSv1.3",)]


def test_a_server_without_tls_is_refused_where_it_must_be_verified(served):
    plain(served.server)
    with pytest.raises(SystemFailure, match="SSL"):
        MysqlConnector().open(config(served, ca_file=str(served.ours.file)))
    MysqlConnector().open(config(served)).close()


def test_a_socket(served):
    host = served.server.settings["socket"]
    with closing(MysqlConnector().open(config(served, host=host))) as session:
        assert session.rows("SELECT 1") == [(1,)]


def test_a_wrong_password_is_denied_and_not_told(served):
    wrong = {**config(served), "password": Secret("wrong-secret")}
    for asked in (wrong, {name: value for name, value in wrong.items() if name != "password"}):
        with pytest.raises(Denied) as caught:
            MysqlConnector().open(asked)
        assert "wrong-secret" not in repr(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog", b"mysql_old_password"])
def test_a_password_is_not_said_in_the_clear(plugin):
    """As somebody in between would ask for it."""
    wire = Wire.__new__(Wire)
    wire._is_safe = False
    with pytest.raises(Fatal, match="in the clear"):
        wire._process_auth(plugin, None)


@pytest.mark.parametrize(
    ("host", "more", "verified"),
    [
        ("db.example.com", {}, True),
        ("10.0.0.5", {}, True),
        ("2001:db8::1", {}, True),
        ("db.example.com", {"ca_file": None}, True),
        ("localhost", {"ca_file": None}, True),
        ("localhost", {}, False),
        ("127.8.0.1", {}, False),
        ("::1", {}, False),
        ("/run/mysqld/mysqld.sock", {}, False),
        ("db.example.com", {"plaintext": {"reason": "old server", "until": "2999-01-01"}}, False),
        # an exception never weakens what can be verified
        ("db.example.com", {"ca_file": None, "plaintext": {"reason": "x", "until": "2999-01-01"}}, True),
    ],
)
def test_what_is_verified(tmp_path, host, more, verified):
    if "ca_file" in more:
        more = {**more, "ca_file": str(Authority(tmp_path, "ca").file)}
    place = Place.of({"host": host, "database": "d", "user": "u", **more})
    assert (place.tls is not None) is verified
    if place.tls is not None:
        assert place.tls.verify_mode is ssl.CERT_REQUIRED
        assert place.tls.check_hostname
        assert place.tls.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_are_no_certificates(tmp_path):
    for more in (
        {"ca_file": str(tmp_path / "none")},
        {"cert_file": str(tmp_path), "key_file": str(tmp_path)},
    ):
        with pytest.raises(Fatal, match="cannot be used"):
            Place.of({"host": "db", "database": "d", "user": "u", **more})
        with pytest.raises(Fatal, match="cannot be used"):
            Place.of({"host": "localhost", "database": "d", "user": "u", **more})


def test_the_password_is_in_no_rendering():
    place = Place.of({"database": "d", "user": "u", "password": Secret("hunter2")})
    assert "hunter2" not in repr(place)
    assert "hunter2" not in place.identity
