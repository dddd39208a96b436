"""Descriptions: what is wrong in them is told at once and in its place; what is right is what is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from erpoa_http import HttpConnector
from erpoa_http.schema import CONFIG
from jsonschema import Draft202012Validator

from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.errors import Fatal

from .program import erpoa, project
from .shelf import Shelf, shelf, things, told
from .twin import EXAMPLE, Table, opened

PLUGIN = Path(__file__).parents[1]
PLAIN = {"code": "string", "name": "string"}


def spelt_out(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: spelt_out(part) for key, part in value.items()}
        case Secret():
            return value.reveal()
        case _:
            return value


def problems(config: Mapping[str, Any]) -> list[str]:
    assert [e.message for e in Draft202012Validator(CONFIG).iter_errors(spelt_out(config))] == []
    return [f"{'.'.join(map(str, at))}: {words}" for at, words in HttpConnector.problems(config)]


def test_the_example_is_sound():
    config = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["systems"]["twin"]["config"]
    assert problems(config) == []


MISTAKES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "placeholder": (
        {"get": "GET /things/{cod}"},
        "objects.things.get: nobody knows what {cod} is. Did you mean `code`?",
    ),
    "id": ({"id": "number"}, "objects.things.id: there is no field 'number'"),
    "two ids": (
        {"id": ["code", "name"]},
        "objects.things.get: {id} could be any of code, name: name the field",
    ),
    "key": ({"key": ["cod"]}, "objects.things.key: there is no field 'cod'. Did you mean `code`?"),
    "filter": (
        {"filters": {"nam": "q"}},
        "objects.things.filters: there is no field 'nam'. Did you mean `name`?",
    ),
    "type": ({"fields": {**PLAIN, "n": "number"}}, "objects.things.fields.n: unknown type 'number'"),
    "format": (
        {"fields": {**PLAIN, "n": {"type": "string", "format": "%Y"}}},
        "objects.things.fields.n.format: is for dates and times",
    ),
    "no type": ({"fields": {**PLAIN, "n": {"path": "a"}}}, "objects.things.fields.n: write one of `type:`"),
    "inner": (
        {"fields": {**PLAIN, "n": {"items": {"x": "text"}}}},
        "objects.things.fields.n.items.x: unknown type 'text'",
    ),
    "cursor": ({"paging": {"type": "cursor"}}, "objects.things.paging: say with `next:` where"),
    "start": (
        {"paging": {"type": "offset", "start": 1}},
        "objects.things.paging.start: says nothing where the type is offset",
    ),
    "body and form": (
        {"create": {"call": "POST /x", "body": {}, "form": {}}},
        "objects.things.create: has a body and a form",
    ),
    "true": ({"delete": True}, "objects.things.delete: say which call it is"),
    "batch key": (
        {"create_safety": "key", "create": {"batch": {"call": "POST /x", "size": 2}}},
        "objects.things.create_safety: a call of the batch makes many records",
    ),
    "batch body": (
        {"create": {"batch": {"call": "POST /x", "size": 2, "body": {"a": 1}}}},
        "objects.things.create.batch: nothing says where the records go",
    ),
    "state": (
        {
            "lifecycle": {
                "field": "name",
                "states": ["a"],
                "moves": [{"from": "a", "to": "b", "calls": ["go"]}],
            }
        },
        "objects.things.lifecycle.moves.0.to: there is no state 'b'",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_its_place(name: str):
    more, words = MISTAKES[name]
    assert [p for p in problems(things("https://x.example", PLAIN, **more)) if p.startswith(words)], problems(
        things("https://x.example", PLAIN, **more)
    )


def test_all_mistakes_are_told_at_once():
    config = things("https://x.example", {**PLAIN, "n": "nr"}, key=["cod"], get="GET /x/{y}")
    config["auth"] = {"type": "basic", "user": "u", "token": "x"}
    config["headers"] = {"X-Secret": Secret("canary")}
    config["error"] = {"classes": {"/(/": "stale"}}
    told_ = problems(config)
    assert {p.split(":")[0] for p in told_} == {
        "objects.things.fields.n", "objects.things.key", "objects.things.get", "auth", "auth.token",
        "headers.X-Secret", "error.classes./(/",
    }  # fmt: skip
    assert "canary" not in str(told_)
    with pytest.raises(Fatal, match="nobody knows what"):
        HttpConnector().open(config)


def findings(folder: Path, text: str) -> list[tuple[str, str, str]]:
    """Code, summary and line of every error that `erpoa validate` finds."""
    place = project(folder, {"systems/twin.yml": text})
    done = erpoa(place, "validate", "--format", "json", TWIN_URL="http://127.0.0.1:1", ERPOA_SECRET_TWIN="x")
    assert done.returncode == 3
    assert "written-out" not in done.stdout
    lines = text.splitlines()
    errors = [d for d in json.loads(done.stdout)["diagnostics"] if d["severity"] == "error"]
    return [(d["code"], d["summary"], lines[d["line"] - 1].strip()) for d in errors]


@pytest.mark.process
def test_near_misses_are_told_where_they_are_written(tmp_path: Path):
    text = EXAMPLE.read_text(encoding="utf-8")
    wrong = text.replace("enforces_key: true", "enforce_key: true", 1).replace("type: cursor", "type: cursr")
    first, second = sorted(findings(tmp_path, wrong), key=lambda found: found[1])
    assert "unknown key `enforce_key`. Did you mean `enforces_key`?" in first[1]
    assert first[2] == "enforce_key: true"
    assert "Did you mean `cursor`?" in second[1]
    assert second[2].startswith("paging: {type: cursr")


@pytest.mark.process
def test_a_secret_that_is_written_out_is_found(tmp_path: Path):
    text = EXAMPLE.read_text(encoding="utf-8").replace("\"{{ secret('twin') }}\"", "written-out")
    assert [(code, line) for code, _, line in findings(tmp_path, text)] == [
        ("E0128", "client_secret: written-out")
    ]


def keys(schema: Any) -> Iterator[str]:
    match schema:
        case {"properties": Mapping() as properties}:
            yield from properties
            for part in properties.values():
                yield from keys(part)
        case _:
            pass
    if isinstance(schema, Mapping):
        for name in ("items", "additionalProperties", "$defs"):
            part = schema.get(name)
            for one in part.values() if name == "$defs" and isinstance(part, Mapping) else [part]:
                yield from keys(one)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_every_key_is_in_the_reference(page: str):
    text = re.sub(r"```.*?```", "", (PLUGIN / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    named = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`[^`]+`", text))))
    assert sorted(set(keys(CONFIG)) - named) == []


# -- what is sent ------------------------------------------------------------------------------------------------


def test_values_are_sent_as_they_are_described():
    fields = {
        "code": "string",
        "price": {"type": "decimal(12,2)", "as": "text"},
        "weight": "decimal(9,3)",
        "active": {"type": "boolean", "as": "number"},
        "day": {"type": "date", "format": "%Y/%m/%d"},
        "at": {"type": "timestamptz", "format": "unix_ms"},
        "supplier": {"type": "string", "path": "supplier.code"},
        "lines": {"items": {"no": "integer", "qty": {"type": "decimal(9,3)", "path": "数量"}, "sum": {"type": "decimal(9,2)", "read_only": True}}},
        "empty": "string",
    }  # fmt: skip
    with shelf() as it, opened(things(it.url, fields)) as session:
        row = {
            "code": "007", "price": Decimal("12.50"), "weight": Decimal("0.125"), "active": True, "day": date(2026, 1, 31),
            "at": datetime(2026, 1, 1, 8, tzinfo=UTC), "supplier": None, "empty": "",
            "lines": [{"no": 1, "qty": Decimal("1.500"), "sum": Decimal("9.99")}],
        }  # fmt: skip
        [made] = Table(session, "things").create([row])
        assert made["outcome"] == "applied", made
        assert it.bodies[-1] == {
            "code": "007", "price": "12.50", "weight": Decimal("0.125"), "active": 1, "day": "2026/01/31",
            "at": 1767254400000, "supplier": {"code": None}, "empty": "", "lines": [{"no": 1, "数量": Decimal("1.500")}],
        }  # fmt: skip
        [late] = Table(session, "things").create(
            [{**row, "code": "8", "at": datetime(2026, 1, 1, 8, 0, 0, 1, tzinfo=UTC)}]
        )
        assert (late["outcome"], late["error"]) == ("rejected", "at is finer than unix_ms can say")


def test_an_update_sends_only_what_changes_or_with_put_the_whole_record():
    fields = {**PLAIN, "made": {"type": "string", "read_only": True}}
    with shelf() as it:
        for update, body in (
            ("PATCH /things/{id}", {"name": "new"}),
            ("PUT /things/{id}", {"code": "1", "name": "new", "theirs": [1]}),
            (
                {"call": "POST /things/save", "body": {"data": "{record}"}},
                {"data": {"code": "1", "name": "new"}},
            ),
        ):
            it.records = {"1": {"code": "1", "name": "old", "made": "x", "theirs": [1]}}
            with opened(things(it.url, fields, update=update)) as session:
                Table(session, "things").update(["1"], [{"name": "old"}], [{"name": "new"}])
            assert it.bodies[-1] == body


def test_versions_are_sent_where_they_belong():
    it = Shelf()

    async def hook(request: Any) -> Any:
        record = {"code": "1", "name": "old", "rev": 7}
        return told(record, ETag='W/"seven"') if request.method == "GET" else None

    it.hook = hook
    sent: list[Any] = []
    with shelf(it):
        for more in (
            {"version": "etag"},
            {"version": "rev", "update": {"call": "PATCH /things/{id}", "query": {"rev": "{version}"}}},
            {
                "version": "rev",
                "update": {"call": "PATCH /things/{id}", "body": {"rev": "{version}", "set": "{record}"}},
            },
        ):
            it.seen.clear()
            with opened(things(it.url, PLAIN, **more)) as session:
                Table(session, "things").update(["1"], [{"name": "old"}], [{"name": "new"}])
            sent.append((it.seen[-1], it.bodies[-1]))
    assert sent == [
        ("PATCH /things/1", {"name": "new"}),
        ("PATCH /things/1?rev=7", {"name": "new"}),
        ("PATCH /things/1", {"rev": "7", "set": {"name": "new"}}),
    ]


@pytest.mark.parametrize("code", ["..", ".", "a/b", "?x=1", "名 字", "%2e%2e", "#"])
def test_an_identifier_stays_one_segment_of_a_path(code: str):
    with shelf() as it, opened(things(it.url, PLAIN)) as session:
        it.records = {code: {"code": code, "name": "old"}, "other": {"code": "other", "name": "old"}}
        [told_] = Table(session, "things").delete([code], [{"name": "old"}])
        assert told_["outcome"] == ("stale" if code in {".", ".."} else "applied"), told_
        assert "other" in it.records


def test_refusals_are_told_in_the_systems_words_without_the_values():
    it = Shelf()

    async def hook(request: Any) -> Any:
        if request.method == "POST":
            return told({"message": "名称 机密公司 已被 机密公司 使用, K1"}, 422)
        return None

    it.hook = hook
    with shelf(it), opened(things(it.url, PLAIN)) as session:
        [told_] = Table(session, "things").create([{"code": "K1", "name": "机密公司"}])
    assert told_["error"] == "POST things: 名称 … 已被 … 使用, K1"


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"ok": 1, "code": "K1"}, "applied"),
        ({"ok": 0, "message": "no"}, "rejected"),
        ({"code": "K1"}, "in_doubt"),
        ([], "in_doubt"),
    ],
)
def test_an_answer_that_does_not_say_whether_it_succeeded_leaves_a_doubt(answer: Any, outcome: str):
    it = Shelf()

    async def hook(request: Any) -> Any:
        return told(answer) if request.method == "POST" else None

    it.hook = hook
    with shelf(it), opened({**things(it.url, PLAIN), "success": {"ok": 1}}) as session:
        [told_] = Table(session, "things").create([{"code": "K1", "name": "x"}])
    assert told_["outcome"] == outcome, told_


def test_read_only_systems_and_missing_calls_are_refused():
    with shelf() as it:
        with opened({**things(it.url, PLAIN), "read_only": True}) as session:
            assert not session.objects(["things"])[0].writable
            with pytest.raises(Exception, match="read_only"):
                Table(session, "things").create([{"code": "1", "name": "x"}])
        with (
            opened(things(it.url, PLAIN, create=False)) as session,
            pytest.raises(Exception, match="describe `create:`"),
        ):
            Table(session, "things").create([{"code": "1", "name": "x"}])


def test_plain_http_needs_a_reason_that_has_not_ended():
    config = things("http://erp.example", PLAIN)
    with pytest.raises(Fatal, match="plain http"):
        HttpConnector().open(config)
    with pytest.raises(Fatal, match="ended on 2020-01-01"):
        HttpConnector().open({**config, "plaintext": {"reason": "x", "until": "2020-01-01"}})
    HttpConnector().open({**config, "plaintext": {"reason": "x", "until": "2999-01-01"}}).close()


def test_sessions_of_a_system_share_one_client():
    with shelf() as it:
        connector = HttpConnector()
        one, two = (connector.open(things(it.url, PLAIN)) for _ in range(2))
        assert one._client is two._client
        one.close()
        one.close()
        assert two.check() == []
        two.close()


def test_an_interface_whose_parts_multiply_is_refused(monkeypatch: pytest.MonkeyPatch):
    """Twenty-five schemas, each with two of the next: thirty million fields."""
    monkeypatch.setattr("erpoa_http.openapi.document._MOST", 1000)
    parts: dict[str, Any] = {
        f"A{n}": {"properties": {name: {"$ref": f"#/components/schemas/A{n + 1}"} for name in "ab"}}
        for n in range(25)
    }
    listed = {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/A0"}}}
    call = {"responses": {"200": {"content": {"application/json": listed}}}}
    document = {"openapi": "3.0.0", "paths": {"/things": {"get": call}}, "components": {"schemas": parts}}
    with pytest.raises(ValueError, match="lead to more than 1,000 parts"):
        HttpConnector.draft("openapi", document, "x")
