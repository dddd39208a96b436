"""A new project directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.project import lacks_key, load_findings, make_files, make_key, scaffold


def test_a_new_project_is_valid_and_keeps_its_key_to_itself(tmp_path: Path):
    place = tmp_path / "new" / "huaxin"
    created = scaffold(place)
    assert {"erpoa.yml", ".gitignore", ".erpoa/key"} <= set(created)
    assert all((place / name).is_file() for name in created)
    key = place / ".erpoa" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(key.read_text(encoding="ascii"))) == 32
    assert ".erpoa/" in (place / ".gitignore").read_text(encoding="utf-8").split("\n")
    project, findings = load_findings(place, getenv=lambda _: None)
    assert findings == []
    assert project is not None


@pytest.mark.parametrize(
    ("directory", "name"),
    [("huaxin", "huaxin"), ("华信 (1)", "华信_1_"), ("2026-erp", "erp"), ("%%", "project")],
)
def test_an_empty_project_is_valid_and_named_after_its_place(tmp_path: Path, directory: str, name: str):
    created = scaffold(tmp_path / directory, "empty")
    assert {"erpoa.yml", "systems/systems.yml", ".gitignore", ".erpoa/key"} <= set(created)
    project, findings = load_findings(tmp_path / directory, getenv=lambda _: None)
    assert [finding.code for finding in findings] == ["W0101"]  # nobody answers for it yet
    assert project is not None
    assert project.name == name


def test_two_projects_have_two_keys(tmp_path: Path):
    for name in ("a", "b"):
        scaffold(tmp_path / name)
    assert (tmp_path / "a/.erpoa/key").read_bytes() != (tmp_path / "b/.erpoa/key").read_bytes()


def test_nothing_is_overwritten(tmp_path: Path):
    (tmp_path / "erpoa.yml").write_text("mine", encoding="utf-8")
    with pytest.raises(Failure) as caught:
        scaffold(tmp_path)
    assert caught.value.diagnostics[0].code == "E0604"
    assert [p.name for p in tmp_path.iterdir()] == ["erpoa.yml"]


def test_a_link_in_the_way_is_in_the_way(tmp_path: Path):
    (tmp_path / "erpoa.yml").symlink_to(tmp_path / "elsewhere.yml")
    with pytest.raises(Failure):
        scaffold(tmp_path)
    assert not (tmp_path / "elsewhere.yml").exists()


@pytest.mark.parametrize("kind", ["demo", "empty"])
@pytest.mark.parametrize("link", ["targets", "systems", ".erpoa", "sources", "transforms"])
def test_no_link_is_followed_out_of_the_directory(tmp_path: Path, kind: str, link: str):
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    (inside / link).symlink_to(outside)
    with pytest.raises(Failure) as caught:
        scaffold(inside, kind)
    assert (caught.value.diagnostics[0].code, link in caught.value.diagnostics[0].summary) == ("E0604", True)
    assert [list(outside.iterdir()), list(inside.iterdir())] == [[], [inside / link]]


def test_the_demo_replaces_no_data(tmp_path: Path):
    """Its own script makes the databases anew, and would follow a link."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/erp.db").write_text("mine", encoding="utf-8")
    with pytest.raises(Failure):
        scaffold(tmp_path)
    (tmp_path / "data/erp.db").unlink()
    (tmp_path / "data").rmdir()
    (tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure):
        scaffold(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_what_is_discovered_follows_no_link_either(tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "p").mkdir()
    (tmp_path / "p/systems").symlink_to(tmp_path / "outside")
    with pytest.raises(Failure) as caught:
        make_files(tmp_path / "p", {"systems/erp.yml": b""})
    assert caught.value.diagnostics[0].code == "E0604"
    assert not list((tmp_path / "outside").iterdir())


def test_the_key_of_a_clone_follows_no_link(tmp_path: Path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "p").mkdir()
    (tmp_path / "p/erpoa.yml").write_text("format: 1\nname: cloned\n", encoding="utf-8")
    (tmp_path / "p/.erpoa").symlink_to(tmp_path / "outside")
    with pytest.raises(Failure):
        make_key(tmp_path / "p")
    assert not list((tmp_path / "outside").iterdir())


def test_a_cloned_project_gets_a_key_and_nothing_else(tmp_path: Path):
    (tmp_path / "erpoa.yml").write_text("format: 1\nname: cloned\n", encoding="utf-8")
    assert lacks_key(tmp_path)
    assert make_key(tmp_path) == (".erpoa/key", ".erpoa/.gitignore")
    key = tmp_path / ".erpoa" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(key.read_text(encoding="ascii"))) == 32
    assert (tmp_path / ".erpoa" / ".gitignore").read_text(encoding="ascii") == "*\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".erpoa", "erpoa.yml"]
    assert (tmp_path / "erpoa.yml").read_text(encoding="utf-8") == "format: 1\nname: cloned\n"


def test_a_key_is_never_made_anew(tmp_path: Path):
    scaffold(tmp_path)
    key = (tmp_path / ".erpoa/key").read_bytes()
    assert not lacks_key(tmp_path)
    with pytest.raises(FileExistsError):
        make_key(tmp_path)
    assert (tmp_path / ".erpoa/key").read_bytes() == key


def test_an_empty_directory_is_no_project_without_a_key(tmp_path: Path):
    assert not lacks_key(tmp_path)
