"""Rows that somebody changed in the target between plan and apply stay as they are, whatever keeps them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from erpoa_cli.cli.exits import Exit
from tests.faults.company import PLAN, Company, company
from tests.faults.machines import Machine
from tests.faults.scene import Scene
from tests.program import Ended, Forks

pytestmark = [pytest.mark.slow, pytest.mark.in_turn("stale", of=3, seconds=4)]


class Place(Protocol):
    """The OA at the moment `planned`."""

    def sql(self, script: str) -> None: ...

    def rows(self, query: str) -> list[tuple[Any, ...]]: ...

    def apply(self) -> Ended:
        """Apply the plan that waits, told as JSON."""


@dataclass(frozen=True, slots=True)
class OfScene:
    scene: Scene
    forked: Forks

    def sql(self, script: str) -> None:
        self.scene.sql("oa", script)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.scene.rows("oa", query))

    def apply(self) -> Ended:
        arguments = ("apply", self.scene.plan.name, "--no-input", "--format", "json")
        return self.forked.run(*arguments, directory=self.scene.root)


@dataclass(frozen=True, slots=True)
class OfCompany:
    company: Company
    machine: Machine

    def sql(self, script: str) -> None:
        self.company.sql(f"SET search_path TO oa; {script}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(make_conninfo(self.company.admin, options="-c search_path=oa")) as db:
            return db.execute(query).fetchall()

    def apply(self) -> Ended:
        return self.machine.run("apply", PLAN, "--no-input", "--format", "json")


@pytest.fixture(scope="module")
def in_postgres(
    service_url: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
    everywhere: Mapping[str, Forks],
) -> Iterator[Company]:
    with company(service_url("POSTGRES"), tmp_path_factory.mktemp("machines"), everywhere) as made:
        yield made.prepared()


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def place(request: pytest.FixtureRequest, forked: Forks) -> Place:
    match request.param:
        case "postgres":
            ours: Company = request.getfixturevalue("in_postgres")
            ours.restore("planned")
            return OfCompany(ours, ours.machine(moment="planned"))
        case "mariadb":
            scene = request.getfixturevalue("served")
            scene.restore("planned")
        case _:
            scene = request.getfixturevalue("scene")
    return OfScene(scene, forked)


def outcomes(ended: Ended) -> dict[str, str]:
    return {change["address"]: change["outcome"] for change in ended.json()["changes"]}


def test_a_row_that_moved_is_not_overwritten(place: Place):
    """Somebody edits a person and removes another: those rows stay as they are."""
    place.sql("UPDATE person SET phone = '手改' WHERE code = 'E001'; DELETE FROM person WHERE code = 'E005'")
    ended = place.apply()
    assert ended.exit == Exit.PARTIAL, ended
    assert place.rows("SELECT phone FROM person WHERE code = 'E001'") == [("手改",)]
    assert place.rows("SELECT count(*) FROM person WHERE code = 'E005'") == [(0,)]
    told = outcomes(ended)
    assert told["oa_employees/code=E001"] == told["oa_employees/code=E005"] == "stale"
    assert told["oa_employees/code=E006"] == "applied"
    # all else was written
    assert place.rows("SELECT phone FROM person WHERE code IN ('E006', 'E007')") == [("+86 139",)] * 2


@pytest.mark.parametrize("theirs", ["138 ", "１３８", "", "138\t"], ids=ascii)
def test_what_looks_the_same_is_another_value(place: Place, theirs: str):
    """No collation and no padding decides what the reviewer saw."""
    place.sql(f"UPDATE person SET phone = '{theirs}' WHERE code = 'E006'")
    ended = place.apply()
    assert ended.exit == Exit.PARTIAL, ended
    assert place.rows("SELECT phone FROM person WHERE code = 'E006'") == [(theirs,)]
    told = outcomes(ended)
    assert (told["oa_employees/code=E006"], told["oa_employees/code=E007"]) == ("stale", "applied")


def test_a_field_of_theirs_is_no_matter_of_ours(place: Place):
    """What the plan neither reads nor writes may move."""
    place.sql("UPDATE person SET remark = '手改' WHERE code = 'E001'")
    ended = place.apply()
    assert ended.exit == Exit.SUCCESS, ended
    assert place.rows("SELECT phone, remark FROM person WHERE code = 'E001'") == [("+86 139", "手改")]


def test_a_row_to_be_deleted_that_moved_is_kept(place: Place):
    place.sql("UPDATE person SET name = '还在用' WHERE code = 'E012'")
    ended = place.apply()
    assert ended.exit == Exit.PARTIAL, ended
    assert outcomes(ended)["oa_employees/code=E012"] == "stale"
    assert place.rows("SELECT name FROM person WHERE code = 'E012'") == [("还在用",)]
    assert place.rows("SELECT count(*) FROM person WHERE code IN ('E009', 'E010', 'E011')") == [(0,)]


def test_a_row_to_be_created_that_appeared_is_not_doubled(place: Place):
    place.sql("INSERT INTO person (code, name, dept_id) SELECT 'E101', '他们的', min(id) FROM dept")
    ended = place.apply()
    assert ended.exit == Exit.PARTIAL, ended
    assert place.rows("SELECT name FROM person WHERE code = 'E101'") == [("他们的",)]


def test_a_sensitive_value_that_moved_is_not_overwritten(place: Place):
    """It is compared although the plan holds it sealed, and neither value is told."""
    place.sql("UPDATE person SET id_card = '110101198505059999' WHERE code = 'E002'")
    ended = place.apply()
    assert ended.exit == Exit.PARTIAL, ended
    assert outcomes(ended)["oa_employees/code=E002"] == "stale"
    assert place.rows("SELECT id_card FROM person WHERE code = 'E002'") == [("110101198505059999",)]
    for secret in ("110101198505059999", "110101198505052217", "110101199003074522"):
        assert secret not in ended.out + ended.err
