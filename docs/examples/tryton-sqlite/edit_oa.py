"""Edits the example's OA the way its users would: its forms are rows of tables.

python edit_oa.py "SQL" [--into DIR]
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import argparse
import contextlib
import sqlite3
from collections.abc import Sequence

from build_erp import add_places


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Edits the OA of this example with one SQL statement.")
    add_places(parser)
    parser.add_argument("sql")
    options = parser.parse_args(arguments)
    with contextlib.closing(sqlite3.connect(options.into / "oa.sqlite")) as oa, oa:
        oa.execute("pragma foreign_keys = on")
        changed = oa.execute(options.sql).rowcount
    print(f"{changed} row{'' if changed == 1 else 's'} changed")


if __name__ == "__main__":
    main()
