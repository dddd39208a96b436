"""What commands open: the project, its binding, its state, its connections, and who is asking."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from erpoa_cli.cli.log import MASKER, set_up
from erpoa_cli.cli.options import Options
from erpoa_cli.core.address import Address, parse_address
from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure
from erpoa_cli.core.report import PlanReport
from erpoa_cli.core.secret import Secret

if TYPE_CHECKING:
    from erpoa_cli.core.graph import Graph, NodeId
    from erpoa_cli.core.project import Project
    from erpoa_cli.engine.binding.bound import Bound
    from erpoa_cli.engine.report import Revealed
    from erpoa_cli.state import Sealer, StateReader, StateRecords, StateWriter


def root(options: Options) -> Path:
    """The project directory: what -C names, or the nearest above that has an erpoa.yml."""
    from erpoa_cli.project import find_root

    return find_root(options.directory)


def environment(options: Options) -> str | None:
    """-e, else ERPOA_ENV; None is the project's first."""
    return options.environment or os.environ.get("ERPOA_ENV") or None


def project(options: Options) -> Project:
    """The project, every file judged; `Failure` with all findings when one is an error."""
    from erpoa_cli.project import load

    set_up(options)
    loaded = load(root(options), environment(options), dict(options.variables), getenv=os.environ.get)
    learn_secrets(loaded)
    return loaded


def learn_secrets(loaded: Project) -> None:
    """Let nothing this process prints hold one of the project's secrets."""
    values: list[Any] = [loaded.key, loaded.state, *(system.config for system in loaded.systems.values())]
    texts: list[str] = []
    while values:
        match values.pop():
            case Secret() as secret:
                texts += _parts(secret.reveal())
            case Mapping() as mapping:
                values.extend(mapping.values())
            case list() | tuple() as items:
                values.extend(items)
            case _:
                pass
    MASKER.learn(texts)


def _parts(secret: str) -> Iterator[str]:
    """A secret, and the password in it where it is a URL: others repeat that alone."""
    yield secret
    if "://" in secret and "@" in secret:
        _, colon, password = secret.partition("://")[2].rpartition("@")[0].partition(":")
        yield from {password, unquote(password)} if colon else ()


def bound(options: Options) -> Bound:
    """The project bound to its connectors and to DuckDB: what every command needs that reads or writes."""
    from erpoa_cli.engine.check import check
    from erpoa_cli.project import remembering

    loaded = project(options)
    with remembering(Path(loaded.root)) as conforms:
        return check(loaded, conforms)


def nodes(
    loaded: Project, graph: Graph, select: Sequence[str] | None, exclude: Sequence[str] | None
) -> frozenset[NodeId]:
    """The nodes that the selection names; the state is asked where it speaks of earlier runs."""
    words = [*(select or ()), *(exclude or ())]
    given = remembered(loaded) if any("state:" in word or "result:" in word for word in words) else {}
    return graph.select(select or (), exclude or (), given=given)


def remembered(loaded: Project) -> dict[str, frozenset[NodeId]]:
    """What the last applied plan and its runs know of nodes, by the words of the selection. Orphaned nodes are not
    in this project any more."""
    from erpoa_cli.core.definition import changed, definitions

    with reading(loaded) as state:
        before = state.definitions()
        rejected = frozenset(f"target:{row.target}" for row in state.rejected())
        doubts = frozenset(f"target:{row.target}" for row in state.in_doubt())
    other = changed(loaded, before)
    return {
        "state:new": other - before.keys(),
        "state:modified": other & before.keys(),
        "state:orphaned": frozenset(before) - definitions(loaded).keys(),
        "result:rejected": rejected,
        "result:in_doubt": doubts,
    }


def targets(
    loaded: Project, select: Sequence[str] | None, exclude: Sequence[str] | None
) -> frozenset[str] | None:
    """The targets that the selection names; None when nothing narrows it."""
    if not select and not exclude:
        return None
    from erpoa_cli.core.graph import Graph

    names = frozenset(
        name.removeprefix("target:")
        for name in nodes(loaded, Graph(loaded), select, exclude)
        if name.startswith("target:")
    )
    if not names:
        raise Failure(
            Diagnostic(
                "E0605", "the selection names no target", remedy="`erpoa ls -s …` shows what it selects."
            ),
            exit=Exit.INVALID,
        )
    return names


def sources(loaded: Project, select: Sequence[str] | None, exclude: Sequence[str] | None) -> frozenset[str]:
    """The sources that the selection names; all when nothing narrows it."""
    from erpoa_cli.core.graph import Graph

    chosen = nodes(loaded, Graph(loaded), select, exclude)
    return frozenset(name.removeprefix("source:") for name in chosen if name.startswith("source:"))


@contextmanager
def reading(loaded: Project) -> Iterator[StateReader]:
    """The state, for reading."""
    from erpoa_cli.state import open_reader

    state = open_reader(Path(loaded.root), loaded.environment, loaded.state, loaded.name)
    try:
        yield state
    finally:
        state.close()


@contextmanager
def records(loaded: Project) -> Iterator[StateRecords]:
    """The state without its rows and plans, for reading: runs, lock, audit trail."""
    from erpoa_cli.state import open_records

    state = open_records(Path(loaded.root), loaded.environment, loaded.state, loaded.name)
    try:
        yield state
    finally:
        state.close()


@contextmanager
def writing(options: Options, loaded: Project) -> Iterator[StateWriter]:
    """The state, locked for writing; a lock that another holds ends in exit 7."""
    from erpoa_cli.state import open_writer

    state = open_writer(
        Path(loaded.root), loaded.environment, loaded.state, loaded.name, command=options.command
    )
    try:
        yield state
    finally:
        state.close()


def sealer(loaded: Project) -> Sealer | None:
    """What opens sealed values; None when the project has no key."""
    from erpoa_cli.state import load_sealer

    return load_sealer(Path(loaded.root), loaded.key)


def agreed(options: Options, told: str) -> bool:
    """Whether who is asked agrees with what is *told*; Failure E0602 when nobody can be asked."""
    if not options.interactive:
        raise Failure(
            Diagnostic("E0602", told, detail="Nobody can be asked.", remedy="Give --yes if that is right."),
            exit=Exit.INVALID,
        )
    sys.stderr.write(f"{told}\nOnly `yes` changes it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def address(text: str) -> Address:
    """The address that *text* spells."""
    try:
        return parse_address(text)
    except ValueError as error:
        raise Failure(
            Diagnostic(
                "E0606", str(error), remedy="Copy it from a plan: every listed row shows its address."
            ),
            exit=Exit.INVALID,
        ) from None


def plan_report(
    loaded: Project,
    path: Path,
    *,
    full: bool = False,
    limit: int = 20,
    addresses: Sequence[Address] = (),
    diagnostics: Sequence[Diagnostic] = (),
    revealed: Revealed = frozenset(),
) -> PlanReport:
    """The plan file at *path* as a report; sensitive values opened only as far as `reveal` needs them, or where
    they are *revealed*."""
    from erpoa_cli.engine.report import report
    from erpoa_cli.state import PlanFile

    told = report(
        PlanFile.open(path),
        Path(loaded.root),
        limit=None if full else limit,
        addresses=addresses,
        sealer=sealer(loaded),
        revealed=revealed,
    )
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return replace(told, file=str(shown), diagnostics=tuple(diagnostics))


def is_run(loaded: Project, name: str) -> bool:
    """Whether the state knows a run called *name*."""
    with records(loaded) as state:
        return state.run(name) is not None


def run_report(
    loaded: Project,
    run: str,
    *,
    full: bool = False,
    limit: int = 20,
    addresses: Sequence[Address] = (),
    diagnostics: Sequence[Diagnostic] = (),
    revealed: Revealed = frozenset(),
) -> PlanReport:
    """What became of every change of the plan that *run* applied, or of the rows of *addresses*."""
    from erpoa_cli.engine.report import run_report as told

    with reading(loaded) as state:
        report = told(
            state,
            run,
            limit=None if full else limit,
            addresses=addresses,
            sealer=sealer(loaded),
            revealed=revealed,
        )
    return replace(report, diagnostics=tuple(diagnostics))


def author() -> str:
    """Who is asking: ERPOA_AUTHOR (pipelines), else git's e-mail, else the login name."""
    if name := os.environ.get("ERPOA_AUTHOR"):
        return name
    if mail := _git(Path.cwd(), "config", "user.email"):
        return mail
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def commit(directory: Path) -> tuple[str, bool]:
    """(commit, whether files under *directory* differ from it); empty outside git."""
    head = _git(directory, "rev-parse", "HEAD")
    return (head, bool(_git(directory, "status", "--porcelain", "--", "."))) if head else ("", False)


def _git(directory: Path, *arguments: str) -> str:
    """What git answers; empty when it is missing or refuses. Hooks and prompts stay off."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            [  # noqa: S607 - the git that the user has
                "git",
                "-C",
                str(directory),
                "-c",
                "core.fsmonitor=false",
                *arguments,
            ],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
