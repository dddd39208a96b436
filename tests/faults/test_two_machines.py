"""Two machines share a state in PostgreSQL: one writes at a time, who lost the lock writes nothing more, and what one
began the other ends."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from erpoa_cli.cli.exits import Exit
from tests import depth
from tests.faults.company import PLAN, Company, company
from tests.faults.machines import Machine, can_be_elsewhere, can_be_wrong, ended
from tests.program import Forks

pytestmark = pytest.mark.in_turn("machines", of=2, seconds=20)

TABLES = [
    "oa.dept",
    pytest.param("erp.purchase_order_line", marks=pytest.mark.deep("machines", seconds=40)),
]
STOPS = 100  # moments at which a holder may be stopped, up to two seconds after it took the lock


@pytest.fixture(scope="module")
def prepared(
    service_url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    everywhere: Mapping[str, Forks],
) -> Iterator[Company]:
    with company(service_url("POSTGRES"), tmp_path_factory.mktemp("machines"), everywhere) as made:
        yield made.prepared()


@pytest.fixture
def ours(prepared: Company) -> Company:
    prepared.restore("planned")
    return prepared


@pytest.fixture
def here(ours: Company) -> Machine:
    return ours.machine(moment="planned")


@pytest.fixture
def elsewhere(ours: Company) -> Machine:
    if not can_be_elsewhere():
        pytest.skip("this machine cannot pretend to be two (unshare)")
    return ours.machine(elsewhere="elsewhere", moment="planned")


@pytest.fixture(scope="module")
def undisturbed(prepared: Company) -> dict[str, Any]:
    return prepared.undisturbed()


def stopped_at(company: Company, machine: Machine, table: str) -> subprocess.Popen[bytes]:
    """An apply that was stopped (it sleeps, it is not dead) while it waited to write to *table*."""
    with company.nobody_writes(table):
        program = machine.start("apply", PLAN)
        company.wait_for_a_writer()
        program.send_signal(signal.SIGSTOP)
    return program


def test_the_other_machine_is_told_who_holds_the_lock(
    undisturbed: dict[str, Any], ours: Company, here: Machine, elsewhere: Machine
):
    elsewhere.must("plan", "-o", "own.erpoaplan")
    with ours.nobody_writes("oa.person"):
        first = here.start("apply", PLAN)
        ours.wait_for_a_writer()
        second = elsewhere.must("apply", "own.erpoaplan", "--format", "json", exit=Exit.LOCKED)
        shown = elsewhere.must("lock", "show", "--format", "json").json()
        elsewhere.must("plan", "--detailed-exitcode", exit=Exit.CHANGES)  # planning needs no lock
    assert ended(first).exit == Exit.SUCCESS
    (told,) = second.json()["diagnostics"]
    assert told["code"] == "E0520"
    assert f"(process {first.pid}, apply)" in told["summary"]
    assert shown["holder"]["pid"] == first.pid
    ours.assert_as_undisturbed(undisturbed)
    elsewhere.must("apply", "own.erpoaplan", exit=Exit.STALE)


def test_of_two_that_begin_together_one_runs(
    undisturbed: dict[str, Any], ours: Company, here: Machine, elsewhere: Machine
):
    elsewhere.must("plan", "-o", "own.erpoaplan")
    programs = [here.start("apply", PLAN), elsewhere.start("apply", "own.erpoaplan")]
    ends = sorted(ended(program).exit for program in programs)
    # who comes while the other writes is locked out, who comes later has a plan that is out of date
    assert ends in ([Exit.SUCCESS, Exit.LOCKED], [Exit.SUCCESS, Exit.STALE])
    ours.assert_as_undisturbed(undisturbed)


@pytest.mark.parametrize("table", TABLES)
def test_what_a_killed_holder_began_another_machine_ends(
    undisturbed: dict[str, Any], ours: Company, here: Machine, elsewhere: Machine, table: str
):
    killed = stopped_at(ours, here, table)
    killed.kill()
    assert ended(killed).exit == -signal.SIGKILL
    # nobody elsewhere can know that it is dead, until its lease has run out
    refused = elsewhere.must("resume", exit=Exit.LOCKED)
    assert f"process {killed.pid}" in refused.err
    ours.expire()
    elsewhere.must("resume")
    ours.assert_as_undisturbed(undisturbed)


@pytest.mark.deep("machines", seconds=100)
def test_a_lease_runs_out_by_itself(
    undisturbed: dict[str, Any], ours: Company, here: Machine, elsewhere: Machine
):
    """The real minute, by the server's clock."""
    killed = stopped_at(ours, here, "oa.person")
    killed.kill()
    ended(killed)
    begun = time.monotonic()
    while (tried := elsewhere.run("resume")).exit == Exit.LOCKED:
        assert time.monotonic() - begun < 300, tried
        time.sleep(5)
    assert tried.exit == 0, tried
    ours.assert_as_undisturbed(undisturbed)


def test_on_the_same_machine_a_dead_holder_does_not_hold(
    undisturbed: dict[str, Any], ours: Company, here: Machine
):
    killed = stopped_at(ours, here, "oa.person")
    killed.kill()
    ended(killed)
    ours.machine().must("resume")
    ours.assert_as_undisturbed(undisturbed)


def assert_that_the_sleeper_writes_nothing(company: Company, sleeper: subprocess.Popen[bytes]) -> None:
    """Another took its place; it wakes up."""
    before = company.written(), company.remembered()
    sleeper.send_signal(signal.SIGCONT)
    end = ended(sleeper)
    assert end.exit in (Exit.LOCKED, Exit.FAILURE), end
    # the lock, with it the connection, or what the other one has renewed
    told = ("E0521", "E0516", "is not there any more")
    assert any(words in " ".join(end.err.split()) for words in told), end
    assert "erpoa resume" in end.err
    assert (company.written(), company.remembered()) == before


@pytest.mark.parametrize("table", TABLES)
def test_a_holder_that_slept_past_its_lease_writes_nothing_more(
    undisturbed: dict[str, Any], ours: Company, here: Machine, elsewhere: Machine, table: str
):
    sleeper = stopped_at(ours, here, table)
    ours.expire()
    elsewhere.must("resume")
    assert_that_the_sleeper_writes_nothing(ours, sleeper)
    ours.assert_as_undisturbed(undisturbed)


@pytest.mark.sampled("machines", seconds=150, least=40)
def test_a_holder_that_slept_anywhere_writes_nothing_more(prepared: Company, undisturbed: dict[str, Any]):
    if not can_be_elsewhere():
        pytest.skip("this machine cannot pretend to be two (unshare)")
    for part in depth.some(range(STOPS), 1):
        prepared.restore("planned")
        program = prepared.machine(moment="planned").start("apply", PLAN)
        while not prepared.control("SELECT 1 FROM lease WHERE token IS NOT NULL"):
            assert program.poll() is None
        time.sleep(after := 2 * part / STOPS)
        print(f"stopped after {after:.4f} s")
        program.send_signal(signal.SIGSTOP)
        try:
            another_goes_on(prepared, program)
        finally:
            program.kill()  # who stands still holds up others for ever
        prepared.assert_as_undisturbed(undisturbed)


def another_goes_on(prepared: Company, stopped: subprocess.Popen[bytes]) -> None:
    """In the place of one that was stopped, wherever it was."""
    prepared.expire()
    other = prepared.machine(elsewhere="elsewhere", moment="planned")
    match prepared.runs():
        case ["applied", "applied"]:  # it was quicker
            stopped.send_signal(signal.SIGCONT)
            assert ended(stopped).exit == 0
        case ["applied"]:  # it slept before its run began
            other.must("apply", PLAN)
            assert_that_the_sleeper_writes_nothing(prepared, stopped)
        case _:
            other.must("resume")
            assert_that_the_sleeper_writes_nothing(prepared, stopped)


def test_a_lock_taken_by_hand_is_lost_to_its_holder(
    undisturbed: dict[str, Any], ours: Company, here: Machine, elsewhere: Machine
):
    with ours.nobody_writes("oa.person"):
        first = here.start("apply", PLAN)
        ours.wait_for_a_writer()
        elsewhere.must("lock", "release", "--yes")
    end = ended(first)
    assert end.exit == Exit.LOCKED, end
    assert "E0521" in end.err
    elsewhere.must("resume")
    ours.assert_as_undisturbed(undisturbed)


def test_a_fresh_runner_goes_on_where_the_last_one_stood(ours: Company, here: Machine):
    """Base, archive and the snapshot of an incremental source come out of the shared state."""
    here.must("apply", "--yes")
    ours.sql(
        "UPDATE erp.item SET name = '垫片（新）', updated_at = now() + interval '1 second' WHERE code = 'I-2'"
    )
    ours.sql("UPDATE erp.item SET name = 'changed behind the cursor' WHERE code = 'I-3'")
    runner = ours.machine()
    assert not (runner.root / ".erpoa").exists()
    planned = runner.must("plan", "--format", "json", "--full").json()
    (read,) = [read for read in planned["reads"] if read["relation"] == "erp_items"]
    assert "incremental" in read["reason"]
    assert [(change["key"], change["action"]) for change in planned["changes"]] == [
        ({"code": "I-2"}, "update")
    ]
    (run,) = runner.must("runs", "ls", "--format", "json").json()["runs"][:1]
    assert runner.must("runs", "show", run["id"]).out
    runner.must("rollback", run["id"], "-o", "back.erpoaplan")


def test_a_runner_does_not_go_on_from_a_snapshot_of_its_own_that_is_older(ours: Company, here: Machine):
    """Else a row that was found gone since would come back; by whatever clock the snapshots were taken."""
    if not can_be_wrong():
        pytest.skip("a clock cannot be wrong here (faketime)")
    ahead = ours.machine(clock="+3h")
    ahead.must("plan", "--full-read")
    ours.sql("DELETE FROM erp.item WHERE code = 'I-2'")
    here.must("apply", "--yes", "--full-read")
    assert ours.disagreements() == {}
    ahead.nothing_to_do()
