"""What all tests share, as a pytest plugin: a run of their own, the depth, the seed, and no process by accident."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import depth
from tests.runs import Run

# What is compiled is kept, here and by the programs that tests start: compiling took half of their time.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# These start servers, or ask for one that runs.
SERVICES = frozenset({"service_url", "served", "private", "servers"})
# Everything in there is about the program as a process.
PROCESSES = ("tests/e2e/", "tests/faults/")
HEAVY = ("erpoa-tryton/tests/test_lost", "tests/faults/", "test_example_", "erpoa-tryton/tests/", "unit/engine/test_documents",
         "tests/integration/", "erpoa-http/tests/", "tests/property/", "tests/e2e/", "unit/engine/test_plan", "tests/cases/")  # fmt: skip
SLOW = ("service", "process", "slow", "deep")
PROCESSORS = 2
LIMIT = 90 * 60 * PROCESSORS  # processor seconds of all parts of a deep run

_run = pytest.StashKey[Run]()
_may_start = True  # whether the test that runs may start a process

# A slow machine is no failure.
hypothesis.settings.register_profile("erpoa", deadline=None, database=None, max_examples=depth.examples(60))
hypothesis.settings.load_profile("erpoa")


def register(config: pytest.Config) -> None:
    """Make this module a plugin of *config*, once, whichever conftest comes first."""
    if not config.pluginmanager.has_plugin("erpoa"):
        config.pluginmanager.register(sys.modules[__name__], "erpoa")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis.core.global_force_seed = depth.SEED  # type: ignore[assignment]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        config.stash[_run] = Run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if run := config.stash.get(_run, None):
        run.end()


def pytest_report_header() -> str:
    return f"depth: {depth.DEPTH}, seed: {depth.SEED} (ERPOA_TEST_SEED={depth.SEED} draws the same)"


def pytest_xdist_auto_num_workers() -> int:
    """How many processes: half of the time of a test that starts a program, or asks a server, is waiting."""
    return (os.cpu_count() or 1) * (1 if depth.DEPTH == "fast" else 2)


# -- which tests ------------------------------------------------------------------------------------------------


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A fast run does not even look at what is about processes."""
    where = f"{collection_path.relative_to(config.rootpath).as_posix()}/"
    return True if depth.DEPTH == "fast" and where.startswith(PROCESSES) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by what they need, and leave out what is not of this depth."""
    for item in items:
        where = item.path.relative_to(config.rootpath).as_posix()
        if SERVICES & set(getattr(item, "fixturenames", ())):
            item.add_marker("service")
        if where.startswith(PROCESSES):
            item.add_marker("process")
    everything = [Path(argument).name for argument in config.args] == config.getini("testpaths")
    waits = _not_in_turn(items) if everything or depth.DEEP else []  # a file that is named runs whole
    for item in waits:
        mark = item.get_closest_marker("in_turn")
        assert mark is not None
        item.add_marker(pytest.mark.deep(*mark.args, seconds=mark.kwargs["seconds"]))
    chosen = [item for item in items if _of_this_depth(item)]
    if depth.DEEP:
        chosen = _of_this_part(chosen)
    chosen.sort(key=_heaviness, reverse=True)
    kept = {id(item) for item in chosen}
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in kept])
    items[:] = chosen


def _heaviness(item: pytest.Item) -> int:
    """Files of tests that start programs go first, then those that ask servers: one process takes one file after the
    other, and what takes long shall not be what is left. Tests of a file stay together."""
    where = item.path.as_posix()
    return next((len(HEAVY) - n for n, part in enumerate(HEAVY) if part in where), 0)


def _not_in_turn(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of the tests that are marked alike, all but one of so many: the seed says whose turn it is."""
    groups: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        if (mark := item.get_closest_marker("in_turn")) and not _deep(item):
            groups.setdefault((mark.args[0], mark.kwargs["of"]), []).append(item)
    wait: list[pytest.Item] = []
    for (_, of), group in groups.items():
        drawn = sorted(group, key=lambda item: depth.draw(item.nodeid))
        wait += drawn[-(-len(group) // of) :]
    return wait


def _of_this_depth(item: pytest.Item) -> bool:
    if depth.DEEP:
        return _deep(item) is not None
    if depth.DEPTH == "fast":
        return not any(item.get_closest_marker(name) for name in SLOW)
    return item.get_closest_marker("deep") is None


def _of_this_part(items: list[pytest.Item]) -> list[pytest.Item]:
    """Those of the part that `ERPOA_TEST_PART` names; with `ERPOA_TEST_SLICE`, as many as so many seconds allow."""
    total = sum(_seconds(item) for item in items)
    if total > LIMIT:
        raise pytest.UsageError(f"the deep tests ask for {total} processor seconds, they have {LIMIT}")
    if part := os.environ.get("ERPOA_TEST_PART"):
        items = [item for item in items if (mark := _deep(item)) and mark.args == (part,)]
    if limit := float(os.environ.get("ERPOA_TEST_SLICE") or 0) * PROCESSORS:
        shuffled = random.Random(depth.SEED).sample(items, len(items))
        taken: list[pytest.Item] = []
        for item in shuffled:
            if sum(map(_least, taken)) + _least(item) <= limit:
                taken.append(item)
        items = taken
    return items


def _deep(item: pytest.Item) -> pytest.Mark | None:
    return item.get_closest_marker("deep") or item.get_closest_marker("sampled")


def _seconds(item: pytest.Item) -> float:
    """What a test may take when it is run whole."""
    mark = _deep(item)
    return float(mark.kwargs["seconds"]) if mark else 0.0


def _least(item: pytest.Item) -> float:
    """What a test takes at least."""
    mark = _deep(item)
    return float(mark.kwargs.get("least", mark.kwargs["seconds"])) if mark else 0.0


# -- one test ----------------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _may_start  # noqa: PLW0603 - one test at a time in one process
    _may_start = any(item.get_closest_marker(name) for name in ("process", *SLOW))
    return (yield)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    sliced = os.environ.get("ERPOA_TEST_SLICE")
    depth.begin(item.nodeid, _least(item) if sliced else _seconds(item))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """The last test of a process ends the servers that others have started."""
    global _may_start  # noqa: PLW0603 - see above
    _may_start = True


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches what is tested."""
    for name in os.environ:
        if name.startswith("ERPOA_") and not name.startswith("ERPOA_TEST_"):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


# -- no process by accident ---------------------------------------------------------------------------------------

_start = subprocess.Popen.__init__


def _started(self: subprocess.Popen[Any], *arguments: Any, **named: Any) -> None:
    if not _may_start:
        vars(self)["_child_created"] = False  # for its `__del__`
        raise RuntimeError(f"a test starts a process ({arguments!r}) and is not marked `process`")
    _start(self, *arguments, **named)


subprocess.Popen.__init__ = _started  # type: ignore[method-assign]
