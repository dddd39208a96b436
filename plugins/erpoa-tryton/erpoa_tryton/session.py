"""An open Tryton database: models, reading in pages by id, finding, writing, pressing buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa

from erpoa_cli.core.schema import Field
from erpoa_cli.sdk.connector import (
    BatchReading,
    Movable,
    ObjectInfo,
    Reading,
    ReadRequest,
    WriteBatch,
)
from erpoa_cli.sdk.errors import ContractBroken, Denied, SystemFailure
from erpoa_cli.sdk.meaning import meaning
from erpoa_tryton.links import link
from erpoa_tryton.models import SCOPE, model
from erpoa_tryton.relation import Relation
from erpoa_tryton.rpc import Client
from erpoa_tryton.values import native_of, text_of
from erpoa_tryton.write import Writing

VERIFIED = "8.2"  # series of the server
_SOUGHT = 200  # values in one domain
_OVERLAP = timedelta(minutes=5)  # a moment is taken when a transaction begins, and shows when it ends
_STAMPS = ("write_date", "create_date")


class TrytonSession(Movable):
    """One database, as one user sees it."""

    def __init__(
        self, client: Client, *, read_only: bool, lingers: float, release: Callable[[], None]
    ) -> None:
        self.client, self._release = client, release
        self._read_only, self._lingers = read_only, lingers
        self._relations: dict[str, Relation] = {}

    # -- what there is --

    def check(self) -> Sequence[str]:
        problems = []
        try:
            series = self.client.series()
            if series.partition(".")[0] != VERIFIED.partition(".")[0]:
                problems.append(f"this is Tryton {series}; the connector is verified with {VERIFIED}")
            if self.client.preferences().get("administrator"):
                problems.append(
                    f"{self.client.user!r} is an administrator, whom no access rule holds back: give erpoa a user "
                    "of its own, in the groups that its objects need"
                )
            if self.client.preferences().get("company") is None:
                problems.append(
                    f"{self.client.user!r} works in no company, so that rows of companies cannot be seen: give the "
                    "user one, or set `company`"
                )
            self._existing(SCOPE)
        except SystemFailure as error:
            problems.append(str(error))
        return problems

    def identity(self) -> str:
        return f"tryton:{self.client.url.rstrip('/').lower()}/{self.client.database}"

    def objects(self, names: Sequence[str] | None = None) -> Sequence[ObjectInfo]:
        return [relation.info for relation in self._described(SCOPE if names is None else names)]

    def close(self) -> None:
        self._release()

    def _existing(self, names: Sequence[str]) -> set[str]:
        domain = [["name", "in", list(names)]]
        found = self.client.read("model.ir.model.search_read", domain, 0, None, None, ["name"])
        return {row["name"] for row in found}

    def _relation(self, address: str) -> Relation:
        found = self._described([address])
        if not found:
            raise ContractBroken(f"there is no model and no many2many field {address!r}")
        return found[0]

    def _described(self, addresses: Sequence[str]) -> list[Relation]:
        """Those of *addresses* that exist."""
        owners = {a: a.rpartition(".")[0] for a in addresses if a not in self._relations}
        there = self._existing([*owners, *owners.values()]) if owners else set()
        for address, owner in owners.items():
            if address in there:
                definitions = self.client.read(f"model.{address}.fields_get", None)
                self._relations[address] = model(address, definitions, self._read_only, self._lingers)
            elif owner in there:
                name = address.removeprefix(f"{owner}.")
                definition = self.client.read(f"model.{owner}.fields_get", None).get(name)
                if definition and definition["type"] == "many2many":
                    self._relations[address] = link(owner, name, definition, self._read_only, self._lingers)
        return [self._relations[address] for address in addresses if address in self._relations]

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
        relation = self._relation(request.object)
        for rows in relation.rows(self.client, domain, {f.source for f in request.fields}):
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
            names, equal = {*(f.source for f in request.fields), *sources}, set(part)
            for rows in self._relation(request.object).rows(self.client, [domain], names):
                yield _batch([r for r in rows if tuple(r[s] for s in sources) in equal], request, definitions)

    def _fields(self, request: ReadRequest) -> Mapping[str, Mapping[str, Any]]:
        definitions = self._relation(request.object).definitions
        for field in request.fields:
            if field.source not in definitions:
                raise ContractBroken(f"{request.object} has no field {field.source!r}")
        return definitions

    # -- writing --

    def write(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        yield self._writing(batch).all()

    def move(self, batch: WriteBatch) -> Iterator[pa.RecordBatch]:
        """Press the button `batch.call` (`quote`, `confirm`, `approve` …) of the rows. Only what Tryton lists as a
        button of the model can be called."""
        domain = [["model", "=", batch.object], ["name", "=", batch.call]]
        if not self.client.read("model.ir.model.button.search", domain, 0, 1, None):
            raise ContractBroken(f"{batch.object} has no button {batch.call!r}")
        yield self._writing(batch).all()

    def _writing(self, batch: WriteBatch) -> Writing:
        if self._read_only:
            raise Denied("this system is declared read_only")
        return Writing(self.client, self._relation(batch.object), batch, self.find)

    def committed(self, run: str, number: int) -> bool | None:  # noqa: ARG002 - Tryton keeps no ledger
        return None


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
