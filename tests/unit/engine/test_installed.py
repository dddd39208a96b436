"""The fingerprint of what is installed follows every version and every connector's code."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

import pytest

from erpoa_cli.engine.installed import fingerprint


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of distributions with a plugin of its own."""
    there = tmp_path / "site"
    (there / "erpoa_other-1.0.dist-info").mkdir(parents=True)
    (there / "erpoa_other-1.0.dist-info/METADATA").write_text("Name: erpoa-other\nVersion: 1.0\n")
    (there / "erpoa_other-1.0.dist-info/entry_points.txt").write_text(
        "[erpoa.connectors]\nother = erpoa_other.deep:OtherConnector\n"
    )
    (there / "erpoa_other/deep").mkdir(parents=True)
    (there / "erpoa_other/__init__.py").write_text("raise RuntimeError('nobody asked for this import')\n")
    (there / "erpoa_other/deep/__init__.py").write_text("x = 1\n")
    (there / "duckdb-1.5.5.dist-info").mkdir()
    monkeypatch.syspath_prepend(there)
    return there


def test_nothing_changed(site: Path):
    assert fingerprint() == fingerprint()


def test_a_library_of_another_version(site: Path):
    before = fingerprint()
    (site / "duckdb-1.5.5.dist-info").rename(site / "duckdb-1.5.6.dist-info")
    assert fingerprint() != before


def test_a_connector_comes_changes_and_goes(site: Path):
    seen = [fingerprint()]
    (site / "erpoa_other/deep/__init__.py").write_text("x = 100\n")  # a working copy: the version stays
    seen.append(fingerprint())
    (site / "erpoa_other/deep/more.py").write_text("")
    seen.append(fingerprint())
    (site / "erpoa_other-1.0.dist-info").rename(site / "erpoa_other-1.1.dist-info")
    seen.append(fingerprint())
    (site / "erpoa_other-1.1.dist-info/entry_points.txt").write_text("[erpoa.connectors]\n")
    seen.append(fingerprint())
    assert len(set(seen)) == len(seen)


def test_an_editors_broken_link_and_a_missing_package_do_no_harm(site: Path):
    (site / "erpoa_other/.#deep.py").symlink_to(site / "nowhere")
    (site / "erpoa_other-1.0.dist-info/entry_points.txt").write_text(
        "[erpoa.connectors]\nother = erpoa_gone:OtherConnector\n"
    )
    assert fingerprint() == fingerprint()


def test_another_time_zone_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    before = fingerprint()
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path),))
    assert fingerprint() != before
