"""Sessions: bounded, reused, closed; errors name the system and tell no secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from erpoa_cli.core.diagnostic import Failure, Location
from erpoa_cli.core.project import Limits, Project, System
from erpoa_cli.core.secret import Secret
from erpoa_cli.engine import connect
from erpoa_cli.engine.connect import Connections, Installed, redacted
from erpoa_cli.sdk.connector import Connector, Readable
from erpoa_cli.sdk.errors import Denied

AT = Location("systems/s.yml", 1, 1)


class Fake(Connector):
    name = "fake"
    config_schema: ClassVar[Mapping[str, Any]] = {
        "properties": {"path": {"x-erpoa": {"path": True}}, "other": {"type": "string"}}
    }
    opened: ClassVar[list[FakeSession]] = []
    error: ClassVar[Exception | None] = None

    def open(self, config: Mapping[str, Any]) -> FakeSession:
        if Fake.error:
            raise Fake.error
        session = FakeSession(config)
        Fake.opened.append(session)
        return session


class FakeSession(Readable):
    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config, self.closed = config, False

    def read(self, request: Any) -> Any: ...

    def check(self) -> Any: ...

    def identity(self) -> str:
        return "fake"

    def objects(self, names: Any = None) -> Any: ...

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    found = Installed({"fake": Fake}, {}, {"fake": ("erpoa-fake", "1.2")})
    monkeypatch.setattr(connect, "discovered", lambda: found)
    monkeypatch.setattr(Fake, "opened", [])
    monkeypatch.setattr(Fake, "error", None)
    config = {"path": "data/a.db", "other": "data/b", "password": Secret("geheim-canary", "p")}
    system = System(name="erp", plugin="fake", config=config, at=AT, limits=Limits(concurrency=2))
    return Project(name="p", root=str(tmp_path), environment="dev", systems={"erp": system})


def test_no_more_sessions_at_once_than_allowed(project: Project):
    now, most, guard = 0, 0, threading.Lock()
    with Connections(project) as connections:

        def work() -> None:
            nonlocal now, most
            with connections.lease("erp"):
                with guard:
                    now += 1
                    most = max(most, now)
                time.sleep(0.01)
                with guard:
                    now -= 1

        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 2
    assert len(Fake.opened) == 2  # reused
    assert all(session.closed for session in Fake.opened)


def test_a_session_is_kept_for_writing(project: Project):
    with Connections(project) as connections:
        assert connections.session("erp") is connections.session("erp")
        assert connections.plugin("erp") == ("fake", "1.2")
    assert [s.closed for s in Fake.opened] == [True]


def test_a_session_is_not_used_again_after_an_error(project: Project):
    with Connections(project) as connections:
        with pytest.raises(ZeroDivisionError), connections.lease("erp"):
            raise ZeroDivisionError
        assert Fake.opened[0].closed
        with connections.lease("erp") as session:
            assert session is not Fake.opened[0]


def test_paths_and_only_paths_are_taken_from_the_project(project: Project, tmp_path: Path):
    with Connections(project) as connections:
        connections.session("erp")
    assert Fake.opened[0].config["path"] == str(tmp_path / "data/a.db")
    assert Fake.opened[0].config["other"] == "data/b"
    assert Fake.opened[0].config["password"].reveal() == "geheim-canary"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Denied("login failed for geheim-canary"), "system erp refuses us: login failed for ***"),
        (
            OSError("cannot reach host?pw=geheim-canary"),
            "system erp cannot be opened: OSError: cannot reach host?pw=***",
        ),
    ],
)
def test_errors_name_the_system_and_tell_no_secret(project: Project, error: Exception, said: str):
    Fake.error = error
    with Connections(project) as connections, pytest.raises(Failure) as caught:
        connections.session("erp")
    [diagnostic] = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.summary, diagnostic.at) == ("E0311", said, AT)
    assert caught.value.__cause__ is None
    assert "canary" not in repr(caught.value)


def test_secrets_are_found_wherever_they_are_in_the_config():
    config = {"a": [{"b": Secret("eins")}], "c": Secret("zwei"), "d": Secret("")}
    assert redacted("eins zwei drei", config) == "*** *** drei"
