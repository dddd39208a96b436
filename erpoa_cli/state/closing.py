"""What the end of a run leaves behind: which systems it was, rejections, doubts, tasks for people, reads and bookmarks."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from erpoa_cli.core.columns import KEY, WANTED
from erpoa_cli.core.plan import Member
from erpoa_cli.core.situation import Action, Outcome
from erpoa_cli.state import planjson
from erpoa_cli.state.columns import key_texts, match_keys
from erpoa_cli.state.control import Control, now
from erpoa_cli.state.digest import desired_digests
from erpoa_cli.state.entries import read_payload
from erpoa_cli.state.fold import last_words
from erpoa_cli.state.layout import Layout
from erpoa_cli.state.planfile import PlanFile
from erpoa_cli.state.seal import Sealer
from erpoa_cli.state.texts import Array, flat


def remember_systems(control: Control, environment: str, plan: PlanFile) -> None:
    """Which systems the rows are of that are remembered from now on. What is known already stays: only a person says
    that a name stands for another system."""
    identities = {target["system"]: target["identity"] for target in plan.targets.values()}
    identities |= {
        read.system: read.verdict.evidence["identity"]
        for read in plan.reads
        if read.verdict.evidence.get("identity")
    }
    control.run_many(
        """INSERT INTO systems (environment, system, identity, trial, since) VALUES (?, ?, ?, '', ?)
           ON CONFLICT (environment, system) DO NOTHING""",
        [(environment, system, identity, now()) for system, identity in identities.items() if identity],
    )


def remember_rejections(
    control: Control, environment: str, run: str, plan: PlanFile, sealer: Sealer | None
) -> None:
    """Add rows that were rejected, drop those that were applied. Attempts are counted while the desired row
    stays the same; closing a run again does not count again."""
    at = now()
    for target, results in _results(control, environment, run):
        layout = plan.layout(target)
        rejected = results.filter(pc.equal(results["outcome"], Outcome.REJECTED.value))
        before = control.rows(
            "SELECT key FROM rejected WHERE environment = ? AND target = ?", environment, target
        )
        if before:
            written = results.filter(pc.equal(results["outcome"], Outcome.APPLIED.value))
            gone = _written_keys(plan, layout, flat(written["ordinal"])) & {row["key"] for row in before}
            control.run_many(
                "DELETE FROM rejected WHERE environment = ? AND target = ? AND key = ?",
                [(environment, target, key) for key in gone],
            )
        if not rejected.num_rows:
            continue
        rejected = rejected.sort_by("ordinal")
        rows = plan.table(Member.CHANGES, target, sealer, ordinals=flat(rejected["ordinal"]))
        if layout.state:
            rows = _with_goals(plan, layout, rows)
        facts = zip(
            key_texts(rows, layout.key),
            desired_digests(layout, rows, sealer),
            _words(rejected, "error_class"),
            _words(rejected, "error"),
            strict=True,
        )
        control.run_many(
            """INSERT INTO rejected
               (environment, target, key, digest, error_class, reason, first_seen, last_seen, attempts, run)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
               ON CONFLICT (environment, target, key) DO UPDATE SET
               first_seen = CASE WHEN rejected.digest = excluded.digest THEN rejected.first_seen ELSE excluded.first_seen END,
               attempts = CASE WHEN rejected.digest <> excluded.digest THEN 1
                               WHEN rejected.run = excluded.run THEN rejected.attempts
                               ELSE rejected.attempts + 1 END,
               digest = excluded.digest, error_class = excluded.error_class, reason = excluded.reason,
               last_seen = excluded.last_seen, run = excluded.run""",
            [(environment, target, *fact, at, at, run) for fact in facts],
        )


def _with_goals(plan: PlanFile, layout: Layout, rows: pa.Table) -> pa.Table:
    """*rows* of documents whose state is the one that the last step of the document leads to."""
    state = WANTED(layout.state)
    every = plan.table(
        Member.CHANGES, layout.target, columns=["step", state, *(KEY(name) for name in layout.key)]
    )
    every = every.append_column("key", match_keys(every, layout.key))
    last = every.sort_by([("step", "descending")])
    goals = last[state].take(
        pc.index_in(match_keys(rows, layout.key), value_set=last["key"].combine_chunks())
    )
    return rows.set_column(rows.schema.get_field_index(state), state, goals)


def remember_doubts(control: Control, environment: str, run: str, plan: PlanFile) -> None:
    """Add rows whose outcome is still unknown, drop those of this run that are known by now."""
    at = now()
    control.run("DELETE FROM doubts WHERE environment = ? AND run = ?", environment, run)
    for target, results in _results(control, environment, run):
        doubtful = results.filter(pc.equal(results["outcome"], Outcome.IN_DOUBT.value)).sort_by("ordinal")
        if not doubtful.num_rows:
            continue
        rows = plan.table(Member.CHANGES, target, ordinals=flat(doubtful["ordinal"]))
        facts = zip(
            key_texts(rows, plan.layout(target).key),
            rows["ordinal"].to_pylist(),
            rows["action"].to_pylist(),
            _words(doubtful, "error"),
            strict=True,
        )
        control.run_many(
            """INSERT INTO doubts (environment, target, key, run, ordinal, action, reason, since)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            [(environment, target, key, run, *fact, at) for key, *fact in facts],
        )


def settle_doubts(control: Control, environment: str, run: str, plan: PlanFile) -> int:
    """Drop doubts of earlier runs that the look of *plan* settled: its row was recognised, or written since, or (of what was no
    create and no call) nothing about it differs; how many."""
    settled: list[tuple[str, str]] = []
    for target in plan.targets:
        doubts = control.rows(
            "SELECT key, action FROM doubts WHERE environment = ? AND target = ? AND run <> ?",
            environment,
            target,
            run,
        )
        if not doubts:
            continue
        named = {m: _member_keys(plan, m, target) for m in Member if target in plan.members(m)}
        done = named.get(Member.STATE, set()) | _applied_keys(control, environment, run, plan, target)
        every = set[str]().union(*named.values())
        for doubt in doubts:
            repeatable = Action(doubt["action"]) not in (Action.CREATE, Action.MOVE)
            if doubt["key"] in done or (repeatable and doubt["key"] not in every):
                settled.append((target, doubt["key"]))
    control.run_many(
        "DELETE FROM doubts WHERE environment = ? AND target = ? AND key = ?",
        [(environment, target, key) for target, key in settled],
    )
    return len(settled)


def _member_keys(plan: PlanFile, member: Member, target: str) -> set[str]:
    key = plan.layout(target).key
    batches = plan.batches(member, target, columns=[KEY(name) for name in key])
    return {text for batch in batches for text in key_texts(batch, key)}


def _applied_keys(control: Control, environment: str, run: str, plan: PlanFile, target: str) -> set[str]:
    for name, results in _results(control, environment, run):
        if name == target:
            written = results.filter(pc.equal(results["outcome"], Outcome.APPLIED.value))
            return _written_keys(plan, plan.layout(target), flat(written["ordinal"]))
    return set()


def remember_tasks(control: Control, environment: str, run: str, plan: PlanFile) -> None:
    """What the plan leaves to people is what is left to them now: new tasks are open from here on, those of its targets
    that it does not tell any more are closed."""
    at = now()
    for target in plan.targets:
        told: dict[str, tuple[str, str]] = {}
        if target in plan.members(Member.TASKS):
            rows = plan.table(Member.TASKS, target)
            facts = zip(_words(rows, "code"), _words(rows, "reason"), strict=True)
            told = dict(zip(key_texts(rows, plan.layout(target).key), facts, strict=True))
        open_ = control.rows(
            "SELECT key FROM tasks WHERE environment = ? AND target = ?", environment, target
        )
        control.run_many(
            "DELETE FROM tasks WHERE environment = ? AND target = ? AND key = ?",
            [(environment, target, row["key"]) for row in open_ if row["key"] not in told],
        )
        control.run_many(
            """INSERT INTO tasks (environment, target, key, code, reason, since, run) VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (environment, target, key) DO UPDATE SET code = excluded.code, reason = excluded.reason""",
            [(environment, target, key, *fact, at, run) for key, fact in told.items()],
        )


def _written_keys(plan: PlanFile, layout: Layout, ordinals: Array) -> set[str]:
    keys = plan.batches(
        Member.CHANGES, layout.target, columns=[KEY(name) for name in layout.key], ordinals=ordinals
    )
    return {key for batch in keys for key in key_texts(batch, layout.key)}


def remember_reads(control: Control, environment: str, run: str, plan: PlanFile) -> None:
    """The plan's reads become those of the last applied plan; bookmarks move to their watermarks."""
    entries = {entry["relation"]: entry for entry in planjson.reads_to_json(plan.reads, plan.header)["reads"]}
    control.run_many(
        """INSERT INTO reads (environment, relation, content, watermark, run) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (environment, relation) DO UPDATE
           SET content = excluded.content, run = excluded.run,
           watermark = CASE WHEN excluded.watermark = '' THEN reads.watermark ELSE excluded.watermark END""",
        [
            (environment, relation, json.dumps(entry, ensure_ascii=False), _watermark(entry["evidence"]), run)
            for relation, entry in entries.items()
        ],
    )


def _watermark(evidence: dict[str, object]) -> str:
    watermark = evidence.get("watermark")
    return "" if watermark is None else str(watermark)


def _results(control: Control, environment: str, run: str) -> Iterator[tuple[str, pa.Table]]:
    """Per target what was recorded last of every row of the run."""
    payloads: dict[str, list[tuple[int, pa.Table]]] = {}
    for row in control.rows(
        "SELECT * FROM results WHERE environment = ? AND run = ? ORDER BY sequence",
        environment,
        run,
    ):
        payloads.setdefault(row["target"], []).append((row["sequence"], read_payload(row["payload"])))
    for target, recorded in payloads.items():
        yield target, last_words(recorded)


def _words(table: pa.Table, name: str) -> list[str]:
    if name not in table.schema.names:
        return [""] * table.num_rows
    return [
        (word or "").replace("\0", "␀") for word in table[name].to_pylist()
    ]  # PostgreSQL keeps no NUL in text
