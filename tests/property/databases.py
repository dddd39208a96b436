"""A world as it really is: two databases, a project between them, and a state that remembers its base."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from erpoa_cli import __version__
from erpoa_cli.core.plan import Header
from erpoa_cli.core.project import Completeness, Project, Source, System, Transform
from erpoa_cli.core.schema import INTEGER, Field
from erpoa_cli.core.target import Column, Limit, Target, TargetField
from erpoa_cli.engine.binding.columns import layout, shape
from erpoa_cli.engine.binding.objects import look
from erpoa_cli.engine.changes.freeze import MEMBERS
from erpoa_cli.engine.connect import Connections
from erpoa_cli.state import Layout, PlanFile, RunStatus, open_reader, open_writer, write_plan
from tests import planning
from tests.planning import Bound, PlanResult, RunResult
from tests.property.oracle import Answer, Base, Key, Row, World
from tests.property.stores import Store, as_json
from tests.property.worlds import AT, TYPES

NOW = planning.NOW
COLUMNS = tuple(TYPES)
UNREADABLE = 5  # identifier of a row of theirs whose key does not parse
NOBODY = (-1, "nobody")  # a key that was managed once, so that the target had an applied plan
DDL = "n INTEGER PRIMARY KEY, w INTEGER, code TEXT, name TEXT, amount TEXT, tags TEXT, active BOOLEAN, flaw TEXT"


def stored(value: Any) -> Any:
    """*value* as SQLite keeps it, by a hand that is not the connector's."""
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, list):
        return as_json(value)
    return int(value) if isinstance(value, bool) else value


def realistic(world: World, *, keyed: bool) -> World:
    """*world* as far as a database can hold it: their identifiers are unique, and a read is partial for a reason.

    *keyed*: the rows come straight from a source that declares its key, so a row with a missing or repeated key, or
    with a value that does not parse, is set aside when it is read. Otherwise they come through a model without a key."""
    actual: list[Row] = []
    for row in world.actual:
        again = any(row["id"] == other["id"] for other in actual)
        actual.append({**row, "id": row["id"] + 100 if again else row["id"]})
    if not world.actual_complete:
        actual.append({"id": UNREADABLE, **dict.fromkeys(COLUMNS), "code": "x"})
    gone = dict(world.gone)
    if not world.first:
        gone[NOBODY] = 1
    elif world.base or gone:
        world = replace(world, first=False)
    desired, complete = world.desired, world.desired_complete
    if keyed:
        complete = complete and not any(None in row["key"] for row in desired)
        desired = list(
            {row["key"]: _set_aside(row, desired) for row in desired if None not in row["key"]}.values()
        )
    else:
        desired = [{**row, "problem": None} for row in desired]
    return replace(world, actual=actual, gone=gone, desired=desired, desired_complete=complete)


def _set_aside(row: Row, rows: Iterable[Row]) -> Row:
    """*row*, of which only the key is known when it is one of several or has a problem."""
    same = [other for other in rows if other["key"] == row["key"]]
    if len(same) == 1 and not row["problem"]:
        return row
    return {**dict.fromkeys(row), "key": row["key"], "problem": "set aside"}


@dataclass
class Databases:
    """*world* in the directory `root`: `erp.db` holds what is wanted, `store` what is there."""

    root: Path
    world: World
    keyed: bool
    store: Store
    rows: list[Row] = field(default_factory=list)  # of the source, before any is set aside

    def build(self) -> None:
        with closing(sqlite3.connect(self.root / "erp.db")) as db, db:
            db.execute(f"CREATE TABLE row ({DDL})")
            for n, row in enumerate(self.rows):
                values = [stored(row.get(name)) for name in COLUMNS]
                flaw = "not a number" if row["problem"] and self.keyed else None
                db.execute("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (n, *values, flaw))
        self.store.fill(
            [
                {
                    "id": row["id"],
                    **{name: row.get(name) for name in COLUMNS},
                    **({"w": "not a number"} if row["id"] == UNREADABLE else {}),
                }
                for row in self.world.actual
            ]
        )
        self._remember()

    def contents(self) -> list[Row]:
        """Every row of the target's database."""
        return self.store.contents()

    @cached_property
    def project(self) -> Project:
        erp = System(name="erp", plugin="sqlite", config={"path": "erp.db"}, at=AT)
        systems = {"erp": erp, "oa": self.store.system("oa")}
        fields = tuple(Field(name, type_) for name, type_ in TYPES.items())
        few = 0 if self.world.desired_complete else len(self.rows) + 1
        source = Source(
            name="s", system="erp", object="row", at=AT, complete=Completeness(min_rows=few),
            key=("w", "code") if self.keyed else ("n",),
            fields=(*fields, Field("flaw", INTEGER), *(() if self.keyed else (Field("n", INTEGER),))),
        )  # fmt: skip
        model = Transform(
            name="m", file="transforms/m.sql", sql=f'SELECT {", ".join(COLUMNS)} FROM source."s"',
            sources=("s",), refs=(), actuals=(), at=AT,
        )  # fmt: skip
        from_ = "s" if self.keyed else "m"
        free = {"max_delete": Limit(), "max_change": Limit()}
        targets = {"t": replace(self.world.target, object="row", from_=from_, guards=free)}
        if self.world.siblings:
            own = (TargetField("flaw", Column("name"), AT),)
            targets["sibling"] = Target(
                name="sibling", from_=from_, system="oa", object="row", key=("w", "code"), fields=own, match=(("flaw",),), at=AT
            )  # fmt: skip
        return Project(
            name="world", root=str(self.root), environment="dev", systems=systems, sources={"s": source},
            transforms={"m": model}, targets=targets,
        )  # fmt: skip

    @cached_property
    def bound(self) -> Bound:
        return planning.bound(self.project)

    @cached_property
    def layout(self) -> Layout:
        """The columns of the target."""
        with Connections(self.project) as connections:
            looked = look(self.bound, connections, ["t"])
        return layout(shape(looked.bound, looked.bound.targets["t"], looked.infos["t"]))

    def plan(self, name: str) -> PlanResult:
        targets = frozenset({"t"}) if self.world.siblings else None
        return planning.plan(self.bound, targets=targets, out=self.root / name)

    def roll_back(self, run: str) -> PlanResult:
        return planning.roll_back(self.bound, run)

    def apply(self, result: PlanResult) -> RunResult:
        return planning.apply(self.bound, result)

    def base(self) -> dict[Key, Base]:
        """What the state remembers of the target's rows."""
        return {
            (row["k_w"], row["k_code"]): Base(
                id=row["id_id"],
                generation=row["generation"],
                agreed={name: row[f"agreed_{name}"] for name in row["known"]},
                seen={name: row[f"seen_{name}"] for name in row["known"]},
            )
            for row in planning.base(self.bound, "t")
        }

    def gone(self) -> dict[Key, int]:
        """Keys that were managed once, with their last generation."""
        with open_reader(self.root, "dev") as state:
            rows = state.generations(self.layout).to_pylist()
        return {(row["k_w"], row["k_code"]): row["generation"] for row in rows}

    def _remember(self) -> None:
        """Write the world's base: what a plan of nothing but adoptions leaves behind."""
        once = {key: Base(0, generation, {}, {}) for key, generation in self.world.gone.items()}
        known = [_adopted(n, key, base) for n, (key, base) in enumerate((self.world.base | once).items())]
        linked = [
            _adopted(n, key, Base(id_, 1, {}, {})) for n, (key, id_) in enumerate(self.world.siblings.items())
        ]
        lost = [
            {**_adopted(n, key, base), "action": "forget", "links": False}
            for n, (key, base) in enumerate(once.items())
        ]
        self._run_state("base", known, linked)
        self._run_state("gone", lost, [])

    def _run_state(self, name: str, rows: list[Row], linked: list[Row]) -> None:
        layouts = {"t": self.layout, "sibling": replace(self.layout, target="sibling", fields={})}
        tables = {
            ("state", target): pa.Table.from_pylist(found, layouts[target].plan_schema())
            for target, found in (("t", rows), ("sibling", linked))
            if found
        }
        if not tables:
            return
        with open_writer(self.root, "dev", command="test") as store:
            header = Header(
                id=name, created=NOW, expires=NOW + timedelta(days=1), as_of=NOW, project="world", environment="dev",
                author="a", tool=__version__, lineage=store.lineage, serial=store.serial,
            )  # fmt: skip
            write_plan(
                self.root / f"{name}.erpoaplan",
                header,
                inputs={"files": {}, "variables": [], "secrets": []},
                reads=(),
                targets={target: {"system": "oa", "identity": ""} for _, target in tables},
                guards=(),
                layouts={target: layouts[target] for _, target in tables},
                tables=tables,
            )
            store.open_run(PlanFile.open(self.root / f"{name}.erpoaplan")).close(RunStatus.APPLIED)


def _adopted(ordinal: int, key: Key, base: Base) -> Row:
    return {
        "ordinal": ordinal, "k_w": key[0], "k_code": key[1], "id_id": base.id, "generation": base.generation,
        "action": "adopt", "situation": "found", "cause": "state", "wave": 0, "step": 1, "links": True,
        "fields": [], "settled": sorted(base.known),
        **{f"d_{n}": v for n, v in base.agreed.items()}, **{f"a_{n}": v for n, v in base.seen.items()},
    }  # fmt: skip


def planned(file: PlanFile) -> list[Answer]:
    """The rows of a plan as the oracle's answers."""
    found: dict[int, Answer] = {}
    for member in MEMBERS:
        if "t" in file.members(member):
            for row in file.table(member, "t").to_pylist():
                found[row["ordinal"]] = Answer(
                    key=(row["k_w"], row["k_code"]), id=row["id_id"], situation=row["situation"], action=row["action"],
                    cause=row["cause"], kind=row["kind"], code=row["code"], fields=frozenset(row["fields"]),
                    drifted=frozenset(row["drifted"]), conflicted=frozenset(row["conflicted"]),
                    settled=frozenset(row["settled"]), links=row["links"], generation=row["generation"],
                    values=tuple((n, row[f"d_{n}"]) for n in row["fields"]),
                )  # fmt: skip
    return list(found.values())
