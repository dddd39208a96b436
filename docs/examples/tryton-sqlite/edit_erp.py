"""Edits the example's ERP the way its users would: through Tryton's own API.

    python edit_erp.py [STEP] [--home DIR] [--into DIR]

STEP is a name from `tryton_data.py`; without one the steps are listed.
"""

# ruff: noqa: INP001, T201  # a script: it stands alone and prints

from __future__ import annotations

import argparse
from collections.abc import Sequence

from build_erp import Home, add_places, build, checkpoint, run_data


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Edits the ERP of this example through Tryton's API.")
    add_places(parser)
    parser.add_argument("step", nargs="?", default="list", help="which edits; without it they are listed")
    options = parser.parse_args(arguments)
    home = Home(options.home.resolve())
    build(home)
    print(run_data(home, options.into, options.step), end="")
    checkpoint(options.into / "erp.sqlite")


if __name__ == "__main__":
    main()
