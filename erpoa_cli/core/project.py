"""A project as declared: the immutable model that `project/` builds from files and everything else reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from erpoa_cli.core.contract import Contract
from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.schema import Field
from erpoa_cli.core.secret import Secret
from erpoa_cli.core.target import Limit, Target


@dataclass(frozen=True, slots=True)
class Limits:
    requests_per_second: float | None = None
    concurrency: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A named, configured connection. `config` values may be `Secret`. `places`: where its parts are written, by the
    path that leads to them (`("config", "url")`)."""

    name: str
    plugin: str
    config: Mapping[str, Any]
    at: Location
    role: str = "other"
    description: str = ""
    owner: str = ""
    limits: Limits = field(default_factory=Limits)
    ledger: str = "table"  # table | lookup
    places: Mapping[tuple[str | int, ...], Location] = field(default_factory=dict, compare=False, repr=False)

    def place(self, *path: str | int) -> Location:
        """Where the part at *path* is written; the nearest part around it where it is not."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, self.at)


@dataclass(frozen=True, slots=True)
class Incremental:
    cursor: str
    lookback: timedelta = timedelta()
    full_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Completeness:
    """When a read counts as complete: at least `min_rows`, and at most `max_drop` (0.2 is 20 %) fewer rows
    than the last applied plan's read. `at`: where that is written."""

    min_rows: int = 0
    max_drop: Decimal | None = None
    at: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An object that is read. Exactly one of `object` and `query` is set."""

    name: str
    system: str
    key: tuple[str, ...]
    fields: tuple[Field, ...]
    at: Location
    object: str = ""
    query: str = ""
    filter: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    contract: str = ""
    incremental: Incremental | None = None
    complete: Completeness = field(default_factory=Completeness)
    fresh_within: timedelta | None = None
    capture: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()


class TestSeverity(StrEnum):
    WARN = "warn"
    HOLD_ROW = "hold_row"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class RelationTest:
    """A test over a relation: `unique`, `not_null` (columns); `accepted_values` (columns[0] in values);
    `relationships` and `mapped` (columns[0] found in `to` = (relation, column))."""

    kind: str
    columns: tuple[str, ...]
    at: Location
    values: tuple[Any, ...] = ()
    to: tuple[str, str] | None = None
    severity: TestSeverity = TestSeverity.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A versioned CSV file (path relative to the project). Columns without a declared field are strings."""

    name: str
    file: str
    fields: tuple[Field, ...]
    at: Location
    key: tuple[str, ...] = ()
    tests: tuple[RelationTest, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """A SQL model. `sql` is rendered: relations read `source."x"`, `model."x"`, `actual."x"`, the plan's
    instant `getvariable('as_of')`; line breaks are those of the file, so positions can be told."""

    name: str
    file: str
    sql: str
    sources: tuple[str, ...]  # names used by source()
    refs: tuple[str, ...]  # names used by ref(): transforms or seeds
    actuals: tuple[str, ...]  # names used by actual()
    at: Location
    key: tuple[str, ...] = ()
    contract: str = ""
    tests: tuple[RelationTest, ...] = ()
    declassify: Mapping[str, str] = field(default_factory=dict)  # column: reason
    description: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        """The relations that it reads."""
        return (*self.sources, *self.refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTest:
    """`tests/*.sql`: a returned row is a failure. Rendered like a transform."""

    name: str
    file: str
    sql: str
    sources: tuple[str, ...]
    refs: tuple[str, ...]
    actuals: tuple[str, ...]
    at: Location
    severity: TestSeverity = TestSeverity.ERROR

    @property
    def inputs(self) -> tuple[str, ...]:
        """The relations that it reads."""
        return (*self.sources, *self.refs)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTest:
    """Given rows per relation (source, seed or transform name) → expected rows of one transform."""

    name: str
    transform: str
    given: Mapping[str, tuple[Mapping[str, Any], ...]]
    expect: tuple[Mapping[str, Any], ...]
    at: Location


@dataclass(frozen=True, slots=True)
class Freeze:
    name: str
    start: datetime
    until: datetime
    select: str
    at: Location


@dataclass(frozen=True, slots=True)
class Rule:
    """SQL over the plan tables; a returned address is a finding."""

    name: str
    severity: str  # warn | block | approval
    sql: str
    at: Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """The whole project for one environment. Mappings are in file order; names are unique per kind, and
    sources, seeds and transforms share one name space with each other (each is a relation)."""

    name: str
    root: str  # absolute path
    environment: str
    timezone: str = "UTC"
    description: str = ""
    owner: str = ""
    state: str | Secret = ""  # URL of shared state; empty: .erpoa
    key: Any = None  # Secret or None: default .erpoa/key
    clean_git: bool = False
    vars: Mapping[str, Any] = field(default_factory=dict)
    systems: Mapping[str, System] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    seeds: Mapping[str, Seed] = field(default_factory=dict)
    transforms: Mapping[str, Transform] = field(default_factory=dict)
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    targets: Mapping[str, Target] = field(default_factory=dict)
    tests: Mapping[str, DataTest] = field(default_factory=dict)
    unit_tests: Mapping[str, UnitTest] = field(default_factory=dict)
    guards: Mapping[str, Limit] = field(default_factory=dict)
    freezes: tuple[Freeze, ...] = ()
    rules: tuple[Rule, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # project file: SHA-256 of its bytes
    inputs: tuple[str, ...] = ()  # names of variables and secrets that were used, never values
