"""What is remembered of a source between reads: its snapshot, how far it was read, what it looked like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.project import Source
from erpoa_cli.core.relation import SOURCE
from erpoa_cli.core.schema import Field, Kind, identifier, literal
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import SnapshotInfo, Snapshots

_BEHIND = timedelta(hours=12)  # no clock is further behind UTC
_SURELY = timedelta(days=2)  # no clock is so far ahead of another
_TIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


@dataclass(frozen=True, slots=True)
class Memory:
    """The snapshot of one source. It is used only while the source is declared as it was when it was taken."""

    source: Source
    fields: tuple[Field, ...]
    snapshots: Snapshots
    identity: str = ""  # of the system, where it was asked

    @property
    def definition(self) -> str:
        """SHA-256 of everything declared that decides which rows a read gives and what they hold."""
        return _sha256(
            {
                "system": self.source.system,
                "object": self.source.object,
                "query": self.source.query,
                "filter": self.source.filter,
                "options": self.source.options,
                "key": self.source.key,
                "fields": [[f.name, str(f.type), f.source, f.format, f.nulls, f.zone] for f in self.fields],
            }
        )

    def latest(self) -> SnapshotInfo | None:
        """The snapshot, unless the source was declared otherwise when it was taken, or is another system's now."""
        info = self.snapshots.latest(self.source.name)
        if info is None or info.verdict.evidence.get("definition") != self.definition:
            return None
        return info if self.identity in ("", info.verdict.evidence.get("identity")) else None

    def since(self, staging: Staging) -> str:
        """From where an incremental read goes on, as canonical text; empty: the source is to be read whole."""
        rule = self.source.incremental
        if rule is None:
            return ""
        info = self.latest()
        if info is None or info.full_at is None or not info.watermark:
            return ""
        mark = f"CAST({literal(info.watermark)} AS {self._cursor.type.duckdb})"
        if not staging.scalar(f"SELECT {self._known(staging, mark)}"):
            return ""  # it was never reached: whatever changed has a smaller one
        if rule.full_every is not None and staging.as_of - info.full_at >= rule.full_every:
            return ""
        return self._before(staging, info.watermark, rule.lookback)

    def _before(self, staging: Staging, watermark: str, lookback: timedelta) -> str:
        """*watermark* less *lookback*, as the system keeps it."""
        type_, kept = self._cursor.type, self._cursor.kept.type
        mark = f"CAST({literal(watermark)} AS {type_.duckdb})"
        if type_.kind in _TIMES and lookback:
            microseconds = lookback // timedelta(microseconds=1)
            mark = f"CAST({mark} - to_microseconds({microseconds}) AS {type_.duckdb})"
        if self._cursor.zone:
            mark = f"timezone({literal(self._cursor.zone)}, {mark})"
        return str(staging.scalar(f"SELECT {canonical_sql(mark, kept)}"))

    def went_back(self, staging: Staging) -> bool:
        """Whether none of the rows that were read since the mark is at it or beyond: the row that had it is gone, or was
        corrected, or the system counts anew. What it holds now may all lie before the mark."""
        info = self.latest()
        assert info is not None
        cursor = self._cursor
        mark = f"CAST({literal(info.watermark)} AS {cursor.type.duckdb})"
        place = relation(SOURCE.schema, self.source.name)
        return not staging.scalar(f"SELECT 1 FROM {place} WHERE {identifier(cursor.name)} >= {mark} LIMIT 1")

    def _known(self, staging: Staging, value: str, beyond: timedelta = timedelta()) -> str:
        """The condition that the cursor's *value* is not in the future, or at most *beyond*. Of a local time whose zone is not
        known only what is past everywhere is sure to be; a number has no future."""
        limit = min(staging.as_of, datetime.now(UTC)) + beyond
        match self._cursor.type.kind:
            case Kind.TIMESTAMPTZ:
                return f"{value} <= TIMESTAMPTZ {literal(limit.isoformat())}"
            case Kind.TIMESTAMP | Kind.DATE:
                past = (limit - _BEHIND).astimezone(UTC).replace(tzinfo=None)
                return f"{value} <= CAST(TIMESTAMP {literal(str(past))} AS {self._cursor.type.duckdb})"
            case _:
                return "true"

    @property
    def _cursor(self) -> Field:
        assert self.source.incremental is not None
        return next(f for f in self.fields if f.name == self.source.incremental.cursor)

    def merge(self, staging: Staging) -> None:
        """Add the rows of the snapshot that were not read again. A row that was read and held stays out."""
        info = self.latest()
        assert info is not None
        name = self.source.name
        keys = ", ".join(map(identifier, self.source.key))
        text = held.key_json(held.key_fields(self.fields, self.source.key), "i")
        staging.insert(
            SOURCE.schema,
            name,
            self.snapshots.read(info),
            f"SELECT i.* FROM incoming i ANTI JOIN {relation(SOURCE.schema, name)} s USING ({keys}) "
            f"WHERE NOT EXISTS (SELECT 1 FROM {relation('held', name)} h WHERE h.key = {text})",
        )

    def evidence(self, staging: Staging, since: str) -> dict[str, Any]:
        """What the relation holds now: rows (of the source as it is known, held ones included), how many are held,
        its declaration, and how far it was read."""
        name = self.source.name
        kept = int(staging.scalar(f"SELECT count(*) FROM {relation(SOURCE.schema, name)}"))
        aside = held.count(staging, name)
        found: dict[str, Any] = {
            "held": aside,
            "definition": self.definition,
            "identity": self.identity,
            "schema": _sha256([[f.name, str(f.type)] for f in self.fields]),
        }
        if since:
            found |= {"rows": kept + aside, "since": since}
        if self.source.incremental:
            found |= self._marks(staging)
        return found

    def _marks(self, staging: Staging) -> dict[str, Any]:
        """How far the source was read, and what is surely in the future: how many rows, and the latest."""
        column = identifier(self._cursor.name)
        past, sure = self._known(staging, column), self._known(staging, column, _SURELY)
        mark = canonical_sql(f"max({column}) FILTER ({past})", self._cursor.type)
        latest = canonical_sql(f"max({column})", self._cursor.type)
        row = staging.sql(
            f"SELECT {mark} AS mark, count(*) FILTER (NOT ({sure})) AS beyond, {latest} AS latest "
            f"FROM {relation(SOURCE.schema, self.source.name)}"
        ).to_pylist()[0]
        found = {"watermark": str(row["mark"] or "")}
        return found | ({"beyond": row["beyond"], "latest": row["latest"]} if row["beyond"] else {})

    def keep(self, staging: Staging, verdict: Verdict, since: str) -> Verdict:
        """Write the relation as the new snapshot; *verdict* with the digest of its file as evidence."""
        before = self.latest() if since else None
        columns = ", ".join(identifier(f.name) for f in self.fields)
        info = self.snapshots.write(
            self.source.name,
            self.fields,
            staging.reader(f"SELECT {columns} FROM {relation(SOURCE.schema, self.source.name)}"),
            verdict=verdict,
            taken=staging.as_of,
            full_at=before.full_at if before else staging.as_of,
            watermark=str(verdict.evidence.get("watermark", "")),
        )
        return replace(verdict, evidence={**verdict.evidence, "digest": info.file.removesuffix(".parquet")})

    def recall(self, staging: Staging) -> Verdict:
        """Load the snapshot into the source's relation. It proves absence as well as its read did, but not while
        rows were held then (they are not in it), nor when it is older than `fresh_within`."""
        info = self.latest()
        if info is None:
            there = self.snapshots.latest(self.source.name) is not None
            reason = (
                "it was declared otherwise when its snapshot was taken" if there else "it has no snapshot"
            )
            return Verdict(ReadStatus.FAILED, f"{reason}; run `erpoa extract`")
        staging.insert(SOURCE.schema, self.source.name, self.snapshots.read(info))
        reasons = [info.verdict.reason] if info.verdict.reason else []
        if aside := info.verdict.evidence.get("held"):
            reasons.append(f"{aside} rows were held when its snapshot was taken")
        fresh = self.source.fresh_within
        if fresh is not None and staging.as_of - info.taken > fresh:
            reasons.append(f"its snapshot of {info.taken:%Y-%m-%d %H:%M} UTC is not fresh any more")
        evidence = {**info.verdict.evidence, "snapshot": info.taken.isoformat()}
        status = ReadStatus.PARTIAL if reasons else info.verdict.status
        return Verdict(status, "; ".join(reasons), evidence)


def _sha256(value: Sequence[Any] | dict[str, Any]) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
