"""A second look at what would be removed: a row may move while it is read, from where reading has not been to where it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from erpoa_cli.core.plan import Read
from erpoa_cli.core.reconcile.desired import wanted_keys
from erpoa_cli.core.reconcile.shape import key_text_sql, table
from erpoa_cli.core.situation import REMOVALS, Situation, does
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.changes import withhold
from erpoa_cli.engine.changes.diff import Task
from erpoa_cli.engine.relations.chain import stage
from erpoa_cli.engine.stages.values import Choice, Context, Described
from erpoa_cli.engine.staging import Staging

_ABSENT = (Situation.SOURCE_GONE, Situation.FOREIGN)


def look_again(
    ctx: Context, choice: Choice, described: Described, reads: Mapping[str, Read], tasks: Sequence[Task]
) -> None:
    """Withhold removals of rows that are there when their sources are read once more, whole and all of them, and the models
    are built on that: those of targets whose sources were not seen in one moment. One second read serves all targets."""
    bound, options = described.bound, ctx.options
    if options.adopt or options.drift_only:
        return
    doubtful = [
        task
        for task in tasks
        if task.name in choice.selected
        and not task.evidence.whole
        and not in_one_moment(bound, task.feed.name, reads)
    ]
    gone = {task.name: keys for task in doubtful if (keys := _removals(ctx, task))}
    wanted = [task for task in doubtful if task.name in gone]
    if not wanted:
        return
    if options.offline:
        why = "its sources were read at different moments, and offline nothing is looked at again"
        for task in wanted:
            withhold.not_gone(task.shape, ctx.staging, dict.fromkeys(gone[task.name], why))
        return
    with Staging(ctx.root, as_of=options.as_of, sensitive=bound.sensitive) as second:
        staged = stage(
            bound,
            ctx.connections,
            second,
            ctx.state,
            {task.feed.name for task in wanted},
            again=True,
            sealer=ctx.sealer,
            listener=ctx.listener,
        )
        for task in wanted:
            if unproven := staged.built.evidence(task.feed.name):
                found = dict.fromkeys(gone[task.name], f"read a second time: {unproven}")
            else:
                why = "it was there when its sources were read a second time"
                found = dict.fromkeys(_there(second, task, gone[task.name]), why)
            withhold.not_gone(task.shape, ctx.staging, found)


def in_one_moment(bound: Bound, relation: str, reads: Mapping[str, Read]) -> bool:
    """Whether all that *relation* is made of was seen in one moment: then nothing can have moved while it was read."""
    models = bound.project.transforms
    asked = {f"actual.{t}" for n in bound.made_of(relation) if n in models for t in models[n].actuals}
    moments = {reads[n].verdict.evidence.get("moment") for n in bound.behind(relation) | asked if n in reads}
    return len(moments) < 2 and None not in moments


def _removals(ctx: Context, task: Task) -> list[str]:
    absent = ", ".join(f"'{situation}'" for situation in _ABSENT)
    removed = does(*REMOVALS) + (" OR undoing" if task.shape.state else "")
    keys = ctx.staging.sql(
        f"SELECT {key_text_sql(task.shape, '')} AS key FROM {table('diff', task.name)} "
        f"WHERE kind IS NULL AND situation IN ({absent}) AND ({removed})"
    )
    return [key for key in keys["key"].to_pylist() if key]


def _there(second: Staging, task: Task, keys: Sequence[str]) -> list[str]:
    """Those of *keys* that the relation behind the target has."""
    place = f"{task.name}/gone"
    second.make("diff", place, pa.table({"key": pa.array(keys, pa.utf8())}), "SELECT * FROM incoming")
    found = second.sql(
        f"SELECT DISTINCT g.key FROM {table('diff', place)} g JOIN ({wanted_keys(task.shape, task.feed)}) d "
        f"ON g.key = {key_text_sql(task.shape, 'd.')}"
    )
    return [str(key) for key in found["key"].to_pylist()]
