"""The console script: answers `--version` before anything heavy is imported, else hands over to `program`."""

from __future__ import annotations

import gc
import os
import sys

from erpoa_cli.cli.interrupt import heed, struck
from erpoa_cli.cli.outlet import open_streams, told


def run() -> None:
    """The console script: `--version` at once, everything else through `program`; exits with its code."""
    open_streams()
    code = told(_ended(sys.argv[1:]))
    if code > 128:  # threads that still wait for a system are left behind
        os._exit(code)
    sys.exit(code)


def _ended(arguments: list[str]) -> int:
    if arguments in (["--version"], ["-V"]):
        from erpoa_cli import __version__

        print(f"erpoa {__version__}")
        return 0
    heed()
    gc.set_threshold(
        100_000
    )  # a project lives as long as the process: searching it for garbage took a tenth of the time
    try:
        from erpoa_cli.cli.program import main

        return main(arguments)
    except KeyboardInterrupt as error:  # before there is anything that could tell
        print("error E0608: interrupted", file=sys.stderr)
        return struck(error) or 1
