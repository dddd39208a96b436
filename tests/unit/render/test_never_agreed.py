"""A field that was never agreed reads differently from one that was agreed to be NULL, in every format."""

import csv as reader
import io
import re

from erpoa_cli.core.address import Address
from erpoa_cli.core.plan import FieldChange, SetAside
from erpoa_cli.core.report import PlanReport, TargetReport
from erpoa_cli.render import csv, html, json, markdown, terminal, text
from tests.unit.render.conftest import header

SECRET = "6222020000000000001"
FIELDS = {
    "备注": FieldChange("theirs", "ours"),
    "contact": FieldChange("王五", "赵六", never=True),
    "bank": FieldChange(SECRET, SECRET + "2", never=True, sensitive=True),
    "iban": FieldChange(SECRET, SECRET + "2", agreed=SECRET + "3", sensitive=True),
    "word": FieldChange("a", "b", agreed="never"),
}
AGREED = {"备注": "NULL", "contact": "never", "bank": "never", "iban": "(sensitive)", "word": '"never"'}
ROW = SetAside(Address.of("oa_suppliers", {"code": "S905"}), "conflict", "conflict", "both", fields=FIELDS)
REPORT = PlanReport(
    header=header(),
    targets=(
        TargetReport(
            target="oa_suppliers", system="oa", object="supplier", aside={"conflict": 1}, set_aside=(ROW,)
        ),
    ),
)


def test_text():
    told = terminal.plain(text.plan(REPORT, 200))
    assert dict(re.findall(r"^ +(\S+)  theirs .* · agreed (.*)$", told, re.MULTILINE)) == AGREED


def test_json():
    (row,) = json.plan(REPORT)["conflicts"]
    told = {name: (field["agreed"], field["never_agreed"]) for name, field in row["fields"].items()}
    assert told == {
        "备注": (None, False),
        "contact": (None, True),
        "bank": (None, True),
        "iban": ("(sensitive)", False),
        "word": ("never", False),
    }


def test_markdown():
    told = markdown.document(REPORT)
    cells = [
        line.strip("| ").split(" | ")
        for line in told.splitlines()
        if "S905" in line and "conflict" not in line
    ]
    assert {row[1]: row[-1].replace("\\", "") for row in cells} == AGREED
    assert SECRET not in told


def test_csv():
    rows = reader.DictReader(io.StringIO(csv.document(REPORT)))
    told = {row["field"]: row["agreed"] for row in rows}
    assert told == AGREED | {"contact": "(never)", "bank": "(never)", "word": "never"}


def test_html():
    told = html.document(REPORT)
    assert SECRET not in told
    agreed = re.findall(r'<span class="value">([^<]*)</span>', told)[2::3]
    assert [value.replace("&quot;", '"').replace("&#34;", '"') for value in agreed] == list(AGREED.values())
