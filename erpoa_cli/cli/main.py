"""The console script: answers `--version` before anything heavy is imported, else hands over to `program`."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys

from erpoa_cli.cli.interrupt import heed, struck


def run() -> None:
    """The console script: `--version` at once, everything else through `program`; exits with its code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from erpoa_cli import __version__

        print(f"erpoa {__version__}")
        return
    heed()
    gc.set_threshold(
        100_000
    )  # a project lives as long as the process: searching it for garbage took a tenth of the time
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale that lacks a character is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    try:
        from erpoa_cli.cli.program import main

        code = main(arguments)
    except KeyboardInterrupt as error:  # before there is anything that could tell
        print("error E0608: interrupted", file=sys.stderr)
        code = struck(error) or 1
    if code > 128:  # threads that still wait for a system are left behind
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
