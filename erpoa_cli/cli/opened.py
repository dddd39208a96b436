"""What the command line opens: the workspace that its options name, and who answers its questions."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from erpoa_cli.cli.log import MASKER, set_up
from erpoa_cli.cli.options import Options
from erpoa_cli.core.address import Address, parse_address
from erpoa_cli.core.diagnostic import Diagnostic, Failure

if TYPE_CHECKING:
    from erpoa_cli.usecase import Workspace


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
    from erpoa_cli.usecase import open_workspace, secrets_of

    set_up(options)
    work = open_workspace(
        options.directory, environment(options), variables(options), command=options.command, getenv=getenv
    )
    MASKER.learn(secrets_of(work.project))
    return work


def agreed(options: Options, told: str) -> bool:
    """Whether who is asked agrees with what is *told*; Failure E0602 when nobody can be asked."""
    if not options.interactive:
        raise Failure(
            Diagnostic("E0602", told, detail="Nobody can be asked.", remedy="Give --yes if that is right."),
        )
    from erpoa_cli.render import clean

    sys.stderr.write(f"{clean.terminal(MASKER.masked(told))}\nOnly `yes` changes it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def address(text: str) -> Address:
    """The address that *text* spells."""
    try:
        text.encode()
        return parse_address(text)
    except ValueError as error:
        raise Failure(
            Diagnostic(
                "E0606", str(error), remedy="Copy it from a plan: every listed row shows its address."
            ),
        ) from None


def assignment(text: str) -> tuple[str, str]:
    """FIELD=VALUE of --id, taken apart; `Failure` E0601 when it is not that."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Failure(Diagnostic("E0601", f"--id {text!r} is not FIELD=VALUE"))
    return name, value
