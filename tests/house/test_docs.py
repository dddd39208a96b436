"""The pages of docs/ that people write: what they show is valid, what they link to is there, and they can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.diagnostic import Severity
from erpoa_cli.engine.check import check
from erpoa_cli.engine.unit_test import run_unit_tests
from erpoa_cli.project import SCHEMA_KINDS, conforms, load_findings, schema
from tests.house.sources import ROOT

DOCS = ROOT / "docs"
FORMAT = DOCS / "project-format.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"^(?:#|--) file: (\S+)\n")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
READMES = ("README.md", "README.zh-CN.md")


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def prose(path: Path) -> str:
    """The page without its blocks, where brackets are code."""
    return BLOCK.sub("", text(path))


def pages() -> list[Path]:
    """Every page a reader may come to. (The example's generated folders are not ours.)"""
    written = [*DOCS.glob("*.md"), *(DOCS / "adr").glob("*.md"), *(DOCS / "examples").glob("*/*.md")]
    return [*(ROOT / name for name in READMES), ROOT / "plugins" / "README.md", *sorted(written)]


# -- the reference of the format ------------------------------------------------------------------------------


def property_names(node: Any) -> Iterator[str]:
    """Every key that a user may type by *node*, a JSON Schema."""
    if not isinstance(node, dict):
        return
    for name, child in node.get("properties", {}).items():
        yield name
        yield from property_names(child)
    for child in (node.get("items"), node.get("additionalProperties"), *node.get("$defs", {}).values()):
        yield from property_names(child)


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_the_reference_knows_every_key(kind: str):
    said = re.findall(r"[\w-]+", " ".join(re.findall(r"`[^`\n]+`", prose(FORMAT))))
    assert sorted(set(property_names(schema(kind))) - set(said)) == []


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that the blocks of the reference are the files of."""
    root = tmp_path_factory.mktemp("shown")
    for _, block in BLOCK.findall(text(FORMAT)):
        if named := FILE.match(block):
            file = root / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(block[named.end() :], encoding="utf-8")
    return root


def test_the_project_shown_is_valid_without_a_warning(shown: Path):
    project, findings = load_findings(shown, None, {}, getenv=lambda _: None)
    assert findings == []
    assert project is not None
    bound = check(project, conforms)
    assert bound.targets["oa_orders.lines"].lines is not None
    assert [(r.test.name, r.passed) for r in run_unit_tests(bound)] == [("names_are_cleaned", True)]


def test_the_reference_shows_every_kind_of_file(shown: Path):
    kinds = {p.parent.name if p.parent != shown else "project" for p in shown.rglob("*.yml")}
    assert kinds == {"contracts" if kind == "contract" else kind for kind in SCHEMA_KINDS}


def test_a_mistake_in_the_project_shown_is_noticed(shown: Path, tmp_path: Path):
    for file in shown.rglob("*"):
        if file.is_file():
            copy = tmp_path / file.relative_to(shown)
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(text(file).replace("on_vanished:", "on_vanish:"), encoding="utf-8")
    _, findings = load_findings(tmp_path, None, {}, getenv=lambda _: None)
    assert [f.code for f in findings if f.severity is Severity.ERROR] == ["E0110"]


# -- links ----------------------------------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """A heading's anchor as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def linked(page: Path) -> Iterator[tuple[str, Path, str]]:
    """(as written, the file meant, the anchor) of every link of *page* that stays here."""
    for link in LINK.findall(prose(page)):
        if not re.match(r"\w+:", link):
            place, _, part = link.partition("#")
            yield link, (page.parent / place).resolve() if place else page.resolve(), part


@pytest.mark.parametrize("page", pages(), ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path):
    broken = [
        link
        for link, path, part in linked(page)
        if not path.exists() or (part and part not in map(anchor, HEADING.findall(text(path))))
    ]
    assert broken == []


@pytest.mark.parametrize("readme", READMES)
def test_every_page_can_be_reached(readme: str):
    seen: set[Path] = set()
    waiting = [(ROOT / readme).resolve()]
    while waiting:
        page = waiting.pop()
        if page not in seen:
            seen.add(page)
            waiting += [p for _, p, _ in linked(page) if p.suffix == ".md" and p.exists()]
    assert sorted(str(p.relative_to(ROOT)) for p in DOCS.glob("*.md") if p.resolve() not in seen) == []


# -- situations ---------------------------------------------------------------------------------------------------


def test_every_test_that_the_situations_name_is_there():
    page = text(DOCS / "situations.md")
    files = [f for d in ("tests", "plugins", "erpoa_cli/sdk/conformance") for f in (ROOT / d).rglob("*.py")]
    there = {name for f in files for name in re.findall(r"\bdef (test_\w+)", text(f))}
    assert set(re.findall(r"`(?:[\w/.-]+::)?(test_\w+)`", page)) - there == set()
    paths = set(re.findall(r"`((?:tests|plugins)/[\w/.-]+\.py)", page))
    assert [path for path in sorted(paths) if not (ROOT / path).is_file()] == []
