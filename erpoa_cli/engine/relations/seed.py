"""Seeds: small, versioned CSV files as relations, read strictly."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.canonical import canonical, key_text
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.core.parse import expected
from erpoa_cli.core.project import Seed
from erpoa_cli.core.relation import SEED
from erpoa_cli.core.schema import INTEGER, Field, identifier
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.load import Place, hold_keys, parsing, trouble
from erpoa_cli.engine.staging import Staging

_SHOWN = 5  # wrong keys told per seed


def load_seed(staging: Staging, root: Path, seed: Seed, fields: Sequence[Field]) -> list[Diagnostic]:
    """Read *seed* into `model."NAME"`; what is wrong with the file or its values is told with its line.

    An empty cell is an empty text; where the field's `nulls` say so, NULL."""
    place = Place(schema=SEED.schema, name=seed.name, listing=seed.name, key=seed.key)
    staging.create(SEED.schema, seed.name, fields)
    held.prepare(staging, seed.name)
    try:
        (header_line, header), *lines = _rows(root, seed)
        if header != [f.name for f in fields]:
            raise _unreadable(seed, "its columns changed while the command ran", header_line)
    except Failure as failure:
        return list(failure.diagnostics)
    columns = {f.name: pa.array([cells[i] for _, cells in lines], pa.utf8()) for i, f in enumerate(fields)}
    line = Field(trouble(fields), INTEGER)  # no column of the seed is called so
    table = pa.table({**columns, line.name: pa.array([number for number, _ in lines], pa.int64())})
    read = staging.compare(parsing(table.schema, (*fields, line)), {"incoming": table})
    problems = list(_problems(seed, read, fields, line.name))
    names = ", ".join(identifier(f.name) for f in fields)
    staging.insert(SEED.schema, seed.name, read, f"SELECT {names} FROM incoming")
    hold_keys(staging, place, fields)
    return problems + list(_key_problems(seed, read, fields, line.name))


def _rows(root: Path, seed: Seed) -> Iterator[tuple[int, list[str]]]:
    """The line where it begins and the cells of the header and of every row; `Failure` E0340 when the file is no such
    table."""
    try:
        content = (root / seed.file).read_bytes()
    except OSError as error:
        raise _unreadable(seed, error.strerror or str(error), 0) from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(seed, "it is not UTF-8", content.count(b"\n", 0, error.start) + 1) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    width, line = 0, 1
    try:
        for cells in reader:
            width = width or len(cells)
            if len(cells) != width:
                raise _unreadable(seed, f"{len(cells)} cells where the header has {width}", line)
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise _unreadable(seed, str(error), line) from None
    if not width:
        raise _unreadable(seed, "it has no header", 1)


def _unreadable(seed: Seed, what: str, line: int) -> Failure:
    at = Location(seed.file, line)
    remedy = "A seed is CSV in UTF-8: a header, then rows with as many cells."
    return Failure(Diagnostic("E0340", f"seed {seed.name}: {what}", remedy=remedy, at=at))


def _problems(seed: Seed, read: pa.Table, fields: Sequence[Field], line: str) -> Iterator[Diagnostic]:
    """What did not parse, in *read*, whose last column tells it."""
    known = {f.name: f for f in fields}
    told = read.schema.names[-1]
    wrong = read.filter(read.column(told).is_valid()).select([line, told]).sort_by(line)
    for row in wrong.to_pylist():
        for name, text in row[told]:
            yield Diagnostic(
                "E0341",
                f"seed {seed.name}: {name} {_quoted(known[name], text)} is not {expected(known[name])}",
                remedy="Correct the cell, or declare `type`, `format` or `nulls` of the column in seeds/*.yml.",
                at=Location(seed.file, row[line]),
            )


def _quoted(field: Field, text: str) -> str:
    return "(sensitive)" if field.sensitivity.sealed else repr(text)


def _key_problems(seed: Seed, read: pa.Table, fields: Sequence[Field], numbers: str) -> Iterator[Diagnostic]:
    """Rows without a key of their own, the first of them."""
    types = {f.name: f.type for f in fields}
    told = read.schema.names[-1]
    sound = read.filter(read.column(told).is_null()).sort_by(numbers) if seed.key else read.slice(0, 0)
    lines = sound.column(numbers).to_pylist()
    met: dict[str, int] = {}
    wrong: list[tuple[int, str]] = []
    for line, row in zip(lines, sound.select(list(seed.key)).to_pylist(), strict=True):
        key = key_text({name: canonical(value, types[name]) for name, value in row.items()})
        if None in row.values():
            wrong.append((line, "the key is NULL"))
        elif met.setdefault(key, line) != line:
            wrong.append((line, f"line {met[key]} has this key, too: {key}"))
    for line, what in wrong[:_SHOWN]:
        yield Diagnostic(
            "E0341",
            f"seed {seed.name}: {what}",
            remedy="Give every row a key of its own.",
            at=Location(seed.file, line),
        )
