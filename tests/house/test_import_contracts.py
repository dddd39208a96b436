"""The import contracts hold, and each of them bites: a copy of the package is broken in every forbidden way.

The tables below say what house.md says, independently of how pyproject.toml spells it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.house.sources import LAYERS, PACKAGE, ROOT

pytestmark = pytest.mark.process

BELOW = {
    "core": set(),
    "sdk": {"core"},
    "connectors": {"core", "sdk"},
    "state": {"core", "sdk"},
    "engine": {"core", "sdk", "connectors", "state"},
    "project": {"core", "sdk", "connectors", "state"},
    "render": {"core", "sdk", "connectors", "state"},
    "usecase": {"core", "sdk", "connectors", "state", "engine", "project", "render"},
    "cli": {"core", "sdk", "connectors", "state", "engine", "project", "render", "usecase"},
}
BEHIND_USE_CASES = [
    "connectors",
    "engine",
    "project",
    "sdk",
    "state",
]  # cli is above them, and does not import them itself
OWNERS = {
    "click": {"cli"},
    "typer": {"cli"},
    "rich": {"cli", "render"},
    "wcwidth": {"cli", "render"},
    "yaml": {"project"},
    "jinja2": {"project"},
    "jsonschema": {"project"},
    "sqlglot": {"project"},
    "psycopg": {"state"},
    "cryptography": {"state"},
    "sqlite3": {"state", "connectors"},
    "aiohttp": {"sdk"},
    "yarl": {"sdk"},
    "duckdb": {"connectors", "engine.staging", "engine.check"},
    "pyarrow": {"sdk", "connectors", "engine", "state"},
}
MACHINE = [
    "os",
    "io",
    "pathlib",
    "socket",
    "subprocess",
    "logging",
    "time",
    "tempfile",
    "asyncio",
    "threading",
]
PLUGINS = ["erpoa_postgres", "erpoa_http", "erpoa_dingtalk", "erpoa_twin"]
# Where an offence is put: a module of its own in each layer, and the modules that own what their layer may not.
OFFENDERS = [f"{layer}.offence" for layer in LAYERS] + ["engine.staging", "engine.check"]


def contract_names() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return [contract["name"] for contract in tomllib.load(file)["tool"]["importlinter"]["contracts"]]


def lint(root: Path) -> dict[str, str]:
    """What import-linter says below *root*: contract → its complaint, empty when the contract is kept."""
    program = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run(
        [program, "--no-logo", "--no-cache"],
        cwd=root, env={**os.environ, "COLUMNS": "400"}, check=False, capture_output=True, text=True,
    ).stdout  # fmt: skip
    verdicts = dict(re.findall(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", said, re.MULTILINE))
    assert list(verdicts) == contract_names(), said
    complaints = re.split(r"^(.+)\n-{3,}\n", said.partition("Broken contracts")[2], flags=re.MULTILINE)[1:]
    broken = dict(zip(complaints[::2], complaints[1::2], strict=True))
    assert set(broken) == {name for name, verdict in verdicts.items() if verdict == "BROKEN"}, said
    return {name: broken.get(name, "") for name in verdicts}


def broken_copy(root: Path, offences: Mapping[str, Iterable[str]]) -> Path:
    """A copy of the package in which the named modules import what they are said to."""
    shutil.copytree(PACKAGE, root / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    for module, names in offences.items():
        path = root / PACKAGE.name / module.replace(".", "/")
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.writelines(f"\nimport {name}\n" for name in names)
    return root


@pytest.fixture(scope="module")
def wrong_directions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    offences = {
        f"{layer}.offence": [f"erpoa_cli.{other}" for other in LAYERS if other not in BELOW[layer] | {layer}]
        for layer in LAYERS
    }
    offences["cli.offence"] += [f"erpoa_cli.{layer}" for layer in BEHIND_USE_CASES]
    offences |= {
        "unlisted": ["erpoa_cli.core"],
        "core.lowering.offence": ["erpoa_cli.core.plan", "erpoa_cli.core.reconcile"],
        "sdk.one": ["erpoa_cli.sdk.other"],
        "sdk.other": ["erpoa_cli.sdk.one"],
        "engine.apply": [],
        "engine.resume": [],
        "engine.writing.write": [],
        "engine.plan": ["erpoa_cli.engine.between"],
        "engine.between": [
            "erpoa_cli.engine.apply",
            "erpoa_cli.engine.resume",
            "erpoa_cli.engine.writing.write",
        ],
    }
    return lint(broken_copy(tmp_path_factory.mktemp("directions"), offences))


@pytest.fixture(scope="module")
def wrong_libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    offences = {offender: [*OWNERS, *PLUGINS] for offender in OFFENDERS}
    offences["core.offence"] += MACHINE
    return lint(broken_copy(tmp_path_factory.mktemp("libraries"), offences))


def test_contracts_hold():
    assert {name: said for name, said in lint(ROOT).items() if said} == {}


def test_every_contract_bites(wrong_directions: dict[str, str], wrong_libraries: dict[str, str]):
    bitten = {name for lint in (wrong_directions, wrong_libraries) for name, said in lint.items() if said}
    assert bitten == set(contract_names())


@pytest.mark.parametrize("layer", LAYERS)
def test_directions(layer: str, wrong_directions: dict[str, str]):
    said = wrong_directions["layers point downwards"]
    refused = set(re.findall(rf"erpoa_cli\.{layer} is not allowed to import erpoa_cli\.(\w+):", said))
    assert refused == set(LAYERS) - BELOW[layer] - {layer}


@pytest.mark.parametrize("layer", BEHIND_USE_CASES)
def test_cli_works_through_use_cases(layer: str, wrong_directions: dict[str, str]):
    assert f"erpoa_cli.cli.offence -> erpoa_cli.{layer} (" in wrong_directions["cli works through use cases"]


def test_lowering_makes_no_plans(wrong_directions: dict[str, str]):
    said = wrong_directions["lowering knows declarations and targets only"]
    refused = set(re.findall(r"erpoa_cli\.core\.lowering\.offence -> erpoa_cli\.core\.(\w+) ", said))
    assert refused == {"plan", "reconcile"}


def test_every_module_belongs_to_a_layer(wrong_directions: dict[str, str]):
    assert "- erpoa_cli.unlisted" in wrong_directions["layers point downwards"]


def test_cycles_are_refused(wrong_directions: dict[str, str]):
    assert "No cycles are allowed in erpoa_cli.sdk." in wrong_directions["no cycles between siblings"]


@pytest.mark.parametrize("applying", ["apply", "resume", "writing"])
def test_planning_does_not_reach_applying_by_a_detour(applying: str, wrong_directions: dict[str, str]):
    said = wrong_directions["planning never reaches applying"]
    assert f"erpoa_cli.engine.plan is not allowed to import erpoa_cli.engine.{applying}:" in said


@pytest.mark.parametrize("library", OWNERS)
def test_libraries_have_owners(library: str, wrong_libraries: dict[str, str]):
    owners = OWNERS[library]
    said = "".join(wrong_libraries.values())
    refused = {offender for offender in OFFENDERS if f"erpoa_cli.{offender} -> {library} (" in said}
    allowed = {offender for offender in OFFENDERS if {offender, offender.partition(".")[0]} & owners}
    assert refused == set(OFFENDERS) - allowed


@pytest.mark.parametrize("module", MACHINE)
def test_core_does_not_touch_the_machine(module: str, wrong_libraries: dict[str, str]):
    assert f"erpoa_cli.core.offence -> {module} (" in wrong_libraries["core is pure"]


@pytest.mark.parametrize("offender", OFFENDERS)
@pytest.mark.parametrize("plugin", PLUGINS)
def test_no_layer_imports_a_plugin(plugin: str, offender: str, wrong_libraries: dict[str, str]):
    assert f"erpoa_cli.{offender} -> {plugin} (" in wrong_libraries["nothing names a plugin"]
