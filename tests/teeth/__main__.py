"""`make teeth`: breaks one line after the other, each for a promise of the documentation, and runs the tests that must
notice. Exit 1 when one is not caught.

    python -m tests.teeth                          all of them, one per processor at a time
    python -m tests.teeth --only engine/held       those whose name begins so; may be repeated
    python -m tests.teeth --list                   name and promise of each
    python -m tests.teeth --check                  only whether every text is there once and every test exists
    python -m tests.teeth --against COMMIT         in the tree of a commit, with the tests that it had

To add one, write an entry into a file beside this one:

    - name: failed-read
      promise: a read that failed is never an empty relation
      old: one line of the program, or a part of it, that stands nowhere else
      new: what breaks the promise, and nothing else
      tests: [tests/unit/engine/relations/test_read.py::test_a_read_that_breaks_off_has_no_rows_at_all]

and run it alone. The tests run once as it is, and must pass; then in a copy with the line broken, and each must fail. A line
that breaks imports, syntax or everything proves nothing: choose one that only this promise hangs on, and tests that are
quick. When code moves nothing has to be done; when it changes, find the line that keeps the promise now.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from tests.teeth.breakage import Breakage, breakages, occurrences, shipped
from tests.teeth.tree import Tree, trees
from tests.teeth.trial import FAILED, LIMIT, PASSED, TESTS_FAILED, Ran, collected, run

CAUGHT = "caught"
NOT_CAUGHT = "NOT CAUGHT"
GONE = "no longer applies"
UNTESTED = "no test"
UNPROVEN = "proves nothing"
IN_ORDER = "in order"
ALL_OF_THEM = 3600  # seconds for all tests that are named, unbroken


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make teeth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--against", metavar="COMMIT")
    asked = parser.parse_args()
    chosen = [b for b in breakages() if b.name.startswith(tuple(asked.only) or "")]
    if not chosen:
        parser.error("no breakage has such a name")
    if asked.list:
        for each in chosen:
            print(f"{each.name:40} {each.promise}")
        return 0
    began = time.monotonic()
    at_once = 1 if asked.check else min(os.cpu_count() or 1, len(chosen))
    with trees(at_once, asked.against) as copies:
        verdicts = _verdicts(copies, chosen, check=asked.check, past=asked.against is not None)
    for file in dict.fromkeys(name.partition("/")[0] for name in verdicts):
        print(f"{file:18} {_summary(v for name, v in verdicts.items() if name.startswith(f'{file}/'))}")
    print(f"{'all':18} {_summary(verdicts.values())}; {time.monotonic() - began:.0f} s")
    return 0 if set(verdicts.values()) <= {CAUGHT, IN_ORDER} else 1


def _summary(verdicts: Iterable[str]) -> str:
    return ", ".join(f"{n} {verdict}" for verdict, n in Counter(verdicts).most_common())


def _verdicts(
    copies: Sequence[Tree], chosen: Sequence[Breakage], *, check: bool, past: bool
) -> dict[str, str]:
    """The verdict of every breakage, each printed when it is known. With *past*, some of its tests may not be there."""
    there = collected(copies[0], sorted({t.split("::")[0] for b in chosen for t in b.tests}))
    texts = shipped(copies[0].root)
    verdicts = {each.name: IN_ORDER for each in chosen}
    standing: list[Breakage] = []
    for each in chosen:
        places = len(occurrences(each, texts))
        missing = [t for t in each.tests if t not in there]
        if places != 1:
            verdicts[each.name] = _told(each, GONE, 0, f"its text is there {places} times")
        elif len(missing) > (len(each.tests) - 1 if past else 0):
            verdicts[each.name] = _told(each, UNTESTED, 0, f"not there: {', '.join(missing)}")
        elif not check:
            standing.append(each)
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in copies:
        free.put(tree)
    with ThreadPoolExecutor(len(copies)) as pool:
        named = sorted({t for b in standing for t in b.tests if t in there})
        whole = [*pool.map(lambda tests: _with(free, tests, ALL_OF_THEM), _shared(named, len(copies)))]
        passed = {t for t in named if any(r.told(t, PASSED) and not r.told(t, FAILED) for r in whole)}
        for ran in whole:
            if ran.exit != 0:
                print(f"unbroken, pytest ends in {ran.exit}:\n{ran.said[-4000:]}")
        told = pool.map(lambda b: _tried(free, b, _known(b, there), passed), standing)
        return verdicts | dict(zip((each.name for each in standing), told, strict=True))


def _known(breakage: Breakage, there: Iterable[str]) -> list[str]:
    return [t for t in breakage.tests if t in there]


def _shared(tests: Sequence[str], count: int) -> list[list[str]]:
    """Whole files: what a module's tests share is made once."""
    files = sorted({t.split("::")[0] for t in tests})
    shares = [[t for t in tests if files.index(t.split("::")[0]) % count == n] for n in range(count)]
    return [share for share in shares if share]


def _with(
    free: SimpleQueue[Tree], tests: Sequence[str], limit: float = LIMIT, breakage: Breakage | None = None
) -> Ran:
    tree = free.get()
    try:
        if breakage is None:
            return run(tree, tests, limit)
        with tree.broken(breakage):
            return run(tree, tests, limit)
    finally:
        free.put(tree)


def _tried(free: SimpleQueue[Tree], breakage: Breakage, tests: Sequence[str], passed: set[str]) -> str:
    unproven = [t for t in tests if t not in passed]
    if unproven:
        return _told(breakage, UNPROVEN, 0, f"does not pass as it is: {', '.join(unproven)}")
    ran = _with(free, tests, breakage.hangs or LIMIT, breakage)
    blind = [t for t in tests if not ran.told(t, FAILED)]
    if ran.exit is None:
        caught = breakage.hangs is not None
        return _told(breakage, CAUGHT if caught else NOT_CAUGHT, ran.seconds, "it hangs")
    if ran.exit > TESTS_FAILED:
        return _told(breakage, UNPROVEN, ran.seconds, f"pytest ends in {ran.exit}:\n{ran.said[-2000:]}")
    if blind:
        return _told(breakage, NOT_CAUGHT, ran.seconds, f"passes all the same: {', '.join(blind)}")
    return _told(breakage, CAUGHT, ran.seconds, "")


def _told(breakage: Breakage, verdict: str, seconds: float, why: str) -> str:
    line = f"{verdict:17} {seconds:4.0f} s  {breakage.name}: {breakage.promise}"
    print(f"{line}\n    {why}" if why else line, flush=True)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
