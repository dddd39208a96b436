"""Every way out of an answer: nothing in it is obeyed by a terminal, and where it cannot be written, a code says so."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from erpoa_cli.cli.commands import ENTRIES
from tests.faults.scene import Scene
from tests.program import Forks

STEERING = "\x1b\x07\x08\x9b\x85\u202e\u2066\u2069\u200e\u2028"
HOSTILE = f"E9{STEERING}9\r\n31mred"
ASKED = f'SELECT code AS "a{STEERING}b", name FROM source.erp_employees'
ADDRESS = f"oa_employees/code=E9{STEERING}9"

FORMATS = ("text", "json", "ndjson", "markdown", "html", "csv")
COMMANDS: tuple[tuple[str, ...], ...] = (
    ("validate",), ("doctor",), ("ls",), ("graph",), ("plugin", "list"), ("schema", "print", "targets"), ("discover", "erp"),
    ("extract",), ("test",), ("query", ASKED), ("plan", "-o", "p.erpoaplan", "--full"), ("show", "p.erpoaplan", "--full"),
    ("explain", ADDRESS), ("apply", "p.erpoaplan"), ("apply", "p.erpoaplan"), ("resume",), ("runs", "ls"), ("drift", "--full"),
    ("retry", "-o", "r.erpoaplan"), ("resolve",), ("resolve", ADDRESS, "--not-applied", "--reason", STEERING),
    ("twin", "start", STEERING), ("state", "links", "oa_employees"), ("state", "protect", ADDRESS, "--reason", STEERING),
    ("state", "show"), ("audit", "verify"), ("audit", "log"), ("lock", "show"), ("rollback", STEERING), ("init", "."),
    (STEERING,), ("plan", f"--{STEERING}"), ("show", STEERING), ("query", f"SELECT {STEERING}"), ("plan", "-s", STEERING),
    ("plan", "--waive", STEERING, "--reason", "x"), ("-e", STEERING, "plan"), ("-C", STEERING, "plan"),
)  # fmt: skip


@pytest.fixture
def hostile(prepared: Scene) -> Scene:
    """The company with people whose number, name and phone steer a terminal: one is new, one is held by their side."""
    prepared.restore("planned")
    quoted = HOSTILE.replace("'", "''")
    prepared.sql(
        "erp",
        f"INSERT INTO employee VALUES ('E9{STEERING}9', '{quoted}', '01', '{quoted}', '{quoted}');"
        f"UPDATE department SET name = '{quoted}' WHERE code = '0103'",
    )
    prepared.sql("oa", f"UPDATE dept SET name = '{quoted}x' WHERE code = '0101'")
    return prepared


def steering(told: str) -> list[str]:
    return sorted({f"U+{ord(c):04X}" for c in told if c in STEERING or (ord(c) < 32 and c not in "\n\t\r")})


@pytest.mark.in_turn("answers", of=2, seconds=30)
def test_no_answer_steers_a_terminal(hostile: Scene, forked: Forks):
    """Of every command, in every format, on stdout, on stderr, in the log and in the file that -o names."""
    found: list[str] = []
    seen: set[str] = set()
    for command in COMMANDS:
        varied = command[0] in {"show", "query", "explain"}
        for form in FORMATS if varied else ("json",):
            ended = forked.run(
                "-vv", "--log-format", "json", *command, "--format", form, directory=hostile.root
            )
            seen |= {word for word in ("31mred",) if word in ended.out + ended.err}
            where = f"{command[0]} as {form}"
            found += [f"{character} in {where}" for character in steering(ended.out + ended.err)]
            if "\r" in ended.out.replace("\r\n", "") + ended.err:
                found.append(f"a carriage return in {where}")
            if form == "json" and command[0] in ENTRIES:
                json.loads(ended.out)
    for form in FORMATS:
        forked.run(
            "show", "p.erpoaplan", "--full", "--format", form, "-o", f"shown.{form}", directory=hostile.root
        )
        found += [
            f"{c} in the file of {form}"
            for c in steering((hostile.root / f"shown.{form}").read_text("utf-8"))
        ]
    shown = json.loads((hostile.root / "shown.json").read_text("utf-8"))
    values = [f["after"] for change in shown["changes"] for f in change["fields"].values()]
    assert HOSTILE in values  # the very value, spelled otherwise
    assert found == []
    assert seen


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.in_turn("answers", of=2, seconds=30)
def test_an_answer_that_cannot_be_written_ends_in_a_code(scene: Scene, forked: Forks):
    """stdout, stderr or the file of -o on a full disk: an exit code, none of Python's words, and the work is done."""
    for command in (
        ("--help",), ("--version",), ("plan", "--help"), ("ls",), ("validate",), ("doctor",), ("runs", "ls"), ("graph",),
        ("plan", "-o", "other.erpoaplan"), ("plan", "--nonsense"), ("query", "SELECT * FROM source.erp_employees"),
        ("show", "the.erpoaplan"), ("apply", "the.erpoaplan"), ("explain", "E0621"), ("schema", "print", "plan"),
    ):  # fmt: skip
        for form in ("text", "json"):
            told = [] if command[0].startswith("--") or "--help" in command else ["--format", form]
            ended = forked.run(*command, *told, directory=scene.root, stdout="/dev/full")
            assert ended.exit in {1, 3, 6}, (command, form, ended)
            assert_no_words_of_python(ended.err)
            if ended.exit == 1:
                assert "E0621" in ended.err, (command, form, ended)
            if not told or command[0] in {"apply", "plan"}:
                break
    assert scene.run_status() == "applied"
    assert scene.disagreements() == {}
    for form in ("text", "json", "csv", "html", "ndjson", "parquet"):
        ended = forked.run("show", "the.erpoaplan", "--format", form, "-o", "/dev/full", directory=scene.root)
        assert ended.exit == 1, ended
        assert "E0621" in ended.err, ended
        assert_no_words_of_python(ended.err)
    unheard = forked.run("-vv", "ls", directory=scene.root, stderr="/dev/full")
    assert (unheard.exit, bool(unheard.out)) == (0, True)  # what is only remarked may be lost


def test_no_plan_takes_the_place_of_a_device(scene: Scene, forked: Forks):
    pipe = scene.root / "pipe"
    os.mkfifo(pipe)
    ended = forked.run("plan", "-o", str(pipe), directory=scene.root)
    assert (ended.exit, "E0615" in ended.err) == (1, True), ended
    assert pipe.is_fifo()
    pipe.unlink()


def test_streams_that_are_closed_take_no_place_of_a_file(scene: Scene):
    """The first file that is opened would get the number of a closed stream, and what is told would go into it."""
    import subprocess

    from tests.program import ERPOA, environment

    for closed, exit_ in ((">&-", 1), ("2>&-", 0), ("<&-", 0), (">&- 2>&- <&-", 1)):
        scene.restore("planned")
        done = subprocess.run(
            ["sh", "-c", f"exec {ERPOA} apply the.erpoaplan --no-input {closed}"],
            cwd=scene.root, env=environment(), capture_output=True, check=False, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == exit_, (closed, done)
        assert_no_words_of_python(done.stderr)
        assert scene.run_status() == "applied"
        assert scene.disagreements() == {}


def assert_no_words_of_python(told: str) -> None:
    for words in ("Traceback", "Exception ignored", "E0600", "Errno"):
        assert words not in told
