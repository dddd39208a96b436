"""The lock: one writer per environment, on whatever clock and machine, and nothing gets past it."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.state import release_lock
from erpoa_cli.state.lock import _alive, break_lock
from tests.unit.state.samples import failure

RACER = """
import sys
from erpoa_cli.core.diagnostic import Failure
print("ready", flush=True)
sys.stdin.readline()
try:
    state = place.writer(command="erpoa apply")
except Failure as failure:
    print(failure.diagnostics[0].code, failure.kind, flush=True)
else:
    print("won", flush=True)
    sys.stdin.readline()
    state.close()
"""


@pytest.mark.process
def test_of_two_writers_one_waits_outside(place):
    racers = [place.program(RACER) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    answers = [racer.stdout.readline().strip() for racer in racers if racer.stdout]
    assert sorted(answers) == ["E0520 locked", "E0520 locked", "won"]
    with place.reader() as state:
        holder = state.lock_holder()
        assert holder is not None
        assert holder.pid == racers[answers.index("won")].pid
        assert (holder.command, holder.fencing) == ("erpoa apply", 1)
    for racer in racers:
        racer.communicate("\n", timeout=30)
    with place.writer() as state:
        holder = state.lock_holder()
        assert holder is not None
        assert holder.fencing == 2


def test_the_lock_of_a_living_process_holds(writer, place):
    assert failure(place.writer) == ("E0520", FailureKind.LOCKED)


@pytest.mark.parametrize("told", ["", "soon", "2026-11-30T10:00:00", None])
def test_a_lock_whose_end_cannot_be_read_holds_until_it_is_released(writer, place, told):
    writer._lock._stop.set()
    writer._control.run("UPDATE lease SET expires = ?, since = ?", told, told)
    assert failure(place.writer) == ("E0520", FailureKind.LOCKED)
    break_lock(writer._control, writer.environment)
    with place.writer(command="heir") as heir:
        holder = heir.lock_holder()
        assert holder is not None
        assert holder.command == "heir"


def test_what_is_no_process_may_be_alive():
    assert [_alive(pid) for pid in ("x", None, 0, -1, 2**70)] == [True] * 5


def test_an_expired_lock_is_taken_over_and_fences_the_old_holder(place):
    old = place.writer(command="sleeper")
    old._lock._stop.set()  # it sleeps: no heartbeat any more
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    old._control.run("UPDATE lease SET expires = ?", long_ago)
    with place.writer(command="heir") as heir:
        assert failure(lambda: old.protect("t", {"{}": ""})) == ("E0521", FailureKind.LOCKED)
        heir.protect("t", {"{}": ""})
        old.close()  # must not release the heir's lock
        holder = heir.lock_holder()
        assert holder is not None
        assert holder.command == "heir"


def test_a_released_lock_fences_its_holder(writer, place):
    released = release_lock(place.root, "dev", place.url)
    assert released is not None
    assert released.pid == os.getpid()
    assert release_lock(place.root, "dev", place.url) is None
    assert failure(lambda: writer.protect("t", {"{}": ""})) == ("E0521", FailureKind.LOCKED)
    assert writer.protected() == []


@pytest.mark.slow
def test_the_heartbeat_keeps_the_lock(place):
    with place.writer(lease=timedelta(seconds=0.9)) as state:
        first = state.lock_holder()
        state._lock._stop.wait(2)
        assert failure(place.writer) == ("E0520", FailureKind.LOCKED)
        second = state.lock_holder()
        assert first is not None
        assert second is not None
        assert second.expires > first.expires
