"""What erpoa has written into a file it reads, and plans again without a word: every format, every type."""

from __future__ import annotations

import json
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.plan import Member
from erpoa_cli.core.schema import Kind, Type
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.conformance import VALUES
from tests import planning
from tests.unit.engine.small import Small

NESTED = (Kind.LIST, Kind.STRUCT)
TYPES: dict[str, Type] = {f"v{n}": type_ for n, type_ in enumerate(VALUES)}
ROWS = max(map(len, VALUES.values()))


def _line(number: int) -> str:
    """A row of the source: each type's values in turn."""
    parts = [f'"code": "C{number}"']
    for name, type_ in TYPES.items():
        values = VALUES[type_]
        text = canonical(values[number % len(values)], type_) or ""
        parts.append(f'"{name}": {text if type_.kind is Kind.JSON else json.dumps(text)}')
    return f"{{{', '.join(parts)}}}\n"


def _empty(path: Path, names: list[str]) -> str:
    """A file without rows; what its system says of it."""
    match path.suffix:
        case ".csv":
            path.write_text(",".join(names) + "\n")
        case ".xlsx":
            book = openpyxl.Workbook()
            book.create_sheet("t", 0).append(names)
            del book["Sheet"]
            book.save(path)
        case ".parquet":
            fields = [("code", pa.utf8()), *((n, arrow_type(TYPES[n])) for n in names[1:])]
            parquet.write_table(pa.schema(fields).empty_table(), path)
        case ".jsonl":
            path.write_text("")
            return f", fields: [{', '.join(names)}]"
        case _:
            path.write_text("<all/>")
            return f", rows: one, fields: [{', '.join(names)}]"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "xlsx", "xml", "parquet"])
def test_what_was_written_is_read_again_and_nothing_is_left_to_do(tmp_path: Path, suffix: str):
    written = [n for n, t in TYPES.items() if suffix != "xml" or t.kind not in NESTED]
    names = ["code", *written]
    (tmp_path / "data").mkdir()
    said = _empty(tmp_path / f"data/t.{suffix}", names)
    (tmp_path / "data/s.jsonl").write_text("".join(map(_line, range(ROWS))))
    fields = {"code": "string", **{name: str(TYPES[name]) for name in written}}
    project = Small(tmp_path)
    project.file("erpoa.yml", "format: 1\nname: files\nowner: a@b.example\ndescription: d\n")
    project.file(
        "systems/s.yml",
        f"systems: {{files: {{plugin: files, config: {{path: data, files: {{t.{suffix}: {{id: [code]{said}}}}}}}}}}}\n",
    )
    project.file(
        "sources/s.yml",
        f"sources: {{s: {{system: files, object: s.jsonl, key: [code], fields: {json.dumps(fields)}}}}}\n",
    )
    project.file(
        "targets/t.yml",
        f"targets: {{t: {{system: files, object: t.{suffix}, from: s, key: [code], fields: [{', '.join(names)}]}}}}\n",
    )
    done = project.apply()
    assert set(done.outcomes["t"]) <= {Outcome.APPLIED, Outcome.REJECTED}
    assert done.outcomes["t"][Outcome.APPLIED] > ROWS // 2
    again = project.plan()
    assert planning.rows(again, Member.CHANGES, "t") == []
    assert planning.rows(again, Member.HELD, "t") == []
