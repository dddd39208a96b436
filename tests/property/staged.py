"""A world as DuckDB relations, and the diff's answer as the oracle's values."""

from __future__ import annotations

import unicodedata
from typing import Any

import duckdb
import pyarrow as pa

from erpoa_cli.core.columns import NOW
from erpoa_cli.core.json_value import JSON_MEANING, json_meaning
from erpoa_cli.core.reconcile.near import Evidence
from erpoa_cli.core.reconcile.recognise import recognise, remembered
from erpoa_cli.core.reconcile.rows import candidates, judged
from erpoa_cli.core.reconcile.shape import Shape
from erpoa_cli.core.schema import INTEGER, STRING
from erpoa_cli.sdk.arrow import arrow_type
from tests.property.oracle import Answer, Key, World
from tests.property.worlds import TYPES

CHUNK = 7  # rows judged at once: most worlds take several


def _nfkc(texts: Any) -> pa.Array:
    return pa.array(
        [None if t is None else unicodedata.normalize("NFKC", t) for t in texts.to_pylist()], pa.utf8()
    )


def _json_meanings(texts: Any) -> pa.Array:
    return pa.array([None if t is None else json_meaning(t) for t in texts.to_pylist()], pa.utf8())


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    connection.create_function(  # type: ignore[call-overload]
        "nfkc", _nfkc, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special"
    )
    connection.create_function(  # type: ignore[call-overload]
        JSON_MEANING, _json_meanings, ["VARCHAR"], "VARCHAR", type="arrow", null_handling="special"
    )
    for schema in ("source", "theirs", "desired", "base", "diff", "held"):
        connection.execute(f"CREATE SCHEMA {schema}")
    return connection


def shape(world: World) -> Shape:
    siblings = ("sibling",) if world.siblings else ()
    extras = {name: TYPES[name] for name in world.extras}
    return Shape(
        target=world.target,
        key={"w": INTEGER, "code": STRING},
        id={"id": INTEGER},
        extras=extras,
        siblings=siblings,
    )


def _put(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: dict[str, pa.DataType],
    rows: list[dict[str, Any]],
) -> None:
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(columns.items())))
    connection.register("incoming", table)
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM incoming")
    connection.unregister("incoming")


def _key(key: Key) -> dict[str, Any]:
    return dict(zip(("k_w", "k_code"), key, strict=True))


def stage(connection: duckdb.DuckDBPyConnection, world: World) -> None:
    names = [f.name for f in world.target.fields]
    every = [*names, *world.extras]
    types = {name: arrow_type(TYPES[name]) for name in every}
    text, number = pa.utf8(), pa.int64()
    keys = {"k_w": number, "k_code": text}
    _put(
        connection, "desired.t",
        {**keys, **{f"d_{n}": types[n] for n in names}, "problem": text, "problem_code": text, "waiting": pa.list_(text)},
        [
            {**_key(d["key"]), **{f"d_{n}": d[n] for n in names}, "problem": d["problem"], "problem_code": "E0405" if d["problem"] else None, "waiting": []}
            for d in world.desired
        ],
    )  # fmt: skip
    theirs = [{NOW(name): value for name, value in dict(a).items()} for a in world.actual]
    _put(
        connection, "theirs.t", {NOW(name): type_ for name, type_ in {"id": number, **types}.items()}, theirs
    )
    images = {f"{image}_{n}": types[n] for n in every for image in ("agreed", "seen")}
    _put(
        connection, 'base."t/rows"',
        {"row_b": number, **keys, "id_id": number, "generation": number, "known": pa.list_(text), **images},
        [
            {"row_b": n, **_key(k), "id_id": b.id, "generation": b.generation, "known": sorted(b.known),
             **{f"agreed_{n}": v for n, v in b.agreed.items()}, **{f"seen_{n}": v for n, v in b.seen.items()}}
            for n, (k, b) in enumerate(world.base.items())
        ],
    )  # fmt: skip
    connection.execute(f"""CREATE OR REPLACE TABLE base.t AS
        WITH incoming AS (FROM base."t/rows") {remembered(shape(world))}""")
    _put(
        connection,
        'diff."t/gone"',
        {**keys, "generation": number},
        [{**_key(k), "generation": g} for k, g in world.gone.items()],
    )
    _put(
        connection,
        "base.sibling",
        {**keys, "id_id": number, "generation": number},
        [{**_key(k), "id_id": i, "generation": 1} for k, i in world.siblings.items()],
    )


def evidence(world: World) -> Evidence:
    return Evidence(
        desired="" if world.desired_complete else "source s was read partially",
        actual="" if world.actual_complete else "the target was read partially",
        first=world.first,
    )


def answers(connection: duckdb.DuckDBPyConnection, world: World) -> list[Answer]:
    stage(connection, world)
    declared = shape(world)
    for statement in (*recognise(declared), *candidates(declared, evidence(world))):
        connection.execute(statement)
    (last,) = connection.execute('SELECT count(*) FROM diff."t/near"').fetchone() or (0,)
    for first in range(0, max(last, 1), CHUNK):
        connection.execute(judged(declared, evidence(world), first, first + CHUNK))
    rows = connection.execute("SELECT * FROM diff.t ORDER BY ordinal").to_arrow_table().to_pylist()
    return [_answer(row) for row in rows]


def _answer(row: dict[str, Any]) -> Answer:
    return Answer(
        key=(row["k_w"], row["k_code"]), id=row["id_id"], situation=row["situation"], action=row["action"], cause=row["cause"],
        kind=row["kind"], code=row["code"], fields=frozenset(row["fields"]), drifted=frozenset(row["drifted"]),
        conflicted=frozenset(row["conflicted"]), settled=frozenset(row["settled"]), links=row["links"],
        generation=row["generation"], values=tuple((n, row[f"d_{n}"]) for n in row["fields"]),
    )  # fmt: skip
