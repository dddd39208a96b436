"""Lines onto a stream: plain, or coloured where that was decided."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from erpoa_cli.render.clean import harmless
from erpoa_cli.render.layout import Line

STYLES = {
    "create": "green",
    "update": "yellow",
    "move": "cyan",
    "delete": "bold red",
    "deactivate": "magenta",
    "adopt": "blue",
    "converge": "blue",
    "accept": "blue",
    "forget": "blue",
    "drift": "bold magenta",
    "conflict": "bold red",
    "held": "cyan",
    "task": "bold yellow",
    "withheld": "cyan",
    "title": "bold",
    "target": "bold",
    "key": "bold",
    "field": "",
    "pattern": "bold",
    "count": "",
    "note": "dim",
    "arrow": "dim",
    "removed": "red",
    "removed.strong": "bold red",
    "added": "green",
    "added.strong": "bold green",
    "good": "green",
    "warning": "yellow",
    "error": "bold red",
    "outcome.applied": "green",
    "outcome.rejected": "bold red",
    "outcome.stale": "yellow",
    "outcome.blocked": "yellow",
    "outcome.in_doubt": "bold red",
    "outcome.waiting": "cyan",
}


def plain(lines: Iterable[Line]) -> str:
    """*lines* without styles, each ended by a line break and without trailing spaces."""
    return "".join(harmless("".join(piece.text for piece in pieces)).rstrip(" ") + "\n" for pieces in lines)


def write(lines: Iterable[Line], stream: TextIO, *, color: bool) -> None:
    """Print *lines*; styles are ANSI sequences only with *color*. Text is never read as markup."""
    if not color:
        stream.write(plain(lines))
        return
    from rich.console import Console  # noqa: PLC0415 - plain output does not load rich
    from rich.text import Text  # noqa: PLC0415

    console = Console(file=stream, force_terminal=True, highlight=False, markup=False, emoji=False)
    for pieces in lines:
        text = Text(end="\n", no_wrap=True, overflow="ignore")
        for piece in pieces:
            text.append(harmless(piece.text), STYLES.get(piece.style) or None)
        console.print(text, soft_wrap=True)
