"""Whom we speak to: certificates are checked, and a server elsewhere is never spoken to in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from erpoa_postgres import PostgresConnector
from erpoa_postgres.config import Place
from erpoa_postgres.select import Readers
from psycopg.conninfo import conninfo_to_dict

from erpoa_cli.core.schema import INTEGER, Field
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.connector import ReadRequest
from erpoa_cli.sdk.errors import Denied, SystemFailure
from tests.certificates import Authority
from tests.postgres import Cluster, binaries
from tests.postgres import server as private
from tests.services import missing

pytestmark = pytest.mark.process


@dataclass(frozen=True)
class Served:
    cluster: Cluster
    ours: Authority
    theirs: Authority


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    programs = binaries()
    if programs is None:
        missing("POSTGRES", "there is no initdb for a server with certificates of our own")
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = Authority(folder, "ours"), Authority(folder, "theirs")
    with private(programs) as cluster:
        with psycopg.connect(cluster.url, autocommit=True) as db:
            db.execute("CREATE ROLE worker LOGIN PASSWORD 'p@ss w0rd''\\'")
        yield Served(cluster, ours, theirs)


def serve(
    served: Served, certificate: Path, key: Path, hba: str = "hostssl all all 127.0.0.1/32 scram-sha-256"
) -> None:
    data = served.cluster.data
    for source, name in ((certificate, "server.crt"), (key, "server.key"), (served.ours.file, "root.crt")):
        (data / name).write_bytes(source.read_bytes())
        served.cluster.give(data / name)
    (data / "pg_hba.conf").write_text(f"local all all trust\nhost all postgres 127.0.0.1/32 trust\n{hba}\n")
    with psycopg.connect(served.cluster.url, autocommit=True) as db:
        db.execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
        db.execute("ALTER SYSTEM SET ssl = on")
    served.cluster.stop()
    served.cluster.start()


def config(served: Served, **more):
    return {
        "host": "127.0.0.1", "port": served.cluster.port, "database": "postgres", "user": "worker",
        "password": Secret("p@ss w0rd'\\"), **more,
    }  # fmt: skip


def test_a_certificate_that_is_good_and_names_the_host(served):
    serve(served, *served.ours.sign("good", "127.0.0.1"))
    session = PostgresConnector().open(config(served, ca_file=str(served.ours.file)))
    try:
        assert session.rows("SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [
            (True, "TLSv1.3")
        ]
        query = "SELECT count(*) AS n FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = 'worker' AND s.ssl"
        reading = session.read(ReadRequest(object="", query=query, fields=(Field("n", INTEGER),)))
        assert [b.to_pylist() for b in reading] == [[{"n": 3}]], "both of the reading driver speak TLS too"
    finally:
        session.close()


@pytest.mark.parametrize("case", ["another authority", "another host", "another authority for the reader"])
def test_any_other_certificate_is_refused(served, case):
    serve(served, *served.ours.sign("other", *(["127.0.0.1"] if "authority" in case else [])))
    wrong = served.theirs.file if "authority" in case else served.ours.file
    if "reader" in case:
        session = PostgresConnector().open(config(served, ca_file=str(served.ours.file)))
        session._readers = Readers(Place.of(config(served, ca_file=str(wrong))))
        reading = session.read(ReadRequest(object="", query="SELECT 1 AS n", fields=(Field("n", INTEGER),)))
        assert list(reading) == []
        assert reading.verdict.status == "failed"
        assert "certificate" in reading.verdict.reason
        session.close()
        return
    with pytest.raises(SystemFailure, match="certificate") as caught:
        PostgresConnector().open(config(served, ca_file=str(wrong)))
    assert "p@ss" not in str(caught.value)


def test_our_own_certificate_where_the_server_asks_for_one(served):
    serve(served, *served.ours.sign("good", "127.0.0.1"), hba="hostssl all all 127.0.0.1/32 cert")
    certificate, key = served.ours.sign("worker")
    own = {"cert_file": str(certificate), "key_file": str(key)}
    PostgresConnector().open(config(served, ca_file=str(served.ours.file), **own)).close()
    with pytest.raises(SystemFailure):
        PostgresConnector().open(config(served, ca_file=str(served.ours.file)))


def test_a_server_without_tls_is_refused_where_it_must_be_verified(served):
    (served.cluster.data / "pg_hba.conf").write_text("host all all 127.0.0.1/32 trust\n")
    with psycopg.connect(served.cluster.url, autocommit=True) as db:
        db.execute("ALTER SYSTEM SET ssl = off")
    served.cluster.stop()
    served.cluster.start()
    with pytest.raises(SystemFailure, match="SSL"):
        PostgresConnector().open(config(served, ca_file=str(served.ours.file)))


def test_a_wrong_password_is_denied_and_not_told(served):
    hba = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    (served.cluster.data / "pg_hba.conf").write_text(hba)
    with psycopg.connect(served.cluster.url, autocommit=True) as db:
        db.execute("SELECT pg_reload_conf()")
    wrong = {**config(served), "password": Secret("wrong-secret")}
    for asked in (wrong, {name: value for name, value in wrong.items() if name != "password"}):
        with pytest.raises(Denied) as caught:
            PostgresConnector().open(asked)
        assert "wrong-secret" not in repr(caught.value)
        assert caught.value.__cause__ is None


@pytest.fixture
def no_libpq_environment(monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "disable")
    monkeypatch.setenv("PGPASSWORD", "from the environment")
    monkeypatch.setenv("PGOPTIONS", "-c TimeZone=Asia/Shanghai")


@pytest.mark.parametrize(
    ("host", "more", "sslmode"),
    [
        ("db.example.com", {}, "verify-full"),
        ("10.0.0.5", {}, "verify-full"),
        ("2001:db8::1", {}, "verify-full"),
        ("db.example.com", {"ca_file": "/ca.pem"}, "verify-full"),
        ("localhost", {"ca_file": "/ca.pem"}, "verify-full"),
        ("localhost", {}, "prefer"),
        ("127.8.0.1", {}, "prefer"),
        ("::1", {}, "prefer"),
        ("/var/run/postgresql", {}, "prefer"),
        ("db.example.com", {"plaintext": {"reason": "old server", "until": "2999-01-01"}}, "prefer"),
        # an exception never weakens what can be verified
        (
            "db.example.com",
            {"ca_file": "/ca.pem", "plaintext": {"reason": "x", "until": "2999-01-01"}},
            "verify-full",
        ),
    ],
)
def test_what_is_verified(no_libpq_environment, tmp_path, monkeypatch, host, more, sslmode):
    bundle = tmp_path / "bundle.crt"
    bundle.touch()
    monkeypatch.setattr("erpoa_postgres.config._BUNDLES", (str(bundle),))
    place = Place.of({"host": host, "database": "d", "user": "u", **more})
    told = conninfo_to_dict(place.conninfo.reveal())
    assert told["sslmode"] == sslmode
    assert told["ssl_min_protocol_version"] == "TLSv1.2"
    assert told["password"] == ""
    if sslmode == "verify-full":
        assert told["sslrootcert"]


def test_the_password_is_in_no_rendering():
    place = Place.of({"database": "d", "user": "u", "password": Secret("hunter2")})
    assert "hunter2" not in repr(place)
    assert "hunter2" not in place.database
