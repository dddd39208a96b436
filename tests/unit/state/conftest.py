"""Where the state of a test is kept: the same tests for both databases."""

from __future__ import annotations

import pytest

from tests.shared_state import schema_url
from tests.unit.state.samples import Place

__all__ = ["schema_url"]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.service)])
def place(request, tmp_path):
    url = request.getfixturevalue("schema_url")() if request.param == "postgres" else ""
    return Place(tmp_path, url)


@pytest.fixture
def local(tmp_path):
    return Place(tmp_path)


@pytest.fixture
def shared(tmp_path, schema_url):
    return Place(tmp_path, schema_url())


@pytest.fixture
def writer(place):
    with place.writer(command="erpoa apply") as state:
        yield state
