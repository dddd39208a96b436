"""Takes plain values from the command line as they are.

Typer converts every value with pydantic, those that were not given too, and loading that takes as long as all else that a
small command does. What is not plain goes Typer's way, with its checks and its words."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Any


def unburdened(command: Any) -> Any:
    """*command* and those below it, taking plain values as they are."""
    command.get_params = partial(
        _parameters, command.get_params
    )  # with --help, which is not among its `params`
    for inner in getattr(command, "commands", {}).values():
        unburdened(inner)
    return command


def _parameters(declared: Callable[[Any], list[Any]], context: Any) -> list[Any]:
    found = declared(context)
    for parameter in found:
        if "process_value" not in vars(parameter):
            parameter.process_value = partial(_processed, parameter, parameter.process_value)
    return found


def _processed(parameter: Any, process: Callable[[Any, Any], Any], context: Any, value: Any) -> Any:
    """What *process* makes of *value* for *parameter*."""
    several = parameter.multiple or parameter.nargs == -1
    declared = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    taken: Any
    match value:
        case None if not parameter.required:
            taken = () if several else None
        case bool() | int():  # a default, or counted
            taken = value
        case str() if declared is str and not several:
            taken = value
        case str() if isinstance(declared, type) and issubclass(declared, StrEnum) and value in set(declared):
            taken = declared(value)
        case [*texts] if several and declared == list[str] and texts:
            taken = texts
        case _:
            return process(context, value)
    return parameter.callback(context, parameter, taken) if parameter.callback else taken
