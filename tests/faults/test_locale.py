"""A locale that lacks a character is no reason to fail, and what machines read is UTF-8 everywhere."""

from __future__ import annotations

import json
import subprocess

from tests.faults.scene import Scene
from tests.program import ERPOA, environment

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def show(scene: Scene, *arguments: str) -> bytes:
    done = subprocess.run(
        [ERPOA, "show", scene.plan.name, *arguments],
        cwd=scene.root,
        env=environment(**ASCII),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done
    return done.stdout


def test_json_is_utf8(scene: Scene):
    changes = json.loads(show(scene, "--format", "json").decode("utf-8"))["changes"]
    assert any("总公司（集团）" in str(change["fields"]) for change in changes)


def test_text_shows_what_it_cannot_spell(scene: Scene):
    assert "\\u603b\\u516c\\u53f8" in show(scene).decode("ascii")
