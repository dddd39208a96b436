"""Edits and findings of many rows, written down in a CSV file: one row of ours a line, named by its `address`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from erpoa_cli.core.address import Address, parse_address
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.usecase.editing import Adopt, Edit, Forget, Protect, Rekey, Unprotect
from erpoa_cli.usecase.resolving import Settlement

ADDRESS, NEW, ID, REASON, APPLIED = "address", "new", "id.", "reason", "applied"
_COLUMNS = {Forget: (), Protect: (REASON,), Unprotect: (), Rekey: (NEW,), Adopt: (ID,)}
_SAID = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_edits(file: Path | str, kind: type[Edit], *, reason: str = "") -> tuple[Edit, ...]:
    """The edits of *kind* that a CSV file (UTF-8; `-`: standard input) lists: `address`, and `new` (the new address) to rekey,
    `id.FIELD` to adopt, `reason` to protect. *reason*: where the file tells none. `Failure` E0601 or E0606 with all that is
    wrong and its line."""
    wrong: list[Diagnostic] = []
    found: list[Edit] = []
    for line in _lines(file, _COLUMNS[kind], needed=(NEW,) if kind is Rekey else ()):
        try:
            found.append(_edit(kind, line, reason))
        except Failure as failure:
            wrong += failure.diagnostics
    if wrong:
        raise Failure(*wrong)
    return tuple(found)


def read_settlements(file: Path | str, *, applied: bool | None, reason: str) -> tuple[Settlement, ...]:
    """What a CSV file says of rows in doubt: `address`, `applied` (yes or no), `id.FIELD`, `reason`; *applied* and *reason*
    where the file has no such column, or nothing in it."""
    wrong: list[Diagnostic] = []
    found: list[Settlement] = []
    for line in _lines(file, (APPLIED, REASON, ID)):
        said = line.values.get(APPLIED, "").strip().lower()
        happened = _SAID.get(said) if said else applied
        try:
            row = line.address(ADDRESS)
            if happened is None:
                raise line.wrong("E0612", f"{APPLIED} says {said!r}, and must say yes or no")
            why = line.values.get(REASON) or reason
            found.append(Settlement(row, happened, why, line.id if happened else {}, line.at))
        except Failure as failure:
            wrong += failure.diagnostics
    if wrong:
        raise Failure(*wrong)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Line:
    at: Location
    values: dict[str, str]

    @property
    def id(self) -> dict[str, str]:
        return {n.removeprefix(ID): v for n, v in self.values.items() if n.startswith(ID) and v}

    def address(self, column: str) -> Address:
        try:
            return parse_address(self.values[column])
        except ValueError as error:
            raise self.wrong("E0606", str(error)) from None

    def wrong(self, code: str, words: str, remedy: str = "") -> Failure:
        return Failure(Diagnostic(code, words, remedy=remedy, at=self.at))


def _edit(kind: type[Edit], line: _Line, reason: str) -> Edit:
    row = line.address(ADDRESS)
    if kind is Rekey:
        return Rekey(row, line.address(NEW), line.at)
    if kind is Adopt:
        return Adopt(row, line.id, line.at)
    if kind is Protect:
        return Protect(row, line.values.get(REASON) or reason, line.at)
    return Unprotect(row, line.at) if kind is Unprotect else Forget(row, line.at)


def _lines(file: Path | str, columns: Collection[str], needed: Collection[str] = ()) -> Iterator[_Line]:
    name = "standard input" if str(file) == "-" else str(file)
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else Path(file).read_bytes()
        reader = csv.reader(StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [cell.strip() for cell in next(reader, [])]
        _judge_header(name, header, columns, (ADDRESS, *needed))
        for cells in reader:
            at = Location(name, reader.line_num)
            if not any(cells):
                continue
            if len(cells) != len(header):
                said = f"{len(cells)} values stand under {len(header)} columns"
                raise Failure(Diagnostic("E0601", said, at=at))
            yield _Line(at, dict(zip(header, cells, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Failure(
            Diagnostic("E0601", f"{name} cannot be read: {error}", remedy="It must be a CSV file in UTF-8.")
        ) from None


def _judge_header(name: str, header: list[str], columns: Collection[str], needed: Collection[str]) -> None:
    """`Failure` where a column is missing, repeated, or none that can be: a misspelt one would be passed over."""
    known = (*needed, *columns)
    strange = [n for n in header if n not in known and not (ID in columns and n.startswith(ID) and n != ID)]
    missing = [n for n in needed if n not in header]
    twice = [n for n in dict.fromkeys(header) if header.count(n) > 1]
    if strange or missing or twice:
        told = [f"has no column {n}" for n in missing] + [f"has {n} twice" for n in twice]
        told += [f"has a column {n!r}, which is none of these" for n in strange]
        listed = ", ".join(f"{n}FIELD" if n == ID else n for n in dict.fromkeys(known))
        raise Failure(
            Diagnostic(
                "E0601", f"{name} {'; '.join(told)}", remedy=f"Columns are: {listed}.", at=Location(name, 1)
            )
        )
