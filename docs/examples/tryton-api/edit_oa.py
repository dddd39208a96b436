"""Edits the example's OA the way its users would: its forms are rows of tables.

python edit_oa.py "SQL"
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import contextlib
import sqlite3
import sys

from erp import WORK

with contextlib.closing(sqlite3.connect(WORK / "oa.sqlite")) as oa, oa:
    oa.execute("pragma foreign_keys = on")
    changed = oa.execute(sys.argv[1]).rowcount
print(f"{changed} row{'' if changed == 1 else 's'} changed")
