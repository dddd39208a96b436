"""An open directory of files: reading them, and writing one by replacing it as a whole."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa

from erpoa_cli.connectors.files import place
from erpoa_cli.connectors.files.again import read_again
from erpoa_cli.connectors.files.change import changed
from erpoa_cli.connectors.files.delimited import Delimited
from erpoa_cli.connectors.files.jsonlines import JsonLines
from erpoa_cli.connectors.files.layout import Layout
from erpoa_cli.connectors.files.parquet import Parquet
from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.connector import (
    BatchReading,
    CreateSafety,
    ObjectInfo,
    Reading,
    ReadRequest,
    Writable,
    WriteBatch,
    failed_reading,
)
from erpoa_cli.sdk.errors import ContractBroken, Denied, Fatal, SystemFailure, Transient
from erpoa_cli.sdk.meaning import meaning
from erpoa_cli.sdk.sql import Outcomes

_BATCH = 1_000_000  # rows per write: each write makes the file anew


class FilesSession(Writable):
    """One directory."""

    def __init__(self, root: Path, config: Mapping[str, Any]) -> None:
        self._root = root
        self._config = config
        self._caps = Caps.of(config)

    def check(self) -> Sequence[str]:
        if not self._root.is_dir():
            return [f"there is no directory {self._root}"]
        if not os.access(self._root, os.R_OK | os.X_OK):
            return [f"the directory {self._root} cannot be read"]
        return []

    def identity(self) -> str:
        """The real path of the directory."""
        return f"files:{os.path.realpath(self._root)}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        if problems := self.check():
            raise Fatal(problems[0])
        if names is None:
            names = place.addresses(self._root)
            self._caps.hold("files", len(names), "the directory")
        found = []
        for name in names:
            try:
                paths = self._located(name)
            except Fatal:
                continue
            found.append(self._described(name, paths))
        return found

    def close(self) -> None:
        """Nothing stays open."""

    def _described(self, name: str, paths: Sequence[Path]) -> ObjectInfo:
        layout = self._layout(*self._names(name, paths[0]))
        try:
            with paths[0].open("rb") as stream, _named(paths[0].name):
                fields = tuple(layout.fields(stream))
                self._caps.hold("columns", len(fields), "the table")
        except (SystemFailure, OSError) as error:
            return ObjectInfo(address=name, fields=(), readable=False, refused=str(error), writable=False)
        identifier = tuple(self._special(name).get("id", ()))
        alone = not place.is_pattern(name)
        return ObjectInfo(
            address=name,
            fields=fields,
            id=identifier,
            writable=alone and os.access(paths[0], os.W_OK) and os.access(paths[0].parent, os.W_OK),
            create_safety=CreateSafety.LOOKUP,
            batch_size=_BATCH,
        )

    def _located(self, name: str) -> list[Path]:
        paths = place.located(self._root, name)
        self._caps.hold("files", len(paths), repr(name))
        return paths

    def _names(self, name: str, path: Path) -> tuple[str, ...]:
        """The addresses under which something may be said of the file at *path*, found as *name*."""
        return (
            (name, path.relative_to(self._root.resolve()).as_posix()) if place.is_pattern(name) else (name,)
        )

    def _special(self, *names: str) -> Mapping[str, Any]:
        """What `files:` says of *names*; the last word counts: of each what is said of the patterns that match it, as they are
        written, and then of itself."""
        said: Mapping[str, Mapping[str, Any]] = self._config.get("files", {})
        found: dict[str, Any] = {}
        for name in names:
            for entry, special in said.items():
                if place.is_pattern(entry) and place.covers(entry, name):
                    found |= special
            found |= said.get(name, {})
        return found

    def _layout(self, *names: str) -> Layout:
        """The layout of a file; of one that a pattern matches: of the pattern, and the file."""
        name = names[-1]
        options = {**self._config, **self._special(*names)}
        kind = options.get("format") or place.SUFFIXES.get(Path(name).suffix.lower())
        match kind:
            case "csv":
                return Delimited(
                    encoding=options.get("encoding", "utf-8"),
                    delimiter=options.get("delimiter", ","),
                    null=options.get("null", ""),
                    caps=self._caps,
                )
            case "jsonl":
                return JsonLines(declared=tuple(options.get("fields", ())), caps=self._caps)
            case "parquet":
                return Parquet(caps=self._caps)
            case "xlsx":
                from erpoa_cli.connectors.files.workbook import Workbook  # noqa: PLC0415 - slow to load, and rare

                return Workbook(
                    sheet=options.get("sheet", ""), header=options.get("header", 1), caps=self._caps
                )
            case "xml":
                from erpoa_cli.connectors.files.xml import Xml  # noqa: PLC0415 - as above

                return Xml(
                    rows=options.get("rows", ""),
                    namespaces=options.get("namespaces", {}),
                    declared=tuple(options.get("fields", ())),
                    caps=self._caps,
                )
            case _:
                raise ContractBroken(f"{name}: say its format: csv, jsonl, parquet, xlsx or xml")

    # -- reading --

    def read(self, request: ReadRequest) -> Reading:
        try:
            contents = [
                (p.name, self._layout(*self._names(request.object, p)), p.read_bytes())
                for p in self._located(request.object)
            ]
            first, layout, content = contents[0]
            with _named(first):
                schema = layout.schema(request.fields, content)
        except (SystemFailure, OSError) as error:
            return failed_reading(request, error)
        faults: list[str] = []
        evidence = {
            "files": len(contents),
            "digest": place.digest(b"".join(c for _, _, c in contents)),
            "at_once": len(contents) == 1,
        }
        return BatchReading(schema, self._batches(request, contents, schema, faults), evidence, faults)

    def _batches(
        self,
        request: ReadRequest,
        contents: Sequence[tuple[str, Layout, bytes]],
        schema: pa.Schema,
        faults: list[str],
    ) -> Iterator[pa.RecordBatch]:
        begun = time.monotonic()
        for name, layout, content in contents:
            here: list[str] = []
            taken = 0
            with _named(name):
                if layout.schema(request.fields, content) != schema:
                    raise ContractBroken("its columns have other types than those of the first file")
                for batch in layout.read(content, request.fields, here):
                    taken += batch.nbytes
                    self._caps.unpacked(taken, len(content), "what is read of it")
                    self._caps.hold("seconds", time.monotonic() - begun, "it")
                    yield _since(batch, request)
            faults += [f"{name}, {fault}" for fault in here]

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        types = {f.name: f.type for f in request.fields}
        wanted = {
            tuple(_meant(value, types[n]) for n, value in zip(by, row, strict=True))
            for row in zip(*(values[n].to_pylist() for n in by), strict=True)
        }
        whole = self.read(request)

        def matching() -> Iterator[pa.RecordBatch]:
            for batch in whole:
                columns = [[_meant(value, types[n]) for value in batch[n].to_pylist()] for n in by]
                yield batch.filter(
                    pa.array([row in wanted for row in zip(*columns, strict=True)], pa.bool_())
                )
            if whole.verdict.reason:
                raise ContractBroken(whole.verdict.reason)

        return BatchReading(whole.schema, matching())

    # -- writing --

    def committed(self, run: str, number: int) -> bool | None:  # noqa: ARG002 - the answer is always the same
        """Files keep no ledger: the rows themselves tell."""
        return None

    def unwritable(self, object: str) -> str:
        try:
            self._layout(object).load(place.located(self._root, object)[0].read_bytes())
        except (SystemFailure, OSError) as error:
            return f"{object}: {error}"
        return ""

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        """Until the new file takes the place of the old one nothing has happened: whatever is in the way before leaves the rows
        as they were, and the next plan looks again."""
        if place.is_pattern(batch.object):
            raise Denied(f"{batch.object!r} is a pattern; only a single file can be written")
        layout = self._layout(batch.object)
        try:
            path = place.located(self._root, batch.object)[0]
            content = path.read_bytes()
            change = changed(layout, layout.load(content), batch)
            if change.sheet is not None:
                stream = BytesIO()
                layout.save(change.sheet, stream)
                made = stream.getvalue()
                read_again(layout, made, batch, change.outcomes)
                place.replace(path, place.digest(content), lambda file: file.write(made))
        except (Transient, Denied):
            raise
        except (SystemFailure, PermissionError, FileNotFoundError) as error:
            yield _untouched(batch, str(error))
        except OSError as error:
            raise Fatal(f"{batch.object}: {error.strerror or error}") from error
        else:
            yield change.answer()


def _untouched(batch: WriteBatch, why: str) -> pa.RecordBatch:
    """No row of *batch* is written: the file is no longer one that can be."""
    outcomes = Outcomes(batch.rows)
    for at in range(batch.rows.num_rows):
        outcomes.stale(at, f"{batch.object}: {why}")
    return outcomes.record_batch(
        {n: batch.rows[f"set.{n}"] for n in batch.id if f"set.{n}" in batch.rows.schema.names}
    )


def _meant(value: Any, type_: Any) -> Any:
    found = meaning(value, type_) if isinstance(value, str) else value
    return repr(found) if isinstance(found, list | dict) else found


@contextmanager
def _named(file: str) -> Iterator[None]:
    """What goes wrong inside is told with the name of the file."""
    try:
        yield
    except SystemFailure as error:
        raise type(error)(f"{file}: {error}") from error


def _since(batch: pa.RecordBatch, request: ReadRequest) -> pa.RecordBatch:
    """The rows at or after the watermark; one without a readable value must not be missed."""
    if not request.since:
        return batch
    type_ = next(f.type for f in request.fields if f.name == request.cursor)
    mark = meaning(request.since, type_)
    values = [_meant(value, type_) for value in batch[request.cursor].to_pylist()]
    return batch.filter(pa.array([not isinstance(v, type(mark)) or v >= mark for v in values], pa.bool_()))
