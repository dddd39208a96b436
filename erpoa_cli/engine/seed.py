"""Seeds: small, versioned CSV files as relations, read strictly."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from erpoa_cli.core.diagnostic import Diagnostic, Exit, Failure, Location
from erpoa_cli.core.parse import expected
from erpoa_cli.core.project import Seed
from erpoa_cli.core.schema import STRING, Field, identifier
from erpoa_cli.engine import held
from erpoa_cli.engine.load import Place, hold_keys, parsing
from erpoa_cli.engine.staging import Staging, relation

_SHOWN = 5  # wrong values told per seed


def seed_fields(root: Path, seed: Seed) -> tuple[Field, ...]:
    """The columns of *seed*: those of its header, of the declared type, else strings.

    `Failure` E0340 when the file cannot be read or a declared field is no column of it."""
    declared = {f.name: f for f in seed.fields}
    header = next(_rows(root, seed))[1]
    problems = [f"column {name!r} occurs twice" for name in {n for n in header if header.count(n) > 1}]
    problems += [f"there is no column {name!r}" for name in declared if name not in header]
    problems += [f"there is no column {name!r}, which is part of the key" for name in seed.key if name not in header]
    if problems:
        at = Location(seed.file, 1)
        raise Failure(*(Diagnostic("E0340", f"seed {seed.name}: {p}", at=at) for p in problems), exit=Exit.INVALID)
    return tuple(declared.get(name, Field(name, STRING)) for name in header)


def load_seed(staging: Staging, root: Path, seed: Seed, fields: Sequence[Field]) -> list[Diagnostic]:
    """Read *seed* into `model."NAME"`; what is wrong with its values is told with file and line.

    An empty cell is an empty text; where the field's `nulls` say so, NULL."""
    lines = list(_rows(root, seed))[1:]
    columns = {f.name: pa.array([cells[i] for _, cells in lines], pa.utf8()) for i, f in enumerate(fields)}
    table = pa.table({**columns, "#": pa.array([line for line, _ in lines], pa.int64())})
    select = parsing(table.schema, fields).replace("SELECT ", 'SELECT "#", ', 1)
    read = staging.compare(select, {"incoming": table})
    problems = list(_problems(seed, read, fields))
    place = Place(schema="model", name=seed.name, listing=seed.name, key=seed.key)
    staging.create("model", seed.name, fields)
    held.prepare(staging, seed.name)
    names = ", ".join(identifier(f.name) for f in fields)
    staging.insert("model", seed.name, read, f"SELECT {names} FROM incoming")
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
                    raise _unreadable(seed, f"{len(cells)} cells where the header has {width}", reader.line_num)
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
    return Failure(Diagnostic("E0340", f"seed {seed.name}: {what}", at=at), exit=Exit.INVALID)


def _problems(seed: Seed, read: pa.Table, fields: Sequence[Field]) -> Iterator[Diagnostic]:
    known = {f.name: f for f in fields}
    troubles = read.column("?")
    for line, found in zip(read.column("#").to_pylist(), troubles.to_pylist(), strict=True) if troubles.null_count < len(troubles) else ():
        for name, text in found or ():
            yield Diagnostic(
                "E0341",
                f"seed {seed.name}: {name} {text!r} is not {expected(known[name])}",
                at=Location(seed.file, line),
            )


def _key_problems(staging: Staging, seed: Seed) -> list[Diagnostic]:
    rows = staging.sql(f"SELECT DISTINCT key, reason FROM {relation('held', seed.name)} ORDER BY ALL LIMIT {_SHOWN}")
    return [
        Diagnostic("E0341", f"seed {seed.name}: {row['reason']}: {row['key'] or ''}".rstrip(": "), at=Location(seed.file))
        for row in rows.to_pylist()
    ]
