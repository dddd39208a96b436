"""Pages made from the program are as new as the program, and every code has its entry."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from erpoa_cli.core.codes import CATALOGUE
from tests.house import pages

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r'"([EWI]\d{4})"')


@pytest.mark.parametrize("name", ["cli", "diagnostics"])
def test_a_made_page_is_fresh(name):
    content = {"cli": pages.cli, "diagnostics": pages.diagnostics}[name]()
    path = ROOT / "docs" / f"{name}.md"
    if os.environ.get("PAGES") == "write":
        path.write_text(content, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == content, (
        f"PAGES=write pytest {Path(__file__).relative_to(ROOT)}"
    )


def test_every_code_that_is_used_is_in_the_catalogue():
    catalogue = ROOT / "erpoa_cli" / "core" / "codes"
    used: dict[str, str] = {}
    for path in sorted((ROOT / "erpoa_cli").rglob("*.py")):
        if catalogue not in path.parents:
            used |= dict.fromkeys(CODE.findall(path.read_text(encoding="utf-8")), str(path.relative_to(ROOT)))
    assert {code: where for code, where in used.items() if code not in CATALOGUE} == {}


def test_every_code_of_the_catalogue_is_used():
    catalogue = ROOT / "erpoa_cli" / "core" / "codes"
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "erpoa_cli").rglob("*.py")
        if catalogue not in path.parents
    )
    assert [code for code in CATALOGUE if code not in text] == []


def test_commands_have_the_summary_that_the_list_gives():
    """The list of commands is static, so that --help imports none of them: it must not forget or invent any."""
    from erpoa_cli.cli.commands import ENTRIES

    cli = ROOT / "erpoa_cli" / "cli"
    files = {path.stem: path for path in cli.glob("*.py")}
    files |= {path.parent.name: path for path in cli.glob("*/__init__.py")}
    with_app = {
        name
        for name, path in files.items()
        if re.search(r"^app = application", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert with_app == set(ENTRIES)
