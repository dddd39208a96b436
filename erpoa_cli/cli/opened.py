"""What the command line opens: the workspace that its options name, and who answers its questions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from erpoa_cli.cli.log import MASKER, set_up
from erpoa_cli.cli.options import Options
from erpoa_cli.core.address import Address, parse_address
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.secret import Secret

if TYPE_CHECKING:
    from erpoa_cli.core.project import Project
    from erpoa_cli.usecase import Workspace


def root(options: Options) -> Path:
    """The project directory: what -C names, or the nearest above that has an erpoa.yml."""
    from erpoa_cli.project import find_root

    return find_root(options.directory)


def environment(options: Options) -> str | None:
    """-e, else ERPOA_ENV; None is the project's first."""
    return options.environment or os.environ.get("ERPOA_ENV") or None


def variables(options: Options) -> dict[str, str]:
    """What --var gives, which no finding repeats from now on."""
    given = dict(options.variables)
    for name, value in given.items():
        MASKER.hear(f"var {name}", value)
    return given


def getenv(name: str) -> str | None:
    """A variable of the environment, which no finding repeats from now on."""
    value = os.environ.get(name)
    if value and name != "HOME":
        MASKER.hear(f"env {name}", value)
    return value


def workspace(options: Options) -> Workspace:
    """The project, every file judged; `Failure` with all findings when one is an error."""
    from erpoa_cli.usecase import open_workspace

    set_up(options)
    work = open_workspace(
        options.directory, environment(options), variables(options), command=options.command, getenv=getenv
    )
    learn_secrets(work.project)
    return work


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


def agreed(options: Options, told: str) -> bool:
    """Whether who is asked agrees with what is *told*; Failure E0602 when nobody can be asked."""
    if not options.interactive:
        raise Failure(
            Diagnostic("E0602", told, detail="Nobody can be asked.", remedy="Give --yes if that is right."),
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
        ) from None
