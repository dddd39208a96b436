"""What a shared archive answers while another run renews it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.state.blobs import Blobs


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
