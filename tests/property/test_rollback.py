"""Plan, apply, roll back, apply, over generated worlds: the database holds what it held before, and what is left as it
is has been told with its reason."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.situation import Outcome
from erpoa_cli.engine import staging
from erpoa_cli.engine.changes import diff, freeze
from erpoa_cli.state import PlanFile
from tests import depth
from tests.planning import PlanResult, RunResult
from tests.property.databases import Databases, planned, realistic
from tests.property.oracle import Row, World
from tests.property.stores import Mariadb, Postgres, Sqlite, Store
from tests.property.test_diff import SETTINGS
from tests.property.worlds import worlds

FEW = 6
PER_EXAMPLE = 5


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
    if request.param == "sqlite":
        return lambda directory: Sqlite(directory / "oa.db")
    url = request.getfixturevalue(f"{request.param}_url")
    served = Postgres(url) if request.param == "postgres" else Mariadb(url)
    return lambda _: served


@pytest.mark.sampled("property", seconds=120, least=30)
@settings(max_examples=depth.examples(FEW, deep=10), **SETTINGS)
@given(world=worlds(PER_EXAMPLE), keyed=st.booleans())
@depth.while_there_is_time
def test_a_run_is_taken_back(
    home: Path, store: Callable[[Path], Store], world: World, *, keyed: bool
) -> None:
    directory = Path(tempfile.mkdtemp(dir=home))
    before = realistic(world, keyed=keyed)
    real = Databases(directory, before, keyed, store(directory), world.desired)
    real.build()
    held = real.contents()
    forth = real.plan("there.erpoaplan")
    run = real.apply(forth)
    there = real.contents()
    if there == held:
        with pytest.raises(Failure, match="wrote nothing"):
            real.roll_back(run.run)
        return
    back = real.roll_back(run.run)
    answers = planned(PlanFile.open(back.path))
    told = [a for a in answers if a.kind]
    ended = real.apply(back)
    counts = ended.outcomes.get("t", {})
    # A row that is made anew is not, where another row has by now what recognises it: apply says so.
    refused = sum(n for outcome, n in counts.items() if outcome is not Outcome.APPLIED)
    assert set(counts) <= {Outcome.APPLIED, Outcome.STALE}, explained(forth, back, ended)

    keys = {a.key for a in told if a.id is None}  # of rows that would be made anew
    left = {a.id for a in told} | {a.id for a in planned(PlanFile.open(forth.path)) if a.key in keys}
    again = real.contents()
    changed = {row["id"] for row in held if row not in there}
    lost, more = without(held, left), without(again, left)
    difference = [r for r in lost if r not in more], [r for r in more if r not in lost]
    words = explained(forth, back, ended)
    assert max(map(len, difference)) <= refused, words
    assert refused or lost == more, words
    assert all(a.code for a in told)
    for one in told:  # nothing else was told: what the run did not touch is none of a rollback's business
        assert one.id in changed | {row["id"] for row in there if row not in held} | {None}
    if before.actual_complete:
        event(f"told: {sorted({a.code or '' for a in told})}")
    shutil.rmtree(directory)


def without(rows: Sequence[Row], left: set[object]) -> list[list[tuple[str, object]]]:
    """*rows* less those with the identifiers *left*, without identifiers: a row that is made anew has another."""
    told = (row for row in rows if row["id"] not in left)
    return sorted(([(n, v) for n, v in sorted(row.items()) if n != "id"] for row in told), key=repr)


def explained(forth: PlanResult, back: PlanResult, ended: RunResult) -> str:
    """What the run did, what was taken back and what became of it."""
    lines = [f"{a}" for a in planned(PlanFile.open(forth.path)) if a.action]
    lines += ["--"] + [f"{a}" for a in planned(PlanFile.open(back.path))] + [str(ended.outcomes)]
    return "\n".join(lines)
