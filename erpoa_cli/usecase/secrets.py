"""The secrets of a project, for whoever must not let them out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from erpoa_cli.core.project import Project
from erpoa_cli.core.secret import Secret


def secrets_of(project: Project) -> Iterator[str]:
    """Every secret of the key, the state and the systems of *project*; of a URL also the password alone."""
    values: list[Any] = [project.key, project.state, *(system.config for system in project.systems.values())]
    while values:
        match values.pop():
            case Secret() as secret:
                yield from _parts(secret.reveal())
            case Mapping() as mapping:
                values.extend(mapping.values())
            case list() | tuple() as items:
                values.extend(items)
            case _:
                pass


def _parts(secret: str) -> Iterator[str]:
    """A secret, and the password in it where it is a URL: others repeat that alone."""
    yield secret
    if "://" in secret and "@" in secret:
        _, colon, password = secret.partition("://")[2].rpartition("@")[0].partition(":")
        yield from {password, unquote(password)} if colon else ()
