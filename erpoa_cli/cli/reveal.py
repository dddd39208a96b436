"""`show --reveal`: sensitive values, for a terminal or a private file only, and never without a record of it."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from erpoa_cli.cli.ending import file_of
from erpoa_cli.cli.options import Options
from erpoa_cli.core.diagnostic import Diagnostic, Failure

if TYPE_CHECKING:
    from erpoa_cli.usecase import Reveal, SealedFields, Workspace


def revealing(
    options: Options, work: Workspace, sealed: SealedFields, names: Sequence[str], reason: str
) -> Reveal:
    """The *sealed* fields that *names* spell, after checking that they may be shown.

    Failure (exit INVALID) for a name that is no sensitive field, a class that is never shown, a missing reason and
    an output that others could read, or without the project's key."""
    from erpoa_cli import usecase

    if not reason.strip():
        raise _refused("showing sensitive values needs a reason", 'Add --reason "why"; it is recorded.')
    _private(options)
    return usecase.reveal(work, sealed, names, reason.strip())


def _private(options: Options) -> None:
    """Refuse an output that is neither a terminal nor a file of the user alone: a pipe often ends in a log."""
    path = file_of(options)
    if path is None:
        if not sys.stdout.isatty():
            raise _refused(
                "sensitive values are shown on a terminal only", "Or write them to a private file: -o FILE."
            )
        return
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # it will be made, mode 0600
    if not stat.S_ISREG(mode) or mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _refused(f"others can read {path}", f"chmod 600 {path}, or name a file that does not exist.")


def _refused(summary: str, remedy: str) -> Failure:
    return Failure(Diagnostic("E0620", summary, remedy=remedy))
