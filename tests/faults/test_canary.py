"""Secrets and sensitive values appear nowhere: no output, log, plan, snapshot, journal, base image or traceback."""

from __future__ import annotations

import base64
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from erpoa_cli.cli.commands import ENTRIES
from tests.faults.kept import files, forms, pieces
from tests.faults.leaky import install
from tests.faults.scene import Scene
from tests.program import Forks, environment, forks

pytestmark = pytest.mark.slow

PASSWORD = 'pä"ss/wörd+密码 \\7QXcanary'
SEALING_KEY = base64.b64encode(b"canary-sealing-key-0123456789abc").decode()
UNPARSABLE = "PAY-CANARY-7731"

SYSTEM = """
  vault: {plugin: leaky, role: other, description: Leaks, owner: tests@huaxin.example, config: {password: "{{ secret('vault_password') }}"}}
"""
SOURCE = """
  vault_things: {description: Leaks, owner: tests@huaxin.example, system: vault, object: thing, key: [id], fields: {id: string}}
"""

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("validate",), ("validate", "--online"), ("doctor",), ("ls",), ("graph",), ("plugin", "list"), ("plugin", "describe", "leaky"),
    ("schema", "print", "targets"), ("discover", "erp"), ("discover", "vault"), ("extract",), ("test",),
    ("query", "SELECT * FROM source.erp_employees"), ("query", "SELECT id_card || 'x' AS other, salary + 1 AS more FROM source.erp_employees"),
    ("query", "SELECT nothing FROM source.erp_employees WHERE id_card = error(id_card)"),
    ("query", "SELECT CAST(id_card AS DATE) FROM source.erp_employees"), ("query", "SELECT sqrt(-salary) FROM source.erp_employees"),
    ("plan", "-o", "p.erpoaplan"), ("plan", "-o", "p.erpoaplan", "--full"), ("show", "p.erpoaplan", "--full"),
    ("show", "p.erpoaplan", "--format", "markdown", "--full"), ("show", "p.erpoaplan", "--format", "csv"),
    ("show", "p.erpoaplan", "--format", "ndjson", "--full"), ("show", "p.erpoaplan", "--format", "parquet", "-o", "p.parquet"),
    ("explain", "oa_employees/code=E003"), ("explain", "E0530"),
    ("apply", "p.erpoaplan"), ("apply", "p.erpoaplan"), ("resume",), ("runs", "ls"), ("drift",), ("retry", "-o", "r.erpoaplan"),
    ("twin", "start", "nothing"), ("resolve",), ("resolve", "oa_employees/code=E003", "--not-applied", "--reason", "x"),
    ("state", "show"), ("state", "links"), ("state", "backup", "b.tar"), ("audit", "verify"), ("lock", "show"), ("lock", "release"),
    ("rollback", "{run}", "-o", "b.erpoaplan"), ("runs", "show", "{run}"), ("init", "."),
    ("plan", "--nonsense", PASSWORD[:0] or "x"), ("query", "SELEC"), ("show", "nothing.erpoaplan"),
)  # fmt: skip


@pytest.fixture
def leaking(tmp_path: Path) -> Scene:
    """The company with a system that leaks, a key from a secret, and salaries of which one does not parse."""
    scene = Scene(tmp_path / "project", tmp_path / "saved")
    scene.build()
    (scene.root / ".erpoa" / "key").unlink()
    scene.sql(
        "erp",
        f"""ALTER TABLE employee ADD COLUMN salary TEXT;
        UPDATE employee SET salary = '77' || substr(code, 2) || '931.45';
        UPDATE employee SET salary = '{UNPARSABLE}' WHERE code = 'E012'""",
    )
    scene.sql("oa", "ALTER TABLE person ADD COLUMN salary TEXT; UPDATE person SET salary = '88999931.45'")
    append(scene, "systems/systems.yml", SYSTEM)
    append(scene, "sources/sources.yml", SOURCE)
    append(scene, "erpoa.yml", "key: \"{{ secret('seal_key') }}\"\n")
    field = "      id_card: {type: string, class: sensitive}\n"
    replace(
        scene,
        "sources/sources.yml",
        field,
        field + '      salary: {type: "decimal(12,2)", class: sensitive}\n',
    )
    replace(
        scene, "targets/targets.yml", "      phone: phone\n", "      phone: phone\n      salary: salary\n"
    )
    install(tmp_path / "plugins")
    return scene


def append(scene: Scene, file: str, text: str) -> None:
    path = scene.root / file
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(scene: Scene, file: str, old: str, new: str) -> None:
    path = scene.root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def canaries(scene: Scene) -> list[str]:
    with closing(sqlite3.connect(scene.root / "erp.db")) as db:
        cards = [v for row in db.execute("SELECT id_card, salary FROM employee").fetchall() for v in row if v]
    return [PASSWORD, SEALING_KEY, "88999931.45", *cards]


@pytest.fixture
def spoken(leaking: Scene) -> Iterator[Forks]:
    """Commands that know the secrets and the leaking plugin."""
    home = leaking.root.parent
    for name in ("tmp", "forks"):
        (home / name).mkdir()
    paths = [str(home / "plugins"), environment().get("PYTHONPATH", "")]
    with forks(
        home / "forks",
        PYTHONPATH=":".join(filter(None, paths)),
        ERPOA_SECRET_VAULT_PASSWORD=PASSWORD,
        ERPOA_SECRET_SEAL_KEY=SEALING_KEY,
        TMPDIR=str(home / "tmp"),
    ) as server:
        yield server


def leaks(found: Iterable[tuple[str, bytes]], secrets: list[str]) -> Iterator[str]:
    sought = {form: secret for secret in secrets for form in forms(secret)}
    for where, content in found:
        for form, secret in sought.items():
            if form in content:
                yield f"{secret!r} as {form!r} in {where}"


def test_the_net_catches_them(tmp_path: Path):
    """The scanner finds a canary in each kind of file it opens."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": [PASSWORD] * 100}), tmp_path / "a.parquet", compression="zstd")
    with closing(sqlite3.connect(tmp_path / "a.db")) as db:
        db.execute("CREATE TABLE t (x BLOB)")
        db.execute("INSERT INTO t VALUES (?)", ((tmp_path / "a.parquet").read_bytes(),))
        db.commit()
    (tmp_path / "a.txt").write_bytes(b"xx" + base64.b64encode(b"user:" + PASSWORD.encode()))
    shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path, "a.parquet")
    caught = list(leaks(files(tmp_path), [PASSWORD]))
    for name in ("a.parquet column x", "a.db table t column x", "a.txt", "z.zip!a.parquet"):
        assert any(name in leak for leak in caught), (name, caught)


@pytest.mark.in_turn("canary", of=2, seconds=40)
def test_every_command_keeps_them(leaking: Scene, spoken: Forks):
    secrets = canaries(leaking)
    found: list[str] = []
    outputs: list[str] = []
    exits: dict[str, int] = {}
    for as_json in (False, True):
        for command in COMMANDS:
            last = leaking.control("SELECT run FROM runs ORDER BY opened DESC LIMIT 1")
            arguments = [a.replace("{run}", last[0][0] if last else "none") for a in command]
            told = (
                ["--log-format", "json", *([] if "--format" in arguments else ["--format", "json"])]
                if as_json
                else []
            )
            ended = spoken.run("-vv", *arguments, *told, directory=leaking.root)
            exits[" ".join(command)] = ended.exit
            outputs.append(ended.out + "\n" + ended.err)
            output = outputs[-1].encode()
            found += leaks(pieces(output, f"output of {' '.join(arguments)}"), secrets)
    found += leaks(files(leaking.root / ".erpoa"), secrets)
    for extra in ("p.erpoaplan", "r.erpoaplan", "b.erpoaplan", "p.parquet", "b.tar"):
        if (leaking.root / extra).exists():
            found += leaks(pieces((leaking.root / extra).read_bytes(), extra), secrets)
    found += leaks(files(leaking.root.parent / "tmp"), secrets)
    assert found == []
    assert exits["plan -o p.erpoaplan"] == 0
    assert exits["doctor"] != 0
    assert exits["apply p.erpoaplan"] != 0  # it was applied before: failing commands are among them
    assert any("(secret)" in said for said in outputs)  # what leaked was met, and masked
    assert {command[0] for command in COMMANDS} == set(ENTRIES)


def test_a_literal_secret_in_a_file_is_not_repeated(leaking: Scene, spoken: Forks):
    """The finding that there is one points at it without showing it."""
    literal = "hunter2-Zq8Lw0xPv6"
    replace(leaking, "systems/systems.yml", "\"{{ secret('vault_password') }}\"", f'"{literal}"')
    for arguments in (("validate",), ("validate", "--format", "json"), ("validate", "--format", "sarif")):
        ended = spoken.run("-vv", *arguments, directory=leaking.root)
        assert ended.exit == 3, ended
        assert list(leaks(pieces((ended.out + ended.err).encode(), "output"), [literal])) == []
