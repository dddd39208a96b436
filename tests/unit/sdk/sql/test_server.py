"""Where a database server is: what must be verified, and by which address its database is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from erpoa_cli.sdk.errors import Fatal
from erpoa_cli.sdk.sql.server import identity, is_local, is_verified

NEVER = {"reason": "old server", "until": "2999-01-01"}


def test_this_machine():
    assert all(map(is_local, ("localhost", "LOCALHOST", "127.0.0.1", "::1", "/run", "/run/s.sock")))
    assert not any(map(is_local, ("localhost.example.com", "128.0.0.1", "0.0.0.0", "db", "")))


@pytest.mark.parametrize(
    ("host", "more", "verified"),
    [
        ("db.example.com", {}, True),
        ("10.0.0.5", {}, True),
        ("localhost", {"ca_file": "/ca.pem"}, True),
        ("localhost", {}, False),
        ("db.example.com", {"plaintext": NEVER}, False),
        # an exception never weakens what can be verified
        ("db.example.com", {"ca_file": "/ca.pem", "plaintext": NEVER}, True),
    ],
)
def test_what_is_verified(host, more, verified):
    assert is_verified(more, host) is verified


def test_an_exception_ends():
    today = datetime.now(UTC).date()
    for until in ("2020-01-01", (today - timedelta(days=1)).isoformat()):
        with pytest.raises(Fatal, match="ended"):
            is_verified({"plaintext": {"reason": "x", "until": until}}, "db")
    assert not is_verified({"plaintext": {"reason": "x", "until": today.isoformat()}}, "db")


def test_places_are_told_apart():
    same = identity("mysql", "DB.example.com", 3306, "d")
    assert identity("mysql", "db.example.com", 3306, "d") == same == "mysql:db.example.com:3306/d"
    others = [
        identity("mysql", "db2.example.com", 3306, "d"),
        identity("mysql", "db.example.com", 3307, "d"),
        identity("mysql", "db.example.com", 3306, "e"),
        identity("postgres", "db.example.com", 3306, "d"),
        identity("mysql", "2001:db8::1", 3306, "d"),
    ]
    assert len({same, *others}) == 1 + len(others)
