"""The base of every target as it is now: its image, overlaid with what the journal has that is not folded yet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import AGREED, KEY, KNOWN, SEEN
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.plan import Member
from erpoa_cli.state import audit, edits
from erpoa_cli.state.archive import Archive
from erpoa_cli.state.blobs import Blobs
from erpoa_cli.state.columns import conform, open_columns
from erpoa_cli.state.control import Control
from erpoa_cli.state.durable import file_name
from erpoa_cli.state.entries import read_payload
from erpoa_cli.state.fold import Source, last_words, patches
from erpoa_cli.state.image import Images, refit, rest_schema, without_macs
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.overlay import Patch, Rows, overlay
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.records import RESUMABLE
from erpoa_cli.state.seal import Sealer, require_again
from erpoa_cli.state.sums import row_sum
from erpoa_cli.state.texts import Array

_DEEP = 50  # edits that wait for each other before they are made: each is a few generators in one another


@dataclass(frozen=True, slots=True)
class Folded:
    """A new image that is written but not yet pointed to."""

    target: str
    digest: str
    live: int


@dataclass(frozen=True, slots=True)
class _News:
    """What a run did to one target that its image does not know. `opened`: state-only rows too; `results`:
    journal sequence and payload."""

    run: str
    plan: PlanFile
    opened: bool
    results: list[tuple[int, bytes]]

    def concerns(self, target: str) -> bool:
        return bool(self.results) or (self.opened and target in self.plan.members(Member.STATE))


class Base:
    """Bases of one environment. Reading never writes; `fold` writes images nobody knows of until the control
    store points to them."""

    def __init__(
        self, root: Path, environment: str, control: Control, archive: Archive, blobs: Blobs | None = None
    ) -> None:
        self._environment = environment
        self._control = control
        self._archive = archive
        self._images = Images(root / ".erpoa" / "base" / file_name(environment), blobs)
        self._spill = root / ".erpoa" / "tmp"
        self._plans: dict[str, PlanFile] = {}

    def rows(
        self, layout: Layout, sealer: Sealer | None, only: pa.ChunkedArray | None = None
    ) -> pa.RecordBatchReader:
        """Live rows in `layout.base_schema()`, opened; *only* those of these numbers."""
        schema = layout.base_schema()
        live = _live(self._wanted(layout, sealer)) if only is None or len(only) else iter(())
        chosen = live if only is None else _only(live, only)
        return pa.RecordBatchReader.from_batches(
            schema, (_presented(batch, layout, sealer, schema) for batch in chosen)
        )

    def generations(self, layout: Layout, sealer: Sealer | None) -> pa.Table:
        """Keys and generations of dead rows."""
        columns = [*(KEY(name) for name in layout.key), "generation"]
        schema = pa.schema([rest_schema(layout).field(name) for name in columns])
        dead = [batch.filter(batch["dead"]).select(columns) for batch in self._wanted(layout, sealer)]
        return pa.Table.from_batches([conform(batch, schema) for batch in dead], schema)

    def layouts(self) -> dict[str, Layout]:
        """Layout of every target that has an image."""
        rows = self._control.rows("SELECT * FROM images WHERE environment = ?", self._environment)
        return {row["target"]: self._images.read(row["target"], row["digest"])[0] for row in rows}

    def at_rest(self, target: str, sealer: Sealer | None) -> tuple[Layout | None, Rows]:
        """Layout and rows at rest, live and dead; no layout when nothing was ever applied."""
        pointer = self._control.row(
            "SELECT * FROM images WHERE environment = ? AND target = ?",
            self._environment,
            target,
        )
        layout: Layout | None = None
        batches: Rows = iter(())
        if pointer:
            layout, batches = self._images.read(target, pointer["digest"])
        else:
            self._refuse_lost(target)
        for news in self._unfolded(target, pointer["folded"] if pointer else 0):
            layout, batches = self._followed(layout, batches, news, target, sealer)
        return layout, batches

    def _refuse_lost(self, target: str) -> None:
        """Failure E0526 when nothing tells which image *target* has, although a run that wrote to it is over."""
        closed = {
            row["run"]
            for row in self._control.rows(
                "SELECT run, status FROM runs WHERE environment = ?", self._environment
            )
            if row["status"] not in RESUMABLE
        }
        if closed and any(news.run in closed for news in self._unfolded(target, 0)):
            raise Failure(
                Diagnostic(
                    "E0526",
                    f"nothing tells which base image {target} has",
                    detail="Runs that wrote to it are over, and each of them left one.",
                    remedy=f"run `erpoa state rebuild {target}`: it makes the image anew of the archive and the journal",
                )
            )

    def try_key(self, target: str, sealer: Sealer) -> None:
        """Open one sealed value of *target*; Failure E0514 when it does not open."""
        layout, batches = self.at_rest(target, sealer)
        if layout is None or not layout.sealed_fields:
            return
        for batch in batches:
            for name in layout.sealed_fields:
                for image in (AGREED(name), SEEN(name)):
                    if len(some := batch[image].drop_null()[:1]):
                        sealer.open(without_macs(some), layout.fields[name].type, f"{target}.{name}")
                        return

    def replayed(self, target: str, sealer: Sealer | None) -> tuple[Layout | None, Rows]:
        """As `at_rest`, of the archived plans, the journal and the audit trail alone: no image is opened. What was edited
        by hand is edited again, in its place among the runs."""
        layout: Layout | None = None
        batches: Rows = iter(())
        runs = {news.run: news for news in self._unfolded(target, 0)}
        for event, records in groupby(self._history(target, runs), key=itemgetter(0)):
            if event in runs:
                layout, batches = self._followed(layout, batches, runs[event], target, sealer)
                continue
            for number, details in enumerate(_of_different_rows(detail for _, detail in records), 1):
                batches = edits.again(event, batches, layout, details) if layout else batches
                if number % _DEEP == 0:
                    batches = iter([*batches])
        return layout, batches

    def _history(self, target: str, runs: Mapping[str, _News]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What happened to *target* in turn: one of *runs* began, or an edit and its detail."""
        for record in audit.records(self._control, self._environment):
            detail = json.loads(record.detail)
            if record.event == "run opened" and record.run in runs:
                yield record.run, detail
            elif record.event in edits.EVENTS and detail.get("target") == target:
                yield record.event, detail

    def _followed(
        self, layout: Layout | None, batches: Rows, news: _News, target: str, sealer: Sealer | None
    ) -> tuple[Layout, Rows]:
        """Rows at rest after what one run did."""
        planned = news.plan.layout(target)
        batches = refit(batches, layout, planned, sealer) if layout else batches
        for patch in _patches(news, target, sealer):
            batches = overlay(batches, planned, patch, self._spill)
        return planned, batches

    def fold(self, target: str, sealer: Sealer | None) -> Folded | None:
        """Write the present base of *target* as a new image; None when it never had a row."""
        layout, batches = self.at_rest(target, sealer)
        return self.write(layout, batches) if layout else None

    def write(self, layout: Layout, batches: Rows) -> Folded:
        """Write *batches* (at rest) as a new image."""
        digest, live = self._images.write(layout, batches)
        return Folded(layout.target, digest, live)

    def point(self, folded: Folded, sequence: int) -> None:
        """Inside a transaction: make *folded* the image of its target, up to journal *sequence*."""
        row = {
            "environment": self._environment,
            "target": folded.target,
            "digest": folded.digest,
            "folded": sequence,
            "live": folded.live,
        }
        self._control.run(
            """INSERT INTO images (environment, target, digest, folded, live, sum) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (environment, target) DO UPDATE
               SET digest = excluded.digest, folded = excluded.folded, live = excluded.live, sum = excluded.sum""",
            *row.values(),
            row_sum("images", row),
        )

    def prune(self, target: str) -> None:
        """Remove images of *target* that nobody needs any more."""
        self._images.prune(target)

    def _wanted(self, layout: Layout, sealer: Sealer | None) -> Rows:
        stored, batches = self.at_rest(layout.target, sealer)
        return refit(batches, stored, layout, sealer) if stored else iter(())

    def _unfolded(self, target: str, folded: int) -> list[_News]:
        """What runs did to *target* after journal sequence *folded*, in order."""
        found = {
            row["run"]: _News(row["run"], self._plan(row["run"]), opened=True, results=[])
            for row in self._control.rows(
                "SELECT run FROM runs WHERE environment = ? AND sequence > ? ORDER BY sequence",
                self._environment,
                folded,
            )
        }
        for row in self._control.rows(
            """SELECT * FROM results
               WHERE environment = ? AND target = ? AND sequence > ? ORDER BY sequence""",
            self._environment,
            target,
            folded,
        ):
            if row["run"] not in found:
                found[row["run"]] = _News(row["run"], self._plan(row["run"]), opened=False, results=[])
            found[row["run"]].results.append((row["sequence"], row["payload"]))
        return [news for news in found.values() if news.concerns(target)]

    def _plan(self, run: str) -> PlanFile:
        if run not in self._plans:
            row = self._control.row(
                "SELECT blob FROM runs WHERE environment = ? AND run = ?", self._environment, run
            )
            assert row is not None
            self._plans[run] = PlanFile.open(self._archive.get(row["blob"]))
        return self._plans[run]


def _patches(news: _News, target: str, sealer: Sealer | None) -> Iterator[Patch]:
    layout = news.plan.layout(target)

    def source(member: Member) -> Source:
        return lambda columns: news.plan.batches(member, target, columns=columns)

    if news.opened:
        yield from patches(layout, source(Member.STATE), None, sealer)
    if news.results:
        words = last_words([(sequence, read_payload(payload)) for sequence, payload in news.results])
        yield from patches(layout, source(Member.CHANGES), words, sealer)


def _of_different_rows(details: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """*details* of edits in groups in which no key occurs twice, but for the record that a new key has."""
    group: list[Mapping[str, Any]] = []
    had: set[str] = set()
    got: set[str] = set()
    for detail in details:
        key, new = detail["key"], detail.get("new", detail["key"])
        if "old" not in detail:
            again = (
                key in had | got or new in got or (new == key and new in had)
            )  # a key that was given up is free
            if again or edits.EVERY in (key, *had):
                yield group
                group, had, got = [], set(), set()
            had.add(key)
            got.add(new)
        group.append(detail)
    yield group


def _live(batches: Rows) -> Rows:
    return (batch.filter(pc.invert(batch["dead"])) for batch in batches)


def _only(batches: Rows, numbers: pa.ChunkedArray) -> Rows:
    """The rows of *numbers*, counted over all *batches*."""
    first = 0
    for batch in batches:
        chosen = batch.filter(pc.is_in(pa.array(range(first, first + batch.num_rows)), numbers))
        first += batch.num_rows
        if chosen.num_rows:
            yield chosen


def _presented(
    batch: pa.RecordBatch, layout: Layout, sealer: Sealer | None, schema: pa.Schema
) -> pa.RecordBatch:
    """A batch at rest as planning sees it."""
    columns = {name: batch[name] for name in batch.schema.names if not KNOWN.has(name)}
    columns["known"] = _known(batch, sorted(layout.fields))
    for name in layout.sealed_fields:
        for image in (AGREED(name), SEEN(name)):
            columns[image] = without_macs(columns[image])
    shown = pa.RecordBatch.from_pydict(columns)
    if layout.sealed_fields:
        shown = open_columns(shown, layout.target, layout.fields, require_again(sealer))
    return conform(shown, schema)


def _known(batch: pa.RecordBatch, names: list[str]) -> Array:
    """The list of known fields per row, each distinct list built once."""
    if not names:
        return pa.array([[]] * batch.num_rows, pa.list_(pa.utf8()))  # Arrow repeats no list zero times
    bits = [pc.if_else(batch[KNOWN(name)], "1", "0") for name in names]
    codes = pc.binary_join_element_wise(*bits, "").dictionary_encode()
    lists = [
        [name for name, bit in zip(names, code, strict=True) if bit == "1"]
        for code in codes.dictionary.to_pylist()
    ]
    return pa.array(lists, pa.list_(pa.utf8())).take(codes.indices)
