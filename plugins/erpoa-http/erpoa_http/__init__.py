"""The connector for any REST API that is described in YAML."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from erpoa_cli.core.project import Limits
from erpoa_cli.sdk.connector import Connector, Movable, Session
from erpoa_cli.sdk.errors import Fatal
from erpoa_cli.sdk.http import HttpClient
from erpoa_http.client import client, identity, judge_auth, request
from erpoa_http.description import Api
from erpoa_http.interpret import interpreted
from erpoa_http.openapi import drafted
from erpoa_http.problem import Place, Problems
from erpoa_http.schema import CONFIG, FILTER, SOURCE_OPTIONS, TARGET_OPTIONS
from erpoa_http.session import HttpSession


class HttpConnector(Connector):
    """A REST API. Its description in `config:` says which objects it has, and which calls read and write them."""

    name: ClassVar[str] = "http"
    config_schema: ClassVar[Mapping[str, Any]] = CONFIG
    abilities: ClassVar[tuple[type[Session], ...]] = (Movable,)
    source_options: ClassVar[Mapping[str, Any]] = SOURCE_OPTIONS
    target_options: ClassVar[Mapping[str, Any]] = TARGET_OPTIONS
    filter_schema: ClassVar[Mapping[str, Any]] = FILTER
    paced: ClassVar[bool] = True
    drafts: ClassVar[frozenset[str]] = frozenset({"openapi"})

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        super().__init__(limits)
        self._guard = threading.Lock()
        self._shared: list[_Shared] = []

    @classmethod
    def draft(cls, kind: str, document: Any, system: str) -> str:  # noqa: ARG003 - there is one kind
        return drafted(document, system)

    @classmethod
    def problems(cls, config: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
        problems = Problems()
        interpreted(config, problems)
        judge_auth(config, problems)
        yield from problems.found

    def open(self, config: Mapping[str, Any]) -> HttpSession:
        api = interpreted(config, Problems())
        if found := list(self.problems(config)):
            raise Fatal("; ".join(f"{'.'.join(map(str, at))}: {words}" for at, words in found))
        shared = self._share(config, api)
        return HttpSession(
            shared.client,
            api,
            identity=identity(config),
            check=request(config["check"]) if "check" in config else None,
            read_only=config.get("read_only", False),
            release=lambda: self._release(shared),
        )

    def _share(self, config: Mapping[str, Any], api: Api) -> _Shared:
        """The one client of *config*: rate, concurrency and breaker hold for all sessions together."""
        with self._guard:
            for shared in self._shared:
                if shared.config == config:
                    shared.users += 1
                    return shared
            made = _Shared(dict(config), client(config, self.limits, api.rule))
            self._shared.append(made)
            return made

    def _release(self, shared: _Shared) -> None:
        with self._guard:
            shared.users -= 1
            if shared.users:
                return
            self._shared.remove(shared)
        shared.client.close()


class _Shared:
    """A client, and how many sessions use it."""

    def __init__(self, config: Mapping[str, Any], client: HttpClient) -> None:
        self.config, self.client, self.users = config, client, 1


__all__ = ["HttpConnector"]
