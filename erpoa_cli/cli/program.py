"""The program: finds the command, runs it, and is the one place where errors become exit codes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from erpoa_cli.cli.commands import ENTRIES, SECTIONS
from erpoa_cli.cli.options import Format, Invocation, global_parameters, merged, with_parameters
from erpoa_cli.cli.plain import unburdened
from erpoa_cli.cli.suggest import command_hint, option_hint
from erpoa_cli.core.diagnostic import Diagnostic, Failure


@contextmanager
def _heard() -> Iterator[None]:
    """Typer would make a silent exit of an interrupt."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise Failure(Diagnostic("E0608", "interrupted")) from error


class Commands(TyperGroup):
    """The top level: a command's module is imported when the command is used, not before."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        entry = ENTRIES.get(cmd_name)
        if entry is None:
            return None
        command = unburdened(typer.main.get_command(import_module(entry.module).app))
        command.name = cmd_name
        return command

    def make_context(self, *given: Any, **more: Any) -> Any:
        with _heard():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        with _heard():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(entry.name, entry.summary) for entry in entries])


def _version(value: bool) -> None:
    if value:
        from erpoa_cli import __version__

        print(f"erpoa {__version__}")
        raise typer.Exit


def _top(context: typer.Context, /, **given: Any) -> None:
    """Keep an ERP and an OA system in agreement: validate, plan, apply."""
    given.pop("version")
    invocation: Invocation = context.obj
    invocation.options = merged(replace(invocation.options, command=context.invoked_subcommand or ""), given)


_VERSION = inspect.Parameter(
    "version",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Show the version.")
    ],
)


def _program() -> Any:
    app = typer.Typer(
        cls=Commands,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(with_parameters(_top, [_VERSION, *global_parameters(hidden=False)]))
    return unburdened(typer.main.get_command(app))


def main(arguments: Sequence[str]) -> int:
    """Run the command that *arguments* spell and answer its exit code."""
    arguments = list(arguments) or ["--help"]
    invocation = Invocation(arguments)
    try:
        ending = _program().main(arguments, prog_name="erpoa", standalone_mode=False, obj=invocation)
        if ending is None or isinstance(ending, int):  # help and completion are answered by Typer
            return ending or 0
        from erpoa_cli.cli.ending import finish

        return finish(invocation.options, ending)
    except TyperException as error:
        from erpoa_cli.cli.ending import stop

        invocation.options = replace(invocation.options, format=format_asked(arguments))
        return stop(invocation.options, _usage(error, arguments))
    except BaseException as error:  # noqa: BLE001 - here every error becomes words and an exit code
        from erpoa_cli.cli.ending import stop

        if invocation.options.format is Format.TEXT:  # the failure may have come before --format was read
            invocation.options = replace(invocation.options, format=format_asked(arguments))
        return stop(invocation.options, error)


def _usage(error: TyperException, arguments: Sequence[str]) -> Failure:
    """A usage error as a diagnostic with a near miss, or a hint for another tool's habit."""
    context = getattr(error, "ctx", None)
    words = error.format_message().rstrip(".").replace("Value error, ", "")
    name = getattr(error, "option_name", "")
    remedy = ""
    if name:
        known = [o for p in context.command.params for o in p.opts] if context else []
        remedy = option_hint(name, known, arguments)
        words = f"no option {name}" if type(error).__name__ == "NoSuchOption" else words
    elif words.startswith("No such command") and context:
        typed = words.split("'")[1]
        words = f"no command {typed!r}"
        remedy = command_hint(typed, context.command.list_commands(context), context.command_path)
    if not remedy and context:
        remedy = f"`{context.command_path} --help` tells what can be given."
    return Failure(Diagnostic("E0601", words, remedy=remedy))


def format_asked(arguments: Sequence[str]) -> Format:
    """The --format among *arguments*, for when they could not be parsed."""
    asked = ""
    for position, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == "--format":
            asked = value if equals else next(iter(arguments[position + 1 :]), "")
    return Format(asked) if asked in set(Format) else Format.TEXT
