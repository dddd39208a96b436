"""The global options, which work before and after the command, and how a command is declared.

A command is a function of its `Options` and of parameters in Typer's notation; `@command(app)` adds the global
options to its signature, so that Typer parses and documents them like any other.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from erpoa_cli.core.diagnostic import Diagnostic, Failure


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"
    MARKDOWN = "markdown"
    HTML = "html"
    JUNIT = "junit"
    SARIF = "sarif"
    CSV = "csv"
    PARQUET = "parquet"


class Color(StrEnum):
    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the global options say. `command` is the command's name as typed."""

    command: str = ""
    directory: Path = field(default_factory=Path)
    environment: str | None = None
    variables: tuple[tuple[str, str], ...] = ()
    format: Format = Format.TEXT
    output: Path | None = None
    color: Color = Color.AUTO
    quiet: bool = False
    verbose: int = 0
    log_format: LogFormat = LogFormat.TEXT
    no_input: bool = False

    @property
    def interactive(self) -> bool:
        """Whether somebody can be asked."""
        return not self.no_input and sys.stdin.isatty() and sys.stderr.isatty()


@dataclass(slots=True)
class Invocation:
    """One call of the program: `options` grow while the command line is read."""

    arguments: list[str]
    options: Options = field(default_factory=Options)


# In the order of `docs/cli.md`. A value that was not given is None (False for flags).
GLOBALS: dict[str, Any] = {
    "directory": Annotated[
        Path | None,
        typer.Option("-C", "--project-dir", metavar="DIR", help="The project; default: here or above."),
    ],
    "environment": Annotated[
        str | None,
        typer.Option("-e", "--env", metavar="NAME", help="Environment; default: ERPOA_ENV or the first."),
    ],
    "variables": Annotated[
        list[str] | None,
        typer.Option("--var", metavar="NAME=VALUE", help="Set a project variable; repeatable."),
    ],
    "format": Annotated[Format | None, typer.Option("--format", help="How the answer is written.")],
    "output": Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            dir_okay=False,
            help="For plan the plan file, elsewhere the answer's file.",
        ),
    ],
    "color": Annotated[Color | None, typer.Option("--color", help="Colour; NO_COLOR is respected.")],
    "quiet": Annotated[bool, typer.Option("-q", "--quiet", help="No progress, no notes.")],
    "verbose": Annotated[
        int, typer.Option("-v", "--verbose", count=True, help="Say more; twice: everything.")
    ],
    "log_format": Annotated[
        LogFormat | None, typer.Option("--log-format", help="Form of the log on stderr.")
    ],
    "no_input": Annotated[bool, typer.Option("--no-input", help="Never ask; implied without a terminal.")],
}
_ABSENT: dict[str, Any] = {"quiet": False, "verbose": 0, "no_input": False}
AFTER = (
    "Global options (-C, -e, --var, --format, -o, --color, -q, -v, --log-format, --no-input): erpoa --help"
)


def merged(before: Options, given: dict[str, Any]) -> Options:
    """*before* with the options that were *given* after it; the later one wins, variables add up."""
    values: dict[str, Any] = {n: getattr(before, n) for n in Options.__dataclass_fields__}
    for name, value in given.items():
        match name, value:
            case "variables", list():
                values[name] = (*before.variables, *map(_assignment, value))
            case "verbose", int():
                values[name] = before.verbose + value
            case _, None | False:
                pass
            case _:
                values[name] = value
    return Options(**values)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise Failure(
            Diagnostic("E0601", f"--var {text!r} is not NAME=VALUE", remedy="Write --var company=02."),
        )
    return name, value


def global_parameters(*, hidden: bool) -> list[inspect.Parameter]:
    """The global options as parameters of a function that Typer reads."""
    parameters = []
    for name, annotation in GLOBALS.items():
        option = annotation.__metadata__[0]
        shown = copy(option)
        shown.hidden = hidden
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(
            inspect.Parameter(
                name, kind, default=_ABSENT.get(name), annotation=Annotated[annotation.__origin__, shown]
            )
        )
    return parameters


def application(help_: str = "") -> typer.Typer:
    """A Typer app for one command file; with *help_* it is a group of subcommands."""
    app = typer.Typer(
        add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help=help_ or None
    )
    if help_:
        app.callback()(_nothing)
    return app


def _nothing() -> None:
    """Keeps a group a group when it has one subcommand."""


F = TypeVar("F", bound=Callable[..., Any])


def command(app: typer.Typer, name: str | None = None) -> Callable[[F], F]:
    """Register a command of *app*: `function(options, …)`."""

    def register(function: F) -> F:
        app.command(name, epilog=AFTER)(_with_globals(function))
        return function

    return register


def _with_globals(function: Callable[..., Any]) -> Callable[..., Any]:
    hints = get_type_hints(function, include_extras=True)
    own = [
        p.replace(annotation=hints[p.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for p in list(inspect.signature(function).parameters.values())[1:]
    ]

    def run(context: typer.Context, /, **values: Any) -> Any:
        given = {name: values.pop(name) for name in GLOBALS}
        invocation: Invocation = context.find_root().obj
        invocation.options = merged(invocation.options, given)
        return function(invocation.options, **values)

    return with_parameters(run, [*own, *global_parameters(hidden=True)], like=function)


def with_parameters(
    function: Callable[..., None], parameters: list[inspect.Parameter], like: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """*function* (of a context and of keywords) with *parameters* as Typer reads them, named like *like*."""

    def run(**values: Any) -> Any:
        return function(values.pop("context"), **values)

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    run.__signature__ = inspect.Signature([context, *parameters])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [context, *parameters]}
    run.__name__ = (like or function).__name__.removesuffix("_")
    run.__doc__ = (like or function).__doc__
    return run


def no_color(options: Options, *, terminal: bool) -> bool:
    """Whether output must be plain: asked for, NO_COLOR, or not a terminal."""
    match options.color:
        case Color.ALWAYS:
            return False
        case Color.NEVER:
            return True
        case Color.AUTO:
            return not terminal or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
