"""The pages of docs/ that are made from the program: `PAGES=write pytest tests/house/test_pages.py` renews them."""

from __future__ import annotations

import contextlib
import io
import os
import re
from unittest.mock import patch

from erpoa_cli.cli.commands import ENTRIES, SECTIONS
from erpoa_cli.cli.exits import OF_FAILURE, OF_PLAN, OF_RUN
from erpoa_cli.cli.options import application
from erpoa_cli.cli.program import main
from erpoa_cli.core.codes import CATALOGUE

CLI = """\
# Commands

<!-- Made from the program by tests/house/pages.py; do not edit. -->

Global options work before and after the command. stdout is the answer, stderr is progress, diagnostics and the log.
`--format json` is always one valid document, also on failure; `erpoa schema print` lists the schemas.

## Exit codes

| exit | meaning | [kind](python.md#failures) |
|---|---|---|
| 0 | success; for plan: nothing differs, or something does without `--detailed-exitcode` | {0} |
| 1 | unexpected failure, network, internal | {1} |
| 2 | changes, drift, conflicts, or rows held or withheld; only with `--detailed-exitcode` | {2} |
| 3 | invalid project, arguments, contract or unreadable plan; failed tests | {3} |
| 4 | blocked: guard, policy, a removal that is wanted and not proven | {4} |
| 5 | applied with rejected, held, withheld or blocked rows | {5} |
| 6 | stale, expired, already applied or altered plan | {6} |
| 7 | locked by another run | {7} |
| 8 | operations in doubt: `erpoa resume` | {8} |
| 9 | unresolved conflicts | {9} |
| 130, 143 | interrupted; the state is consistent | {130} |

When several hold: 1, 3, 7, 6, 4, 8, 9, 5, 2, 0. Whoever answers the question of `apply` with anything but `yes`: 4. An answer that cannot be written: 1.

### Situations

| what there is | `plan` | `plan --detailed-exitcode` | `apply` | the verdict of the plan |
|---|---|---|---|---|
{situations}

`show` of a plan that was applied says by which run, and of one that is too old that it has expired.

## Selection

`-s/--select` and `-x/--exclude` name nodes: `name`, `+name` (with what it depends on), `name+` (with what depends on it), `2+name`,
globs; a space is union, a comma intersection; `tag:`, `path:`, `system:`, `kind:`, `owner:`; against the last applied plan `state:new`, `state:modified`, `state:orphaned` (with `ls`); `result:rejected`, `result:in_doubt`. A narrowed plan is not complete and may
not remove anything on evidence it did not select.

## Symbols

`+ create` `~ update` `> move` `- delete` `o deactivate` `= adopt, converge, accept, forget (state only)` `≠ drift` `! conflict`
`? in doubt` `· held, withheld`. Strings stand in quotes, so that `NULL`, `""` and `"  "` differ; characters that a terminal would obey
or hide are spelled out (`\\e`, `\\u202e`, `\\u3000`).
"""

# What there is: exit codes of plan, plan --detailed-exitcode and apply, and the verdict (tests/e2e/test_exits.py).
SITUATIONS: tuple[tuple[str, int, int, int, str], ...] = (
    ("nothing differs", 0, 0, 0, "nothing to do"),
    ("rows to write", 0, 2, 0, "can be applied"),
    ("a row is held", 0, 2, 5, "nothing to apply, N rows set aside"),
    ("a row has no key", 0, 2, 5, "nothing to apply, N rows set aside"),
    ("a key is there twice", 0, 2, 5, "nothing to apply, N rows set aside"),
    ("rows to write, and one that is held", 0, 2, 5, "can be applied"),
    ("drift that is only reported", 0, 2, 0, "nothing to apply, N rows set aside"),
    ("a conflict that is only reported", 0, 2, 9, "nothing to apply, N rows set aside"),
    ("a removal that is not proven", 4, 4, 4, "N removals not proven; nothing to apply, N rows set aside"),
    (
        "a removal that is not proven, and rows to write",
        4,
        4,
        4,
        "N removals not proven; the rest can be applied",
    ),
    ("a guard blocks", 4, 4, 4, "blocked by N guards"),
    ("a source cannot be read", 4, 4, 4, "errors while planning: cannot be applied"),
)

DIAGNOSTICS = """\
# Diagnostics

<!-- Made from erpoa_cli/core/codes by tests/house/pages.py; do not edit. -->

Every message has a stable code; `erpoa explain CODE` tells the same as this page.
"""


def cli() -> str:
    """docs/cli.md: the help of every command."""
    rows = "\n".join("| " + " | ".join(map(str, situation)) + " |" for situation in SITUATIONS)
    parts = [re.sub(r"\{(\d+)\}", _kinds, CLI).replace("{situations}", rows), "## erpoa\n", _help()]
    for title, entries in SECTIONS.items():
        parts.append(f"## {title}\n")
        for entry in entries:
            parts += [f"### erpoa {entry.name}\n", _help(entry.name)]
            parts += [
                part
                for name in subcommands(entry.name)
                for part in (f"#### erpoa {entry.name} {name}\n", _help(entry.name, name))
            ]
    return "\n".join(parts).rstrip("\n") + "\n"


def _kinds(exit: re.Match[str]) -> str:
    """The kinds of failure, and conclusions of plans and runs, that end in an exit code."""
    of = (*OF_FAILURE.items(), *OF_PLAN.items(), *OF_RUN.items())
    return ", ".join(dict.fromkeys(f"`{kind.value}`" for kind, code in of if code == int(exit[1])))


def subcommands(name: str) -> list[str]:
    """The commands below the group *name*; none when it is a command itself."""
    from importlib import import_module

    app = import_module(ENTRIES[name].module).app
    assert isinstance(app, type(application()))
    if app.registered_callback is None:
        return []
    return [c.name or (c.callback.__name__ if c.callback else "") for c in app.registered_commands]


def _help(*words: str) -> str:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), patch.dict(os.environ, {"COLUMNS": "100", "TERM": "dumb"}):
        assert main([*words, "--help"]) == 0
    return f"```\n{told.getvalue().strip()}\n```\n"


def diagnostics() -> str:
    """docs/diagnostics.md: the catalogue of codes."""
    parts = [DIAGNOSTICS]
    parts += [
        f"## {code.id}: {code.title}\n\n{code.meaning}\n\n*What to do:* {code.remedy}\n"
        for code in sorted(CATALOGUE.values(), key=lambda c: (c.id[0], c.id))
    ]
    return "\n".join(parts).rstrip("\n") + "\n"
