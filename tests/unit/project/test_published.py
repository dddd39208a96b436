"""The published schemas are sound, and what they say of a file is what `load` says."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from erpoa_cli.core.secret import Secret
from erpoa_cli.project import SCHEMA_KINDS, conforms, schema
from erpoa_cli.project.document import kind_of
from erpoa_cli.project.scaffolding import template
from erpoa_cli.project.validate import validator


@pytest.mark.parametrize("kind", SCHEMA_KINDS)
def test_schemas_are_valid_and_stand_alone(kind: str):
    published = schema(kind)
    Draft202012Validator.check_schema(published)
    assert published["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert published["$id"] == f"urn:erpoa:schema:{kind}"
    assert published["title"]
    references = [line for line in json.dumps(published, indent=0).split("\n") if '"$ref"' in line]
    allowed = ("#/", "https://json-schema.org/draft/2020-12/schema")
    assert all(line.split('"')[3].startswith(allowed) for line in references)


def test_there_are_no_others():
    with pytest.raises(KeyError):
        schema("plan-report")


def files() -> list[tuple[str, Any]]:
    root = template()
    found = [
        (p.relative_to(root).as_posix(), yaml.safe_load(p.read_text(encoding="utf-8")))
        for p in root.rglob("*.yml")
    ]
    return sorted((name, data) for name, data in found)


@pytest.mark.parametrize(("name", "data"), files(), ids=[name for name, _ in files()])
def test_writing_references_out_changes_no_verdict(name: str, data: Any):
    kind = kind_of(name)
    plain, inlined = Draft202012Validator(schema(kind)), validator(kind)
    candidates: list[Any] = [data, {**data, "more": 1}, [], None, _spoilt(data)]
    for candidate in candidates:
        assert inlined.is_valid(candidate) == plain.is_valid(candidate)


def _spoilt(data: Any) -> Any:
    """*data* with every text replaced by a number."""
    match data:
        case dict():
            return {key: _spoilt(value) for key, value in data.items()}
        case list():
            return [_spoilt(value) for value in data]
        case str():
            return 5
        case _:
            return data


def test_conforms_names_paths_and_never_a_secret():
    wanted = {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "port": {"type": "integer"},
            "password": {"type": "string", "maxLength": 3},
            "tls": {"enum": ["a"]},
        },
    }
    value = {"port": "x", "password": Secret("canary"), "prot": 1, "tls": "b"}
    assert {misfit.dotted for misfit in conforms(value, wanted)} == {"", "port", "password", "tls"}
    assert "canary" not in repr(list(conforms({**value, "password": "canary"}, wanted)))
