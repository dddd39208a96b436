"""Tables on the terminal and in Markdown: what stands where."""

from decimal import Decimal

from erpoa_cli.core.report import Answer, Table
from erpoa_cli.render import markdown, table, terminal
from erpoa_cli.render.layout import Line


def told(lines: list[Line]) -> list[str]:
    return terminal.plain(lines).splitlines()


def test_numbers_end_below_each_other_and_text_begins_below_each_other():
    rows = Table(("name", "amount", "paid"), (("bolts", Decimal("1.50"), True), ("nut", 1200, False)))
    assert told([*table.lines(rows, 80)]) == [
        "  name   amount  paid",
        "  bolts    1.50  true",
        "  nut      1200  false",
    ]


def test_only_the_columns_that_are_too_wide_give_room():
    rows = Table(("short", "long"), (("as it is, 20 cells..", "0123456789" * 10),))
    first, *rest = told([*table.lines(rows, 60)])[1:]
    assert first == "  as it is, 20 cells..  " + ("0123456789" * 10)[:36]
    assert [line.strip() for line in rest] == [("0123456789" * 10)[36:72], ("0123456789" * 10)[72:]]


def test_the_closing_words_stand_apart():
    rows = Table(("name",), (("bolts",),))
    assert told([*table.answer(Answer(tables=(rows, rows), lines=("Done.",)))]) == [
        "  name", "  bolts", "", "  name", "  bolts", "", "Done.",
    ]  # fmt: skip
    assert told([*table.answer(Answer(lines=("Done.",)))]) == ["Done."]


def test_a_text_cannot_end_its_own_fence():
    lines = markdown.document(Answer(text="before\n````\nafter\n`````` x\n```x```")).splitlines()
    fence = "`" * 7
    assert lines[lines.index(fence) :] == [fence, "before", "````", "after", "`````` x", "```x```", fence]
    assert "```" in markdown.document(Answer(text="no fence")).splitlines()
