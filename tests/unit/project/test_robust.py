"""Whatever stands in the files, the answer is a project or findings, never a crash."""

from __future__ import annotations

import copy
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from erpoa_cli.core.codes import CATALOGUE
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.project import interface_document, load_findings
from erpoa_cli.project.scaffolding import template
from tests import depth
from tests.cases.case import BROKEN, read_case

SOUND = read_case(BROKEN / "sound.case").files
ROWS = {
    "policies/p.yml": "guards: {max_calls: 5}\nfreezes: {f: {from: '2026-12-30T18:00Z', until: '2027-12-30T18:00Z', select: 'tag:x'}}\n"
    "rules: {r: {severity: warn, sql: select 1 from plan.changes}}\n",
    "tests/u.yml": "unit_tests: {u: {transform: suppliers, given: {erp_suppliers: [{id: 1}], category_map: []}, expect: []}}\n",
    "seeds/s.yml": "seeds: {category_map: {description: x, key: [erp_category], fields: {oa_category: {type: string}}}}\n",
    "targets/lines.yml": "targets: {o: {description: x, from: erp_suppliers, system: erp, object: o, key: [id], fields: {id: id, "
    "lines: {from: lines, object: l, parent: p, key: [n], fields: {n: n}}}}}\n",
}
FILES = {**SOUND, **ROWS}
ODD: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 10**30, 1.5, "", " ", "x", "erp", "suppliers", "oa_suppliers", "code", "{{ var('company') }}", "{{", "{{ nope() }}",
     "{{ secret('x') }}", "{% x %}", "P", "5%", "decimal(", "list<", "shared", "名\u202e称", "\u0000", "a" * 300, [], {}, [None], [[]], [{}],
     {"": None}, {"from": None}, {"fields": None}, {"key": 1, "fields": []}, {"$ref": "#"}, {"$ref": "supplier.yml#/properties/name"}]
)  # fmt: skip


def paths(data: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value and, as (*path, "key"), of every key."""
    found = [here]
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in items:
        found += paths(value, (*here, step))
    return found


PLACES = [
    (name, path) for name in FILES if name.endswith(".yml") for path in paths(yaml.safe_load(FILES[name]))
]


def changed(data: Any, path: tuple[Any, ...], value: Any, *, rename: bool) -> Any:
    if not path:
        return value
    data = copy.deepcopy(data)
    container = data
    for step in path[:-1]:
        container = container[step]
    if rename and isinstance(container, dict):
        container[str(value)] = container.pop(path[-1])
    else:
        container[path[-1]] = value
    return data


def judged(files: dict[str, str], root: Path) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    project, found = load_findings(root, getenv=lambda _: None)
    assert (project is None) == any(f.severity == "error" for f in found)
    for finding in found:
        assert finding.code in CATALOGUE
        assert finding.at is not None
        assert finding.summary


@settings(max_examples=depth.examples(60), suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD, st.booleans()), min_size=1, max_size=2))
def test_values_in_odd_places(changes: list[tuple[tuple[str, tuple[Any, ...]], Any, bool]]):
    files = dict(FILES)
    for (name, path), value, rename in changes:
        data = yaml.safe_load(FILES[name])
        files[name] = json.dumps(changed(data, path, value, rename=rename), ensure_ascii=True)
    with tempfile.TemporaryDirectory() as root:
        judged(files, Path(root))


@settings(max_examples=depth.examples(24), suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(FILES)), st.data())
def test_files_that_were_cut_or_spilt_over(name: str, data: st.DataObject):
    text = FILES[name]
    at = data.draw(st.integers(0, len(text)))
    extra = data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=3))
    with tempfile.TemporaryDirectory() as root:
        judged({**FILES, name: text[:at] + extra + text[at + data.draw(st.integers(0, 5)) :]}, Path(root))


def test_each_file_of_the_template_may_be_missing(tmp_path: Path):
    for gone in sorted(
        p.relative_to(template()) for p in template().rglob("*") if p.suffix in {".yml", ".sql", ".csv"}
    ):
        root = tmp_path / "project"
        shutil.copytree(template(), root)
        (root / gone).unlink()
        judged({}, root)
        shutil.rmtree(root)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.json", '{"a":' + "[" * 100_000),
        ("deep.yml", "a: " + "[" * 100_000),
        ("values.json", '{"a":[' + "{}," * 2_100_000 + "1]}"),
        ("digits.json", '{"a":' + "1" * 1_000_000 + "}"),
    ],
)
def test_an_interface_document_that_was_made_to_exhaust_is_refused(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(Failure) as raised:
        interface_document(tmp_path / name)
    assert [d.code for d in raised.value.diagnostics] == ["E0616"]
