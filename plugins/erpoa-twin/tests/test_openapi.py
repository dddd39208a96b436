"""The OpenAPI document is true: every operation is called, and every answer is what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from erpoa_twin import Twin, running
from erpoa_twin.kinds import KINDS, Kind

from .client import Client, Got, order

SAMPLES: dict[str, dict[str, Any]] = {
    "suppliers": {"code": "N1", "name": "新供应商", "tax_no": None},
    "products": {"code": "N1", "name": "新产品", "unit": "kg"},
    "departments": {"code": "N1", "name": "新部门", "parent": "D1", "active": True},
    "employees": {"code": "N1", "name": "新员工", "email": None, "department": "D10"},
    "purchase_orders": order(None, order_date="2026-01-31", buyer="E001", note="加急"),
    "requisitions": order(None, applicant="E001", supplier=None),
}


class Described:
    """A client that holds every request and answer against the document, and remembers the operations it called."""

    def __init__(self, twin: Twin) -> None:
        self.client = Client(twin)
        self.document = self.client.raw("GET", "/openapi.json", None, {}).data
        self.called: set[str] = set()

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.document["paths"].items():
            yield from ((method, path, operation) for method, operation in methods.items())

    def call(self, method: str, path: str, content: object = None, query: str = "", **place: int) -> Got:
        operation = self.document["paths"][path][method]
        if content is not None:
            self.check(content, operation["requestBody"]["content"]["application/json"]["schema"])
        got = self.client(method.upper(), path.format(**place) + query, content)
        told = operation["responses"].get(str(got.status))
        if told is None:
            assert got.status >= 400, got
            told = operation["responses"]["default"]
        else:
            self.called.add(operation["operationId"])
        if "content" in told:
            self.check(got.data, told["content"]["application/json"]["schema"])
        else:
            assert got.text == ""
        return got

    def check(self, content: object, schema: dict[str, Any]) -> None:
        plain = nulls({**schema, "components": self.document["components"]})
        jsonschema.validate(content, plain, jsonschema.Draft202012Validator)


def nulls(schema: Any) -> Any:
    """OpenAPI 3.0 says `nullable` where JSON Schema has a type of its own."""
    if isinstance(schema, list):
        return [nulls(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: nulls(part) for name, part in schema.items()}
    if made.pop("nullable", False) is True:
        made["type"] = [made["type"], "null"]
    return made


@pytest.fixture
def described(twin: Twin) -> Described:
    return Described(twin)


def way(kind: Kind, state: str) -> list[str]:
    """The calls that lead from the first state to *state*."""
    ways: dict[str, list[str]] = {kind.states[0]: []}
    while state not in ways:
        for call, move in kind.moves.items():
            for start in set(move.start) & set(ways):
                ways.setdefault(move.end, [*ways[start], call])
    return ways[state]


def test_every_operation_is_as_described(described: Described):
    for kind in KINDS.values():
        many, one, sample = f"/api/{kind.name}", f"/api/{kind.name}/{{id}}", SAMPLES[kind.name]
        made = described.call("post", many, sample).data
        assert described.call("get", one, id=made["id"]).data == made
        changed = {n: v for n, v in sample.items() if n != "code"}
        assert described.call("patch", one, changed, id=made["id"]).data["version"] == 2
        refused = {**sample, "code": "N1"} if not kind.states else {**sample, "supplier": "没有"}
        other = {**sample, "code": "N2"} if not kind.states else sample
        results = described.call("post", f"{many}/batch", {"items": [other, refused]}).data["results"]
        assert [r["status"] for r in results] == ["created", "refused"]
        described.call("get", many)
        for call, move in kind.moves.items():
            serial = described.call("post", many, sample).data["id"]
            for step in [*way(kind, move.start[0]), call]:
                got = described.call("post", f"{one}/{step}", id=serial)
            assert got.data["state"] == move.end
        if kind.comments:
            described.call("post", f"{one}/comments", {"text": "好"}, id=made["id"])
            assert described.call("get", f"{one}/comments", id=made["id"]).data["items"]
        assert described.call("delete", one, id=made["id"]).status == 204
        assert described.call("get", one, id=made["id"]).status == 404
    everything = {operation["operationId"] for _, _, operation in described.operations()}
    assert everything - described.called == {"token"}


def test_every_filter_that_is_described_filters(described: Described):
    for kind in KINDS.values():
        made = described.call("post", f"/api/{kind.name}", SAMPLES[kind.name]).data
        for parameter in described.document["paths"][f"/api/{kind.name}"]["get"]["parameters"]:
            name = parameter["name"]
            if name in made and made[name] is not None:
                value = json.dumps(made[name]) if isinstance(made[name], bool | int) else made[name]
                got = described.call("get", f"/api/{kind.name}", query=f"?limit=200&{name}={quoted(value)}")
                assert made["id"] in [row["id"] for row in got.data["items"]], name
                assert {row[name] for row in got.data["items"]} == {made[name]}
            elif name not in made and name not in {"cursor", "updated_since"}:
                assert described.call("get", f"/api/{kind.name}", query=f"?{name}=1").status == 200, name


def quoted(value: str) -> str:
    from urllib.parse import quote

    return quote(value)


def test_what_is_required_is_required_and_nothing_else(described: Described):
    schemas = described.document["components"]["schemas"]
    for kind in KINDS.values():
        schema, sample = schemas[f"{kind.name}Create"], SAMPLES[kind.name]
        least = {name: sample[name] for name in schema["required"]}
        assert described.call("post", f"/api/{kind.name}", least).status == 201
        for name in schema["required"]:
            without = {n: v for n, v in least.items() if n != name}
            got = described.client("POST", f"/api/{kind.name}", without)
            assert got.error[:2] == (422, "FIELD_REQUIRED"), name
            described.check(got.data, schemas["Error"])


def test_the_token_is_as_described(described: Described):
    operation = described.document["paths"]["/oauth/token"]["post"]
    form = b"grant_type=client_credentials&client_id=twin&client_secret=twin-secret"
    got = described.client.raw(
        "POST", "/oauth/token", form, {"Content-Type": "application/x-www-form-urlencoded"}
    )
    described.check(got.data, operation["responses"]["200"]["content"]["application/json"]["schema"])


def test_a_server_without_look_ups_describes_none():
    with running(create_safety="none") as twin:
        document = Described(twin).document
        get, post = (document["paths"]["/api/purchase_orders"][m] for m in ("get", "post"))
        assert "reference" not in {p["name"] for p in get["parameters"]}
        assert post["parameters"] == []
    with running() as twin:
        get = Described(twin).document["paths"]["/api/purchase_orders"]["get"]
        assert "reference" in {p["name"] for p in get["parameters"]}
