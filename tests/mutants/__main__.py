"""`make mutants`: changes single lines of the program and tells which changes no fast test notices."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.mutants import bodies, pytest_run, tree
from tests.mutants.cover import LIMIT, Cover, cover
from tests.mutants.mutations import Mutation, choose, sources
from tests.runs import Run

ROOT = Path(__file__).parents[2]
BUDGET = LIMIT  # for all tests that judge one mutation, the quickest first, by what they took when they were recorded
PATIENCE = 10.0  # seconds of the processor that a test may take on top of ten times its own

UNCOVERED = "uncovered"  # a survivor, too: no test comes by
SURVIVORS = ("survived", UNCOVERED)


def judged(
    root: Path, seed: int, count: int, at_once: int, commit: str | None, tell: Callable[[str], None]
) -> list[tuple[Mutation, str, str]]:
    """Every mutation with what came of it and the test that noticed it."""
    with tempfile.TemporaryDirectory(prefix="erpoa-mutants-") as temporary:
        place = Path(temporary).resolve()
        tree.lay(root, place, commit)
        mutations = choose(place, seed, count)
        covered = cover(place, at_once, tell)
        _tell_of(place, covered, tell)
        done: dict[int, tuple[str, str]] = {}
        asked = []
        for number, mutation in enumerate(mutations):
            if tests := _judges(covered, mutation):
                asked.append(
                    {"number": number, "file": mutation.file, "source": mutation.source, "tests": tests}
                )
            else:
                done[number] = UNCOVERED, ""
        for answer in pytest_run.answers(place, {"at_once": at_once, "mutations": asked}):
            if "unsound" in answer:
                tell(f"left out, it fails by itself: {answer['unsound']}")
                continue
            done[answer["number"]] = answer["outcome"], answer["test"]
            tell(f"{len(done)} of {len(mutations)} mutations")
    return [(mutation, *done[number]) for number, mutation in enumerate(mutations)]


def _judges(covered: Cover, mutation: Mutation) -> list[tuple[str, float]]:
    """The tests that judge *mutation*, the quickest files first, each with its limit in seconds."""
    chosen: dict[str, list[str]] = {}
    left = BUDGET
    for name in covered.tests(mutation.file, mutation.line):
        left -= covered.seconds[name]
        if left < 0:
            break
        chosen.setdefault(name.partition("::")[0], []).append(name)
    # Tests of one file stay together, for they share what their fixtures have made.
    return [(name, PATIENCE + 10 * covered.seconds[name]) for names in chosen.values() for name in names]


def _tell_of(place: Path, covered: Cover, tell: Callable[[str], None]) -> None:
    left_out = ", ".join(f"{n} ({why})" for why, n in covered.reasons().most_common())
    tell(f"{len(covered.seconds)} tests judge; left out: {left_out or 'none'}")
    lines: Counter[str] = Counter()
    bare: Counter[str] = Counter()
    for file in sources(place):
        ran = bodies.lines((place / file).read_text(encoding="utf-8"), file)
        lines[package(file)] += len(ran)
        bare[package(file)] += len(ran - covered.lines(file))
    for name in lines:
        tell(f"{name}: {bare[name]} of {lines[name]} lines that run in functions are covered by none")


def package(file: str) -> str:
    return "/".join(Path(file).parts[:2])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--tests", metavar="COMMIT", help="judge by the tests of this commit")
    parser.add_argument("--survivors", action="store_true", help="show only those that no test noticed")
    parser.add_argument("--at-most", type=int, metavar="N", help="exit 1 when more survive")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    run = Run()
    try:
        results = judged(
            ROOT, asked.seed, asked.count, asked.jobs, asked.tests,
            lambda words: print(words, file=sys.stderr, flush=True),
        )  # fmt: skip
    finally:
        run.end()
    for mutation, outcome, test in results:
        if outcome in SURVIVORS or not asked.survivors:
            by = f" by {test}" if test and outcome not in SURVIVORS else ""
            print(f"{outcome}: {mutation.file}:{mutation.line} {mutation.operator}{by}")
            print(f"  - {mutation.before}\n  + {mutation.after}")
    everywhere = Counter(package(mutation.file) for mutation, _, _ in results)
    for name in everywhere:
        outcomes = Counter(outcome for mutation, outcome, _ in results if package(mutation.file) == name)
        print(f"{name}: {', '.join(f'{n} {outcome}' for outcome, n in sorted(outcomes.items()))}")
    survivors = sum(outcome in SURVIVORS for _, outcome, _ in results)
    print(f"{len(results)} mutations, {survivors} survivors")
    return 1 if asked.at_most is not None and survivors > asked.at_most else 0


if __name__ == "__main__":
    sys.exit(main())
