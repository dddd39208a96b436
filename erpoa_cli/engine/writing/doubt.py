"""Systems without transactions: every row has an outcome of its own, and one without an answer is looked up
before anything is repeated.

What "looked up" means depends on how the object makes a create safe (`CreateSafety`): by an idempotency key the
call is simply made again; by our reference the row is sought first; where there is neither, the row stays in doubt
until a person resolves it. Updates and deletes are always looked up: the row tells whether they happened. So are the
calls that move a document: its state tells (`moved`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import ID, NOW, WANTED
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.engine.writing import moved
from erpoa_cli.engine.writing.batch import Batch
from erpoa_cli.engine.writing.believed import believed
from erpoa_cli.engine.writing.desk import Desk
from erpoa_cli.engine.writing.made import is_told
from erpoa_cli.engine.writing.reading import find, identifiers, needs_reading, read_back
from erpoa_cli.engine.writing.write import ATTEMPTS, as_wanted, checked, same, wait
from erpoa_cli.sdk.connector import OUTCOMES, CreateSafety, Movable, WriteBatch
from erpoa_cli.sdk.errors import Duplicate, Fatal, InDoubt, Rejected, SystemFailure, Transient

Ask = Callable[[Batch], WriteBatch]
Said = Mapping[int, str]  # ordinal → why its outcome is not known

_UNKNOWN = "the answer to it was lost"
_NEVER_REPEATED = "; the system cannot tell whether it happened, so it is not repeated"
_BETWEEN = "; it does not show in the state of the document whether it happened, so it is not repeated"
_SEVERAL = "; several rows have its reference {}"


@dataclass
class RowByRow:
    """Writes batches of one desk; *ask* makes the request of (a part of) a batch."""

    desk: Desk
    ask: Ask
    verify: bool
    pause: Callable[[float], None] = time.sleep
    _ended: list[pa.Table] = field(default_factory=list)

    def write(self, batch: Batch) -> pa.Table:
        """Write *batch* and give its outcomes in the columns of a journal entry. A document is called only where it is in
        the state that the call starts from.

        Raises what a system says of itself as a whole (`SystemFailure`), and `Transient` when it still says
        "later" after some attempts; nothing is lost then: `settle` looks up what was announced."""
        return self._walk(batch, {})

    def settle(self, batch: Batch, said: Said | None = None) -> pa.Table:
        """What became of *batch*, which was announced and never answered; what surely did not happen is written."""
        return self._walk(batch, said or dict.fromkeys(batch.ordinals, _UNKNOWN))

    def _walk(self, batch: Batch, unclear: Said) -> pa.Table:
        self._ended = []
        todo = batch if unclear or not batch.call else self._where_planned(batch)
        for attempt in range(ATTEMPTS):
            if unclear:
                todo = self._look(todo, unclear)
            if not todo.rows.num_rows:
                break
            unclear, later = self._send(todo, again=attempt > 0)
            todo = _only(todo, {*unclear, *later})
            if not todo.rows.num_rows:
                break
            if attempt == ATTEMPTS - 1 and later:
                raise next(iter(later.values()))
            self.pause(wait(attempt, later.values()))
        else:
            self._end(todo, Outcome.IN_DOUBT, unclear)
        return pa.concat_tables(self._ended, promote_options="default").sort_by("ordinal")

    def _send(self, batch: Batch, *, again: bool) -> tuple[dict[int, str], dict[int, Transient]]:
        """Write once. Rows whose outcome is unclear, with the reason, and rows that surely were not written and may
        be later."""
        unclear: dict[int, str] = {}
        later: dict[int, Transient] = {}
        for outcomes, rest, error in self._asked(batch):
            if rest and isinstance(error, Transient):
                later |= dict.fromkeys(rest, error)
            elif rest:
                unclear |= dict.fromkeys(rest, str(error))
            lost = pc.equal(outcomes["outcome"], Outcome.IN_DOUBT.value)
            if again:  # what the first try made is in the way of the second
                lost = pc.or_(lost, pc.fill_null(pc.equal(outcomes["error_class"], Duplicate.word), False))
            for row in outcomes.filter(lost).select(OUTCOMES.names).to_pylist():
                if row["error_class"] == Transient.word:
                    later[row["ordinal"]] = Transient(row["error"] or _UNKNOWN)
                else:
                    unclear[row["ordinal"]] = row["error"] or _UNKNOWN
            self._keep(batch, outcomes.filter(pc.invert(lost)))
        return unclear, later

    def _asked(self, batch: Batch) -> Iterator[tuple[pa.Table, list[int], SystemFailure | None]]:
        """Answers of *batch*, the ordinals without one, and why; a batch refused as a whole is cut in two until the
        rows that are refused stand alone."""
        ask = self.ask(batch)
        answers: list[pa.RecordBatch] = []
        error: SystemFailure | None = None
        try:
            answers.extend(sent(self.desk, ask))
        except (Transient, InDoubt, Rejected) as raised:
            error = raised
        if error is None:
            yield checked(self.desk, ask, answers), [], None
            return
        told = {n for part in answers for n in part["ordinal"].to_pylist()}
        rest = [n for n in batch.ordinals if n not in told]
        if told:
            part = _only(batch, told)
            yield checked(self.desk, self.ask(part), answers), [], None
        if not isinstance(error, Rejected):
            yield OUTCOMES.empty_table(), rest, error
        elif len(rest) == 1:
            yield _refused(rest, error), [], None
        else:
            for half in (rest[: len(rest) // 2], rest[len(rest) // 2 :]):
                yield from self._asked(_only(batch, half))

    def _keep(self, batch: Batch, outcomes: pa.Table) -> None:
        if not outcomes.num_rows:
            return
        if not is_told(outcomes) and (self.verify or needs_reading(self.desk, batch, outcomes)):
            if batch.call:
                self.pause(self.desk.info.settles)
            outcomes = believed(self.desk, batch, read_back(self.desk, batch, outcomes))
        elif is_told(outcomes):
            outcomes = read_back(self.desk, batch, outcomes)
        self._ended.append(outcomes)

    def _look(self, batch: Batch, unclear: Said) -> Batch:
        """Settle the rows of *batch* that are *unclear* as far as the system shows them; the rows to write again."""
        safety = self.desk.info.create_safety
        aside = _only(batch, unclear)
        if batch.action is Action.CREATE and safety is CreateSafety.KEY:
            return batch  # the system itself sees that it is the same call
        if batch.action is Action.CREATE and safety is CreateSafety.NONE:
            self._end(aside, Outcome.IN_DOUBT, {n: w + _NEVER_REPEATED for n, w in unclear.items()})
            return _only(batch, set(batch.ordinals) - set(unclear))
        self.pause(self.desk.info.lingers + self.desk.info.settles)
        look = {Action.CREATE: self._created, Action.MOVE: self._moved}.get(batch.action, self._changed)
        written, lost = look(aside, unclear)
        if written:
            self._keep_found(_only(batch, written))
        return _only(batch, set(batch.ordinals) - set(written) - lost)

    def _created(self, batch: Batch, unclear: Said) -> tuple[list[int], set[int]]:
        """Ordinals of rows that exist by our reference, and of rows nobody can tell."""
        by = self.desk.target.match[0]
        found = self._found(batch, (), by, [WANTED(n) for n in by])
        several = [n for n, rows in found.items() if len(rows) > 1]
        words = _SEVERAL.format(", ".join(by))
        self._end(_only(batch, several), Outcome.IN_DOUBT, {n: unclear[n] + words for n in several})
        return [n for n, rows in found.items() if len(rows) == 1], set(several)

    def _changed(self, batch: Batch, unclear: Said) -> tuple[list[int], set[int]]:
        """Ordinals of rows that are as they were to become, and of rows that are neither so nor as they were."""
        ids = tuple(self.desk.id_types)
        found = self._found(batch, batch.fields, ids, [ID(n) for n in ids])
        if batch.action is Action.DELETE:
            return [n for n, rows in found.items() if not rows], set()
        if set(ids) & set(batch.fields):  # its identifier changes: it is there under the new one, or not yet
            after = [WANTED(n) if n in batch.fields else ID(n) for n in ids]
            found |= {n: rows for n, rows in self._found(batch, batch.fields, ids, after).items() if rows}
        written, moved = [], []
        for row in batch.rows.to_pylist():
            there = found[row["ordinal"]]
            if there and all(
                as_wanted(there[0][n], row[WANTED(n)], self.desk.types[n]) for n in batch.fields
            ):
                written.append(row["ordinal"])
            elif not there or not all(
                same(there[0][n], row[NOW(n)], self.desk.types[n]) for n in batch.fields
            ):
                moved.append(row["ordinal"])
        words = "; the row is neither as it was nor as planned"
        self._end(_only(batch, moved), Outcome.STALE, {n: unclear[n] + words for n in moved})
        return written, set(moved)

    def _where_planned(self, batch: Batch) -> Batch:
        """The documents of *batch* that are where its call starts from."""
        ready, done = [], []
        elsewhere: dict[int, str] = {}
        for ordinal, state, now in self._states(batch):
            match moved.before(state, now):
                case moved.Now.READY:
                    ready.append(ordinal)
                case moved.Now.DONE:
                    done.append(ordinal)
                case _:
                    elsewhere[ordinal] = (
                        f"it is {now or 'gone'} by now; the plan saw it {state.start or 'on its way'}"
                    )
        self._end(_only(batch, elsewhere), Outcome.STALE, elsewhere)
        if done:
            self._keep_found(_only(batch, done))
        return _only(batch, ready)

    def _moved(self, batch: Batch, unclear: Said) -> tuple[list[int], set[int]]:
        """Ordinals of documents that were moved, and of those that are in doubt or elsewhere."""
        written = []
        doubtful: dict[int, str] = {}
        elsewhere: dict[int, str] = {}
        repeatable = self.desk.info.create_safety is CreateSafety.KEY
        for ordinal, state, now in self._states(batch):
            match moved.after(state, now, repeatable=repeatable):
                case moved.Now.DONE:
                    written.append(ordinal)
                case moved.Now.DOUBTFUL:
                    doubtful[ordinal] = unclear[ordinal] + _BETWEEN
                case moved.Now.ELSEWHERE:
                    elsewhere[ordinal] = f"{unclear[ordinal]}; it is {now or 'gone'} by now"
                case moved.Now.READY:
                    pass
        self._end(_only(batch, doubtful), Outcome.IN_DOUBT, doubtful)
        self._end(_only(batch, elsewhere), Outcome.STALE, elsewhere)
        return written, {*doubtful, *elsewhere}

    def _states(self, batch: Batch) -> Iterator[tuple[int, moved.Called, str | None]]:
        """Per document what is called, and the state it is in (None: it is gone)."""
        lifecycle = self.desk.target.lifecycle
        assert lifecycle is not None
        ids = tuple(self.desk.id_types)
        found = self._found(batch, (lifecycle.field,), ids, [ID(n) for n in ids])
        for row in batch.rows.select(["ordinal", NOW(lifecycle.field), WANTED(lifecycle.field)]).to_pylist():
            ordinal, start, to = row.values()
            there = found[ordinal]
            now = (there[0][lifecycle.field] or "") if there else None
            yield ordinal, moved.Called(lifecycle, start or "", to, last=bool(batch.fields)), now

    def _found(
        self, batch: Batch, fields: Sequence[str], by: Sequence[str], columns: Sequence[str]
    ) -> dict[int, list[dict[str, Any]]]:
        """Per ordinal the rows of the system that have its values of *columns* in the fields *by*."""
        if not batch.rows.num_rows:
            return {}
        values = batch.rows.select(list(columns)).rename_columns(list(by))
        met: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in find(self.desk, fields, by, values).to_pylist():
            met.setdefault(tuple(row[n] for n in by), []).append(row)
        sought = zip(*(values[n].to_pylist() for n in by), strict=True)
        return {n: met.get(key, []) for n, key in zip(batch.ordinals, sought, strict=True)}

    def _keep_found(self, batch: Batch) -> None:
        """Rows that were met as written: read for their identifiers and for what the system made of them."""
        outcomes = _told(batch.ordinals, Outcome.APPLIED, {})
        if batch.action is not Action.CREATE:
            ids = identifiers(self.desk, batch)
            outcomes = pa.table({**{n: outcomes[n] for n in outcomes.schema.names}, **ids})
        self._ended.append(believed(self.desk, batch, read_back(self.desk, batch, outcomes)))

    def _end(self, batch: Batch, outcome: Outcome, words: Said) -> None:
        if batch.rows.num_rows:
            self._ended.append(_told(batch.ordinals, outcome, words))


def sent(desk: Desk, ask: WriteBatch) -> Iterator[pa.RecordBatch]:
    """The answers of the system to *ask*: a write, or a call that moves documents."""
    if not ask.call:
        return desk.session.write(ask)
    if not isinstance(desk.session, Movable):
        raise Fatal(f"connector {desk.plugin} cannot make the call {ask.call!r}")
    return desk.session.move(ask)


def _only(batch: Batch, ordinals: Iterable[int]) -> Batch:
    chosen = pc.is_in(batch.rows["ordinal"], pa.array(sorted(ordinals), pa.int64()))
    return replace(batch, rows=batch.rows.filter(chosen))


def _told(ordinals: Sequence[int], outcome: Outcome, words: Said) -> pa.Table:
    class_ = None if outcome is Outcome.APPLIED else outcome.value
    rows = [
        {"ordinal": n, "outcome": outcome.value, "error_class": class_, "error": words.get(n)}
        for n in ordinals
    ]
    return pa.Table.from_pylist(rows, OUTCOMES)


def _refused(ordinals: Sequence[int], error: Rejected) -> pa.Table:
    told = _told(ordinals, Outcome.REJECTED, dict.fromkeys(ordinals, str(error)))
    return told.set_column(2, "error_class", pa.array([error.word] * len(ordinals), pa.utf8()))
