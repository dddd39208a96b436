"""A small project in a directory, read and built the way commands do it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.guard import Waiver
from erpoa_cli.core.plan import Read
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations.read import read_sources
from erpoa_cli.engine.relations.transform import Built, build_models
from erpoa_cli.engine.staging import Staging
from erpoa_cli.state import Known, Sealer
from tests import planning
from tests.planning import Bound, PlanResult, RunResult

AS_OF = planning.NOW
KEY = bytes(range(32))


@dataclass
class Small:
    """Write files with `file`, tables with `sql`; then `bound`, `reading`, `building`, `plan`, `apply`."""

    root: Path
    last: dict[str, Read] = field(default_factory=dict)

    def file(self, name: str, text: str) -> Small:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return self

    def sql(self, script: str, database: str = "erp.db") -> Small:
        with sqlite3.connect(self.root / database) as db:
            db.executescript(dedent(script))
        db.close()
        return self

    def reads(self) -> Mapping[str, Read]:
        return self.last

    def systems(self) -> Mapping[str, Known]:
        return {}  # of which nothing is remembered

    def fetch_snapshots(self) -> Mapping[str, str]:
        return {}  # there is nobody to share with

    def seals(self) -> bool:
        return False

    def bound(self) -> Bound:
        return planning.bound(self.root)

    def findings(self) -> list[Diagnostic]:
        try:
            self.bound()
        except Failure as failure:
            return list(failure.diagnostics)
        return []

    @contextmanager
    def reading(
        self, *, as_of: datetime = AS_OF, **options: Any
    ) -> Iterator[tuple[Staging, dict[str, Read], Bound]]:
        bound = self.bound()
        with Connections(bound.project) as connections, Staging(self.root, as_of=as_of) as staging:
            yield (
                staging,
                read_sources(bound, connections, staging, self, sealer=Sealer(KEY), **options),
                bound,
            )

    @contextmanager
    def building(self, *names: str, **options: Any) -> Iterator[tuple[Staging, Built]]:
        with self.reading(**options) as (staging, reads, bound):
            staging.lock()
            yield staging, build_models(bound, staging, names or bound.order, reads)

    def plan(self, *waivers: Waiver, **options: Any) -> PlanResult:
        return planning.plan(self.bound(), *waivers, **options)

    def apply(self, result: PlanResult | None = None, **options: Any) -> RunResult:
        """Apply a plan, or the one that is made now; *options* as of `planning.apply`."""
        return planning.apply(self.bound(), result or self.plan(), **options)


def rows(staging: Staging, relation: str) -> list[dict[str, Any]]:
    return staging.sql(f"FROM {relation} ORDER BY ALL").to_pylist()


def small(root: Path) -> Small:
    """A project with suppliers in an ERP, to be added to."""
    return (
        Small(root)
        .file("erpoa.yml", "format: 1\nname: small\nowner: a@b.example\ndescription: d\n")
        .file("systems/s.yml", "systems: {erp: {plugin: sqlite, config: {path: erp.db}}}\n")
        .file(
            "sources/s.yml",
            """
            sources:
              suppliers:
                system: erp
                object: supplier
                key: [id]
                fields:
                  id: integer
                  code: string
                  name: string
                  tax_no: {type: string, class: sensitive}
                  credit: decimal(18,2)
                  since: date
                  unit: string
            """,
        )
        .sql(
            """
            CREATE TABLE supplier(id INTEGER PRIMARY KEY, code TEXT, name TEXT, tax_no TEXT, credit TEXT,
                since TEXT, unit TEXT, changed TEXT);
            INSERT INTO supplier VALUES
                (1, '001', '华信Ａ', 'TAX-CANARY-1', '1.50', '2024-02-29', 'KG', '2026-01-01 00:00:00'),
                (2, '002', '', 'TAX-CANARY-2', '12345678901234.10', '1899-12-31', 'KG', '2026-01-02 00:00:00'),
                (3, '003', NULL, NULL, '7', NULL, 'PCS', '2026-01-03 00:00:00');
            """
        )
    )
