"""Plan and apply for real, over generated worlds: every row of the database afterwards is what the oracle says it
must be, so is what the state remembers, and the second plan is empty."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.situation import Outcome
from erpoa_cli.core.target import OnSourceGone
from erpoa_cli.engine import staging
from erpoa_cli.engine.changes import diff, freeze
from erpoa_cli.state import PlanFile
from tests import depth
from tests.property.databases import Databases, planned, realistic
from tests.property.oracle import Answer, Oracle, Row, World, applied
from tests.property.stores import Mariadb, Postgres, Sqlite, Store
from tests.property.test_diff import SETTINGS, comparable
from tests.property.worlds import worlds

FEW = 6  # examples on each database in `make test`
PER_EXAMPLE = 5  # little worlds in one pair of databases


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("worlds")


@pytest.fixture(scope="module", autouse=True)
def large() -> Iterator[None]:
    """Every relation is one that is loaded in slices, compressed, and judged in chunks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(staging, "SLICE", 3)
        patch.setattr(diff, "CHUNK", 3)
        patch.setattr(freeze, "_SORTED", 2)
        yield


@pytest.fixture(
    scope="module",
    params=["sqlite", *(pytest.param(name, marks=pytest.mark.service) for name in ("postgres", "mariadb"))],
)
def store(request: pytest.FixtureRequest) -> Callable[[Path], Store]:
    """Makes the database of a target in a world's directory, or the one that all worlds use in turn."""
    if request.param == "sqlite":
        return lambda directory: Sqlite(directory / "oa.db")
    url = request.getfixturevalue(f"{request.param}_url")
    served = Postgres(url) if request.param == "postgres" else Mariadb(url)
    return lambda _: served


@pytest.mark.sampled("property", seconds=150, least=30)
@settings(max_examples=depth.examples(FEW, deep=10), **SETTINGS)
@given(world=worlds(PER_EXAMPLE), keyed=st.booleans())
@depth.while_there_is_time
def test_the_database_is_what_the_oracle_says(
    home: Path, store: Callable[[Path], Store], world: World, *, keyed: bool
) -> None:
    directory = Path(tempfile.mkdtemp(dir=home))
    before = realistic(world, keyed=keyed)
    real = Databases(directory, before, keyed, store(directory), world.desired)
    real.build()
    expected = Oracle(before).answers()
    after = applied(before, expected)

    first = real.plan("first.erpoaplan")
    found = planned(PlanFile.open(first.path))
    assert effects(found) == effects(expected)
    assert (first.conclusion is PlanConclusion.BLOCKED) == removals_withheld(before, found)
    run = real.apply(first)
    assert {outcome for counts in run.outcomes.values() for outcome in counts} <= {Outcome.APPLIED}
    assert contents(real.contents(), before) == contents(after.actual, before)
    assert {k: (b.generation, b.agreed, b.seen) for k, b in real.base().items()} == {
        k: (b.generation, b.agreed, b.seen) for k, b in after.base.items()
    }
    assert real.gone() == after.gone

    second = real.plan("second.erpoaplan")
    left = effects(planned(PlanFile.open(second.path)))
    assert left == effects(Oracle(after).answers())
    assert [row for row in left if row[0] not in released(before, expected)] == []
    shutil.rmtree(directory)


def effects(answers: list[Answer]) -> list[tuple[object, ...]]:
    """What is written or remembered, in one order."""
    return comparable([a for a in answers if a.action and not a.kind])


def removals_withheld(world: World, answers: list[Answer]) -> bool:
    keeps = world.target.on_source_gone is OnSourceGone.KEEP
    codes = ("E0415", "E0416", "E0420", "E0438")
    return not keeps and any(a.kind == "withheld" and a.code in codes for a in answers)


def released(before: World, answers: list[Answer]) -> set[object]:
    """Keys of which the second plan may have more to say, because the first removed what stood in their way: a forgotten
    row is still wanted and created anew."""
    return {a.key for a in answers if a.action == "forget"}


def contents(rows: list[Row], before: World) -> list[tuple[object, ...]]:
    """*rows* with their identifiers, but for created ones: their system numbers these."""
    old = {row["id"] for row in before.actual}
    return sorted(
        (tuple((n, v if n != "id" or v in old else "new") for n, v in sorted(row.items())) for row in rows),
        key=repr,
    )
