"""The columns of a target: how its rows look in base images and in the tables of a plan file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from erpoa_cli.core.columns import AGREED, ID, KEY, PENDING, PLANNED, SEEN, Columns
from erpoa_cli.core.schema import Sensitivity, Type, parse_type
from erpoa_cli.core.target import Ownership
from erpoa_cli.sdk.arrow import arrow_type

METADATA_KEY = b"erpoa"  # of the Parquet key-value metadata that holds a Layout

_HEAD = (("ordinal", pa.int64()),)
_ROW = (
    ("generation", pa.int64()),
    ("situation", pa.utf8()),
    ("action", pa.utf8()),
    ("cause", pa.utf8()),
    ("wave", pa.int64()),
    ("step", pa.int64()),
    ("call", pa.utf8()),  # of a move: the lifecycle's call; empty where it is an update or a delete
    ("fields", pa.list_(pa.utf8())),
    ("drifted", pa.list_(pa.utf8())),
    ("conflicted", pa.list_(pa.utf8())),
    ("settled", pa.list_(pa.utf8())),  # base follows: agreed := d, seen := a
    ("known", pa.list_(pa.utf8())),  # fields of the base row that were agreed; NULL: there is no base row
    ("waiting", pa.list_(pa.utf8())),  # left out: the value needs several rows of this same plan
    ("links", pa.bool_()),  # the row has a base row once this is applied
    ("kind", pa.utf8()),
    ("code", pa.utf8()),
    ("reason", pa.utf8()),
)


@dataclass(frozen=True, slots=True)
class FieldLayout:
    """A target field. `pending`: it is a reference or result and has a `p_` column in plan tables; `extra`: no field of
    the target, but one that a deactivation or a move sets."""

    type: Type
    sensitivity: Sensitivity = Sensitivity.PUBLIC
    reveal: str = ""
    ownership: Ownership = Ownership.OURS
    pending: bool = False
    extra: bool = False

    @property
    def sealed(self) -> bool:
        return self.sensitivity.sealed


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The typed columns of one target; mappings are in declared order.

    Base rows: `k_KEY… id_ID… generation known agreed_F… seen_F…`. Plan rows: `ordinal k_KEY… id_ID… generation
    situation action cause wave step call fields drifted conflicted settled known waiting links kind code reason d_F… a_F… agreed_F… seen_F…
    p_F…`. `state`: the field that tells the state of documents, empty where rows have none. Values of sealed fields are binary at rest (`sealed=True`) and typed once opened.
    """

    target: str
    system: str
    object: str
    key: Mapping[str, Type]
    id: Mapping[str, Type]
    fields: Mapping[str, FieldLayout]
    state: str = ""

    def base_schema(self, *, sealed: bool = False) -> pa.Schema:
        """Columns of a base image as `StateReader.base` gives them."""
        return pa.schema(
            [
                *self._identity(),
                ("generation", pa.int64()),
                ("known", pa.list_(pa.utf8())),
                *self._values(AGREED, sealed),
                *self._values(SEEN, sealed),
            ]
        )

    def plan_schema(self, *, sealed: bool = False) -> pa.Schema:
        """Columns of the plan file's tables of this target, with the layout as metadata."""
        values = [column for image in PLANNED for column in self._values(image, sealed)]
        pending = [(PENDING(name), pa.utf8()) for name, field in self.fields.items() if field.pending]
        schema = pa.schema([*_HEAD, *self._identity(), *_ROW, *values, *pending])
        return schema.with_metadata({METADATA_KEY: self.to_json().encode()})

    @property
    def sealed_fields(self) -> tuple[str, ...]:
        return tuple(name for name, field in self.fields.items() if field.sealed)

    def to_json(self) -> str:
        fields = {
            name: {
                "type": str(field.type),
                "sensitivity": field.sensitivity.value,
                "reveal": field.reveal,
                "ownership": field.ownership.value,
                "pending": field.pending,
                **({"extra": True} if field.extra else {}),
            }
            for name, field in self.fields.items()
        }
        content: dict[str, Any] = {"target": self.target, "system": self.system, "object": self.object}
        content["key"] = {name: str(type_) for name, type_ in self.key.items()}
        content["id"] = {name: str(type_) for name, type_ in self.id.items()}
        content["fields"] = fields
        if self.state:
            content["state"] = self.state
        return json.dumps(content, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str | bytes) -> Layout:
        """The layout that `to_json` wrote; ValueError or KeyError when *text* is something else."""
        content = json.loads(text)
        return Layout(
            target=content["target"],
            system=content["system"],
            object=content["object"],
            key={name: parse_type(type_) for name, type_ in content["key"].items()},
            id={name: parse_type(type_) for name, type_ in content["id"].items()},
            fields={
                name: FieldLayout(
                    parse_type(field["type"]),
                    Sensitivity(field["sensitivity"]),
                    field["reveal"],
                    Ownership(field["ownership"]),
                    field["pending"],
                    field.get("extra", False),
                )
                for name, field in content["fields"].items()
            },
            state=content.get("state", ""),
        )

    def _identity(self) -> list[tuple[str, pa.DataType]]:
        keys = [(KEY(name), arrow_type(type_)) for name, type_ in self.key.items()]
        return keys + [(ID(name), arrow_type(type_)) for name, type_ in self.id.items()]

    def _values(self, image: Columns, sealed: bool) -> list[tuple[str, pa.DataType]]:
        return [
            (image(name), pa.binary() if sealed and field.sealed else arrow_type(field.type))
            for name, field in self.fields.items()
        ]
