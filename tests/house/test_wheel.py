"""The installed package has all that the checkout has, the template of `erpoa init` too."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.house.sources import PACKAGE, ROOT, committable

pytestmark = pytest.mark.process


def test_the_wheel_is_complete(tmp_path: Path):
    template = ROOT / "project_template"
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    shipped = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(ROOT).as_posix() for path in committable() if path.is_relative_to(PACKAGE)
    } | {
        f"erpoa_cli/_template/{path.relative_to(template).as_posix()}"
        for path in committable()
        if path.is_relative_to(template)
    }
    assert expected - shipped == set()
    assert {name for name in shipped if "__pycache__" in name or "/.erpoa/" in name} == set()
