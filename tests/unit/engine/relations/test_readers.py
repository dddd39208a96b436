"""Who is interrupted does not wait for a system, whatever a library made of the interrupt."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from erpoa_cli.core import interrupt
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.readers import Readers


@pytest.fixture
def unanswered():
    answer = threading.Event()
    yield answer
    answer.set()


@pytest.fixture
def project() -> Any:
    return SimpleNamespace(systems={"erp": SimpleNamespace(limits=SimpleNamespace(concurrency=1))})


def begin(readers: Readers, waits: Any) -> Future[Any]:
    return readers.begin("erp", waits, 20)


def test_an_interrupt_in_whatever_clothes_waits_for_nobody(project: Any, unanswered: threading.Event) -> None:
    reading: list[Future[Any]] = []

    def interrupted() -> None:
        with Readers(project, Mock(spec=Connections)) as readers:
            reading.append(begin(readers, unanswered.wait))
            raise OSError("a callback failed") from KeyboardInterrupt()

    with pytest.raises(OSError, match="callback"):
        interrupted()
    assert not reading[0].done()


def test_an_interrupt_of_which_a_library_kept_nothing_waits_for_nobody(
    project: Any, unanswered: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interrupt, "_struck", [])
    reading: list[Future[Any]] = []

    def interrupted() -> None:
        with Readers(project, Mock(spec=Connections)) as readers:
            reading.append(begin(readers, unanswered.wait))
            with pytest.raises(KeyboardInterrupt):
                interrupt.strike(KeyboardInterrupt())
            raise OSError("a callback failed") from None

    with pytest.raises(OSError, match="callback"):
        interrupted()
    assert not reading[0].done()
    assert interrupt.interrupt_behind(None) is None


def test_any_other_error_waits_for_what_is_read(project: Any, unanswered: threading.Event) -> None:
    reading: list[Future[Any]] = []

    def failing() -> None:
        with Readers(project, Mock(spec=Connections)) as readers:
            reading.append(begin(readers, unanswered.wait))
            threading.Timer(0.2, unanswered.set).start()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        failing()
    assert reading[0].done()
