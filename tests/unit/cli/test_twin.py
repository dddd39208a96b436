"""`erpoa twin` finds what is installed, says how to install what is not, and turns a refusal to start into words."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from erpoa_cli.cli.program import main
from erpoa_cli.engine import twin


def serve(announce: Callable[[dict[str, Any]], None], **settings: Any) -> None:
    announce({"url": "http://127.0.0.1:1", "settings": sorted(settings)})


def refuse(_announce: object, **settings: Any) -> None:
    raise ValueError(f"{settings['faults']}:3: 速率")


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def offer(**named: str) -> None:
        entries = [EntryPoint(name, value, twin.GROUP) for name, value in named.items()]
        monkeypatch.setattr(twin, "entry_points", lambda group: entries if group == twin.GROUP else [])

    return offer


def test_without_twins_it_says_how_to_install_them(offered, capsys):
    offered()
    assert main(["twin", "start", "generic"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "error E0613: no twin 'generic'" in told.err
    assert "pip install 'erpoa[twin]'" in told.err


def test_a_near_miss_is_told(offered, capsys):
    offered(generic=f"{__name__}:serve")
    assert main(["twin", "start", "genric"]) == 3
    assert "Did you mean `generic`?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("entry", "words"),
    [("erpoa_missing_twin:start", "No module named"), (f"{__name__}:refuse", "f.json:3: 速率")],
)
def test_a_twin_that_cannot_start_says_why(offered, capsys, entry, words):
    offered(generic=entry)
    assert main(["twin", "start", "generic", "--faults", "f.json"]) == 3
    told = capsys.readouterr()
    assert told.out == ""
    assert "error E0614" in told.err
    assert words in told.err


def test_it_is_announced_as_one_document(offered, capsys):
    offered(generic=f"{__name__}:serve")
    assert main(["--format", "json", "twin", "start", "generic", "--seed", "7"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["twin"]["name"] == "generic"
    assert told["twin"]["url"] == "http://127.0.0.1:1"
    assert "seed" in told["twin"]["settings"]
