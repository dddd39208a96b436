"""The plugin of pytest that runs tests in forks once they are collected: what they cover, or whether they notice.

The work comes as JSON (`--mutants-work`), the answers leave as lines of JSON (`--mutants-answers`, a file descriptor).
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import coverage
import pytest

from tests.mutants import bodies, forks
from tests.mutants.mutations import module

ROOM = 6 << 30  # bytes that a changed program may ask for beyond those it has
TIMES_OUT = (signal.SIGPROF, signal.SIGALRM)
FAILED, SURVIVED = "failed", "survived"  # what a fork that judges writes at the end, after the tests it began

Write = Callable[[str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutants-work", type=Path, help="a file that tests.mutants has written")
    parser.addoption("--mutants-answers", type=int, help="where the answers go: a file descriptor")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Forking(config), "erpoa-mutants-forking")


class Forking:
    """One run: what is asked, and what the test that runs just now has come to."""

    def __init__(self, config: pytest.Config) -> None:
        self.asked = json.loads(config.getoption("--mutants-work").read_text(encoding="utf-8"))
        self.answers = os.fdopen(config.getoption("--mutants-answers"), "w", encoding="utf-8", buffering=1)
        self.outcomes: list[str] = []
        self.covered: coverage.Coverage | None = None
        self.contexts: list[str] = []
        self.items: dict[str, pytest.Item] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = {item.nodeid: item for item in session.items}
        if "place" in self.asked:
            self._record_all()
        else:
            self._judge_all()
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.outcomes.append("xfailed" if hasattr(report, "wasxfail") else report.outcome)

    def _run(self, item: pytest.Item, following: pytest.Item | None, limit: float) -> str:
        """Run *item*; a signal ends this process when it takes more than *limit* seconds of the processor.

        Or six times as long by the clock, for who waits for ever takes none: on a busy machine that is long enough.
        """
        self.outcomes.clear()
        for timer, number, most in (
            (signal.ITIMER_PROF, signal.SIGPROF, limit),
            (signal.ITIMER_REAL, signal.SIGALRM, 6 * limit),
        ):
            signal.signal(number, signal.SIG_DFL)
            signal.setitimer(timer, most)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        if self.outcomes and all(outcome == "passed" for outcome in self.outcomes):
            return "passed"
        return "failed" if any(outcome == "failed" for outcome in self.outcomes) else "skipped"

    def _answer(self, **said: Any) -> None:
        print(json.dumps(said), file=self.answers, flush=True)

    # -- recording: a file of tests is a fork's work ------------------------------------------------------------------

    def _record_all(self) -> None:
        files = [list(group) for _, group in groupby(self.items, lambda name: name.partition("::")[0])]
        number = len(files)
        for ended in forks.each(files, self.asked["at_once"], self._record):
            tests = [json.loads(line) for line in ended.written]
            begun = [test["test"] for test in tests if test["outcome"] == "begun"]
            done = {test["test"]: test for test in tests if test["outcome"] != "begun"}
            if ended.signal:
                # What the others cover was lost with the process.
                outcome = "takes too long" if ended.signal in TIMES_OUT else f"signal {ended.signal}"
                self._answer(test=begun[-1], outcome=outcome, seconds=0, wide=[])
                files.append([name for name in ended.work if name != begun[-1]])
                continue
            for test in done.values():
                self._answer(**test)
            number -= 1
            self._answer(left=number)

    def _record(self, names: list[str], write: Write) -> None:
        place = Path(self.asked["place"])
        include = [f"{Path.cwd()}/{pattern}/*" for pattern in ("erpoa_*", "plugins/*/erpoa_*")]
        self.covered = coverage.Coverage(
            data_file=str(place / f"coverage.{os.getpid()}"), config_file=False, include=include
        )
        self.covered.set_option("run:disable_warnings", ["no-data-collected"])  # a test of the tests
        self.covered.start()
        for name, following in zip_longest(names, names[1:]):
            item = self.items[name]
            write(json.dumps({"test": name, "outcome": "begun"}))
            self.contexts = [name]
            self.covered.switch_context(name)
            begun, already = time.process_time(), len(forks.started)
            outcome = self._run(item, self.items[following] if following else None, self.asked["limit"])
            if len(forks.started) > already:
                outcome = "starts a process"
            seconds = time.process_time() - begun
            write(json.dumps({"test": name, "outcome": outcome, "seconds": seconds, "wide": [*_wide(item)]}))
        self.covered.stop()
        self.covered.save()

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, object, object]:
        """What a fixture of several tests does belongs to all of them, not to the first."""
        if self.covered is None or fixturedef.scope == "function":
            return (yield)
        self.contexts.append(_name(fixturedef))
        self.covered.switch_context(self.contexts[-1])
        try:
            return (yield)
        finally:
            self.contexts.pop()
            self.covered.switch_context(self.contexts[-1])

    # -- judging: a mutation is a fork's work -------------------------------------------------------------------------

    def _judge_all(self) -> None:
        """Each mutation; a test that notices one must not fail without it, else it is left out and the others judge."""
        waiting = [Judging(**mutation) for mutation in self.asked["mutations"]]
        sound: set[str] = set()
        for ended in forks.each(waiting, self.asked["at_once"], self._judge):
            work, (outcome, test) = ended.work, _outcome(ended)
            if work.doubted is not None:
                if outcome == "survived":
                    sound.add(test)
                    self._answer(number=work.number, outcome=work.doubted, test=test)
                else:
                    self._answer(unsound=test)
                    tests = [(name, limit) for name, limit in work.judges if name != test]
                    waiting.insert(0, replace(work, tests=tests, doubted=None, judges=[]))
            elif outcome == "survived" or test in sound:
                self._answer(number=work.number, outcome=outcome, test=test)
            else:
                only = [(name, limit) for name, limit in work.tests if name == test]
                waiting.insert(0, replace(work, tests=only, doubted=outcome, judges=work.tests))

    def _judge(self, work: Judging, write: Write) -> None:
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        have = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (have + ROOM, most))
        if work.doubted is None:
            before = Path(work.file).read_text(encoding="utf-8")
            name = module(work.file)
            loaded = importlib.import_module(name).__file__ or ""
            assert loaded == str(Path.cwd() / work.file), f"{name} is not of this tree: {loaded}"
            if not bodies.exchange(name, bodies.changed(before, work.source, loaded)):
                write("")
                return  # nobody has this function: nothing can notice
        for (name, limit), following in zip(work.tests, [*work.tests[1:], None], strict=True):
            write(name)
            if (
                self._run(self.items[name], self.items[following[0]] if following else None, limit)
                == "failed"
            ):
                write(FAILED)
                return
        write(SURVIVED)


@dataclass(frozen=True, slots=True)
class Judging:
    """A mutation and the tests that judge it; or, where the word of one of them is doubted, that test alone."""

    number: int
    file: str
    source: str
    tests: list[tuple[str, float]]
    doubted: str | None = None
    judges: list[tuple[str, float]] = field(default_factory=list)


def _outcome(ended: forks.Ended[Judging]) -> tuple[str, str]:
    """What came of a mutation, and the test that was the last."""
    *names, last = ended.written
    if ended.signal:
        return "time-out" if ended.signal in TIMES_OUT else "killed", last
    return "killed" if last == FAILED else "survived", names[-1] if names else ""


def _name(fixture: pytest.FixtureDef[Any]) -> str:
    return f"fixture {fixture.baseid}::{fixture.argname}"


def _wide(item: pytest.Item) -> Iterator[str]:
    """The fixtures that *item* shares with other tests."""
    if isinstance(item, pytest.Function):
        for fixtures in item._fixtureinfo.name2fixturedefs.values():
            yield from (_name(fixture) for fixture in fixtures if fixture.scope != "function")
