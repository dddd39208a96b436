"""What DuckDB says when it refuses a statement, told without what it quotes of rows."""

from __future__ import annotations

import re
import unicodedata

_POSITION = re.compile(r"\n\nLINE (\d+): (.*)\n( *)\^\s*$", re.DOTALL)
_CLASS = re.compile(r"^([A-Z][A-Za-z ]*Error): ")


# These are about the statement alone. All others may quote a row.
_ABOUT_STATEMENTS = frozenset(
    f"{kind} Error"
    for kind in (
        "Binder", "Catalog", "Interrupt", "IO", "Not implemented", "Out of Memory", "Parser", "Permission", "Syntax",
        "Timeout",
    )
)  # fmt: skip
_OF_COLUMN = re.compile(r"['\"\w)\]] when casting from source column ([A-Za-z_]\w*)$")
_SEVERAL = "More than one row returned by a subquery used as an expression"


def _without_values(kind: str, said: str) -> str:
    """What DuckDB *said* of some row, in words that tell nothing of the row."""
    if said.startswith(_SEVERAL):
        return _SEVERAL
    column = _OF_COLUMN.search(said)
    where = f" of column {column.group(1)}" if column else ""
    match kind:
        case "Conversion Error":
            what = f"a value{where} cannot be converted"
        case "Out of Range Error":
            what = f"a value{where} is out of range"
        case _:
            what = "a row cannot be computed"
    return f"{what} (which is not told: it may be sensitive)"


class SqlProblem(Exception):
    """DuckDB refused a statement. `kind` is its class of error (`Binder Error`), `summary` what it said without the
    values of rows that it quotes, for they may be sensitive; `hint` its suggestion where it made one, `line` counts
    from 1 within the statement (0: not told); `before` and `at` are the text of that line up to the place meant (as
    far as it was told) and from there on."""

    def __init__(self, text: str) -> None:
        head = _CLASS.match(text)
        self.kind = head.group(1) if head else ""
        said = text[head.end() :] if head else text
        place = _POSITION.search(said)
        self.line = int(place.group(1)) if place else 0
        self.before, self.at = "", ""
        if place:
            said = said[: place.start()]
            self.before, self.at = _split(place.group(2), len(place.group(3)) - len(f"LINE {self.line}: "))
        self.summary, _, self.hint = (part.strip() for part in said.strip().partition("\n"))
        if self.kind not in _ABOUT_STATEMENTS:
            self.summary, self.hint = _without_values(self.kind, said.strip()), ""
        super().__init__(self.summary)


def _split(excerpt: str, width: int) -> tuple[str, str]:
    """*excerpt* before and after the caret that stands under its column *width* (wide characters take two)."""
    taken = 0
    for position, character in enumerate(excerpt):
        if taken >= width:
            return excerpt[:position].removeprefix("..."), excerpt[position:].removesuffix("...")
        taken += 2 if unicodedata.east_asian_width(character) in "WF" else 1
    return excerpt.removeprefix("..."), ""


class TimedOut(SqlProblem):
    """A statement ran longer than it may."""
