"""What reading and writing need of an object, be it a model or a field of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.sdk.connector import ObjectInfo
from erpoa_tryton.rpc import Client

Row = dict[str, Any]
Id = tuple[int, ...]

STAMP = "_timestamp"  # of a row: what Tryton compares when it is written
BATCH = 1000  # rows per call that writes
_PAGE = 1000  # rows per call that reads


@dataclass(frozen=True)
class Relation(ABC):
    """`definitions`: the fields as Tryton defines them."""

    info: ObjectInfo
    definitions: Mapping[str, Mapping[str, Any]]

    @property
    def labels(self) -> set[str]:
        """What the fields are called in messages."""
        return {str(definition.get("string", "")) for definition in self.definitions.values()}

    @abstractmethod
    def rows(self, client: Client, domain: Sequence[Any], names: Collection[str]) -> Iterator[list[Row]]:
        """The rows in *domain* with the fields *names* and their own identifier, inactive ones too, in pages by id."""

    @abstractmethod
    def create(self, client: Client, values: Sequence[Row]) -> list[Id]: ...

    @abstractmethod
    def update(
        self, client: Client, ids: Sequence[Id], values: Sequence[Row], stamps: Sequence[str]
    ) -> None: ...

    @abstractmethod
    def call(self, client: Client, name: str, ids: Sequence[Id], stamps: Sequence[str]) -> None:
        """`delete`, or the button *name*."""


def pages(client: Client, model: str, domain: Sequence[Any], names: Collection[str]) -> Iterator[list[Row]]:
    """The rows of *model* in *domain*, page by page. It is no snapshot."""
    last = 0
    while True:
        rows = client.read(
            f"model.{model}.search_read",
            [["id", ">", last], *domain],
            0,
            _PAGE,
            [["id", "ASC"]],
            sorted({*names, "id"}),
            active_test=False,
        )
        if not rows:
            return
        yield rows
        last = rows[-1]["id"]
