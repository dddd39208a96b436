"""The console script: answers `--version` before anything heavy is imported, else hands over to `program`."""

from __future__ import annotations

import gc
import io
import sys


def run() -> None:
    """The console script: `--version` at once, everything else through `program`; exits with its code."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-V"]):
        from erpoa_cli import __version__

        print(f"erpoa {__version__}")
        return
    gc.set_threshold(
        100_000
    )  # a project lives as long as the process: searching it for garbage took a tenth of the time
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a locale that lacks a character is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    from erpoa_cli.cli.program import main

    sys.exit(main(arguments))
