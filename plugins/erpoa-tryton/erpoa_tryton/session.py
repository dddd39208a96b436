"""An open Tryton database: models, reading in pages by id, finding, writing, buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import Field
from erpoa_cli.core.situation import Outcome
from erpoa_cli.sdk.connector import (
    BatchReading,
    ObjectInfo,
    Reading,
    ReadRequest,
    Writable,
    WriteBatch,
)
from erpoa_cli.sdk.errors import ContractBroken, Denied, InDoubt, Rejected, Stale, SystemFailure
from erpoa_cli.sdk.meaning import meaning
from erpoa_tryton.errors import without_values
from erpoa_tryton.models import SCOPE, Model, model
from erpoa_tryton.rpc import Client
from erpoa_tryton.values import native_of, text_of
from erpoa_tryton.write import Writing

_PAGE = 1000  # rows
_SOUGHT = 200  # values in one domain
_OVERLAP = timedelta(minutes=5)  # a moment is taken when a transaction begins, and shows when it ends
_STAMPS = ("write_date", "create_date")


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of one button pressed on one row."""

    outcome: Outcome
    error_class: str = ""
    error: str = ""


class TrytonSession(Writable):
    """One database, as one user sees it."""

    def __init__(self, client: Client, *, read_only: bool) -> None:
        self.client = client
        self._read_only = read_only
        self._models: dict[str, Model] = {}

    # -- what there is --

    def check(self) -> Sequence[str]:
        try:
            self._existing(SCOPE)
        except SystemFailure as error:
            return [str(error)]
        return []

    def identity(self) -> str:
        return f"tryton:{self.client.url.rstrip('/').lower()}/{self.client.database}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        wanted = SCOPE if names is None else names
        there = self._existing(wanted)
        return [self._model(name).info for name in wanted if name in there]

    def close(self) -> None:
        self.client.close()

    def _existing(self, names: Sequence[str]) -> set[str]:
        domain = [["name", "in", list(names)]]
        found = self.client.read("model.ir.model.search_read", domain, 0, None, None, ["name"])
        return {row["name"] for row in found}

    def _model(self, address: str) -> Model:
        if address not in self._models:
            if address not in self._existing([address]):
                raise ContractBroken(f"there is no model {address!r}")
            definitions = self.client.read(f"model.{address}.fields_get", None)
            self._models[address] = model(address, definitions, read_only=self._read_only)
        return self._models[address]

    # -- reading --

    def read(self, request: ReadRequest) -> Reading:
        return BatchReading(_schema(request), self._all(request))

    def find(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Reading:
        return BatchReading(_schema(request), self._sought(request, by, values))

    def _all(self, request: ReadRequest) -> Iterator[pa.RecordBatch]:
        definitions = self._fields(request)
        domain = [
            [name, "in" if isinstance(value, list) else "=", value] for name, value in request.filter.items()
        ]
        if request.since:
            domain.append(_since(request, definitions))
        for rows in self._pages(request.object, domain, [f.source for f in request.fields]):
            yield _batch(rows, request, definitions)

    def _sought(self, request: ReadRequest, by: Sequence[str], values: pa.Table) -> Iterator[pa.RecordBatch]:
        definitions = self._fields(request)
        fields = {f.name: f for f in request.fields}
        sources = [fields[name].source for name in by]
        sought = []
        for row in values.select(list(by)).to_pylist():
            try:
                sought.append(
                    tuple(native_of(row[n], definitions[s]) for n, s in zip(by, sources, strict=True))
                )
            except ValueError:
                continue  # a value that Tryton cannot hold is in no row
        distinct = list(dict.fromkeys(sought))
        for at in range(0, len(distinct), _SOUGHT):
            part = distinct[at : at + _SOUGHT]
            domain = ["OR", *([[s, "=", v] for s, v in zip(sources, one, strict=True)] for one in part)]
            names = [*(f.source for f in request.fields), *sources]
            for rows in self._pages(request.object, [domain], names):
                equal = set(part)
                yield _batch([r for r in rows if tuple(r[s] for s in sources) in equal], request, definitions)

    def _fields(self, request: ReadRequest) -> Mapping[str, Mapping[str, Any]]:
        definitions = self._model(request.object).definitions
        for field in request.fields:
            if field.source not in definitions:
                raise ContractBroken(f"{request.object} has no field {field.source!r}")
        return definitions

    def _pages(self, object_: str, domain: list[Any], names: list[str]) -> Iterator[list[dict[str, Any]]]:
        last = 0
        while True:
            rows = self.client.read(
                f"model.{object_}.search_read",
                [["id", ">", last], *domain],
                0,
                _PAGE,
                [["id", "ASC"]],
                sorted({*names, "id"}),
                active_test=False,
            )
            if not rows:
                return
            yield rows
            last = rows[-1]["id"]

    # -- writing --

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        if self._read_only:
            raise Denied("this system is declared read_only")
        yield Writing(self.client, self._model(batch.object), batch, self.find).all()

    def committed(self, run: str, number: int) -> bool | None:  # noqa: ARG002 - Tryton keeps no ledger
        return None

    # -- lifecycle --

    def move(self, object_: str, id_: int, call: str) -> Moved:
        """Press the button *call* (`quote`, `confirm`, `approve` …) of the row *id_*.

        Only what Tryton lists as a button of the model can be called. Nothing is sent twice: a lost answer is
        `in_doubt`, and the row's `state` tells.
        """
        if self._read_only:
            raise Denied("this system is declared read_only")
        domain = [["model", "=", object_], ["name", "=", call]]
        if not self.client.read("model.ir.model.button.search", domain, 0, 1, None):
            raise ContractBroken(f"{object_} has no button {call!r}")
        try:
            self.client.change(f"model.{object_}.{call}", [id_])
        except (Rejected, Denied, Stale, InDoubt) as error:
            outcome = {Stale.word: Outcome.STALE, InDoubt.word: Outcome.IN_DOUBT}.get(
                error.word, Outcome.REJECTED
            )
            return Moved(outcome, error.word, without_values(error, self._model(object_).labels))
        return Moved(Outcome.APPLIED)


def _since(request: ReadRequest, definitions: Mapping[str, Mapping[str, Any]]) -> list[Any]:
    field: Field = next(f for f in request.fields if f.name == request.cursor)
    mark = native_of(meaning(request.since, field.type), definitions[field.source])
    if field.source in _STAMPS:  # a row that was never written again has no write_date on some models
        return ["OR", *([[name, ">=", mark - _OVERLAP]] for name in _STAMPS)]
    return ["OR", [[field.source, ">=", mark]], [[field.source, "=", None]]]


def _schema(request: ReadRequest) -> pa.Schema:
    return pa.schema([(f.name, pa.utf8()) for f in request.fields])


def _batch(
    rows: Sequence[Mapping[str, Any]], request: ReadRequest, definitions: Mapping[str, Mapping[str, Any]]
) -> pa.RecordBatch:
    columns = [
        pa.array([text_of(r[f.source], definitions[f.source]["type"], f.type) for r in rows], pa.utf8())
        for f in request.fields
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_schema(request))
