"""Discovery of a real database: what it shows, what it hides, and declarations that can be used as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.discover import Offer, offers
from erpoa_cli.project import conforms, load
from tests.unit.engine.small import Small, small


@pytest.fixture
def place(tmp_path: Path) -> Small:
    return small(tmp_path).sql(
        """
        CREATE TABLE person(no TEXT PRIMARY KEY, name TEXT, id_card TEXT, memo TEXT, "登录密码" TEXT, phone TEXT UNIQUE);
        INSERT INTO person VALUES ('E1', '李伟', NULL, '11010119700101123X', 'hunter2', '13812345678');
        CREATE TABLE contact(phone TEXT PRIMARY KEY, name TEXT);
        CREATE TABLE log(line TEXT, at TEXT);
        """
    )


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ("{plugin: files, config: {path: nowhere}}", "E0311", "there is no directory"),
        ("{plugin: postgres, config: {host: 127.0.0.1}}", "E0315", "`database` is missing"),
        ("{plugin: files, config: {path: 7}}", "E0315", "path"),
    ],
)
def test_a_system_that_cannot_be_looked_at_is_told_and_where(
    tmp_path: Path, config: str, code: str, words: str
):
    place = small(tmp_path).file("systems/more.yml", f"systems:\n  more: {config}\n")
    project = load(place.root)
    with Connections(project) as connections, pytest.raises(Failure) as caught:
        offers(connections, project, "more", None, conforms)
    found = caught.value.diagnostics[0]
    assert (found.code, found.at and found.at.file) == (code, "systems/more.yml")
    assert words in found.summary


def offered(place: Small, name: str) -> Offer:
    project = place.bound().project
    with Connections(project) as connections:
        (found,) = offers(connections, project, "erp", [name], conforms)
    return found


def test_what_looks_sensitive_is_declared_so(place: Small) -> None:
    found = offered(place, "person")
    assert dict(found.classes) == {
        "id_card": "sensitive",
        "memo": "sensitive",  # by its value
        "登录密码": "secret",
        "phone": "sensitive",
    }
    assert "      id_card: {type: string, class: sensitive}" in found.source
    assert "      登录密码: {type: string, class: secret}" in found.source
    assert "      name: string" in found.source


def test_what_a_source_declares_sensitive_is_hidden_whatever_it_looks_like(place: Small) -> None:
    text = (place.root / "sources/s.yml").read_text(encoding="utf-8")
    place.file("sources/s.yml", text.replace("unit: string", "unit: {type: string, class: sensitive}"))
    assert offered(place, "supplier").classes["unit"] == "sensitive"


def test_a_key_is_shown_so_its_class_is_for_people_to_decide(place: Small) -> None:
    found = offered(place, "contact")
    assert found.classes["phone"] == "sensitive"
    assert "key: [phone]" in found.source
    assert "      phone: string" in found.source


@pytest.mark.parametrize("name", ["person", "contact"])
def test_what_is_written_can_be_used(place: Small, name: str) -> None:
    found = offered(place, name)
    place.file("sources/found.yml", f"sources:\n{found.source}\n")
    assert found.name in place.bound().project.sources


def test_an_object_without_a_key_says_what_to_name(place: Small) -> None:
    place.file("sources/found.yml", f"sources:\n{offered(place, 'log').source}\n")
    with pytest.raises(Failure) as failure:
        place.bound()
    (error,) = [d for d in failure.value.diagnostics if d.code == "E0112"]
    assert (error.summary, str(error.at)) == ("sources.erp_log.key is empty", "sources/found.yml:5:10")
    assert error.remedy == "Name the fields that together tell every row from all others."
