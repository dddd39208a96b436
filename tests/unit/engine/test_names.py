"""Names of users beside names within: fields that are called as the program calls its own columns, tables and variables."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

import erpoa_cli
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.schema import RESERVED, identifier
from tests.unit.engine.small import Small

pytestmark = pytest.mark.slow

ROOT = Path(erpoa_cli.__file__).parent
_ALIAS = re.compile(r"\b(?:AS|as)\s+\"?([a-z_]+)\"?")
_COLUMN = re.compile(r"\b[a-z]\.([a-z_]{2,})\b")
_PARAMETER = re.compile(r'"([a-z_]{2,30})"')


def within() -> list[str]:
    """Every name that the program's own SQL could use: aliases, columns, texts that could be one."""
    found: set[str] = set()
    for folder in ("core", "engine", "state", "connectors", "sdk"):
        for file in (ROOT / folder).rglob("*.py"):
            text = file.read_text(encoding="utf-8")
            for pattern in (_ALIAS, _COLUMN, _PARAMETER):
                found |= set(pattern.findall(text))
    prefixed = {
        f"{p}_{n}"
        for p in ("a", "d", "b", "k", "id", "seen", "agreed", "p", "m")
        for n in ("row", "same", "hash", "code")
    }
    return sorted(
        {n for n in found if re.fullmatch(r"[a-z][a-z_]*", n)}
        | prefixed
        | {"rowid", "row_number", "oid", "ctid"}
    )


def world(root: Path, names: list[str], key: str) -> Small:
    made = Small(root)
    made.file("erpoa.yml", "format: 1\nname: names\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    fields = ", ".join(f'"{n}": string' for n in names)
    listed = ", ".join(f'"{n}"' for n in names)
    made.file(
        "sources/s.yml",
        f'sources: {{things: {{system: erp, object: thing, key: ["{key}"], fields: {{{fields}}}}}}}',
    )
    made.file(
        "targets/t.yml",
        f'targets: {{things: {{from: things, system: oa, object: thing, key: ["{key}"], fields: [{listed}], on_source_gone: delete, '
        'guards: {max_delete: {count: 100, share: "100%"}, max_change: {share: "100%"}}}}',
    )
    columns = ", ".join(f"{identifier(n)} TEXT{' PRIMARY KEY' if n == key else ''}" for n in names)
    for database in ("erp.db", "oa.db"):
        made.sql(f"CREATE TABLE thing ({columns}) WITHOUT ROWID", database)
    with sqlite3.connect(root / "erp.db") as db:
        for row in range(4):
            db.execute(
                f"INSERT INTO thing VALUES ({', '.join('?' * len(names))})", [f"{n} {row}" for n in names]
            )
    return made


def everything(world: Small, database: str) -> list[tuple[str, ...]]:
    with sqlite3.connect(world.root / database) as db:
        return sorted(db.execute("SELECT * FROM thing").fetchall())


def agrees(world: Small, names: list[str], key: str) -> bool:
    """Whether all is written, kept, changed and removed as if the names were any others."""
    world.apply()
    if (
        everything(world, "erp.db") != everything(world, "oa.db")
        or world.plan().conclusion is not PlanConclusion.UNCHANGED
    ):
        return False
    changed = next(n for n in names if n != key)
    with sqlite3.connect(world.root / "erp.db") as db:
        db.execute(
            f"UPDATE thing SET {identifier(changed)} = 'other' WHERE {identifier(key)} = ?", [f"{key} 1"]
        )
        db.execute(f"DELETE FROM thing WHERE {identifier(key)} = ?", [f"{key} 3"])
    world.apply()
    return (
        everything(world, "erp.db") == everything(world, "oa.db")
        and world.plan().conclusion is PlanConclusion.UNCHANGED
    )


def test_fields_may_be_called_as_columns_within(tmp_path: Path) -> None:
    names = [n for n in within() if n not in RESERVED]
    assert len(names) > 300
    for part in range(0, len(names), 150):
        some = ["zz", *names[part : part + 150]]
        assert agrees(world(tmp_path / f"part{part}", some, "zz"), some, "zz")


@pytest.mark.parametrize("name", sorted({*RESERVED, *map(str.upper, RESERVED)}))
def test_the_few_that_may_not_are_told(tmp_path: Path, name: str) -> None:
    found = [d for d in world(tmp_path, ["zz", name], "zz").findings() if d.code == "E0117"]
    assert {str(d.at).partition(":")[0] for d in found} == {"sources/s.yml", "targets/t.yml"}
    assert all(f"`{name}`" in d.summary for d in found)
