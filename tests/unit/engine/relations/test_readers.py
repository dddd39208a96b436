"""Who is interrupted does not wait for a system, whatever a library made of the interrupt."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.staging import Staging

LONG = "SELECT sum(hash(a.range)) FROM range(10_000_000) a, range(10_000) b"


@pytest.fixture
def unanswered():
    answer = threading.Event()
    yield answer
    answer.set()


@pytest.fixture
def project() -> Any:
    return SimpleNamespace(systems={"erp": SimpleNamespace(limits=SimpleNamespace(concurrency=1))})


def failing(project: Any, waits: Any, fail: Any) -> tuple[list[Future[Any]], BaseException]:
    """A read that *waits*, after *fail* was called beside it, and what came of that."""
    reading: list[Future[Any]] = []
    with pytest.raises(RuntimeError) as caught:
        _fail_beside(project, reading, waits, fail)
    return reading, caught.value


def _fail_beside(project: Any, reading: list[Future[Any]], waits: Any, fail: Any) -> None:
    with Readers(project) as readers:
        reading.append(readers.begin("erp", waits, 20))
        fail()


def test_an_interrupt_of_what_duckdb_does_meanwhile(project: Any, unanswered: threading.Event) -> None:
    def fail() -> None:
        with Staging(None, as_of=datetime.now(UTC)) as staging:
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
            staging.sql(LONG)

    reading, error = failing(project, unanswered.wait, fail)
    assert isinstance(error.__cause__, KeyboardInterrupt)
    assert not reading[0].done()


def test_any_other_error_waits_for_what_is_read(project: Any, unanswered: threading.Event) -> None:
    def fail() -> None:
        threading.Timer(0.2, unanswered.set).start()
        raise RuntimeError

    reading, _ = failing(project, unanswered.wait, fail)
    assert reading[0].done()
