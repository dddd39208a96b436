"""How a command ends: its answer on stdout, diagnostics on stderr, and the exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from erpoa_cli.cli.exits import OF_FAILURE, Exit
from erpoa_cli.cli.interrupt import struck
from erpoa_cli.cli.log import MASKER, keep_traceback
from erpoa_cli.cli.options import Format, Options, no_color
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.report import Answer, PlanReport, Table

if TYPE_CHECKING:
    from erpoa_cli.render.layout import Line


@dataclass(frozen=True, slots=True)
class Ending:
    """What a command hands back. `full`: the rendering leaves nothing out."""

    report: PlanReport | Answer
    exit: Exit = Exit.SUCCESS
    full: bool = False


def finish(options: Options, ending: Ending) -> int:
    """Render the answer and tell the exit code."""
    diagnostics = tuple(map(masked, ending.report.diagnostics))
    ending = replace(ending, report=replace(ending.report, diagnostics=diagnostics))
    tell(options, diagnostics)
    content = rendered(options, ending)
    if content is not None:
        _put(options, content)
    return int(ending.exit)


def rendered(options: Options, ending: Ending) -> str | None:
    """The answer in the asked format; None when it was written as lines on a terminal."""
    report = ending.report
    match options.format:
        case Format.TEXT:
            return _text(options, ending)
        case Format.JSON | Format.NDJSON:
            from erpoa_cli.render import json

            content = json.document(options.command, int(ending.exit), report, report.diagnostics)
            return json.text(content) if options.format is Format.JSON else json.ndjson(content)
        case Format.MARKDOWN:
            from erpoa_cli.render import markdown

            return markdown.document(report)
        case Format.HTML:
            from erpoa_cli.render import html

            return html.document(report)
        case Format.CSV:
            from erpoa_cli.render import csv

            return csv.document(report)
        case Format.JUNIT | Format.SARIF:
            return _findings(options, report)
        case Format.PARQUET:
            _parquet(options, ending)
            return None


def _text(options: Options, ending: Ending) -> str | None:
    from erpoa_cli.render import terminal

    to_file = file_of(options) is not None
    lines = text_lines(ending, 100 if to_file else width_of(sys.stdout))
    if to_file or no_color(options, terminal=sys.stdout.isatty()):
        return terminal.plain(lines)
    terminal.write(lines, sys.stdout, color=True)
    return None


def text_lines(ending: Ending, cells: int) -> Iterable[Line]:
    """The answer as lines of a terminal."""
    from erpoa_cli.render import table, text

    if isinstance(ending.report, PlanReport):
        return text.plan(ending.report, cells, full=ending.full)
    return table.answer(ending.report, cells)


def _findings(options: Options, report: PlanReport | Answer) -> str:
    """Diagnostics, and the cases of `test`, for tools that collect findings."""
    from erpoa_cli import __version__
    from erpoa_cli.core.codes import CATALOGUE
    from erpoa_cli.render import findings

    if options.command not in {"validate", "test", "doctor"}:
        raise unsupported(options, "JUnit and SARIF are for the findings of validate, test and doctor.")
    shown = [masked(d) for d in report.diagnostics]
    if options.format is Format.SARIF:
        return findings.sarif(shown, __version__, {code: entry.title for code, entry in CATALOGUE.items()})
    cases = report.data.get("tests", ()) if isinstance(report, Answer) else ()
    return findings.junit(f"erpoa {options.command}", cases, shown)


def _parquet(options: Options, ending: Ending) -> None:
    from erpoa_cli.usecase import write_parquet

    path = file_of(options)
    if path is None:
        raise unsupported(options, "Parquet needs a file: name it with -o; `erpoa show PLAN` writes plans.")
    if isinstance(ending.report, PlanReport):
        from erpoa_cli.render.csv import COLUMNS, plan_rows

        table = Table(COLUMNS, tuple(map(tuple, plan_rows(ending.report))))
    elif ending.report.tables:
        table = ending.report.tables[0]
    else:
        raise unsupported(options, "There are no rows in this answer.")
    with writing(path):
        write_parquet(table.columns, table.rows, path)


def unsupported(options: Options, why: str) -> Failure:
    return Failure(
        Diagnostic("E0603", f"`erpoa {options.command}` cannot answer as {options.format}", remedy=why),
    )


def file_of(options: Options) -> Path | None:
    """The file that -o names for the rendering; for plan it names the plan file instead."""
    return None if options.command in {"plan", "retry", "rollback"} else options.output


def _put(options: Options, content: str) -> None:
    """The one way out of an answer: without secrets, and with nothing in it that a terminal would obey."""
    from erpoa_cli.render import clean

    content = MASKER.masked(content)
    content = clean.json(content) if options.format in _JSON else clean.harmless(content)
    path = file_of(options)
    if path is None:
        if options.format is not Format.TEXT and isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # what machines read does not depend on the locale
        sys.stdout.write(content)
        sys.stdout.flush()
        return
    with writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)


_JSON = frozenset({Format.JSON, Format.NDJSON, Format.SARIF})


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """`Failure` E0621 where the file *path*, which was named for the answer, cannot be written."""
    try:
        yield
    except OSError as error:
        raise Failure(
            Diagnostic(
                "E0621",
                f"the answer could not be written to {path}: {error.strerror or error}",
                remedy="What the command did is done and recorded. Make room, or name another file with -o.",
            )
        ) from error


def tell(options: Options, diagnostics: Sequence[Diagnostic]) -> None:
    """Diagnostics on stderr; -q leaves only errors."""
    from erpoa_cli.render import diagnostic, terminal

    shown = [d for d in diagnostics if d.severity is Severity.ERROR or not options.quiet]
    if not shown:
        return
    lines = list(diagnostic.lines([masked(d) for d in shown], width_of(sys.stderr)))
    sys.stdout.flush()
    terminal.write(lines, sys.stderr, color=not no_color(options, terminal=sys.stderr.isatty()))
    sys.stderr.flush()


def masked(given: Diagnostic) -> Diagnostic:
    """*given* without secrets, and without values from outside, in any of its texts."""
    texts = {n: MASKER.finding(getattr(given, n)) for n in ("summary", "detail", "remedy", "snippet")}
    return Diagnostic(given.code, at=given.at, severity=given.severity, **texts)


def stop(options: Options, error: BaseException) -> int:
    """Words and exit code for an error that ends the program."""
    diagnostics, code = _told(options, error)
    tell(options, diagnostics)
    if options.format in {Format.JSON, Format.NDJSON}:
        from erpoa_cli.render import json

        content = json.document(options.command, code, None, [masked(d) for d in diagnostics])
        with suppress(Failure):  # the file of the answer itself
            _put(options, json.text(content) if options.format is Format.JSON else json.ndjson(content))
    return code


def _told(options: Options, error: BaseException) -> tuple[tuple[Diagnostic, ...], int]:
    if (code := struck(error)) is not None:
        return (Diagnostic("E0608", "interrupted", remedy=INTERRUPTED),), code
    match error:
        case Failure():
            return error.diagnostics, OF_FAILURE[error.kind]
        case SystemExit():
            return (), error.code if isinstance(error.code, int) else Exit.FAILURE
        case _ if words := _no_room(error):
            return (Diagnostic("E0622", words, remedy=NO_ROOM),), Exit.FAILURE
        case OSError(filename=str() as file, strerror=why):
            remedy = "Give the user that runs erpoa the right to it, or name another one."
            return (Diagnostic("E0615", f"{file} cannot be used: {why}", remedy=remedy),), Exit.FAILURE
        case _:
            return (_unexpected(options, error),), Exit.FAILURE


NO_ROOM = (
    "Make room there. What was written before is recorded; if a run was under way (`erpoa runs ls`), "
    "continue it with `erpoa resume`."
)
_FULL = (
    "No space left on device",
    "database or disk is full",
    "disk I/O error",
    "Disk quota exceeded",
    "File too large",
)


def _no_room(error: BaseException | None) -> str:
    """What *error* says of a disk that takes no more, in the words of whichever library met it; else empty."""
    while error is not None:
        if any(words.lower() in str(error).lower() for words in _FULL):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


INTERRUPTED = "The state is consistent. If a run was under way, continue it with `erpoa resume`."


def _unexpected(options: Options, error: BaseException) -> Diagnostic:
    log = keep_traceback(options, error)
    return Diagnostic(
        "E0600",
        f"unexpected failure: {type(error).__name__}: {error}",
        remedy=f"Details are in {log}." if log else "Run it again with -vv to see where it happened.",
    )


def width_of(stream: TextIO) -> int:
    """Cells of the terminal that *stream* is, or 100."""
    if os.environ.get("COLUMNS", "").isdigit():
        return max(40, int(os.environ["COLUMNS"]))
    try:
        return max(40, os.get_terminal_size(stream.fileno()).columns)
    except (OSError, ValueError):
        return 100
