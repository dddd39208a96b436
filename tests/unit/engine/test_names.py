"""Names of users beside names within: fields that are called as the program calls its own columns, tables and variables."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

import erpoa_cli
from erpoa_cli.core.conclusion import PlanConclusion
from erpoa_cli.core.schema import identifier
from erpoa_cli.engine.staging import Staging
from tests import depth
from tests.unit.core.test_columns import KINDS
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


def quoted(name: str) -> str:
    """*name* in a project file."""
    return json.dumps(name, ensure_ascii=False)


def world(root: Path, names: list[str], key: str) -> Small:
    made = Small(root)
    made.file("erpoa.yml", "format: 1\nname: names\nowner: a@b.example\ndescription: d\n")
    made.file(
        "systems/s.yml",
        "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}",
    )
    fields = ", ".join(f"{quoted(n)}: string" for n in names)
    listed = ", ".join(map(quoted, names))
    made.file(
        "sources/s.yml",
        f"sources: {{things: {{system: erp, object: thing, key: [{quoted(key)}], fields: {{{fields}}}}}}}",
    )
    made.file(
        "targets/t.yml",
        f"targets: {{things: {{from: things, system: oa, object: thing, key: [{quoted(key)}], fields: [{listed}], on_source_gone: delete, "
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


HOSTILE = [
    *(
        "row",
        "row_number",
        "rowid",
        "_rowid_",
        "a_row",
        "actual_hash",
        "copies",
        "here",
        "key",
        "generation",
        "dead",
        "known",
    ),
    *(
        "row_a",
        "row_d",
        "row_b",
        "d_x",
        "a_x",
        "k_x",
        "id_x",
        "agreed_x",
        "seen_x",
        "known_x",
        "p_x",
        "v_x",
        "w_x",
        "s_x",
        "r_x",
    ),
    *(
        "x",
        "?",
        "??",
        "?x",
        "v0",
        "raw0",
        "by_x",
        "set.x",
        "was.x",
        "id.x",
        "c0",
        "pos",
        "ordinal",
        "erpoa_run",
        "_erpoa_batch",
    ),
    *(
        "SELECT",
        "from",
        "名称",
        "ＡＢ",
        "ａ１",
        "🍣",
        "it's",
        'say "hi"',
        "a b",
        " lead",
        "a,b",
        "a.b",
        "a/b",
        "value/x",
        "key/0/x",
    ),
    *("back\\slash", "%s", "$1", ":x", "?1", "#", "[x]", "`x`", "-- x", "long" * 32),
]


@pytest.mark.parametrize("key", ["zz", "ROW", 'say "名"'])
def test_hostile_names(tmp_path: Path, key: str) -> None:
    names = [key, *(n for n in HOSTILE if n.lower() != key.lower())]
    assert agrees(world(tmp_path, names, key), names, key)


@pytest.mark.sampled("property", seconds=40, least=15)
def test_fields_may_be_called_as_columns_within(tmp_path: Path) -> None:
    names = within()
    assert len(names) > 300
    for part in depth.some(range(0, len(names), 150), 1):
        some = ["zz", *names[part : part + 150]]
        assert agrees(world(tmp_path / f"part{part}", some, "zz"), some, "zz")


def test_no_column_of_ours_in_the_diff_begins_like_one_of_a_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nothing need be known of what fields are called."""
    seen: set[str] = set()
    close = Staging.close

    def looked(staging: Staging, *, waits: bool = True) -> None:
        told = "SELECT column_name FROM duckdb_columns() WHERE schema_name IN ('theirs', 'desired', 'base', 'diff')"
        seen.update(staging.sql(told).column(0).to_pylist())
        close(staging, waits=waits)

    made = world(tmp_path, ["zz", "yy"], "zz")
    made.apply()
    monkeypatch.setattr(Staging, "close", looked)
    made.plan()
    prefixed = {kind(name): kind for kind in KINDS for name in ("zz", "yy")}
    assert {"a_yy", "d_yy", "k_zz"} <= seen
    assert not [name for name in seen - set(prefixed) for kind in KINDS if kind.has(name)]
