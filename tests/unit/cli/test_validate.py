"""`erpoa validate` remembers answers without errors: the same answer while nothing changed, a new look else."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from erpoa_cli.cli import ending, log, opened, validate
from erpoa_cli.cli.program import main
from erpoa_cli.engine import connect, installed
from erpoa_cli.engine.binding import abilities
from erpoa_cli.engine.connect import Installed
from erpoa_cli.project import find_files
from erpoa_cli.project.cache import read_json
from erpoa_cli.project.memory import Memory, Said
from erpoa_cli.render.mask import Masker
from erpoa_cli.sdk.connector import Connector, Readable, Writable

FILES = {
    "erpoa.yml": (
        "format: 1\nname: 华信供应链\nvars: {company: '01'}\nsecrets: [env, {file: ~/secrets.yml}]\n"
        "environments:\n  dev: {}\n  prod: {vars: {company: '02'}}\n"
    ),
    "systems/s.yml": (
        "systems:\n"
        "  erp: {plugin: sqlite, config: {path: \"data/{{ env('ERP_FILE', 'erp') }}.db\"}}\n"
        "  oa: {plugin: http, config: {url: 'https://oa.example', auth: {type: bearer, token: \"{{ secret('oa_path') }}\"}, "
        "objects: {supplier: {list: GET /s, create: POST /s, id: code, fields: {code: string, name: string}}}}}\n"
    ),
    "sources/s.yml": (
        "sources: {erp_suppliers: {system: erp, object: supplier, key: [code], "
        "fields: {code: string, name: string}}}\n"
    ),
    "transforms/suppliers.sql": (
        "SELECT code, name || '{{ var('company') }}' AS name FROM {{ source('erp_suppliers') }}\n"
    ),
    "seeds/unit_map.csv": "oa_unit,erp_unit\n千克,kg\n",
    "targets/t.yml": (
        "targets: {oa_suppliers: {from: suppliers, system: oa, object: supplier, key: [code], "
        "fields: [code, name]}}\n"
    ),
}


@dataclass
class Place:
    """A project, and ways to ask about it."""

    root: Path
    home: Path
    capture: Any
    patch: pytest.MonkeyPatch

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    @property
    def file(self) -> Path:
        return self.root / ".erpoa" / "cache" / "checked.json"

    def ask(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of one `validate`."""
        code = main(["-C", str(self.root), *arguments, "validate"])
        return code, *self.capture.readouterr()

    def looked(self, *arguments: str) -> bool:
        """Whether the project was looked at anew, as the answer was written anew or was another one than valid."""
        before = self.file.stat()
        code, _, _ = self.ask(*arguments)
        after = self.file.stat()
        return code != 0 or (before.st_ino, before.st_mtime_ns) != (after.st_ino, after.st_mtime_ns)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Place:
    for name in list(os.environ):
        if name.startswith("ERP"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ERPOA_SECRET_OA_PATH", "oa-canary.db")
    fresh = Masker()
    for module in (log, ending, opened, validate):
        monkeypatch.setattr(module, "MASKER", fresh)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(
        installed, "fingerprint", lambda: "tools"
    )  # the code may be edited while it is tested
    made = Place(tmp_path / "华信 (1)", home, capsys, monkeypatch)
    for name, text in FILES.items():
        made.write(name, text)
    (made.root / "data").mkdir()
    (made.root / ".erpoa").mkdir()
    return made


def test_the_second_answer_is_the_first_one(place: Place):
    place.ask()
    for form in ("text", "json", "sarif"):
        again = place.ask("--format", form)
        place.file.unlink()
        first = place.ask("--format", form)
        assert again == first
        assert first[0] == 0
        assert "W0101" in first[1] + first[2]
        assert not place.looked("--format", form)


@pytest.mark.process
def test_a_recalled_answer_loads_nothing_that_judges(place: Place):
    place.ask()
    code = (
        "import sys\nfrom erpoa_cli.cli.program import main\nfrom erpoa_cli.engine import installed\n"
        "assert installed.fingerprint()\ninstalled.fingerprint = lambda: 'tools'\n"
        f"assert main(['-C', {str(place.root)!r}, 'validate', '-q']) == 0\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"duckdb", "jinja2", "jsonschema", "numpy", "pyarrow", "sqlglot"}
    assert "is valid" in done.stdout
    assert not heavy & set(done.stderr.split())


def leads_out(place: Place) -> None:
    (place.root / "data").rmdir()
    (place.root / "data").symlink_to(place.home)


CHANGES: Mapping[str, Callable[[Place], object]] = {
    "a file says something else": lambda p: p.write("sources/s.yml", FILES["sources/s.yml"] + "#\n"),
    "a model says something else": lambda p: p.write("transforms/suppliers.sql", "SELECT 1 AS code"),
    "a seed says something else": lambda p: p.write("seeds/unit_map.csv", "oa_unit,erp_unit\n千克,g\n"),
    "a file is new": lambda p: p.write("contracts/supplier.yml", "properties: {code: {type: string}}\n"),
    "a file is gone": lambda p: (p.root / "seeds/unit_map.csv").unlink(),
    "a file has another name": lambda p: (p.root / "seeds/unit_map.csv").rename(p.root / "seeds/units.csv"),
    "a file that is not read is new": lambda p: p.write("targets/more.yaml", "targets: {}\n"),
    "a variable of the environment used": lambda p: p.patch.setenv("ERP_FILE", "other"),
    "the environment asked for": lambda p: p.patch.setenv("ERPOA_ENV", "prod"),
    "the home directory": lambda p: p.patch.setenv("HOME", str(p.root)),
    "a secret is gone": lambda p: p.patch.delenv("ERPOA_SECRET_OA_PATH"),
    "a secret is empty": lambda p: p.patch.setenv("ERPOA_SECRET_OA_PATH", ""),
    "a path leads elsewhere": leads_out,
    "the tools": lambda p: p.patch.setattr(installed, "fingerprint", lambda: "other"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_is_looked_at_again(place: Place, change: str):
    place.ask()
    assert not place.looked()
    CHANGES[change](place)
    assert place.looked()


def test_variables_and_environments_have_answers_of_their_own(place: Place):
    place.ask()
    others = (("--var", "company=03"), ("-e", "prod"), ("-e", "dev"))
    assert [place.looked(*arguments) for arguments in others] == [True] * 3
    assert [place.looked(*arguments) for arguments in ((), *others)] == [False] * 4
    assert place.looked("--var", "company=04")
    assert place.looked()  # the oldest answer made room


def test_a_secret_file_that_others_may_read_is_noticed(place: Place):
    place.patch.delenv("ERPOA_SECRET_OA_PATH")
    secrets = place.home / "secrets.yml"
    secrets.write_text('oa_path: "oa-canary.db"\n', encoding="utf-8")
    secrets.chmod(0o600)
    assert place.ask()[0] == 0
    assert not place.looked()
    secrets.chmod(0o644)
    assert "E0208" in place.ask()[2]


@pytest.mark.parametrize("change", ["ERPOA_AUTHOR", "ERP_OTHER"])
def test_what_was_not_used_changes_nothing(place: Place, change: str):
    place.ask()
    place.patch.setenv(change, "x")
    assert not place.looked()


def test_errors_are_never_remembered(place: Place):
    place.ask()
    place.write("transforms/suppliers.sql", "SELECT nothing AS code FROM {{ source('erp_suppliers') }}")
    first = place.ask()
    assert (first[0], place.ask()) == (3, first)
    assert "E0330" in first[2]
    assert read_json(place.file)["answers"][0]["said"]["counts"]["transforms"] == 1


def test_no_secret_is_kept_and_none_is_shown(place: Place):
    place.patch.setenv("ERPOA_SECRET_OA_PATH", "erp_suppliers")  # a word of the warnings
    first = place.ask()
    assert "erp_suppliers" not in first[1] + first[2] + place.file.read_text(encoding="utf-8")
    assert not place.looked()
    assert place.ask() == first
    place.patch.setenv(
        "ERPOA_SECRET_OA_PATH", "华信供应链"
    )  # another secret: the answer stands, and does not tell it
    assert "华信供应链" not in place.ask("--format", "json")[1]


def test_a_secret_where_the_connector_takes_none_is_found(place: Place):
    place.write(
        "systems/s.yml",
        FILES["systems/s.yml"].replace("data/{{ env('ERP_FILE', 'erp') }}.db", "{{ secret('oa_path') }}"),
    )
    code, _, told = place.ask()
    assert (code, "E0207" in told, "config.path" in told, "oa-canary" in told) == (3, True, True, False), told


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: "[" * 100_000,
        lambda text: '{"answers": 5}',
        lambda text: '{"answers": [null, 1, {}, {"said": 1, "seal": 2, "uses": 3}]}',
        lambda text: text.replace('"uses":', '"used":'),
        lambda text: text.replace('"warning"', '"loud"'),
        lambda text: text.replace('"warning"', '"info"'),  # well-formed, and not what was said
        lambda text: text.replace('"transforms":1', '"transforms":7'),
        lambda text: text.replace('"secret":["oa_path"]', '"secret":[]'),
    ],
)
def test_a_damaged_memory_is_none(place: Place, damage: Callable[[str], str]):
    first = place.ask()
    whole = place.file.read_text(encoding="utf-8")
    assert damage(whole) != whole
    place.file.write_text(damage(whole), encoding="utf-8")
    assert place.looked()
    assert place.ask() == first


def test_without_a_place_for_it_nothing_is_remembered(place: Place):
    (place.root / ".erpoa").rmdir()
    assert place.ask() == place.ask()
    assert not (place.root / ".erpoa").exists()


def test_online_asks_the_systems_each_time(place: Place):
    place.ask()
    assert main(["-C", str(place.root), "validate", "--online"]) != 0  # the databases are not there
    assert not place.looked()


def test_a_file_that_changed_meanwhile_is_not_remembered(place: Place):
    memory = Memory(find_files(place.root), None, {}, "tools", os.environ.get)
    said = Said("华信", "dev", {}, ())
    memory.keep(said, [], [])
    assert memory.recall() == said
    place.file.unlink()
    place.write("seeds/unit_map.csv", "oa_unit,erp_unit\n")
    memory.keep(said, [], [])
    assert memory.recall() is None


class Picky(Connector):
    """Takes only long tokens."""

    name = "picky"
    abilities = (Readable, Writable)
    config_schema: ClassVar[Mapping[str, Any]] = {
        "properties": {"token": {"type": "string", "minLength": 8, "x-erpoa": {"secret": True}}}
    }

    def open(self, config: Mapping[str, Any]) -> Any: ...


def test_where_it_matters_what_a_secret_says_nothing_is_remembered(place: Place):
    found = Installed({**connect.discovered().connectors, "picky": Picky}, {}, {})
    for module in (connect, abilities):
        place.patch.setattr(module, "discovered", lambda: found)
    place.write(
        "systems/s.yml",
        FILES["systems/s.yml"] + "  crm: {plugin: picky, config: {token: \"{{ secret('crm') }}\"}}\n",
    )
    place.patch.setenv("ERPOA_SECRET_CRM", "long enough")
    assert place.ask()[0] == 0
    assert not place.file.exists()
    place.patch.setenv("ERPOA_SECRET_CRM", "short")
    assert "E0315" in place.ask()[2]
