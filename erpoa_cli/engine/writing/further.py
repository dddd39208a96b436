"""Writes that would reach further now than when they were planned: rows of others that were hung on them since."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import ID, NOW
from erpoa_cli.core.lifecycle import UNDO
from erpoa_cli.core.situation import EDITS, Action, Outcome
from erpoa_cli.engine.reach import Leaving, in_words, reaches, touched
from erpoa_cli.engine.writing.batch import Batch, without
from erpoa_cli.engine.writing.desk import Desk

_SAID = "on it hang {} now, and {} when it was planned"


def without_further(
    desk: Desk, batch: Batch, leaving: Callable[[], Mapping[str, Leaving]]
) -> tuple[Batch, dict[int, tuple[Outcome, str]]]:
    """*batch* less the rows whose write reaches further than the plan says; those by ordinal, with the reason. *leaving*: rows of the
    same system that this plan deletes by itself and that nobody failed to delete so far."""
    known = {Action.DELETE: desk.info.hanging, **dict.fromkeys(EDITS, desk.info.following)}
    deletes = batch.action is Action.DELETE
    edges = [one for one in known.get(batch.action, ()) if deletes or touched(one, batch.fields)]
    if not edges or not batch.rows.num_rows:
        return batch, {}
    names = batch.rows.schema.names
    wanted = {name for one in edges for name in one.references}
    types = {n: t for n, t in desk.id_types.items() if n in wanted}
    types |= {n: t for n, t in desk.types.items() if n in wanted and n not in types and NOW(n) in names}
    columns = {n: batch.rows[(ID if n in desk.id_types else NOW)(n)].to_pylist() for n in types}
    rows = {
        str(ordinal): {n: canonical(columns[n][at], t) for n, t in types.items()}
        for at, ordinal in enumerate(batch.ordinals)
    }
    written = None if deletes else dict.fromkeys(rows, batch.fields)
    found = reaches(desk.info, rows, types, desk.session, desk.compare, leaving(), written)
    planned = dict(zip(batch.ordinals, batch.rows["reason"].to_pylist(), strict=True))
    problems: dict[int, tuple[Outcome, str]] = {}
    for ordinal, reach in ((int(name), reach) for name, reach in found.items()):
        told = planned[ordinal] or ""
        if told == UNDO:  # the last step of a document's way, which no plan counts
            further, told = bool(reach.beyond(desk.target.reach)) or not reach.known, ""
        else:
            further = not reach.within(told)
        if further:
            problems[ordinal] = Outcome.STALE, _SAID.format(in_words(reach.text), in_words(told) or "nothing")
    return (without(batch, problems), problems) if problems else (batch, {})
