"""What starting up loads, and how long it takes."""

import resource
import subprocess
import sys
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


def cost(command: list[str], times: int = 9) -> float:
    """Seconds of processor time of the cheapest of several runs: other work on the machine hardly counts."""
    best = float("inf")
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best


def test_version_costs_three_times_the_interpreter_at_most():
    assert cost([str(ERPOA), "--version"]) <= 3 * cost([sys.executable, "-c", "pass"])


def test_help_costs_a_quarter_of_a_second_at_most():
    """On a machine where the bare interpreter takes 15 ms; a slower one may take longer in proportion."""
    allowance = max(1.0, cost([sys.executable, "-c", "pass"]) / 0.015)
    assert cost([str(ERPOA), "--help"]) <= 0.25 * allowance
