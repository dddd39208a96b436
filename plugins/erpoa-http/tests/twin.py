"""A session to a running twin, by the description that is shipped as an example; and the calls that tests need."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from erpoa_http import HttpConnector
from erpoa_http.session import HttpSession
from erpoa_twin import Twin

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.project import Limits
from erpoa_cli.core.schema import Field, Type
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.situation import Action
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.sdk.connector import ReadRequest, WriteBatch

EXAMPLE = Path(__file__).parents[1] / "examples" / "twin.yml"
NUMBERS = itertools.count(1)
EIGHT = Limits(None, 8)


def config(twin: Twin, **changed: Any) -> dict[str, Any]:
    """The `config:` of the example, for *twin*; *changed* keys replace its own."""
    text = re.sub(r"\{\{ env\('TWIN_URL'\) \}\}", twin.url, EXAMPLE.read_text(encoding="utf-8"))
    said = yaml.safe_load(text)["systems"]["twin"]["config"]
    said["auth"]["client_secret"] = Secret("twin-secret")
    return {**said, "retry": {"attempts": 4, "longest": 0.01}, **changed}


@contextmanager
def opened(said: Mapping[str, Any], limits: Limits = EIGHT) -> Iterator[HttpSession]:
    session = HttpConnector(limits).open(said)
    try:
        yield session
    finally:
        session.close()


class Table:
    """One object of a session; values are as Arrow gives them."""

    def __init__(self, session: HttpSession, name: str, types: Mapping[str, Type] | None = None) -> None:
        self.session, self.name = session, name
        self.info = session.objects([name])[0]
        self.types = {**{f.name: f.type for f in self.info.fields if f.type}, **(types or {})}

    def fields(self, *names: str) -> tuple[Field, ...]:
        return tuple(Field(n, self.types[n]) for n in names or self.types)

    def read(self, *names: str, **asked: Any) -> list[dict[str, Any]]:
        """Rows of texts; the read must be complete."""
        request = ReadRequest(object=self.name, fields=self.fields(*names), **asked)
        reading = self.session.read(request)
        rows = [row for batch in reading for row in batch.to_pylist()]
        assert reading.verdict.status is ReadStatus.COMPLETE, reading.verdict
        return rows

    def verdict(self, *names: str, **asked: Any) -> Any:
        reading = self.session.read(ReadRequest(object=self.name, fields=self.fields(*names), **asked))
        list(reading)
        return reading.verdict

    def find(self, by: str, values: Sequence[Any], *names: str) -> list[dict[str, Any]]:
        asked = ReadRequest(object=self.name, fields=self.fields(by, *names))
        reading = self.session.find(
            asked, (by,), pa.table({by: pa.array(values, arrow_type(self.types[by]))})
        )
        rows = [row for batch in reading for row in batch.to_pylist()]
        assert reading.verdict.status is ReadStatus.COMPLETE, reading.verdict
        return rows

    def create(self, rows: Sequence[Mapping[str, Any]], **more: Any) -> list[dict[str, Any]]:
        keys = more.pop("keys", None)
        return self._ask(Action.CREATE, {"set": rows}, keys=keys, **more)

    def update(
        self, ids: Sequence[Any], was: Sequence[Mapping[str, Any]], to: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        return self._ask(Action.UPDATE, {"id": self._ids(ids), "was": was, "set": to})

    def delete(self, ids: Sequence[Any], was: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return self._ask(Action.DELETE, {"id": self._ids(ids), "was": was})

    def move(self, call: str, ids: Sequence[Any], was: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return self._ask(Action.MOVE, {"id": self._ids(ids), "was": was}, call=call)

    def _ids(self, ids: Sequence[Any]) -> list[dict[str, Any]]:
        return [{self.info.id[0]: one} for one in ids]

    def _ask(
        self,
        action: Action,
        parts: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        keys: Sequence[str] | None = None,
        **more: Any,
    ) -> list[dict[str, Any]]:
        size = len(next(iter(parts.values())))
        number = next(NUMBERS)
        columns: dict[str, Any] = {"ordinal": pa.array(range(size), pa.int64())}
        for prefix, rows in parts.items():
            for name in rows[0]:
                columns[f"{prefix}.{name}"] = pa.array([r[name] for r in rows], arrow_type(self.types[name]))
        columns["key"] = pa.array(keys or [f"{number}-{n}" for n in range(size)], pa.utf8())
        batch = WriteBatch(
            object=self.name, action=action, rows=pa.RecordBatch.from_pydict(columns), run="run", number=number,
            effects_digest="sha256:0", id=self.info.id, types=self.types, **more,
        )  # fmt: skip
        write = self.session.move if action is Action.MOVE else self.session.write
        told = [row for answer in write(batch) for row in answer.to_pylist()]
        return sorted(told, key=lambda row: row["ordinal"])
