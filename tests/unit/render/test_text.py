"""Plan reports on terminals of several widths, against golden files (GOLDEN=write renews them)."""

import os
import re
from pathlib import Path

import pytest
from wcwidth import wcswidth

from erpoa_cli.core.report import PlanReport
from erpoa_cli.render import terminal, text

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (40, 80, 120, 200)


def compare(name: str, content: str) -> None:
    path = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    assert content == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("cells", WIDTHS)
@pytest.mark.parametrize("name", ["rich_plan", "quiet_plan", "run_report"])
def test_rendering_is_the_golden_one(request, name, cells):
    report = request.getfixturevalue(name)
    compare(f"{name}.{cells}.txt", terminal.plain(text.plan(report, cells)))


@pytest.mark.parametrize("cells", WIDTHS)
def test_lines_fit_the_terminal(rich_plan: PlanReport, cells):
    """All but the closing line, which is one line by intent."""
    *lines, _closing = terminal.plain(text.plan(rich_plan, cells)).splitlines()
    assert [line for line in lines if wcswidth(line) > cells] == []


def test_nothing_of_foreign_text_reaches_the_terminal(rich_plan: PlanReport, run_report: PlanReport):
    told = terminal.plain(text.plan(rich_plan, 120)) + terminal.plain(text.plan(run_report, 120))
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u3000]", told)
    assert "\\e[31mred" in told
    assert "[bold]x[/bold]" in told


def test_first_and_last_say_the_same(rich_plan: PlanReport):
    lines = terminal.plain(text.plan(rich_plan, 120)).splitlines()
    numbers = next(line for line in lines if line.startswith("  changes")).split("changes")[1].strip()
    assert numbers in lines[-1]
    assert "blocked by 1 guard" in lines[-1]


def test_null_empty_and_blank_differ(rich_plan: PlanReport):
    told = terminal.plain(text.plan(rich_plan, 120))
    assert re.search(r'remark +NULL +→ ""', told)
    assert re.search(r'note +"" +→ "  "', told)
    assert re.search(r'name +"NULL" +→ NULL', told)


def test_numbers_have_all_their_digits(rich_plan: PlanReport):
    told = terminal.plain(text.plan(rich_plan, 120))
    assert "12345678901234567890.10 → 12345678901234567890.01" in re.sub(r" +", " ", told)


@pytest.mark.parametrize("cells", WIDTHS)
def test_sensitive_values_stay_hidden(rich_plan: PlanReport, cells):
    told = terminal.plain(text.plan(rich_plan, cells, full=True)).replace("\n", "").replace(" ", "")
    assert "6222020000000000" not in told
    assert "913100000000002201" not in told
    assert "(sensitive,changed)" in told
    assert "…2201" in told


def test_every_action_has_its_word_beside_its_symbol(rich_plan: PlanReport):
    told = terminal.plain(text.plan(rich_plan, 120))
    for marked in ("+ create", "~ update", "- delete", "· held", "≠ drift", "! conflict", "· withheld"):
        assert marked in told


def test_lines_are_shown_below_their_document(rich_plan: PlanReport):
    lines = terminal.plain(text.plan(rich_plan, 120)).splitlines()
    order = next(
        n for n, line in enumerate(lines) if line.startswith("  + create requisition_no=PR-2026-001")
    )
    assert lines[order + 1].startswith("      + create line_no=1")
    assert lines[order + 2].startswith("      + create line_no=2")
    assert any("requisition_no=PR-2026-000  (the document itself is unchanged)" in line for line in lines)


def test_colour_adds_only_colour(rich_plan: PlanReport):
    import io

    stream = io.StringIO()
    terminal.write(text.plan(rich_plan, 120), stream, color=True)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert "\x1b[" in stream.getvalue()
    assert [line.rstrip() for line in bare.splitlines()] == terminal.plain(
        text.plan(rich_plan, 120)
    ).splitlines()


def test_uncompared_fields_are_listed(rich_plan: PlanReport):
    told = terminal.plain(text.plan(rich_plan, 120))
    assert "Not compared" in told
    assert "contact_phone (compare: ignore)" in told
