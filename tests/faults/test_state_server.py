"""The server of a shared state: it is lost while somebody writes, lends its connections, gives only some rights, and
has another clock than its clients. Whatever happens, what is told is clear and holds no password."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from erpoa_cli.cli.exits import Exit
from tests.faults.company import PLAN, Company, company
from tests.faults.kept import files
from tests.faults.machines import LEAKS, PASSWORD, Machine, can_be_elsewhere, can_be_wrong, ended
from tests.faults.pooler import pooler, program
from tests.faults.wire import Wire, wire
from tests.program import Forks
from tests.services import missing


@pytest.fixture(scope="module")
def prepared(
    service_url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    everywhere: Mapping[str, Forks],
) -> Iterator[Company]:
    with company(service_url("POSTGRES"), tmp_path_factory.mktemp("machines"), everywhere) as made:
        yield made.prepared()


@pytest.fixture
def ours(prepared: Company) -> Iterator[Company]:
    prepared.restore("planned")
    yield prepared
    leaks = [
        f"{path}: {where}"
        for path in prepared.home.glob("*/.erpoa")
        for where, content in files(path)
        for form in LEAKS
        if form in content
    ]
    assert leaks == []


@pytest.fixture(scope="module")
def undisturbed(prepared: Company) -> dict[str, Any]:
    return prepared.undisturbed()


@pytest.fixture
def line(ours: Company) -> Iterator[Wire]:
    """The line to the state's server; the systems are reached without it."""
    place = conninfo_to_dict(ours.state)
    with wire(str(place["host"]), int(str(place["port"]))) as made:
        yield made


@pytest.fixture
def far(ours: Company, line: Wire) -> Machine:
    """A machine at the other end of the line."""
    return ours.machine(url=ours.url(port=line.port), moment="planned")


# -- it is lost -------------------------------------------------------------------------------------------------


def test_a_server_that_is_lost_stops_the_run_and_resume_ends_it(
    undisturbed: dict[str, Any], ours: Company, far: Machine, line: Wire
):
    with ours.nobody_writes("oa.person"):
        running = far.start("apply", PLAN)
        ours.wait_for_a_writer()
        line.cut()
    end = ended(running)
    assert end.exit == Exit.FAILURE, end
    assert "E0516" in end.err
    assert "cannot be reached" in end.err
    assert "`erpoa resume` continues a run" in end.err
    assert "Traceback" not in end.err
    assert ours.runs() == ["applied", "running"]
    assert "E0516" in far.must("resume", exit=Exit.FAILURE).err  # it is still away
    line.mend()
    assert "E0538" in far.must("apply", "--yes", exit=Exit.IN_DOUBT).err
    far.must("resume")
    ours.assert_as_undisturbed(undisturbed)


def test_a_server_that_comes_back_soon_is_waited_for(
    undisturbed: dict[str, Any], ours: Company, far: Machine, line: Wire
):
    with ours.nobody_writes("oa.person"):
        running = far.start("apply", PLAN)
        ours.wait_for_a_writer()
        line.cut()
    back = threading.Timer(3, line.mend)
    back.start()
    end = ended(running)
    assert end.exit == Exit.SUCCESS, end
    ours.assert_as_undisturbed(undisturbed)


def test_connections_that_are_ended_again_and_again_do_no_harm(
    undisturbed: dict[str, Any], ours: Company, far: Machine
):
    """Whatever the moment: between two transactions a new one is made, inside one the run stops and is resumed."""
    running = far.start("apply", PLAN)
    while running.poll() is None:
        ours.administer(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database()"
        )
        time.sleep(0.3)
    end = ended(running)
    assert end.exit in (Exit.SUCCESS, Exit.FAILURE), end
    if end.exit:
        assert "E0516" in end.err
        far.must(*(["apply", PLAN] if ours.runs() == ["applied"] else ["resume"]))
    ours.assert_as_undisturbed(undisturbed)


def test_a_server_that_is_not_there_is_told(ours: Company, line: Wire, far: Machine):
    line.cut()
    for command in (
        ("plan",),
        ("apply", PLAN),
        ("runs", "ls"),
        ("state", "show"),
        ("lock", "show"),
        ("doctor",),
    ):
        end = far.must(*command, exit=Exit.FAILURE)
        assert "cannot be reached" in end.err + end.out, end
    far.must("validate")
    shown = far.must("plan", "--format", "json", exit=Exit.FAILURE).json()
    assert [d["code"] for d in shown["diagnostics"]] == ["E0516"]


# -- it gives only some rights ------------------------------------------------------------------------------------


def test_a_role_that_may_only_read_plans_and_does_not_apply(ours: Company):
    reader = f"{ours.role}_reader"
    ours.administer(
        f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT USAGE ON SCHEMA erpoa TO {reader}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA erpoa TO {reader}",
    )
    try:
        machine = ours.machine(url=ours.url(reader), moment="planned")
        before = ours.written(), ours.remembered()
        machine.must("plan", "--detailed-exitcode", "-o", "own.erpoaplan", exit=Exit.CHANGES)
        machine.must("show", "own.erpoaplan")
        machine.must("show", PLAN)
        machine.must("runs", "ls")
        machine.must("state", "show")
        machine.must("drift")
        assert "may plan, may not apply" in machine.run("doctor").out
        for command in (("apply", "own.erpoaplan"), ("resume",), ("state", "protect", "oa_items/code=I-1")):
            end = machine.must(*command, exit=Exit.FAILURE)
            assert "E0517" in end.err
            assert "to apply, also INSERT, UPDATE and DELETE" in " ".join(end.err.split())
        assert (ours.written(), ours.remembered()) == before
        ours.machine(moment="planned").must("apply", "the.erpoaplan")
    finally:
        ours.administer(f"DROP OWNED BY {reader}", f"DROP ROLE {reader}")


def test_a_role_without_rights_is_told_which_it_needs(ours: Company):
    stranger = f"{ours.role}_stranger"
    ours.administer(f"CREATE ROLE {stranger} LOGIN PASSWORD '{PASSWORD}'")
    try:
        machine = ours.machine(url=ours.url(stranger), moment="planned")
        for command in (("plan",), ("apply", PLAN)):
            end = machine.must(*command, exit=Exit.FAILURE)
            assert "E0517" in end.err
            assert "USAGE on the schema and SELECT on its tables" in " ".join(end.err.split())
    finally:
        ours.administer(f"DROP ROLE {stranger}")


# -- it lends its connections ---------------------------------------------------------------------------------------


@pytest.fixture
def pool(ours: Company) -> Iterator[int]:
    binary = program()
    if binary is None:
        missing("PGBOUNCER", "there is no pgbouncer")
    with pooler(binary, ours.state, ours.role, PASSWORD) as port:
        yield port


def test_behind_a_pooler_that_lends_connections_per_transaction(
    undisturbed: dict[str, Any], ours: Company, pool: int
):
    """Two machines, a holder that is killed, and as many waiting readers as there are connections."""
    url = ours.url(port=pool)
    first, second = (ours.machine(url=url, moment="planned") for _ in range(2))
    with ours.nobody_writes("oa.person"):
        running = first.start("apply", PLAN)
        ours.wait_for_a_writer()
        told = second.must("apply", "--yes", exit=Exit.LOCKED)
        assert f"process {running.pid}" in told.err
        running.send_signal(signal.SIGKILL)
    ended(running)
    second.must("resume")
    ours.assert_as_undisturbed(undisturbed)
    first.nothing_to_do()
    first.must("audit", "verify")
    first.must("state", "backup", "copy.tar")


def test_a_wrong_password_is_told_without_it(ours: Company, pool: int):
    wrong = ours.url(port=pool).replace("7QXcanary", "7QXcanaryX")
    machine = ours.machine(url=wrong, moment="planned")
    for command in (("plan",), ("apply", PLAN), ("doctor",)):
        end = machine.must(*command, exit=Exit.FAILURE)
        assert "refuses the connection" in end.err + end.out
    assert "check user, password and database" in machine.run("plan").err


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://runner:{PASSWORD}@db.example/erpoa?nonsense=1",
        f"postgresql://runner:{PASSWORD}@[db.example/erpoa",
        f"mysql://runner:{PASSWORD}@db.example/erpoa",
        f"postgresql://runner:{PASSWORD}@db.example/erpoa?sslmode=disable",
        f"postgresql://runner:{PASSWORD}@db.example/erpoa?schema=No;--",
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(ours: Company, url: str):
    end = ours.machine(url=url).must("plan", exit=Exit.INVALID)
    assert "E0528" in end.err
    assert "db.example" not in end.err


def test_a_password_in_the_open_is_refused(ours: Company):
    machine = ours.machine()
    file: Path = machine.root / "erpoa.yml"
    file.write_text(file.read_text().replace("{{ secret('state_url') }}", ours.url()))
    end = machine.must("plan", exit=Exit.INVALID)
    assert "take the whole URL from a secret" in " ".join(end.err.split())


# -- its clients have other clocks ------------------------------------------------------------------------------------


@pytest.mark.in_turn("machines", of=2, seconds=20)
@pytest.mark.parametrize("clock", ["+3h", "-3h"])
def test_the_clock_of_a_client_does_not_decide_who_holds_the_lock(
    undisturbed: dict[str, Any], ours: Company, clock: str
):
    if not can_be_elsewhere() or not can_be_wrong():
        pytest.skip("needs unshare and faketime")
    here = ours.machine(moment="planned")
    wrong = ours.machine(clock=clock, elsewhere="elsewhere")
    with ours.nobody_writes("oa.person"):
        running = here.start("apply", PLAN)
        ours.wait_for_a_writer()
        wrong.must("apply", "--yes", exit=Exit.LOCKED)
        running.kill()
    ended(running)
    wrong.must("resume", exit=Exit.LOCKED)
    ours.expire()
    wrong.must("resume")
    ours.assert_as_undisturbed(undisturbed)
    wrong.nothing_to_do()
    ours.sql("UPDATE erp.item SET name = 'once more', updated_at = now() WHERE code = 'I-1'")
    wrong.must("apply", "--yes")
    assert ours.disagreements() == {}
    here.nothing_to_do()
    here.must("audit", "verify")
