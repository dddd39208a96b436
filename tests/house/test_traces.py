"""No file knows the machine it was written on or the registry its packages came from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, committable

# Spelled so that this file does not contain what it looks for.
REGISTRIES = re.compile(
    r"\b(?:py[p]i\.(?:org|python)|pythonhosted\b|npm[j]s\.|(?:index|extra-index)-url\s*[=:]?\s*\w+:|"
    r"\w+://[^\s\"'<>]+/simple(?:/|\b))"
)
HOMES = re.compile(r"(?<![\w.$}~-])/(?:home|Users|root)/\w|\b[A-Z]:\\+Users\\")


def traces(text: str, checkout: Path = ROOT) -> list[str]:
    found = [match.group() for pattern in (REGISTRIES, HOMES) for match in pattern.finditer(text)]
    # A checkout in a place as short as /src proves nothing: the name occurs by itself.
    if len(checkout.parts) > 2 and str(checkout) in text:
        found.append(str(checkout))
    return found


def test_files_speak_of_the_project_alone():
    assert {
        str(path.relative_to(ROOT)): found
        for path in committable()
        if path != Path(__file__) and (found := traces(path.read_bytes().decode("utf-8", errors="replace")))
    } == {}


@pytest.mark.parametrize(
    "text",
    [
        "attrs @ file:///home/me/wheels",
        "https://mirror.example/pypi/simple/",
        "--index-url=https://x",
        "C:\\Users\\me",
        "see /Users/me/x",
        "pypi" + ".org/project",
        "cd /srv/build/erpoa",
    ],
)
def test_traces_are_noticed(text: str):
    assert traces(text, Path("/srv/build/erpoa"))


@pytest.mark.parametrize("text", ["https://api.example/home/x", "a simple: plan", "/src", "~/root/x"])
def test_ordinary_text_is_left_alone(text: str):
    assert traces(text, Path("/src")) == []
