"""The tutorial is true."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.page import blocks, execute


def test_the_chinese_tutorial_has_the_same_blocks() -> None:
    assert blocks("tutorial.zh-CN.md") == blocks("tutorial.md")


def test_the_tutorial_is_true(tmp_path: Path) -> None:
    assert execute("tutorial.md", tmp_path) > 15
