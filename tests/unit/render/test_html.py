"""The HTML page read back with a parser that knows nothing of how it was made."""

import base64
import hashlib
import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from erpoa_cli.core.plan import FieldChange
from erpoa_cli.core.report import Answer, PlanReport, Table
from erpoa_cli.render import html, markdown

HARMLESS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "small", "p", "div", "span", "table", "thead", "tbody",
    "tr", "th", "td", "del", "ins", "mark", "section", "details", "summary", "main", "nav", "label", "input", "footer", "pre",
}  # fmt: skip
HOSTILE = "</style></td><script>alert(1)</script><img src=x onerror=alert(1)>\" ' onload=x &lt; \u202egnp.exe\u200b\x1b[31m\x00"


class Reader(HTMLParser):
    """Elements, attributes and text of a page; closing tags must match."""

    def __init__(self, content: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.style = ""
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag not in {"mark", "span", "del", "ins"}:
            self.texts.append(" ")

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            self.style += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def hostile(report: PlanReport) -> PlanReport:
    """*report* with hostile text wherever foreign text can stand."""
    first = report.targets[0]
    changes = tuple(
        replace(c, reason=HOSTILE, error=HOSTILE, fields={HOSTILE: FieldChange(HOSTILE, HOSTILE + "x")})
        for c in first.changes
    )
    aside = tuple(replace(s, reason=HOSTILE, code=HOSTILE) for s in first.set_aside)
    patterns = tuple(replace(p, what=HOSTILE, field=HOSTILE) for p in first.patterns)
    target = replace(
        first, target=HOSTILE, system=HOSTILE, object=HOSTILE, changes=changes, set_aside=aside, patterns=patterns,
        uncompared={HOSTILE: HOSTILE},
    )  # fmt: skip
    guards = tuple(replace(g, message=HOSTILE, waived=HOSTILE, target=HOSTILE) for g in report.guards)
    header = replace(
        report.header, author=HOSTILE, project=HOSTILE, environment=HOSTILE, selection=(HOSTILE,)
    )
    return replace(report, header=header, file=HOSTILE, targets=(target,), guards=guards)


@pytest.mark.parametrize("name", ["rich_plan", "quiet_plan", "run_report"])
def test_one_file_that_fetches_and_runs_nothing(request, name):
    for report in (request.getfixturevalue(name), hostile(request.getfixturevalue(name))):
        content = html.document(report)
        page = Reader(content)
        assert {tag for tag, _ in page.elements} <= HARMLESS
        for _, attributes in page.elements:
            assert not {
                n for n in attributes if n.startswith("on") or n in {"src", "href", "style", "action"}
            }
        assert "url(" not in page.style
        assert "@import" not in page.style
        digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
        policy = next(
            a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
        )
        assert (
            policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        )
        unseen = {
            c for c in content if unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} and c not in "\n\u200d"
        }
        assert unseen == set()


def test_foreign_text_is_shown_and_not_obeyed(rich_plan: PlanReport):
    page = Reader(html.document(hostile(rich_plan)))
    assert "<script>alert(1)</script>" in page.text
    assert "\\u202egnp.exe\\u200b\\e[31m\\x00" in page.text


def test_what_a_reviewer_must_know_stands_first(rich_plan: PlanReport):
    text = Reader(html.document(rich_plan)).text
    places = [
        text.index(words) for words in ("blocked by 1 guard", "38,915 update", "陈杰", "31 % fewer", "S900")
    ]
    assert places == sorted(places)
    assert "月末清理, ticket 4711" in text
    assert "and 17 more rows" in text


def test_every_row_that_markdown_tells_is_there(rich_plan: PlanReport, run_report: PlanReport):
    page = Reader(html.document(rich_plan)).text + Reader(html.document(run_report)).text
    told = (markdown.document(rich_plan) + markdown.document(run_report)).replace("\\", "")
    for target in (*rich_plan.targets, *run_report.targets):
        for address in [c.address for c in target.changes] + [s.address for s in target.set_aside]:
            key = ",".join(f"{n}={v}" for n, v in address.key)
            assert key in told
            assert key in page
    assert "税号不能为空 (code 1004)\\e[2J" in page


def test_sensitive_values_are_masked_and_values_are_exact(rich_plan: PlanReport):
    content = html.document(rich_plan)
    page = Reader(content)
    assert "91310000000000110X" not in content
    assert "6222020000000000001" not in content
    assert "(sensitive, changed)" in page.text
    cells = re.sub(r"</?mark>", "", content)
    assert '<del class="value">12345678901234567890.10</del>' in cells
    assert '<del class="value">NULL</del></td><td><ins class="value">&quot;&quot;</ins>' in cells
    assert '<ins class="value">&quot;  &quot;</ins>' in cells
    assert "white-space: pre-wrap" in page.style  # or the two blanks would be one


def test_what_drifted_shows_all_three_values(rich_plan: PlanReport):
    content = html.document(rich_plan)
    row = content[content.index("code=S905") :]
    row = row[: row.index("</tbody>")]
    assert ["王五" in row, "赵六" in row, "孙七" in row] == [True, True, True]


def test_rows_are_filtered_by_rules_alone(rich_plan: PlanReport):
    page = Reader(html.document(rich_plan))
    boxes = [a["id"] for t, a in page.elements if t == "input"]
    assert boxes == [
        f"only-{w}" for w in ("create", "update", "delete", "conflict", "drift", "held", "withheld")
    ]
    labels = [a["for"] for t, a in page.elements if t == "label"]
    assert labels == boxes
    classes = " ".join(a.get("class") or "" for t, a in page.elements if t == "tbody")
    for box in boxes:
        word = str(box).removeprefix("only-")
        assert f"#{box}:not(:checked) ~ main .is-{word} {{ display: none; }}" in page.style
        assert f"is-{word}" in classes
    tags = [t for t, _ in page.elements]
    assert max(i for i, t in enumerate(tags) if t == "input") < tags.index("main")  # `~` looks forward only


def test_a_plan_without_changes_needs_no_filter(quiet_plan: PlanReport):
    page = Reader(html.document(quiet_plan))
    assert "nothing to do" in page.text
    assert [t for t, _ in page.elements if t == "input"] == []


def test_an_answer_as_html():
    table = Table(("name", "n"), ((HOSTILE, None), ("华信", 3)), title="rows & more")
    page = Reader(html.document(Answer(tables=(table,), lines=("Done <b>.",), text="a < b\n\tc")))
    assert {t for t, _ in page.elements} <= HARMLESS
    assert "NULL" in page.texts
    assert "Done <b>." in page.texts
    assert "a < b\n\\tc" in page.texts


def test_the_style_sheet_has_no_empty_promise():
    """Every class that the sheet styles is one that pages use."""
    root = Path(html.__file__).parent
    sheet = (root / "page.css").read_text(encoding="utf-8")
    code = "".join(
        (root / name).read_text(encoding="utf-8")
        for name in ("html.py", "html_target.py", "markup.py", "summary.py")
    )
    for name in set(re.findall(r"\.([a-z]+)\b(?=[^{}]*\{)", re.sub(r"\d*\.\d+\w+", "", sheet))):
        assert name in code, name
