"""Values that only one record may have, in a system that tells nothing of it: they are handed on all the same, and who exchanges
them is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests import planning

from .shelf import Shelf, shelf, things, told

pytestmark = pytest.mark.slow


class Lockers(Shelf):
    """A shelf that takes no second record of a name."""

    def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = self.bodies[-1]
        own = request.path.removeprefix("/things/")
        if isinstance(body, dict) and any(
            r["name"] == body.get("name") for c, r in self.records.items() if c != own
        ):
            return told({"message": "this name is taken"}, 409)
        return super()._answer(request)


def _project(root: Path, url: str, names: dict[str, str]) -> planning.Bound:
    config = json.dumps(things(url, {"code": "string", "name": "string"}))
    files = {
        "erpoa.yml": "format: 1\nname: lockers\nowner: a@b.example\ndescription: d\n",
        "systems/s.yml": f"systems: {{data: {{plugin: files, config: {{path: data}}}}, oa: {{plugin: http, config: {config}}}}}\n",
        "sources/s.yml": "sources: {people: {system: data, object: p.csv, key: [code], fields: {code: string, name: string}}}\n",
        "targets/t.yml": """targets: {lockers: {from: people, system: oa, object: things, key: [code], fields: [code, name],
            on_source_gone: delete, guards: {max_delete: {count: 9, share: "100%"}}}}\n""",
        "data/p.csv": "code,name\n" + "".join(f"{code},{name}\n" for code, name in names.items()),
    }
    for path, text in files.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return planning.bound(root)


def _applied(root: Path, url: str, names: dict[str, str]) -> dict[str, Any]:
    bound = _project(root, url, names)
    planned = planning.plan(bound)
    planning.apply(bound, planned)
    return {row["k_code"]: row for row in planning.rows(planning.plan(bound), "withheld", "lockers")}


def test_names_are_handed_on_and_exchanges_are_told(tmp_path: Path):
    with shelf(Lockers()) as it:
        assert _applied(tmp_path, it.url, {"A": "1", "B": "2", "C": "3", "X": "8", "Y": "9", "Z": "7"}) == {}
        after = {"A": "2", "B": "3", "C": "7", "N": "1", "X": "9", "Y": "8"}  # Z is gone, X and Y exchange
        left = _applied(tmp_path, it.url, after)
        found = {code: record["name"] for code, record in it.records.items()}
        assert found == {**after, "X": "8", "Y": "9"}
        assert {code: row["code"] for code, row in left.items()} == {"X": "E0423", "Y": "E0423"}
        assert '{"code":"Y"}' in left["X"]["reason"]
        assert '{"code":"X"}' in left["Y"]["reason"]
        assert _applied(tmp_path, it.url, {**after, "X": "10"}) == {}, "Y was refused because of X alone"
        assert it.records["Y"]["name"] == "8"
