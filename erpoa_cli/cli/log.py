"""The log: on stderr as asked, details of the unexpected in a file; never a secret in either."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.render import clean
from erpoa_cli.render.mask import Masker

if TYPE_CHECKING:
    from erpoa_cli.cli.options import Options

MASKER = Masker()
"""Knows the secrets of this process; everything that is printed passes it."""


class _Masked(logging.Formatter):
    """One line per record, secrets taken out after formatting, so that arguments cannot slip through."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._json = as_json

    def format(self, record: logging.LogRecord) -> str:
        words = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            words += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        at = (
            datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )
        words = MASKER.finding(words)
        if self._json:
            entry = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": words}
            return clean.json(json.dumps(entry, ensure_ascii=False))
        return f"{at} {record.levelname.lower()} {record.name}: {clean.terminal(words)}"


def set_up(options: Options) -> None:
    """Send the log to stderr: warnings, with -v notes, with -vv everything of ours."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Masked(as_json=options.log_format.value == "json"))
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(options.verbose, 2)]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR if options.quiet else max(level, logging.INFO))
    logging.getLogger("erpoa_cli").setLevel(logging.ERROR if options.quiet else level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # logs whole URLs, tokens in them too


def keep_traceback(options: Options, error: BaseException) -> Path | None:
    """Write where *error* came from (files and lines, no values of variables) to a private file; with -vv
    also to stderr. None when there is no place to write."""
    told = MASKER.finding("".join(traceback.TracebackException.from_exception(error).format()))
    told = "".join(clean.terminal(text) + "\n" for text in told.splitlines())
    if options.verbose > 1:
        sys.stderr.write(told)
    state = options.directory / ".erpoa"
    home = state / "logs" if state.is_dir() else Path(tempfile.gettempdir()) / f"erpoa-{os.getuid()}"
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        path = home / f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}.log"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(told)
    except OSError:
        return None
    return path
