"""What programs of other formats and releases left (`tests/fixtures`) is read, or refused by name and left alone."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from erpoa_cli.state import FORMAT, planfile
from erpoa_cli.state.planzip import SEAL, sign_off
from tests.fixtures import kept
from tests.program import Ended, environment, forks

pytestmark = pytest.mark.process

EARLY = "state-1-plan-1-750c46d"  # has tables that no migration reads
LINKS = {"S1": "1", "S2": "2", "S3": "3"}
WANTED = {"S1": "甲", "S2": "丁", "S3": "丙"}  # once the change that waits is applied
SOME = (("plan",), ("apply", "--yes"), ("state", "backup", "new.tar"))
EVERY = (  # command that asks for the state
    *SOME, ("apply", "pending.erpoaplan"), ("resume",), ("retry",), ("runs", "ls"), ("lock", "show"), ("audit", "verify"),
    ("state", "links", "partners"), ("state", "rebuild", "partners"), ("state", "forget", "partners", "--yes"),
    ("state", "migrate"),
)  # fmt: skip

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def erpoa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with forks(tmp_path_factory.mktemp("forks")) as server:
        env = environment(**kept.SECRETS)
        yield lambda root, *arguments: server.run(*arguments, directory=root, env=env)


@pytest.fixture
def left(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: kept.unpack(name, tmp_path)


def test_the_present_formats_and_release_have_a_fixture():
    assert kept.PRESENT in kept.names(), "`python -m tests.fixtures` writes it; see tests/fixtures/README.md"


def test_what_is_written_now_is_what_its_format_was(tmp_path: Path, left: Callable[[str], Path], erpoa: Run):
    """Other tables, members or columns are another format: raise its number, then `python -m tests.fixtures`."""
    now = tmp_path / "now"
    now.mkdir()
    kept.make(now, lambda *command: erpoa(now, *command))
    assert shape(now) == shape(left(kept.PRESENT))


@pytest.mark.parametrize("name", kept.names())
def test_a_state_is_read_once_it_is_migrated(name: str, left: Callable[[str], Path], erpoa: Run):
    root, found = left(name), int(name.split("-")[1])
    if name == EARLY:
        refuses(erpoa, root, "E0522", ("has format 1", "`match`"), *EVERY)
        return
    if found < FORMAT:
        refuses(erpoa, root, "E0522", (f"has format {found}", "run `erpoa state migrate`"), *SOME)
    works(erpoa, root, "state", "migrate")
    assert links(erpoa, root) == LINKS
    offline = erpoa(root, "plan", "--offline")
    assert offline.exit == 0 or "it has no snapshot; run `erpoa extract`" in offline.err, offline
    run = works(erpoa, root, "runs", "ls")["runs"][0]["id"]
    assert "3 create → 3 applied" in erpoa(root, "show", run).out
    assert "3 delete" in erpoa(root, "rollback", run).out
    works(erpoa, root, "state", "rebuild", "partners")
    assert links(erpoa, root) == LINKS
    assert planned(erpoa, root) == {"partners": {"update": 1}}
    works(erpoa, root, "apply", "--yes")
    assert partners(root) == WANTED
    assert planned(erpoa, root) == {"partners": {}}
    works(erpoa, root, "audit", "verify")


@pytest.mark.parametrize("name", kept.names())
def test_a_plan_is_shown_and_applied_or_refused(name: str, left: Callable[[str], Path], erpoa: Run):
    root = left(name)
    shown = erpoa(root, "show", "pending.erpoaplan")
    assert shown.exit == 0, shown
    assert '"乙" → "丁"' in shown.out
    assert "never" not in shown.out
    if name == EARLY:
        return
    works(erpoa, root, "state", "migrate")
    held = partners(root)
    applied = erpoa(root, "apply", "pending.erpoaplan")
    if applied.exit:  # it is a day old by now, or of a system that was known by its place on the machine
        assert any(code in applied.err for code in ("E0532", "E0533")), applied
        assert partners(root) == held
    else:
        assert partners(root) == WANTED


@pytest.mark.parametrize("name", kept.names())
def test_a_copy_is_restored(name: str, left: Callable[[str], Path], erpoa: Run):
    root = left(name)
    shutil.rmtree(root / ".erpoa")
    copy = (root / "copy.tar").read_bytes()
    if name == EARLY:
        refuses(erpoa, root, "E0522", ("copy.tar has format 1", "`match`"), ("state", "restore", "copy.tar"))
        return
    works(erpoa, root, "state", "restore", "copy.tar")
    assert (root / "copy.tar").read_bytes() == copy
    assert links(erpoa, root) == LINKS
    assert planned(erpoa, root) == {"partners": {"update": 1}}


def test_a_state_of_the_future_is_refused(left: Callable[[str], Path], erpoa: Run):
    root = left(kept.PRESENT)
    age(root / ".erpoa" / "control.db")
    words = (f"the state has format {FORMAT + 1}", f"up to {FORMAT}", "newer erpoa")
    refuses(erpoa, root, "E0522", words, *EVERY)


def test_a_plan_of_the_future_is_refused(left: Callable[[str], Path], erpoa: Run):
    root = left(kept.PRESENT)
    path = root / "pending.erpoaplan"
    with zipfile.ZipFile(path) as plan:
        members = {name: plan.read(name) for name in plan.namelist()}
    header = json.loads(members["plan.json"])
    members["plan.json"] = json.dumps(header | {"format": planfile.FORMAT + 1, "signed": {}}).encode()
    members["calls/partners.json"] = b"{}"  # which nobody knows yet
    with path.open("w+b") as file:
        with zipfile.ZipFile(file, "w") as plan:
            plan.comment = bytes(SEAL)
            for name, content in members.items():
                plan.writestr(name, content)
        sign_off(file)
    words = (f"has format {planfile.FORMAT + 1}", f"up to {planfile.FORMAT}", header["tool"])
    refuses(erpoa, root, "E0503", words, ("show", path.name), ("apply", path.name))


def test_a_copy_of_the_future_is_refused(left: Callable[[str], Path], erpoa: Run):
    root = left(kept.PRESENT)
    age(root / ".erpoa" / "control.db")
    with tarfile.open(root / "copy.tar", "w") as tar:
        tar.add(root / ".erpoa", ".erpoa")
    shutil.rmtree(root / ".erpoa")
    words = (f"copy.tar has format {FORMAT + 1}", "newer erpoa")
    refuses(erpoa, root, "E0522", words, ("state", "restore", "copy.tar"))


def age(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        db.execute("UPDATE meta SET value = value + 1 WHERE name = 'format'")
        db.commit()


def refuses(erpoa: Run, root: Path, code: str, words: tuple[str, ...], *commands: tuple[str, ...]) -> None:
    """Each of *commands* is refused with *code* and *words*, and changes no file."""
    before = files(root)
    for command in commands:
        done = erpoa(root, *command)
        told = " ".join(done.err.split())
        assert done.exit == 3, (command, done)
        assert f"error {code}: " in told, (command, done)
        assert [word for word in words if word not in told] == [], (command, done)
        assert files(root) == before, command


def files(root: Path) -> dict[str, bytes]:
    """Everything that counts, for a cache does not."""
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()).digest()
        for path in root.rglob("*")
        if path.is_file() and "cache" not in path.parts and not path.name.endswith(("-shm", "-wal"))
    }


def works(erpoa: Run, root: Path, *command: str) -> Any:
    done = erpoa(root, *command, "--format", "json")
    assert done.exit == 0, (command, done)
    return done.json()


def planned(erpoa: Run, root: Path) -> Any:
    """What a plan would do, and to how many rows of each target."""
    return works(erpoa, root, "plan")["counts"]


def links(erpoa: Run, root: Path) -> dict[str, str]:
    rows = works(erpoa, root, "state", "links", "partners")["links"]
    return {row["key"]["code"]: row["id"]["id"] for row in rows}


def partners(root: Path) -> dict[str, str]:
    with closing(sqlite3.connect(root / "oa.sqlite")) as db:
        return dict(db.execute("SELECT code, name FROM partner"))


def shape(root: Path) -> dict[str, Any]:
    """What a format fixes of the files of a project: tables, members, names and types of columns."""
    state = root / ".erpoa"
    with closing(sqlite3.connect(state / "control.db")) as db:
        tables = dict(db.execute("SELECT name, sql FROM sqlite_master"))
        [(payload,)] = db.execute("SELECT payload FROM results")
        reads = [
            sorted(json.loads(content))
            for (content,) in db.execute("SELECT content FROM reads ORDER BY relation")
        ]
    [image] = (state / "base").rglob("*.parquet")
    [latest] = (state / "snapshots").rglob("latest.json")
    with tarfile.open(root / "copy.tar") as tar:
        kinds = sorted(Path(name).parts[1] for name in tar.getnames())
    with zipfile.ZipFile(root / "pending.erpoaplan") as plan:
        parts = {name: part(name, plan.read(name)) for name in plan.namelist()}
    return {
        "tables": tables,
        "journal": columns(pa.ipc.open_stream(payload).schema),
        "reads": reads,
        "image": columns(pq.read_schema(image)),
        "snapshot": sorted(json.loads(latest.read_bytes())),
        "copy": kinds,
        "plan": parts,
    }


def part(name: str, content: bytes) -> Any:
    """The columns of a member of a plan, or the entries of its JSON."""
    if name.endswith(".parquet"):
        return columns(pq.read_schema(io.BytesIO(content)))
    value = json.loads(content)
    return sorted(value) if isinstance(value, dict) else [sorted(entry) for entry in value]


def columns(schema: pa.Schema) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in schema]
