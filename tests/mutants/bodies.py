"""The functions of a module as code, so that one that is changed can take the place of one that is loaded."""

from __future__ import annotations

import functools
import gc
import importlib
import inspect
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType

Name = tuple[str, int]  # qualified name and first line: nothing else in a module has both


def functions(source: str, file: str) -> dict[Name, CodeType]:
    """Every function of a module, also those within functions."""
    module = compile(source, file, "exec", dont_inherit=True)
    return {(code.co_qualname, code.co_firstlineno): code for code in _within(module, inside=False)}


def _within(code: CodeType, *, inside: bool) -> Iterator[CodeType]:
    for part in code.co_consts:
        if isinstance(part, CodeType):
            # What a module or a class works out while it is imported (a comprehension, a lambda) is no function of its own.
            function = bool(part.co_flags & inspect.CO_OPTIMIZED) and (
                inside or not part.co_name.startswith("<")
            )
            if function:
                yield part
            yield from _within(part, inside=function)


def lines(source: str, file: str) -> set[int]:
    """The lines that run when a function runs; what runs when the module is imported belongs to no test."""
    found: set[int] = set()
    for (_, first), code in functions(source, file).items():
        found |= {line for _, _, line in code.co_lines() if line and line != first}
    return found


def changed(before: str, after: str, file: str) -> dict[Name, CodeType]:
    """The functions of *after* that differ from *before*; none where one of them could not take the other's place."""
    old, new = functions(before, file), functions(after, file)
    if old.keys() != new.keys() or any(old[name].co_freevars != new[name].co_freevars for name in old):
        return {}
    return {name: code for name, code in new.items() if code != old[name]}


def exchange(module: str, functions: Mapping[Name, CodeType]) -> int:
    """Give the loaded functions of *module* the code of *functions*; answers how many there were.

    What functions have remembered is forgotten, for it was worked out by the old code.
    """
    file = importlib.import_module(module).__file__
    exchanged = 0
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename == file:
            code = functions.get((thing.__code__.co_qualname, thing.__code__.co_firstlineno))
            if code:
                thing.__code__ = code
                exchanged += 1
        elif isinstance(thing, functools._lru_cache_wrapper) and thing.__module__.startswith("erpoa_"):
            thing.cache_clear()
    return exchanged
