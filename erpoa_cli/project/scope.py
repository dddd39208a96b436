"""What the builders of the nouns share: which names there are, and how a missing one is reported."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from erpoa_cli.core.contract import Contract
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.relation import NOUNS
from erpoa_cli.core.schema import Field, Type, parse_type
from erpoa_cli.project.cache import Cache
from erpoa_cli.project.node import Node
from erpoa_cli.project.notes import Notes


@dataclass(frozen=True, slots=True)
class Entry:
    """One declared thing: its name, what is written about it, and where the name stands."""

    name: str
    node: Node
    at: Location


@dataclass(slots=True)
class Scope:
    """`names`: noun → name → where declared, broken ones included, so that they are not reported missing too.
    `columns`: relation → its fields, where they are known without reading SQL; `keys`: its key, where it has one. `cache`: what was judged before."""

    notes: Notes
    cache: Cache
    names: dict[str, dict[str, Location]] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    columns: dict[str, tuple[Field, ...]] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)
    owner: str = ""
    blind: frozenset[str] = frozenset()  # folders with a file that could not be read: names may be in there
    contested: set[str] = field(default_factory=set)  # names declared twice: nobody knows which is meant
    _taken: dict[tuple[str, str], tuple[str, str, Location]] = field(default_factory=dict)

    def declare(self, noun: str, name: str, at: Location) -> bool:
        """Note a second declaration of *name*; whether it is the first. Relations share one name space, and
        names that differ in upper and lower case alone are one relation in SQL."""
        space = "relation" if noun in NOUNS else noun
        other, known, place = self._taken.setdefault((space, name.casefold()), (noun, name, at))
        self.names.setdefault(noun, {}).setdefault(name, at)
        if place == at:
            return True
        self.contested |= {known, name}
        remedy = f"{place} declares the {other} `{known}`; rename one of them."
        self.notes.error("E0121", at, f"`{name}` is declared twice", remedy)
        return False

    def known(self, noun: str) -> list[str]:
        nouns = NOUNS if noun == "relation" else (noun,)
        return [name for other in nouns for name in self.names.get(other, {})]

    def need(self, noun: str, name: str, at: Location) -> bool:
        """Whether there is such a *noun*; noted when not."""
        nouns = NOUNS if noun == "relation" else (noun,)
        if any(name in self.names.get(n, {}) or f"{n}s" in self.blind for n in nouns):
            return True
        word = "transform, source or seed" if noun == "relation" else noun
        remedy = did_you_mean(name, self.known(noun)) or f"Declare it under {_FOLDERS[noun]}."
        self.notes.error("E0120", at, f"there is no {word} `{name}`", remedy)
        return False

    def need_column(self, relation: str, column: str, at: Location) -> bool:
        """Whether *relation* has *column*, as far as that is known here; noted when not."""
        fields = self.columns.get(relation)
        if fields is None or relation in self.contested or any(f.name == column for f in fields):
            return True
        names = [f.name for f in fields]
        self.notes.error("E0125", at, f"`{relation}` has no field `{column}`", did_you_mean(column, names))
        return False

    def described(self, noun: str, entry: Entry, *, owner: bool = True) -> None:
        """Warn when nobody says what this is or who answers for it."""
        missing = [] if entry.node.text("description") else ["description"]
        if owner and not (entry.node.text("owner") or self.owner):
            missing.append("owner")
        if missing:
            what = " and ".join(missing)
            self.notes.warn(
                "W0101",
                entry.at,
                f"the {noun} `{entry.name}` has no {what}",
                f"Add {' and '.join(f'`{m}:`' for m in missing)}.",
            )

    def type(self, text: str, at: Location) -> Type | None:
        """The type *text* spells; noted when none."""
        try:
            return parse_type(text)
        except (ValueError, StopIteration, RecursionError) as error:
            words = re.findall(r"[A-Za-z_]+", text)
            hint = _TYPE_HABITS.get(words[0].lower(), "") if words else ""
            summary = str(error) if isinstance(error, ValueError) else f"cannot read type {text!r}"
            self.notes.error(
                "E0126", at, summary, hint or "See `erpoa schema print sources`, or write string."
            )
            return None

    def zone(self, node: Node) -> str:
        """The IANA zone *node* names (empty when it is absent); noted when there is none of that name."""
        name = node.data or ""
        if name:
            try:
                ZoneInfo(name)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                self.notes.error(
                    "E0127",
                    node.at,
                    f"there is no time zone {name!r}",
                    "Write an IANA name like Asia/Shanghai or UTC.",
                )
        return name

    def distinct(self, names: Iterable[tuple[str, Location]], what: str) -> None:
        """Note names that are one column in SQL, where upper and lower case are the same."""
        seen: dict[str, str] = {}
        for name, at in names:
            first = seen.setdefault(name.casefold(), name)
            if first != name:
                self.notes.error(
                    "E0121",
                    at,
                    f"{what} `{first}` and `{name}` are one column in SQL",
                    "Rename one; `path:` keeps its name.",
                )


_FOLDERS = {
    "system": "systems/",
    "source": "sources/",
    "seed": "seeds/",
    "transform": "transforms/",
    "relation": "sources/, seeds/ or transforms/",
    "target": "targets/",
    "contract": "contracts/",
}

_TYPE_HABITS = {
    **dict.fromkeys(("varchar", "text", "str", "char", "nvarchar", "uuid"), "Did you mean `string`?"),
    **dict.fromkeys(("int", "bigint", "smallint", "int64", "long"), "Did you mean `integer`?"),
    **dict.fromkeys(
        ("float", "double", "number", "numeric", "money", "real"),
        "Write decimal(18,2) with the digits you need: floats are not exact.",
    ),
    **dict.fromkeys(("bool",), "Did you mean `boolean`?"),
    **dict.fromkeys(("datetime",), "Write timestamp (local time) or timestamptz (an instant)."),
    **dict.fromkeys(("object", "map", "dict", "variant"), "Write struct<name: type, …> or json."),
    **dict.fromkeys(("array",), "Write list<type>."),
    **dict.fromkeys(("blob", "binary", "bytea"), "Did you mean `bytes`?"),
    **dict.fromkeys(("decimal",), "Write decimal(18,2): digits in all, digits after the point."),
}

_UNREAD = frozenset({"E0102", "E0103", "E0104", "E0106", "E0107"})


def blind_folders(notes: Notes) -> frozenset[str]:
    """Folders in which a file could not be read."""
    return frozenset(
        item.at.file.partition("/")[0] for item in notes.items if item.at and item.code in _UNREAD
    )


_DURATION = re.compile(r"P(?:(\d+)W|(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?)")


def duration(text: str) -> timedelta:
    """The ISO 8601 duration *text*, which the schema has judged."""
    found = _DURATION.fullmatch(text)
    assert found is not None
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


def share(text: str) -> Decimal:
    """`20%` as 0.2."""
    return Decimal(text.rstrip("%")) / 100


def own(value: Any) -> Any:
    """What belongs to a connector, with numbers as JSON has them."""
    match value:
        case dict():
            return {k: own(v) for k, v in value.items()}
        case list():
            return [own(v) for v in value]
        case Decimal():
            return float(value)
        case str():
            return str(value)
        case _:
            return value
