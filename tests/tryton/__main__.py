"""Makes the Tryton that the tests need where it is missing: `python -m tests.tryton`.

Exit code 0 when all is there, or where Tryton cannot be installed and no test requires it.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.runs import Run
from tests.tryton import databases
from tests.tryton.databases import Kept
from tests.tryton.environment import NotInstalled, alone, home, install, installed


def main() -> None:
    if not _missing():
        print(f"Tryton is in {home()}")
        return
    run = Run()  # what is left of a run that was killed goes with the next one
    try:
        with alone():
            _make()
    except NotInstalled as error:
        print(f"Tryton cannot be installed here:\n{error}", file=sys.stderr)
        sys.exit("TRYTON" in os.environ.get("ERPOA_TEST_REQUIRE", "").split(","))
    finally:
        run.end()


def _missing() -> list[Kept]:
    return [kept for kept in databases.all_of_them() if not (installed() and kept.file.exists())]


def _make() -> None:
    began = time.monotonic()
    for left in home().glob("making-*"):
        shutil.rmtree(left)
    if not installed():
        print(f"installing Tryton in {home()}", flush=True)
        install()
        print(f"installed, {time.monotonic() - began:.0f} s", flush=True)
    databases.lend_environment()
    with ThreadPoolExecutor(max(2, os.cpu_count() or 1)) as pool:
        making = {pool.submit(databases.make, kept): kept.what for kept in _missing()}
        try:
            for done in as_completed(making):
                done.result()
                print(f"{making[done]}, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)  # where one failed, the others are not begun


if __name__ == "__main__":
    main()
