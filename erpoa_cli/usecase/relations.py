"""Reading relations without planning: snapshots, questions in SQL, tests of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.core.plan import Read
    from erpoa_cli.engine.query import Rows
    from erpoa_cli.engine.relations.quality import Tested
    from erpoa_cli.engine.unit_test import UnitResult


def extract(
    work: Workspace,
    *,
    select: Sequence[str] = (),
    exclude: Sequence[str] = (),
    full: bool = False,
    listener: Listener = ignore,
) -> Mapping[str, Read]:
    """Read sources now and keep their snapshots; how each read ended. *full*: incremental ones completely."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.relations.read import read_sources
    from erpoa_cli.engine.staging import Staging

    bound = work.bound
    names = work.sources(select, exclude)
    with (
        Connections(work.project) as connections,
        Staging(work.root, as_of=datetime.now(UTC), sensitive=bound.sensitive) as staging,
        work.reading() as state,
    ):
        return read_sources(
            bound, connections, staging, state, names=names, full=full, sealer=work.sealer, listener=listener
        )


def query(
    work: Workspace, sql: str, *, fresh: bool = False, limit: int | None = None, listener: Listener = ignore
) -> Rows:
    """The answer to one SELECT over sources, seeds, models and what targets hold; sensitive values stay masked. *fresh*:
    sources are read now, instead of their snapshots. *limit*: rows at most; None: all."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.query import ask
    from erpoa_cli.engine.staging import Staging

    bound = work.bound
    with (
        Connections(work.project) as connections,
        Staging(work.root, as_of=datetime.now(UTC)) as staging,
        work.reading() as state,
    ):
        return ask(
            bound, connections, staging, state, sql,
            fresh=fresh, limit=limit, sealer=work.sealer, listener=listener,
        )  # fmt: skip


def unit_tests(work: Workspace) -> list[UnitResult]:
    """The unit tests of transforms, on the rows that they give; nothing is connected to."""
    from erpoa_cli.engine.unit_test import run_unit_tests

    return run_unit_tests(work.bound)


def data_tests(
    work: Workspace, *, offline: bool = False, listener: Listener = ignore
) -> tuple[list[Tested], list[Diagnostic]]:
    """The tests, contracts and data tests on what the sources hold now, or (*offline*) held when their snapshots were
    taken; and what else was found."""
    from erpoa_cli.engine.connect import Connections
    from erpoa_cli.engine.relations.chain import stage
    from erpoa_cli.engine.relations.transform import run_data_tests
    from erpoa_cli.engine.staging import Staging

    bound, project = work.bound, work.project
    names = [*project.sources, *project.seeds, *project.transforms]
    with (
        Connections(project) as connections,
        Staging(work.root, as_of=datetime.now(UTC)) as staging,
        work.reading() as state,
    ):
        staged = stage(
            bound, connections, staging, state, names,
            offline=offline, sealer=work.sealer, listener=listener,
        )  # fmt: skip
        tested = [*staged.built.tested, *run_data_tests(staged.built, staging)]
    found = [t.diagnostic for t in tested if t.diagnostic and t.diagnostic not in staged.diagnostics]
    return tested, [*staged.diagnostics, *found]
