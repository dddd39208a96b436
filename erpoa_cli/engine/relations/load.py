"""From a connector's reading to a relation: every value exact in its declared type, or its row set aside."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from erpoa_cli.core.columns import PLAIN, Columns
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.event import Finished, Listener, Progressed, Started
from erpoa_cli.core.parse import broken, expected, instant, value
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.schema import Field, Kind, Type, identifier, literal
from erpoa_cli.engine.connect import Connections, redacted
from erpoa_cli.engine.problem import SqlProblem
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import Moment, Readable, Reading, ReadRequest

_SHOWN = 60  # characters of a value that a reason quotes
_TEXTS = (pa.utf8(), pa.large_utf8(), pa.string_view())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where rows go: the relation `SCHEMA."NAME"`, whose columns are called as `image` says, its findings to
    `held."LISTING"` by the fields `key`.

    With `keep` a row with an unreadable value stays in the relation, NULL there; else it is taken out."""

    schema: str
    name: str
    listing: str
    key: tuple[str, ...]
    keep: bool = False
    image: Columns = PLAIN

    def empty(self, staging: Staging, fields: Sequence[Field]) -> None:
        """Make the relation anew, without rows."""
        staging.create(self.schema, self.name, [replace(f, name=self.image(f.name)) for f in fields])


def load(
    request: ReadRequest,
    place: Place,
    system: str,
    connections: Connections,
    staging: Staging,
    listener: Listener,
) -> Verdict:
    """Read *request* from *system* into *place*. Whatever goes wrong is in the verdict: `failed`, and the
    relation is empty."""
    place.empty(staging, request.fields)
    held.prepare(staging, place.listing)
    try:
        verdict = _loaded(request, place, system, connections, staging, listener)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises ends this read, not the program
        verdict = _failed(error)
    if verdict.status is ReadStatus.FAILED:
        connections.renew(system)
        place.empty(staging, request.fields)
        return replace(verdict, reason=redacted(verdict.reason, connections.system(system).config))
    _list_troubles(staging, place, request.fields)
    return verdict


def unread(
    request: ReadRequest,
    place: Place,
    system: str,
    connections: Connections,
    staging: Staging,
    error: Exception,
) -> Verdict:
    """What `load` answers where *error* came before anything was read."""
    place.empty(staging, request.fields)
    held.prepare(staging, place.listing)
    verdict = _failed(error)
    return replace(verdict, reason=redacted(verdict.reason, connections.system(system).config))


def _loaded(
    request: ReadRequest,
    place: Place,
    system: str,
    connections: Connections,
    staging: Staging,
    listener: Listener,
) -> Verdict:
    stream = _Stream(f"read {place.listing}", system, listener)
    with connections.reader(system) as (reader, moment):
        if not isinstance(reader, Readable | Moment):
            return _failed(f"connector {connections.plugin(system)[0]} cannot read")
        reading = reader.read(replace(request, fields=tuple(f.kept for f in request.fields)))
        if problem := mismatch(reading.schema, request.fields):
            return _failed(f"connector {connections.plugin(system)[0]} broke its contract: {problem}")
        batches = pa.RecordBatchReader.from_batches(reading.schema, stream.through(reading))
        staging.make(place.schema, place.name, batches, parsing(reading.schema, request.fields, place.image))
    verdict = reading.verdict
    evidence = {**verdict.evidence, "rows": stream.rows}
    if evidence.pop("at_once", False) or moment:
        evidence["moment"] = moment or secrets.token_hex(8)
    return replace(verdict, evidence=evidence)


def _failed(error: Exception | str) -> Verdict:
    if isinstance(error, Failure):
        error = "; ".join(d.summary for d in error.diagnostics)
    elif isinstance(error, SqlProblem):
        error = f"its rows could not be staged: {error.summary}"
    elif isinstance(error, Exception):
        error = f"{type(error).__name__}: {error}"
    return Verdict(ReadStatus.FAILED, error)


class _Stream:
    """Counts the rows of a reading and tells the listener."""

    def __init__(self, task: str, system: str, listener: Listener) -> None:
        self._task, self._system, self._listener = task, system, listener
        self.rows = 0

    def through(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        self._listener(Started(self._task, self._system))
        for batch in reading:
            self.rows += batch.num_rows
            self._listener(Progressed(self._task, self.rows))
            yield batch
        self._listener(Finished(self._task, self.rows))


def mismatch(schema: pa.Schema, fields: Sequence[Field]) -> str:
    """What is wrong with the columns of a reading: each field exactly once, exact or as text. Empty: nothing."""
    if sorted(schema.names) != sorted(f.name for f in fields):
        return f"columns {', '.join(schema.names)} instead of {', '.join(f.name for f in fields)}"
    for field in fields:
        found = schema.field(field.name).type
        if found not in (*_TEXTS, arrow_type(field.kept.type)):
            return f"column {field.name} arrives as {found}, neither text nor {arrow_type(field.kept.type)}"
    return ""


def trouble(fields: Sequence[Field]) -> str:
    """The column that carries what did not parse: longer than the name of any field, so that none is called so."""
    return "?" * (1 + max((len(f.name) for f in fields), default=0))


def parsing(schema: pa.Schema, fields: Sequence[Field], image: Columns = PLAIN) -> str:
    """The SELECT that turns `incoming` (columns as in *schema*) into the declared types, called as *image* says, with the
    column `trouble`, field and text of everything that did not parse (NULL for a sound row)."""
    inner, outer, troubles, conditions = [], [], [], []
    for at, field in enumerate(fields):
        column, exact, raw = identifier(field.name), f"v{at}", f"raw{at}"  # fields may be called anything
        outer.append(f"{exact} AS {image.sql(field.name)}")
        text = schema.field(field.name).type in _TEXTS
        if not _needs_parsing(field, text=text):
            inner.append(f"CAST({column} AS {field.type.duckdb}) AS {exact}")
            continue
        inner.append(f"{value(column, field) if text else instant(column, field.zone)} AS {exact}")
        if field.type.kind is not Kind.STRING:
            inner.append(f"CAST({column} AS VARCHAR) AS {raw}")
            conditions.append(broken(raw, field if text else replace(field, nulls=()), exact))
            troubles.append(
                f"CASE WHEN {conditions[-1]} THEN [{literal(field.name)}, left({raw}, {_SHOWN})] END"
            )
    told = "CAST(NULL AS VARCHAR[][])"
    if troubles:
        found = f"list_filter([{', '.join(troubles)}], lambda t: t IS NOT NULL)"
        told = f"CASE WHEN {' OR '.join(conditions)} THEN {found} END"
    return (
        f"SELECT {', '.join(outer)}, {told} AS {identifier(trouble(fields))} FROM "
        f"(SELECT {', '.join(inner)} FROM incoming)"
    )


def _needs_parsing(field: Field, *, text: bool) -> bool:
    return bool(field.zone or field.nulls or field.type.kind is not Kind.STRING) if text else bool(field.zone)


def _list_troubles(staging: Staging, place: Place, fields: Sequence[Field]) -> None:
    """One held row per value that did not parse; sensitive values are not quoted."""
    table, column = relation(place.schema, place.name), identifier(trouble(fields))
    if staging.scalar(f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL LIMIT 1"):
        key = held.key_json(held.key_fields(fields, place.key), image=place.image)
        staging.execute(
            f"INSERT INTO {relation('held', place.listing)} SELECT k, t[1], 'E0320', {_reason(fields)} "
            f"FROM (SELECT {key} AS k, unnest({column}) AS t FROM {table} WHERE {column} IS NOT NULL)"
        )
        if not place.keep:
            staging.delete(place.schema, place.name, f"{column} IS NOT NULL")
    staging.execute(f"ALTER TABLE {table} DROP COLUMN {column}")


def _reason(fields: Sequence[Field]) -> str:
    cases = []
    for field in fields:
        shown = "'the value'" if field.sensitivity.sealed else "concat('''', t[2], '''')"
        cases.append(
            f"WHEN {literal(field.name)} THEN concat({shown}, {literal(f' is not {expected(field)}')})"
        )
    return f"CASE t[1] {' '.join(cases)} END"


def hold_keys(staging: Staging, place: Place, fields: Sequence[Field]) -> None:
    """Set aside the rows of *place* whose key is NULL or repeated."""
    if not place.key:
        return
    typed_key: Sequence[tuple[str, Type]] = held.key_fields(fields, place.key)
    said = ", ".join(place.key)
    missing = " OR ".join(f"r.{identifier(k)} IS NULL" for k in place.key)
    held.set_aside(
        staging,
        place.schema,
        place.name,
        missing,
        key=typed_key,
        field=said,
        code="E0321",
        reason="'the key is NULL'",
    )
    columns = ", ".join(map(identifier, place.key))
    repeated = f"SELECT {columns} FROM {relation(place.schema, place.name)} GROUP BY ALL HAVING count(*) > 1"
    if staging.scalar(f"SELECT 1 FROM ({repeated}) LIMIT 1"):
        same = f"({', '.join(f'r.{identifier(k)}' for k in place.key)}) IN ({repeated})"
        words = "'several rows have this key'"
        held.set_aside(
            staging, place.schema, place.name, same, key=typed_key, field=said, code="E0322", reason=words
        )


def typed(staging: Staging, reading: Reading, fields: Sequence[Field]) -> pa.Table:
    """All rows of *reading* in the declared types (columns in the order of *fields*), for reading back.

    A value that does not parse is `Failure` E0320: what was just written must be readable."""
    if problem := mismatch(reading.schema, fields):
        raise Failure(
            Diagnostic(
                "E0313",
                f"a connector broke its contract: {problem}",
                remedy="Report the connector's name and version to its author.",
            )
        )
    table = pa.Table.from_batches(list(reading), reading.schema)
    read = staging.compare(parsing(table.schema, fields), {"incoming": table})
    found = read.column(trouble(fields)).drop_null()
    if len(found):
        name = found[0].as_py()[0][0]
        field = next(f for f in fields if f.name == name)
        raise Failure(
            Diagnostic(
                "E0320",
                f"a value of {name} that was read back is not {expected(field)}",
                remedy="Look at the row in its system; `erpoa resume` goes on when it is mended.",
            )
        )
    return read.drop_columns([trouble(fields)]).cast(
        pa.schema([(f.name, arrow_type(f.type)) for f in fields])
    )
