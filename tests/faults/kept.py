"""What files hold, down to the cells: zips, Parquet, SQLite and Arrow are opened, so that compression hides nothing."""

from __future__ import annotations

import base64
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote, quote_plus

import pyarrow as pa
import pyarrow.parquet as pq


def forms(text: str) -> set[bytes]:
    """*text* in every form in which it travels."""
    raw = text.encode()
    found = {
        raw,
        quote(text, safe="").encode(),
        quote(text, safe="").lower().encode(),
        quote_plus(text).encode(),
        json.dumps(text)[1:-1].encode(),
        json.dumps(text, ensure_ascii=False)[1:-1].encode(),
        repr(text)[1:-1].encode(),
        raw.hex().encode(),
        text.encode("utf-16-le"),
    }
    for skip in range(3):  # inside a longer encoded text it may start at any of three places
        encoded = base64.b64encode(bytes(skip) + raw).rstrip(b"=")
        found.add(encoded[(0, 2, 3)[skip] : len(encoded) - (1 if (len(raw) + skip) % 3 else 0)])
    return {form for form in found if len(form) >= 6}


def pieces(content: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of *content* and of everything inside it."""
    yield where, content
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield from pieces(archive.read(name), f"{where}!{name}")
    elif content.startswith(b"PAR1"):
        yield from _cells(pq.read_table(io.BytesIO(content)), where)
    elif content.startswith(b"ARROW1"):
        yield from _cells(pa.ipc.open_file(content).read_all(), where)
    elif content.startswith(b"\xff\xff\xff\xff"):
        yield from _cells(pa.ipc.open_stream(content).read_all(), where)
    elif content.startswith(b"SQLite format 3"):
        yield from _rows(content, where)


def _cells(table: pa.Table, where: str) -> Iterator[tuple[str, bytes]]:
    yield f"{where} schema", str(table.schema).encode() + repr(table.schema.metadata).encode()
    for name in table.schema.names:
        for value in table[name].to_pylist():
            yield f"{where} column {name}", _bytes(value)


def _rows(content: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    with NamedTemporaryFile(suffix=".db") as copy:
        copy.write(content)
        copy.flush()
        with closing(sqlite3.connect(copy.name)) as db:
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
                for row in db.execute(f'SELECT * FROM "{table}"').fetchall():
                    for value in row:
                        yield from pieces(_bytes(value), f"{where} table {table}")


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def files(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Everything every file under *directory* holds."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield from pieces(path.read_bytes(), str(path.relative_to(directory)))
