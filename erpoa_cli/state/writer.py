"""Writing the state of one environment. A `StateWriter` is a held lock: who has one may write."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from erpoa_cli.core.columns import ID
from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.operator import Operator
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.state import audit, closing, edits, place, sharing
from erpoa_cli.state.control import Control, now
from erpoa_cli.state.image import refit
from erpoa_cli.state.journal import Journal
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.lock import Lock
from erpoa_cli.state.lost import refuse_lost
from erpoa_cli.state.moved import check_consumed, check_protected, check_state
from erpoa_cli.state.operator import current_operator
from erpoa_cli.state.planfile import PlanFile, exchanged
from erpoa_cli.state.reader import StateReader
from erpoa_cli.state.records import RESUMABLE, WHOLE, Doubt, Part, RunStatus
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array, one_value


def open_writer(
    root: Path,
    environment: str,
    url: place.URL = "",
    project: str = "",
    *,
    command: str = "",
    operator: Operator | None = None,
    lease: timedelta = timedelta(seconds=60),
) -> StateWriter:
    """The state of *environment*, locked for writing until the writer is closed; created when missing.

    *command* and *operator* (None: whoever runs this process) are recorded of all that is written. Failure E0520
    (LOCKED) names who holds the lock. A lock whose holder died on this machine, or did not renew it within *lease*, is
    taken over."""
    control = Control.writing(place.writing(root, url), project)
    try:
        refuse_lost(root, environment, url, control)
        return StateWriter(root, environment, control, operator or current_operator(), command, lease)
    except BaseException:
        control.close()
        raise


class StateWriter(StateReader):
    """Reads like a `StateReader` (the present, not the moment of opening) and writes under the lock.

    Every write checks the fencing number of the lock: a writer that lost its lock (it slept too long and
    another took over) is refused with E0521, LOCKED.
    """

    def __init__(
        self,
        root: Path,
        environment: str,
        control: Control,
        operator: Operator,
        command: str,
        lease: timedelta,
    ) -> None:
        """Use `erpoa_cli.state.open_writer`."""
        super().__init__(root, environment, control, self._writing)
        self._command = command
        self._who = operator.name
        self._serial = self._next_serial = 0
        self._lock = Lock(control, environment, operator, command, lease)
        with self._writing():
            control.run(
                """INSERT INTO environments (environment, lineage, serial, sequence) VALUES (?, ?, 0, 0)
                   ON CONFLICT (environment) DO NOTHING""",
                environment,
                str(uuid.uuid4()),
            )
            self._lineage = self.lineage
            self._next_serial = self.serial

    def take(self, plan: PlanFile) -> PlanFile:
        """The archived copy of *plan*, which nobody can exchange any more. Failure E0506 when the file is not the one
        that *plan* was opened from."""
        kept = PlanFile.open(self._archive.get(self._archive.add(plan.path)))
        if kept.header != plan.header:
            raise exchanged(plan.path)
        return kept

    def open_run(self, plan: PlanFile, sealer: Sealer | None = None, part: Part = WHOLE) -> Journal:
        """Archive the plan, mark it consumed and open its run, in one transaction; or go on with the run that wrote a part of
        it, where nothing else was written since. *part*: what of it is to be written now.

        Refused as STALE: a plan applied before (E0534); made from another state (E0535); a state that
        moved on since and touched rows of the plan (E0536)."""
        blob = self._archive.add(plan.path)
        kept = PlanFile.open(self._archive.get(blob))
        if kept.header != plan.header:
            raise exchanged(plan.path)
        check_protected(self, kept)
        begun = self.consumed_by(kept.header.id)
        if begun and begun.status is RunStatus.PAUSED and begun.serial == self.serial:
            return self._go_on(begun.id, kept, sealer, replace(part, begin=self._batches_of(begun.id)))
        run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        with self._writing():
            check_consumed(self, plan.header.id)
            check_state(self, kept)
            self._control.run(
                "UPDATE environments SET sequence = sequence + 1 WHERE environment = ?", self.environment
            )
            self._control.run(
                """INSERT INTO runs (environment, run, plan, blob, status, who, command, opened, sequence)
                   SELECT environment, ?, ?, ?, ?, ?, ?, ?, sequence FROM environments WHERE environment = ?""",
                run,
                kept.header.id,
                blob,
                RunStatus.RUNNING.value,
                self._who,
                self._command,
                now(),
                self.environment,
            )
            for paused in self._control.rows(
                "SELECT run FROM runs WHERE environment = ? AND status = ?",
                self.environment,
                RunStatus.PAUSED.value,
            ):
                self._control.sums.end_journal(paused["run"])  # nothing goes on with it any more
            self._control.sums.begin_journal(run)
            self._note("run opened", plan=kept.header.id, run=run, detail=_opening(kept, part))
        return self._journal(run, kept, sealer, part)

    def resume(self, run: str, sealer: Sealer | None = None) -> Journal:
        """The journal of a run, to be continued, settled or given up; KeyError when there is no such run. It still has the
        part of its plan that was asked for."""
        return self._go_on(run, self.plan(run), sealer, self._part(run))

    def _go_on(self, run: str, plan: PlanFile, sealer: Sealer | None, part: Part) -> Journal:
        with self._writing():
            self._control.run(
                "UPDATE runs SET status = ? WHERE environment = ? AND run = ?",
                RunStatus.RUNNING.value,
                self.environment,
                run,
            )
            self._note("run resumed", plan=plan.header.id, run=run, detail=_opening(plan, part))
        return self._journal(run, plan, sealer, part)

    def _part(self, run: str) -> Part:
        """What of its plan the run was asked for when it was opened, or gone on with, last."""
        said = self._control.row(
            """SELECT detail FROM audit WHERE environment = ? AND run = ? AND event IN ('run opened', 'run resumed')
               ORDER BY number DESC LIMIT 1""",
            self.environment,
            run,
        )
        part = json.loads(said["detail"]).get("part") if said else None
        if not part:
            return WHOLE
        targets = part["targets"]
        return Part(None if targets is None else tuple(targets), part["first"], part["begin"])

    def _batches_of(self, run: str) -> int:
        """The number that the next batch of *run* has."""
        row = self._control.row(
            "SELECT max(number) AS last FROM intents WHERE environment = ? AND run = ?", self.environment, run
        )
        return 0 if row is None or row["last"] is None else int(row["last"]) + 1

    def _journal(self, run: str, plan: PlanFile, sealer: Sealer | None, part: Part = WHOLE) -> Journal:
        return Journal(
            run,
            plan,
            self.environment,
            self._control,
            self._writing,
            lambda: list(self.batches(run, sealer)),
            lambda status: self._close_run(run, plan, status, sealer),
            sealer,
            part,
        )

    def _close_run(self, run: str, plan: PlanFile, status: RunStatus, sealer: Sealer | None) -> int:
        targets = sorted({*plan.members(Member.CHANGES), *plan.members(Member.STATE)})
        folded = [image for target in targets if (image := self._base.fold(target, sealer))]
        done = status in (RunStatus.APPLIED, RunStatus.PARTIAL)
        shared = sharing.share(self.root, self.environment, self._blobs, plan) if self._blobs and done else []
        with self._writing():
            serial = self._advance()
            sequence = self._sequence()
            for image in folded:
                self._base.point(image, sequence)
            closing.remember_systems(self._control, self.environment, plan)
            closing.remember_rejections(self._control, self.environment, run, plan, sealer)
            if status not in RESUMABLE:
                closing.remember_doubts(self._control, self.environment, run, plan)
            if done:
                settled = closing.settle_doubts(self._control, self.environment, run, plan)
                if settled:
                    self._note("doubts settled", plan=plan.header.id, run=run, detail={"rows": settled})
                closing.remember_tasks(self._control, self.environment, run, plan)
                closing.remember_reads(self._control, self.environment, run, plan)
                sharing.remember(self._control, self.environment, shared)
            self._control.run(
                "UPDATE runs SET status = ?, closed = ?, serial = ? WHERE environment = ? AND run = ?",
                status.value,
                now(),
                serial,
                self.environment,
                run,
            )
            if status not in RESUMABLE and status is not RunStatus.PAUSED:
                self._control.sums.end_journal(run)
            self._note(f"run {status.value}", plan=plan.header.id, run=run, detail={"serial": serial})
        self._prune(*(image.target for image in folded))
        return serial

    def resolve(
        self, doubt: Doubt, *, applied: bool, id: Mapping[str, str], reason: str, sealer: Sealer | None = None
    ) -> None:
        """Record what a person found out about a row in doubt (an `unsettled` one): whether it happened, and which row
        of theirs a create made (field → canonical text; KeyError when a field of its id is missing)."""
        plan, reason = self.plan(doubt.run), reason.replace("\0", "␀")  # PostgreSQL keeps no NUL in text
        layout = plan.layout(doubt.target)
        columns: dict[str, Array] = {"ordinal": pa.array([doubt.ordinal], pa.int64())}
        if applied:
            columns["outcome"] = pa.array([Outcome.APPLIED.value])
            if doubt.action is Action.CREATE:
                columns |= {ID(name): one_value(id[name], type_) for name, type_ in layout.id.items()}
        else:
            words = {
                "outcome": Outcome.REJECTED.value,
                "error_class": "resolved",
                "error": f"it did not happen: {reason}",
            }
            columns |= {name: pa.array([word]) for name, word in words.items()}
        self._journal(doubt.run, plan, sealer).record(self._number(doubt), pa.table(columns))
        folded = self._base.fold(doubt.target, sealer)
        with self._writing():
            if folded:
                self._base.point(folded, self._sequence())
            self._control.run(
                "DELETE FROM doubts WHERE environment = ? AND target = ? AND key = ?",
                self.environment,
                doubt.target,
                doubt.key,
            )
            detail = {"applied": applied, "reason": reason}
            self._edited("resolve", doubt.target, doubt.key, run=doubt.run, detail=detail)
        self._prune(doubt.target)

    def _number(self, doubt: Doubt) -> int:
        """The last batch in which the row was announced."""
        return max(
            batch.intent.number
            for batch in self.batches(doubt.run)
            if batch.intent.target == doubt.target and doubt.ordinal in batch.intent.ordinals.to_pylist()
        )

    def protect(self, target: str, reasons: Mapping[str, str]) -> None:
        """Never delete these rows (key JSON → why)."""
        with self._writing():
            for key, reason in reasons.items():
                self._protect(target, key, reason.replace("\0", "␀"))  # PostgreSQL keeps no NUL in text

    def _protect(self, target: str, key: str, reason: str) -> None:
        self._control.run(
            """INSERT INTO protected (environment, target, key, who, since, reason) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (environment, target, key) DO UPDATE
               SET who = excluded.who, since = excluded.since, reason = excluded.reason""",
            self.environment,
            target,
            key,
            self._who,
            now(),
            reason,
        )
        self._note("protect", detail={"target": target, "key": key, "reason": reason})

    def unprotect(self, target: str, key: str) -> bool:
        """Lift the protection of a row; whether it had one."""
        with self._writing():
            changed = self._control.run(
                "DELETE FROM protected WHERE environment = ? AND target = ? AND key = ?",
                self.environment,
                target,
                key,
            )
            self._note("unprotect", detail={"target": target, "key": key})
        return changed > 0

    def retry(self, target: str | None = None) -> int:
        """Forget recorded rejections, so that the next plan includes those rows; how many."""
        with self._writing():
            where = "WHERE environment = ?" + (" AND target = ?" if target else "")
            values = (self.environment, target) if target else (self.environment,)
            changed = self._control.run(f"DELETE FROM rejected {where}", *values)
            self._note("retry", detail={"target": target or "", "rows": changed})
        return changed

    def forget(self, target: str, keys: Collection[str] | None = None, sealer: Sealer | None = None) -> int:
        """Remove rows (key JSON), or all rows of a target, from the base; they stay in their system and are
        recognised anew by the next plan. How many there were."""
        layout, batches = self._base.at_rest(target, sealer)
        if layout is None:
            return 0
        if keys is None:
            return self._edit("forget", target, [(edits.EVERY, {})], edits.forget_all(batches, layout))
        return self._edit("forget", target, [(key, {}) for key in keys], edits.forget(batches, layout, keys))

    def adopt(
        self, layout: Layout, ids: Mapping[str, Mapping[str, str]], sealer: Sealer | None = None
    ) -> None:
        """Link each key (JSON) to their row's own id (field → canonical text); no field has a base yet."""
        stored, batches = self._base.at_rest(layout.target, sealer)
        rows = refit(batches, stored, layout, sealer) if stored else batches
        told = [(key, {"id": dict(given)}) for key, given in ids.items()]
        self._edit("adopt", layout.target, told, edits.adopt(rows, layout, ids))

    def rekey(self, target: str, renamed: Mapping[str, str], sealer: Sealer | None = None) -> int:
        """Give managed rows other keys (old → new, JSON texts): how many; none of them where a new key is in use. One that
        another of them gives up must come after it."""
        layout, batches = self._base.at_rest(target, sealer)
        if layout is None:
            return 0
        told = [part for old, new in renamed.items() for part in ((old, {"new": new}), (new, {"old": old}))]
        return self._edit(
            "rekey",
            target,
            told,
            edits.rekey(batches, layout, renamed),
            lambda: self._rename(target, renamed),
        )

    def _rename(self, target: str, renamed: Mapping[str, str]) -> None:
        """What is remembered of rows beside the base follows their keys."""
        for table in ("protected", "rejected", "doubts", "tasks"):
            for old, new in renamed.items():
                where = "WHERE environment = ? AND target = ? AND key = ?"
                if old == new or not self._control.rows(
                    f"SELECT key FROM {table} {where}", self.environment, target, old
                ):
                    continue
                self._control.run(f"DELETE FROM {table} {where}", self.environment, target, new)
                self._control.run(f"UPDATE {table} SET key = ? {where}", new, self.environment, target, old)

    def rebuild(self, target: str, sealer: Sealer | None = None) -> int | None:
        """Make the image of a target anew, of the archived plans, the journal and the audit trail: how many rows are
        managed; None when no run ever had one. Failure E0524 when an archived plan is not there, or damaged."""
        layout, batches = self._base.replayed(target, sealer)
        if layout is None:
            return None
        folded = self._base.write(layout, batches)
        with self._writing():
            self._base.point(folded, self._sequence())
            self._note("rebuild", detail={"target": target, "rows": folded.live})
        self._prune(target)
        return folded.live

    def declare_system(self, system: str, identity: str, *, trial: bool = False) -> None:
        """Say which system the rows are of that are remembered under the name *system*; with *trial*, that the one with
        this identity is a copy of it."""
        column = "trial" if trial else "identity"
        with self._writing():
            if trial:
                self._control.run(
                    "UPDATE systems SET trial = ? WHERE environment = ? AND system = ?",
                    identity,
                    self.environment,
                    system,
                )
            else:
                self._control.run(
                    """INSERT INTO systems (environment, system, identity, trial, since) VALUES (?, ?, ?, '', ?)
                       ON CONFLICT (environment, system) DO UPDATE
                       SET identity = excluded.identity, trial = '', since = excluded.since""",
                    self.environment,
                    system,
                    identity,
                    now(),
                )
            self._note("system declared", detail={"system": system, column: identity})

    def begin_anew(self, system: str, sealer: Sealer | None = None) -> int:
        """Forget every row of the targets of *system*, and how far its sources were read; how many rows."""
        targets = [name for name, layout in self.targets().items() if layout.system == system]
        rows = sum(self.forget(name, sealer=sealer) for name in targets)
        sources = [name for name, read in self.reads().items() if read.system == system]
        with self._writing():
            for table, column, names in (
                ("reads", "relation", sources),
                ("snapshots", "source", sources),
                *((table, "target", targets) for table in ("rejected", "doubts", "tasks", "protected")),
            ):
                self._control.run_many(
                    f"DELETE FROM {table} WHERE environment = ? AND {column} = ?",
                    [(self.environment, name) for name in names],
                )
        return rows

    def _edit(
        self,
        event: str,
        target: str,
        keys: Iterable[tuple[str, Mapping[str, object]]],
        edit: edits.Edit,
        also: Callable[[], None] = lambda: None,
    ) -> int:
        """Write the edited image and point to it; how many rows were edited (none: nothing changed). *keys*: with what
        the audit trail tells of each, in this order."""
        folded = self._base.write(edit.layout, edit.rows)
        edited = edit.applied()
        if not edited:
            return 0
        with self._writing():
            self._base.point(folded, self._sequence())
            also()
            for key, detail in keys:
                self._edited(event, target, key, detail=detail)
        self._prune(target)
        return edited

    def _prune(self, *targets: str) -> None:
        for target in targets:
            self._base.prune(target)
        if self._blobs:
            self._blobs.prune()

    def _edited(
        self, event: str, target: str, key: str, *, run: str = "", detail: Mapping[str, object] | None = None
    ) -> None:
        self._control.run(
            "INSERT INTO edits (environment, serial, target, key) VALUES (?, ?, ?, ?)",
            self.environment,
            self._advance(),
            target,
            key,
        )
        self._note(event, run=run, detail={"target": target, "key": key, **(detail or {})})

    def record_audit(
        self, event: str, *, plan: str = "", run: str = "", detail: Mapping[str, object]
    ) -> None:
        """Add a record to the audit trail."""
        with self._writing():
            self._note(event, plan=plan, run=run, detail=detail)

    def _note(
        self, event: str, *, plan: str = "", run: str = "", detail: Mapping[str, object] | None = None
    ) -> None:
        audit.append(
            self._control,
            who=self._who,
            environment=self.environment,
            command=self._command,
            event=event,
            plan=plan,
            run=run,
            detail=json.dumps(detail or {}, ensure_ascii=False, sort_keys=True),
        )

    def _advance(self) -> int:
        """Inside a transaction: the next serial, if the state is still where we left it. Only a store that was put
        back to an older copy, or written past the lock, can have moved."""
        moved = self._control.run(
            "UPDATE environments SET serial = ? WHERE environment = ? AND lineage = ? AND serial = ?",
            self._next_serial + 1,
            self.environment,
            self._lineage,
            self._next_serial,
        )
        if moved != 1:
            raise Failure(
                Diagnostic(
                    "E0529",
                    f"the state of {self.environment!r} moved while we held its lock; nothing more is written",
                    detail=f"Serial {self._next_serial} was expected, {self.serial} is there.",
                    remedy="find out who put it back or wrote to it, then run `erpoa resume`",
                ),
            )
        self._next_serial += 1
        return self._next_serial

    def _sequence(self) -> int:
        row = self._row("SELECT sequence FROM environments WHERE environment = ?")
        return int(row["sequence"]) if row else 0

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """A transaction that begins by checking that the lock is still ours."""
        self._next_serial = self._serial
        with self._control.transaction():
            self._lock.check()
            yield
        self._serial = self._next_serial

    def close(self) -> None:
        """Release the lock."""
        try:
            self._lock.release()
        finally:
            super().close()


def _opening(plan: PlanFile, part: Part) -> dict[str, Any]:
    """What the audit tells of a run that begins, or goes on."""
    told: dict[str, Any] = {"digest": plan.header.effects_digest}
    return told if part == WHOLE else {**told, "part": asdict(part)}
