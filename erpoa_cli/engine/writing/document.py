"""Documents that hold their lines: one call writes a document with all of them, and what became of it tells what
became of every line.

A batch of documents has parts: the line rows of the plan that go with it, per target of lines, action and fields. They
are announced and recorded in the journal together with the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID, KEY, PENDING, SAVED, WANTED
from erpoa_cli.core.plan import Member
from erpoa_cli.core.reconcile.compose import composed
from erpoa_cli.core.schema import identifier, literal
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.core.target import Lines
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.believed import believed
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.state import PlanFile
from erpoa_cli.state.columns import coded, match_keys, names

Load = Callable[[str, pa.Array], pa.Table]
Problem = tuple[Outcome, str]
Parts = tuple[Batch, ...]


class Documents:
    """The line rows of *plan* that are written inside documents; *load* gives the rows of a target by ordinals."""

    def __init__(self, plan: PlanFile, desks: Mapping[str, Desk], load: Load) -> None:
        self._desks = desks
        self._load = load
        self._inside = {name: _Inside(plan, desk) for name, desk in desks.items() if desk.target.embedded}

    @property
    def targets(self) -> frozenset[str]:
        """The targets whose rows are written inside documents, never by themselves."""
        return frozenset(self._inside)

    def parts(self, batch: Batch) -> Parts:
        """The line rows that *batch* carries, always in the same order; none for batches that write no list."""
        return tuple(part for inside in self._of(batch) for part in inside.parts(batch, self._load))

    def _of(self, batch: Batch) -> Iterator[_Inside]:
        return (inside for inside in self._inside.values() if inside.lines.parent == batch.target)

    def only(self, parts: Parts, batch: Batch) -> Parts:
        """*parts* without the lines of documents that are not in *batch*."""
        return tuple(replace(p, rows=self._inside[p.target].among(p.rows, batch.rows)) for p in parts)

    def unready(
        self, batch: Batch, parts: Parts, problems: Iterable[Mapping[int, Problem]]
    ) -> dict[int, Problem]:
        """The documents of *batch*, by ordinal, of which a line cannot be written; *problems* tell of which lines of
        the *parts* (in their order), by ordinal."""
        found: dict[int, Problem] = {}
        for part, said in zip(parts, problems, strict=True):
            keys = self._inside[part.target].keys(part.rows).to_pylist()
            wrong = {k: said[n] for k, n in zip(keys, part.ordinals, strict=True) if n in said}
            if wrong:
                own = self._inside[part.target].keys(batch.rows).to_pylist()
                for ordinal, key in zip(batch.ordinals, own, strict=True):
                    if key in wrong:
                        outcome, words = wrong[key]
                        found.setdefault(ordinal, (outcome, f"a line of it {words}"))
        return found

    def composed(self, batch: Batch, parts: Parts) -> Batch:
        """*batch* with its lists as they are now that the pending values of *parts* are known."""
        for inside in self._of(batch):
            own = [p for p in parts if p.target == inside.name and p.rows.num_rows]
            if any(_waited(part) for part in own):
                batch = inside.composed(batch, own)
        return batch

    def follow(self, batch: Batch, results: pa.Table, parts: Parts) -> list[pa.Table]:
        """What became of the lines of *parts* (filled in), from the *results* of all documents of *batch* (the columns
        of a journal entry), in the same columns: the outcome of their document, and of those that were read back
        their identifiers and what their system made of them."""
        return [self._inside[part.target].follow(batch, results, part) for part in parts]


class _Inside:
    """The lines of one target that live inside their documents."""

    def __init__(self, plan: PlanFile, desk: Desk) -> None:
        self._plan = plan
        self._desk = desk
        self.name = desk.target.name
        assert desk.target.lines is not None
        self.lines: Lines = desk.target.lines
        self._key = plan.layout(self.lines.parent).key
        self._list = plan.layout(self.lines.parent).fields[self.lines.within].type

    def keys(self, rows: pa.Table) -> pa.Array:
        """Per row (of documents or lines) a text that is the same for a document and its lines."""
        return match_keys(rows, self._key)

    def among(self, rows: pa.Table, documents: pa.Table) -> pa.Table:
        """The lines of *documents* among *rows*."""
        return rows.filter(pc.is_in(self.keys(rows), value_set=self.keys(documents)))

    @cached_property
    def _ordinals(self) -> dict[str, list[int]]:
        """The line rows of the plan per document."""
        columns = [KEY(name) for name in self._key]
        found: dict[str, list[int]] = {}
        for rows in self._plan.batches(Member.CHANGES, self.name, columns=["ordinal", *columns]):
            for key, ordinal in zip(
                match_keys(rows, self._key).to_pylist(), rows["ordinal"].to_pylist(), strict=True
            ):
                found.setdefault(key, []).append(ordinal)
        return found

    def parts(self, batch: Batch, load: Load) -> Iterator[Batch]:
        wanted = sorted(n for key in self.keys(batch.rows).to_pylist() for n in self._ordinals.get(key, ()))
        removing = batch.action is Action.DELETE
        if not wanted or not (removing or self.lines.within in batch.fields):
            return
        rows = load(self.name, pa.array(wanted, pa.int64()))
        labels = pc.binary_join_element_wise(rows["action"], coded(rows["fields"]).cast(pa.utf8()), "\x1e")
        for label in sorted(pc.unique(labels).to_pylist()):
            action, _, fields = label.partition("\x1e")
            written = tuple(n for n in names(fields) if n != self.lines.link)
            own = rows.filter(pc.equal(labels, label))
            yield Batch(self.name, batch.wave, 1, Action(action), written, own)

    @property
    def _members(self) -> list[str]:
        """What tells the lines of one document apart in their list: their own identifier, else what `match` says."""
        return [name for name in self._desk.id_types if name != self.lines.link]

    def composed(self, batch: Batch, parts: Sequence[Batch]) -> Batch:
        within = self.lines.within
        query = composed(
            "documents",
            "lines",
            within=within,
            type_=self._list,
            key=list(self._key),
            id_=self._members,
            written=[n for n in self._desk.types if n != self.lines.link],
        )
        lines = pa.concat_tables([part.rows for part in parts])
        found = self._desk.compare(query, {"documents": batch.rows, "lines": lines})
        order = pc.index_in(
            batch.rows["ordinal"].combine_chunks(), value_set=found["ordinal"].combine_chunks()
        )
        position = batch.rows.schema.get_field_index(WANTED(within))
        field = batch.rows.schema.field(position)
        column = found["lines"].combine_chunks().take(order).cast(field.type)
        return replace(batch, rows=batch.rows.set_column(position, field, column))

    def follow(self, batch: Batch, results: pa.Table, part: Batch) -> pa.Table:
        told = self._told(batch, results)
        query = self._outcomes(part)
        return believed(self._desk, part, self._desk.compare(query, {"told": told, "lines": part.rows}))

    def _told(self, batch: Batch, results: pa.Table) -> pa.Table:
        """Per document its key, outcome, error and identifier, and its list as it was `read` back, if it was."""
        within = self.lines.within
        rows = batch.rows.take(
            pc.index_in(results["ordinal"].combine_chunks(), value_set=batch.rows["ordinal"].combine_chunks())
        )
        columns: dict[str, Any] = {KEY(name): rows[KEY(name)] for name in self._key}
        for name in ("outcome", "error_class", "error"):
            columns[name] = results[name]
        planned = next(n for n in rows.schema.names if ID.has(n))
        columns["id"] = (
            pc.coalesce(results[planned].cast(rows[planned].type), rows[planned])
            if planned in results.schema.names
            else rows[planned]
        )
        read = pa.repeat(False, results.num_rows)
        listed = rows[WANTED(within)]
        if "deviated" in results.schema.names and batch.action is not Action.DELETE:
            read = pc.is_valid(results["deviated"])
            if SAVED(within) in results.schema.names:
                other = pa.array([within in (d or ()) for d in results["deviated"].to_pylist()])
                listed = pc.if_else(other, results[SAVED(within)].cast(listed.type), listed.combine_chunks())
        columns["read"], columns["list"] = read, listed
        return pa.table(columns)

    def _outcomes(self, part: Batch) -> str:
        """SQL over told (documents) and lines (the rows of *part*)."""
        create, gone = part.action is Action.CREATE, part.action is Action.DELETE
        fields = () if gone else part.fields
        by = [n for n in self._desk.target.match[0] if n != self.lines.link] if create else self._members
        ours = WANTED if create else ID
        mine = " AND ".join(f"x.{identifier(n)} IS NOT DISTINCT FROM {ours.sql(n, 'l')}" for n in by)
        same = " AND ".join(f"t.{KEY.sql(k)} = l.{KEY.sql(k)}" for k in self._key)
        differ = {n: f"f.{identifier(n)} IS DISTINCT FROM l.{WANTED.sql(n)}" for n in fields}
        differs = ", ".join(f"CASE WHEN {test} THEN {literal(n)} END" for n, test in differ.items())
        ids = [f"t.id AS {ID.sql(self.lines.link)}"]
        for name in self._members:
            planned = f"l.{ID.sql(name)}"
            if create:
                known = f"l.{WANTED.sql(name)}" if name in by else "NULL"
                planned = f"CASE WHEN t.read THEN f.{identifier(name)} ELSE {known} END"
            ids.append(f"CAST({planned} AS {self._desk.id_types[name].duckdb}) AS {ID.sql(name)}")
        words = (
            "it is still there after it was deleted" if gone else "it cannot be found after it was written"
        )
        wrong = f"t.outcome = 'applied' AND t.read AND {'f IS NOT NULL' if gone else 'f IS NULL'}"
        own = f"concat({literal(f'its document in {self.lines.parent} was not written: ')}, t.error)"
        outcome = f"""CASE WHEN {wrong} THEN 'rejected'
            WHEN t.outcome IN ('rejected', 'in_doubt') THEN 'blocked' ELSE t.outcome END"""
        columns = [
            "l.ordinal",
            f"{outcome} AS outcome",
            f"CASE WHEN {wrong} THEN 'rejected' WHEN t.outcome <> 'applied' THEN t.error_class END AS error_class",
            f"CASE WHEN {wrong} THEN {literal(words)} WHEN t.outcome <> 'applied' THEN {own} END AS error",
            *ids,
            *([f"t.id AS {WANTED.sql(self.lines.link)}"] if create else []),
            f"CASE WHEN f IS NOT NULL THEN list_filter([{differs}]::VARCHAR[], lambda x: x IS NOT NULL) END AS deviated",
            *(
                f"CASE WHEN f IS NOT NULL AND {t} THEN f.{identifier(n)} END AS {SAVED.sql(n)}"
                for n, t in differ.items()
            ),
            *(f"l.{WANTED.sql(n)}" for n in fields if _waits(part, n)),
        ]
        return f"""SELECT {", ".join(columns)} FROM lines l JOIN told t ON {same},
            LATERAL (SELECT CASE WHEN t.read THEN list_filter(t.list, lambda x: {mine})[1] END AS f) ORDER BY l.ordinal"""


def _waits(part: Batch, name: str) -> bool:
    """Whether the value of a field was not known when the plan was made."""
    return (
        PENDING(name) in part.rows.schema.names and part.rows[PENDING(name)].null_count < part.rows.num_rows
    )


def _waited(part: Batch) -> bool:
    return any(_waits(part, name) for name in part.fields)
