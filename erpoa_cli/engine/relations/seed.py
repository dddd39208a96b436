"""Seeds: small, versioned CSV files as relations, read strictly."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.core.parse import expected
from erpoa_cli.core.project import Seed
from erpoa_cli.core.relation import SEED
from erpoa_cli.core.schema import INTEGER, Field, identifier
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.load import Place, hold_keys, parsing, trouble
from erpoa_cli.engine.staging import Staging, relation

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
    return problems + _key_problems(staging, seed)


def _rows(root: Path, seed: Seed) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of the header and of every row; `Failure` E0340 when the file is no such table."""
    try:
        with (root / seed.file).open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            width = 0
            for cells in reader:
                width = width or len(cells)
                if len(cells) != width:
                    raise _unreadable(
                        seed, f"{len(cells)} cells where the header has {width}", reader.line_num
                    )
                yield reader.line_num, cells
    except csv.Error as error:
        raise _unreadable(seed, str(error), 0) from None
    except UnicodeDecodeError:
        raise _unreadable(seed, "it is not UTF-8", 0) from None
    except OSError as error:
        raise _unreadable(seed, error.strerror or str(error), 0) from None
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


def _key_problems(staging: Staging, seed: Seed) -> list[Diagnostic]:
    rows = staging.sql(
        f"SELECT DISTINCT key, reason FROM {relation('held', seed.name)} ORDER BY ALL LIMIT {_SHOWN}"
    )
    return [
        Diagnostic(
            "E0341",
            f"seed {seed.name}: {row['reason']}: {row['key'] or ''}".rstrip(": "),
            remedy="Give every row a key of its own.",
            at=Location(seed.file, 1),
        )
        for row in rows.to_pylist()
    ]
