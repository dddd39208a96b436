"""Edits the example's ERP the way its users would: through Tryton's own API.

    python edit_erp.py [STEP] [--home DIR]

STEP is a name from `../tryton-sqlite/tryton_data.py`; without one the steps are listed.
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import argparse
from collections.abc import Sequence

from build_systems import ERP, add_home, build, run_data


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Edits the ERP of this example through Tryton's API.")
    add_home(parser)
    parser.add_argument("step", nargs="?", default="list", help="which edits; without it they are listed")
    options = parser.parse_args(arguments)
    build(options.home)
    print(run_data(options.home, ERP, options.step), end="")


if __name__ == "__main__":
    main()
