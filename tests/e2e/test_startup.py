"""What starting up loads, and how long it takes."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ERPOA = Path(sys.executable).with_name("erpoa")
HEAVY = {"duckdb", "jsonschema", "jinja2", "pyarrow", "sqlglot", "yaml", "cryptography", "sqlite3"}


def loaded(*arguments: str) -> set[str]:
    """The modules in memory when the program ends."""
    code = (
        "import sys\n"
        "from erpoa_cli.cli.main import run\n"
        f"sys.argv = ['erpoa', *{list(arguments)!r}]\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version_loads_nothing(flag):
    modules = loaded(flag)
    assert not modules & (HEAVY | {"typer", "click", "rich", "importlib.metadata", "erpoa_cli.cli.program"})


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["plan", "--help"],
        ["state", "--help"],
        ["schema", "print"],
        ["nonsense"],
        ["--show-completion"],
    ],
)
def test_help_loads_nothing_heavy(arguments):
    if arguments in (["nonsense"], ["--show-completion"]):
        code_free = subprocess.run([ERPOA, *arguments], capture_output=True, text=True, check=False)
        assert "Traceback" not in code_free.stderr
        return
    assert not loaded(*arguments) & HEAVY


def fastest(command: list[str], times: int = 7) -> float:
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        best = min(best, time.perf_counter() - start)
    return best


def test_version_is_answered_in_three_times_the_interpreter():
    bare = fastest([sys.executable, "-c", "pass"])
    assert fastest([str(ERPOA), "--version"]) <= 3 * bare


def test_help_comes_within_a_quarter_of_a_second():
    """On a machine as fast as the one the bare interpreter takes 15 ms on; a slower one may take longer."""
    allowance = max(1.0, fastest([sys.executable, "-c", "pass"]) / 0.015)
    assert fastest([str(ERPOA), "--help"]) <= 0.25 * allowance
