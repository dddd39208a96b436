"""Reading the state of one environment: what planning gets. No method here writes anything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID
from erpoa_cli.core.plan import APPLIED, Member
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.state import place, sharing
from erpoa_cli.state.archive import Archive
from erpoa_cli.state.blobs import Blobs, Writing
from erpoa_cli.state.columns import key_texts
from erpoa_cli.state.control import Control
from erpoa_cli.state.current import Base
from erpoa_cli.state.database import Row
from erpoa_cli.state.entries import read_ordinals, read_results
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.links import touched
from erpoa_cli.state.lost import refuse_lost
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.recorded import StateRecords
from erpoa_cli.state.records import Batch, Doubt, Intent, Run, RunStatus
from erpoa_cli.state.seal import Sealer, require, require_again
from erpoa_cli.state.snapshot import Snapshots
from erpoa_cli.state.texts import texts


def open_reader(root: Path, environment: str, url: place.URL = "", project: str = "") -> StateReader:
    """The state of *environment* of the project at *root*, for reading; empty when there is none yet.

    *url*: a shared store, which belongs to one *project*. Failures: E0512, E0515 to E0518, E0522, E0523, E0528."""
    control = Control.reading(place.reading(root, url), project)
    try:
        refuse_lost(root, environment, url, control)
        return StateReader(root, environment, control)
    except BaseException:
        control.close()
        raise


class StateReader(StateRecords):
    """The state of one environment with its rows and plans."""

    def __init__(
        self, root: Path, environment: str, control: Control, writing: Writing | None = None
    ) -> None:
        """Use `erpoa_cli.state.open_reader`. *root*: the project's directory."""
        super().__init__(environment, control)
        self.root = root
        self._blobs = Blobs(control, environment, writing) if control.shared else None
        self._archive = Archive(root / ".erpoa" / "archive", self._blobs)
        self._base = Base(root, environment, control, self._archive, self._blobs)

    def base(
        self, layout: Layout, sealer: Sealer | None = None, *, only: pa.ChunkedArray | None = None
    ) -> pa.RecordBatchReader:
        """The managed rows of a target, shaped as `layout.base_schema()`, sealed values opened.

        The last image plus whatever runs have done since. A field the image does not have is NULL and not
        in `known` (sorted); likewise one whose stored values do not fit the type declared now.

        The rows come in the same order every time. *only*: just those of these numbers (ascending, from 0)."""
        return self._base.rows(layout, sealer, only)

    def generations(self, layout: Layout, sealer: Sealer | None = None) -> pa.Table:
        """Keys that were deleted or forgotten (`k_…`, `generation`): created anew they get `generation` + 1.
        A key that is neither here nor in the base gets generation 1."""
        return self._base.generations(layout, sealer)

    def managed(self, target: str, sealer: Sealer | None = None) -> int:
        """How many rows of *target* are managed."""
        return sum(batch.num_rows for _, batch in self._live(target, sealer))

    def known(self, target: str, keys: Collection[str], sealer: Sealer | None = None) -> set[str]:
        """Those of *keys* (key JSON) whose rows are managed."""
        wanted = frozenset(keys)
        live = self._live(target, sealer) if wanted else ()
        return {key for layout, batch in live for key in key_texts(batch, layout.key) if key in wanted}

    def linked(
        self, target: str, ids: Collection[tuple[str, ...]], sealer: Sealer | None = None
    ) -> dict[tuple[str, ...], str]:
        """The keys (key JSON) that are linked to their rows with these *ids* (canonical texts, in the order of the fields of
        the layout), by their id."""
        found: dict[tuple[str, ...], str] = {}
        for layout, batch in self._live(target, sealer) if ids else ():
            told = [texts(batch[ID(name)], type_).to_pylist() for name, type_ in layout.id.items()]
            keys = key_texts(batch, layout.key)
            pairs = zip(zip(*told, strict=True), keys, strict=True)
            found.update((given, key) for given, key in pairs if given in ids)
        return found

    def _live(self, target: str, sealer: Sealer | None) -> Iterator[tuple[Layout, pa.RecordBatch]]:
        layout, batches = self._base.at_rest(target, sealer)
        if layout is not None:
            for batch in batches:
                yield layout, batch.filter(pc.invert(batch["dead"]))

    def targets(self) -> Mapping[str, Layout]:
        """Targets that have a base, with the layout of their last image."""
        return self._base.layouts()

    def seals(self) -> bool:
        """Whether sealed values are remembered, which open with their own key alone."""
        plans = (self.plan(run.id) for run in self.unfinished())
        layouts = [
            *self.targets().values(),
            *(plan.layout(t) for plan in plans for member in APPLIED for t in plan.members(member)),
        ]
        return any(one.sealed_fields for one in layouts) or Snapshots(self.root, self.environment).seals()

    def need_key(self, sealer: Sealer | None) -> Sealer:
        """*sealer*, or Failure E0513: to bring the key back where something is sealed with it, else to make one."""
        return sealer or (require_again if self.seals() else require)(sealer)

    def try_key(self, sealer: Sealer | None, sources: Iterable[str] = ()) -> None:
        """Open a sealed value of every target, and of the snapshots of *sources*; Failure E0513 or E0514 when one does not
        open."""
        if not self.seals():
            return
        key = require_again(sealer)
        for target in self.targets():
            self._base.try_key(target, key)
        for source in sources:
            Snapshots(self.root, self.environment, key).try_key(source)

    def batches(self, run: str, sealer: Sealer | None = None) -> Iterator[Batch]:
        """The journal of a run in the order of intents, sealed values opened when a sealer is given."""
        recorded: dict[int, list[tuple[int, bytes]]] = {}
        for row in self._rows(
            "SELECT * FROM results WHERE environment = ? AND run = ? ORDER BY sequence",
            run,
        ):
            recorded.setdefault(row["number"], []).append((row["sequence"], row["payload"]))
        plan = self.plan(run)
        for row in self._rows("SELECT * FROM intents WHERE environment = ? AND run = ? ORDER BY number", run):
            results = read_results(recorded.get(row["number"], []), plan.layout(row["target"]), sealer)
            yield Batch(run, _intent(row), results)

    def plan(self, run: str) -> PlanFile:
        """The archived plan that a run executed; KeyError when there is no such run."""
        found = self.run(run)
        if found is None:
            raise KeyError(run)
        return PlanFile.open(self._archive.get(found.blob))

    def links_since(self, run: str, target: str) -> Iterator[tuple[Layout, pa.Table]]:
        """What *run* and every later one did to the links of *target*, in their order: the layout that the run knew, and
        the rows (`links.touched`)."""
        for later in reversed(self.runs()[: 1 + [each.id for each in self.runs()].index(run)]):
            plan = self.plan(later.id)
            if target in {name for member in APPLIED for name in plan.members(member)}:
                own = (batch for batch in self.batches(later.id) if batch.intent.target == target)
                results = [batch.results for batch in own if batch.results is not None]
                yield plan.layout(target), touched(plan, target, results)

    def in_doubt(self, target: str | None = None) -> list[Doubt]:
        """Rows whose write was announced and whose outcome is not known: of unfinished runs, which `erpoa resume`
        looks up, and what no look could settle, which waits for a person."""
        open_ = [doubt for run in self.unfinished() for doubt in self._doubts(run)]
        return [doubt for doubt in open_ if target in (None, doubt.target)] + self.unsettled(target)

    def _doubts(self, run: Run) -> Iterator[Doubt]:
        plan: PlanFile | None = None
        words: dict[tuple[str, int], tuple[Intent, str, str]] = {}
        for batch in self.batches(run.id):
            for ordinal in batch.intent.ordinals.to_pylist():
                words[batch.intent.target, ordinal] = (
                    batch.intent,
                    Outcome.IN_DOUBT,
                    "the outcome was not recorded",
                )
            if batch.results is not None:
                for row in batch.results.to_pylist():
                    words[batch.intent.target, row["ordinal"]] = (
                        batch.intent,
                        row["outcome"],
                        row.get("error") or "",
                    )
        for (target, ordinal), (intent, outcome, reason) in words.items():
            if outcome == Outcome.IN_DOUBT:
                plan = plan or self.plan(run.id)
                row = plan.table(Member.CHANGES, target, ordinals=pa.array([ordinal]))
                key = key_texts(row, plan.layout(target).key)[0]
                yield Doubt(target, key, run.id, ordinal, intent.action, reason, run.opened)

    def fetch_snapshots(self) -> Mapping[str, str]:
        """Bring this machine's snapshots up to those of a shared store, from which incremental reads go on; their
        marks by source."""
        return sharing.fetch(self.root, self._control, self.environment, self._blobs) if self._blobs else {}

    def definitions(self) -> Mapping[str, str]:
        """Node → digest of its definition (`core.definition`), of the last applied plan; empty before the first."""
        row = self._row(
            "SELECT run FROM runs WHERE environment = ? AND serial IS NOT NULL AND status <> ? ORDER BY sequence DESC LIMIT 1",
            RunStatus.PAUSED.value,
        )
        return dict(self.plan(row["run"]).inputs.get("definitions", {})) if row else {}


def _intent(row: Row) -> Intent:
    ordinals = read_ordinals(row["ordinals"])
    return Intent(row["number"], row["target"], Action(row["action"]), ordinals, row["wave"], row["step"])
