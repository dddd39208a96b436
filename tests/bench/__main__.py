"""`make bench`: runs every measurement and writes the tables of docs/performance.md; sections that are named are
measured alone and take the place of theirs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench import api, plan_file, served, start_up, whole_plan
from tests.bench.measure import Row, Section, Spent, process_output

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"

HEAD = """# Performance

Written by `make bench`, or `make bench BENCH_ARGS=NAME…` for single sections. Every figure stands beside a limit typed by hand and
measured in the same run, in turns, so that a slow moment meets both. Read the ratios: seconds are the machine's, ratios are ours.
An aim that is missed is printed all the same. The suite never judges times. reladiff (`pip install reladiff mysql-connector-python
psycopg2-binary`) and sling (the binary in the package `sling-linux-amd64`) are measured too where they are on the path.

"""
_MARK = "<!-- section {} -->"


def staged_diff(rows: int, times: int) -> Section:
    """The diff runs in a process of its own, so that its memory is its own."""
    told = json.loads(process_output([sys.executable, "-m", "tests.bench.diff", str(rows), str(times)], ROOT))
    spent = {name: [Spent(**one) for one in all_] for name, all_ in told["spent"].items()}
    three_way = []
    if "by hand, with base" in spent:
        three_way = [
            Row("by hand, with base", spent["by hand, with base"]),
            Row(
                "erpoa, steady state, against the three-way join",
                spent["erpoa"],
                "by hand, with base",
                "≤ 1.5 ×",
            ),
        ]
    first = []
    if "erpoa, first plan" in spent:
        first = [
            Row("by hand, D and A, without base", spent["by hand, D and A, without base"]),
            Row("by hand, D and A, every row kept", spent["by hand, D and A, every row kept"]),
            Row(
                "erpoa, first plan, against D and A",
                spent["erpoa, first plan"],
                "by hand, D and A, without base",
                "≤ 1.5 ×",
            ),
            Row(
                "erpoa, first plan, against every row kept",
                spent["erpoa, first plan"],
                "by hand, D and A, every row kept",
            ),
        ]
    return Section(
        f"Diff of {rows:,} × 15 against {rows:,} × 15, staged",
        f"1 % changed, 0.25 % missing, 0.25 % more. Resident memory: {told['staged']:,.0f} MB with D, A and the base (two images "
        f"of every field) staged, {told['peak']:,.0f} MB at the peak. By hand, D and A: one full join, all columns compared. With base: "
        "the three-way comparison that the rules need. A first plan has no base: every row found equal is adopted, so that erpoa lists all "
        "rows with both images, where the join by hand keeps only those that differ. erpoa: recognition, repeated keys, normalisation, situations, reasons.",
        [
            Row("by hand, D and A", spent["by hand, D and A"]),
            *three_way,
            Row("erpoa, steady state, against D and A", spent["erpoa"], "by hand, D and A"),
            *first,
        ],
    )


SECTIONS: dict[str, Callable[[int], Section]] = {
    "diff-1m": lambda times: staged_diff(1_000_000, times),
    "diff-10m": lambda times: staged_diff(10_000_000, min(times, 2)),
    "plan-file": plan_file.section,
    "start-up": start_up.section,
    "validate": start_up.validation,
    "whole-plan": whole_plan.section,
    "read-postgres": lambda times: served.reading("PostgreSQL", times),
    "read-mariadb": lambda times: served.reading("MariaDB", times),
    "apply-postgres": lambda times: served.applying("PostgreSQL", min(times, 3)),
    "apply-mariadb": lambda times: served.applying("MariaDB", min(times, 3)),
    "copy-postgres": lambda times: served.copying(min(times, 3)),
    "follow-postgres": lambda times: served.following(min(times, 3)),
    "api-create": lambda times: api.creating(min(times, 3)),
    "api-read": lambda times: api.reading(min(times, 3)),
    "postgres-mariadb": lambda times: served.across(min(times, 3)),
}


def written(name: str, text: str) -> None:
    """The page with *text* as its section *name*, in the order of SECTIONS."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    known = {n: _between(page, n) for n in SECTIONS} | {name: text}
    parts = [f"{_MARK.format(n)}\n{known[n]}" for n in SECTIONS if known[n]]
    PAGE.write_text(HEAD + "\n".join(parts), encoding="utf-8")


def _between(page: str, name: str) -> str:
    _, found, rest = page.partition(_MARK.format(name) + "\n")
    return rest.partition("\n" + _MARK.partition("{")[0])[0] if found else ""


def _section(section: Section, where: str) -> str:
    lines = [
        f"## {section.title}", "", section.words, "", where, "",
        "| case | n | seconds, median (min–max) | processor seconds | peak MB | ratio to its limit (processor) | aim |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    medians = {row.name: row.median for row in section.rows}
    processors = {row.name: row.processor for row in section.rows}
    for row in section.rows:
        seconds = [s.seconds for s in row.spent]
        span = f"{row.median:.3f} ({min(seconds):.3f}–{max(seconds):.3f})"
        ratio = f"{row.median / medians[row.limit]:.2f} ×" if row.limit else ""
        worked, limit = row.processor, processors.get(row.limit)
        if worked and limit:
            ratio += f" ({worked / limit:.2f} ×)"
        processor = f"{worked:.2f}" if worked else ""
        peak = f"{row.peak:,.0f}" if row.peak else ""
        lines.append(f"| {row.name} | {len(seconds)} | {span} | {processor} | {peak} | {ratio} | {row.aim} |")
    return "\n".join([*lines, ""])


def machine() -> str:
    names = ("duckdb", "pyarrow")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python "
        f"{platform.python_version()}, "
        + ", ".join(f"{n} {version(n)}" for n in names)
        + f"; load before the run {load:.1f}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "sections",
        nargs="*",
        choices=[*SECTIONS, []],
        metavar="NAME",
        help=f"default: all of {', '.join(SECTIONS)}",
    )
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    for name in asked.sections or SECTIONS:
        where = machine()
        text = _section(SECTIONS[name](asked.times), where)
        print(text, flush=True)
        written(name, text)


if __name__ == "__main__":
    main()
