"""The promises of `sdk.connector`, kept towards a server of plain collections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from erpoa_http import HttpConnector

from erpoa_cli.core.schema import Field, Type
from erpoa_cli.sdk.conformance import Conformance, Remote

from .shelf import LONGEST, Shelf, shelf, things


class TestShelf(Conformance, Remote):
    connector = HttpConnector
    page = 7

    @pytest.fixture(autouse=True)
    def _servers(self) -> Iterator[None]:
        with ExitStack() as self.running:
            self.shelves: dict[str, Shelf] = {}
            yield

    def make(self, folder: Path, fields: Sequence[Field]) -> tuple[Mapping[str, Any], str]:
        it = self.running.enter_context(shelf())
        self.shelves[it.url] = it
        return things(it.url, {f.name: str(f.type) for f in fields}), "things"

    def elsewhere(self, config: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
        it = self.running.enter_context(shelf())
        it.records = deepcopy(self.shelves[config["url"]].records)
        return {**config, "url": it.url}

    def damage(self, config: Mapping[str, Any], object: str) -> None:
        async def half(request: web.BaseRequest) -> web.Response:
            return web.Response(text='{"items": [{"code": "C1"', content_type="application/json")

        self.shelves[config["url"]].hook = half

    @contextmanager
    def losing(self, config: Mapping[str, Any], *, effect: bool) -> Iterator[None]:
        it = self.shelves[config["url"]]
        it.losing = "after" if effect else "before"
        yield
        it.losing = ""

    @contextmanager
    def shifting(self, config: Mapping[str, Any]) -> Iterator[None]:
        self.shelves[config["url"]].shift = 1
        yield
        self.shelves[config["url"]].shift = 0

    def lossy(self, folder: Path) -> None:
        return None  # a field has the type that the description declares

    def holds(self, value: Any, type_: Type) -> bool:
        return not (isinstance(value, str) and len(value) > LONGEST)
