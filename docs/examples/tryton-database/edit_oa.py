"""Edits the example's OA the way its users would: its forms are rows of tables.

python edit_oa.py "SQL"
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import argparse
from collections.abc import Sequence

from build_systems import OA, mariadb


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Edits the OA of this example with one SQL statement.")
    parser.add_argument("sql")
    options = parser.parse_args(arguments)
    with mariadb(OA) as oa, oa.cursor() as cursor:
        changed = cursor.execute(options.sql)
    print(f"{changed} row{'' if changed == 1 else 's'} changed")


if __name__ == "__main__":
    main()
