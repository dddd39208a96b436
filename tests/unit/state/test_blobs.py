"""What a shared archive answers while another run renews it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.archive import Archive
from erpoa_cli.state.blobs import Blobs
from erpoa_cli.state.image import Images


class Renewed:
    """A store that lacks the pieces of a content whose size it told; *still*: it goes on telling it."""

    def __init__(self, *, still: bool) -> None:
        self.sizes = [{"size": 3}, {"size": 3} if still else None]

    def row(self, sql: str, *_: object) -> Any:
        return self.sizes.pop(0) if "FROM blobs" in sql else None


def test_what_another_run_removed_meanwhile_is_not_there(tmp_path: Path) -> None:
    blobs = Blobs(Renewed(still=False), "default")  # type: ignore[arg-type]
    assert not blobs.fetch("ab" * 32, tmp_path / "image")
    assert list(tmp_path.iterdir()) == []


def test_what_lacks_its_pieces_is_damaged(tmp_path: Path) -> None:
    blobs = Blobs(Renewed(still=True), "default")  # type: ignore[arg-type]
    with pytest.raises(Failure) as caught:
        blobs.fetch("ab" * 32, tmp_path / "image")
    assert caught.value.diagnostics[0].code == "E0524"
    assert list(tmp_path.iterdir()) == []


class Cut:
    """A store that goes away after it told of a content."""

    def row(self, sql: str, *_: object) -> Any:
        if "FROM blobs" in sql:
            return {"size": 3}
        raise Failure(Diagnostic("E0516", "the state's server cannot be reached"))


def test_a_server_that_goes_away_says_nothing_of_what_it_keeps(tmp_path: Path) -> None:
    """Whoever is told that an image is damaged makes it anew."""
    blobs = Blobs(Cut(), "default")  # type: ignore[arg-type]
    for get in (Archive(tmp_path, blobs).get, partial(Images(tmp_path, blobs).get, "t")):
        with pytest.raises(Failure) as caught:
            get("ab" * 32)
        assert caught.value.diagnostics[0].code == "E0516"


def test_an_image_whose_pieces_are_lost_is_damaged(tmp_path: Path) -> None:
    blobs = Blobs(Renewed(still=True), "default")  # type: ignore[arg-type]
    with pytest.raises(Failure) as caught:
        Images(tmp_path, blobs).get("t", "ab" * 32)
    assert caught.value.diagnostics[0].code == "E0526"
