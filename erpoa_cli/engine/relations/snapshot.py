"""What is remembered of a source between reads: its snapshot, how far it was read, what it looked like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from erpoa_cli.core.canonical import canonical_sql
from erpoa_cli.core.plan import ReadStatus, Verdict
from erpoa_cli.core.project import Source
from erpoa_cli.core.relation import SOURCE
from erpoa_cli.core.schema import Field, Kind, identifier, literal
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.state import SnapshotInfo, Snapshots

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
            found["watermark"] = self._watermark(staging)
        return found

    def _watermark(self, staging: Staging) -> str:
        column = f"max({identifier(self._cursor.name)})"
        text = canonical_sql(column, self._cursor.type)
        return str(staging.scalar(f"SELECT {text} FROM {relation(SOURCE.schema, self.source.name)}") or "")

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
