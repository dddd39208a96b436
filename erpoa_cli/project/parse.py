"""YAML into plain data with the position of every key and value, from the parser's events.

What YAML lets pass silently is refused: repeated keys, anchors, aliases, merge keys, tags, several documents.
Plain scalars mean what YAML 1.2 says, and less: null, true, false, decimal numbers. `on`, `yes`, `007`,
`1:30`, `0x1F` and dates are text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from erpoa_cli.project.node import Mark

MAX_DEPTH = 40
MAX_NODES = 100_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, Any] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,99})")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Problem:
    """A finding inside one text, before anybody knows which file it is."""

    code: str
    summary: str
    remedy: str
    line: int
    column: int


@dataclass(slots=True)
class Parsed:
    data: Any = None
    mark: Mark = field(default_factory=lambda: [1, 1, {}])
    problems: list[Problem] = field(default_factory=list)
    decimals: bool = False  # whether a number with a point is in it


def plain(text: str) -> Any:
    """The value of a scalar written without quotes."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if len(text) < 100 and _NUMBER.fullmatch(text):
            return Decimal(text)
    return text


def parse(text: str) -> Parsed:
    """The one document of *text*; `data` is None when it is empty or cannot be read at all."""
    parsed = Parsed()
    try:
        _Composer(parsed).run(text)
    except _Refused as refused:
        parsed.problems.append(refused.problem)
        parsed.data = None
    except yaml.MarkedYAMLError as error:
        parsed.problems.append(_syntax(error))
        parsed.data = None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        parsed.problems.append(
            Problem(
                "E0104",
                f"a character YAML does not allow: U+{ord(text[error.position]):04X}"
                if error.position < len(text)
                else "a character YAML does not allow",
                'Remove it, or write it as an escape in double quotes, like "\\u0007".',
                line,
                column,
            )
        )
        parsed.data = None
    return parsed


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.summary)
        self.problem = problem


class _Composer:
    """Turns events into data; one instance per text."""

    def __init__(self, parsed: Parsed) -> None:
        self.parsed = parsed
        self.stack: list[tuple[Any, Mark]] = []
        self.keys: list[
            tuple[str, int, int] | None
        ] = []  # per open collection: the key that waits for its value
        self.nodes = 0

    def run(self, text: str) -> None:
        documents = 0
        for event in yaml.parse(text, Loader=_LOADER):
            match event:
                case (
                    yaml.ScalarEvent()
                    | yaml.MappingStartEvent()
                    | yaml.SequenceStartEvent()
                    | yaml.AliasEvent()
                ):
                    self.node(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self.stack.pop()
                    self.keys.pop()
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self.refuse(event, "E0104", "a second document", "Put it into a file of its own.")
                case _:
                    pass

    def node(self, event: Any) -> None:
        self.nodes += 1
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if event.anchor is not None:
            what = f"*{event.anchor}" if isinstance(event, yaml.AliasEvent) else f"&{event.anchor}"
            self.refuse(
                event,
                "E0106",
                f"anchors and aliases are not allowed: {what}",
                "Write the value out; what holds for every target belongs under `defaults:` in erpoa.yml.",
            )
        if event.tag is not None:
            self.refuse(
                event, "E0106", f"tags are not allowed: {event.tag}", "Leave the tag out; quotes make text."
            )
        if self.nodes > MAX_NODES:
            self.refuse(event, "E0107", f"more than {MAX_NODES:,} values in one file", "Split the file.")
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(event, line, column)
            return
        if len(self.stack) >= MAX_DEPTH:
            self.refuse(event, "E0107", f"nested deeper than {MAX_DEPTH} levels", "Write it flatter.")
        if self.stack and isinstance(self.stack[-1][0], dict) and self.keys[-1] is None:
            self.refuse(
                event,
                "E0104",
                "a mapping or list where a key is expected",
                "A template in YAML stands in quotes: \"{{ env('NAME') }}\".",
            )
        value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        mark: Mark = [line, column, {} if isinstance(value, dict) else []]
        self.place(value, mark)
        self.stack.append((value, mark))
        self.keys.append(None)

    def scalar(self, event: Any, line: int, column: int) -> None:
        text = event.value
        unquoted = event.implicit[0]
        if self.stack and isinstance(self.stack[-1][0], dict) and self.keys[-1] is None:
            if unquoted and text == "<<":
                self.refuse(event, "E0106", "merge keys are not allowed: <<", "Write the keys out.")
            if unquoted and text == "":
                self.refuse(event, "E0104", "a key is missing before the colon", "Write the key.")
            self.keys[-1] = (text, line, column)
            return
        value = plain(text) if unquoted else text
        self.parsed.decimals |= isinstance(value, Decimal)
        self.place(value, [line, column])

    def place(self, value: Any, mark: Mark) -> None:
        if not self.stack:
            self.parsed.data, self.parsed.mark = value, mark
            return
        container, marks = self.stack[-1]
        if isinstance(container, list):
            container.append(value)
            marks[2].append(mark)
            return
        pending = self.keys[-1]
        assert pending is not None
        key, line, column = pending
        self.keys[-1] = None
        if key in container:
            first = marks[2][key]
            self.parsed.problems.append(
                Problem(
                    "E0105",
                    f"the key `{key}` is written twice",
                    f"It stands in line {first[0]} already; keep one of the two.",
                    line,
                    column,
                )
            )
            return  # the first one stays
        container[key] = value
        marks[2][key] = [line, column, mark]

    def refuse(self, event: Any, code: str, summary: str, remedy: str) -> None:
        start = event.start_mark
        raise _Refused(Problem(code, summary, remedy, start.line + 1, start.column + 1))


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    opened = error.context is not None and "while" in error.context and _OPENED.search(error.context)
    mark = (error.context_mark if opened else None) or error.problem_mark or error.context_mark
    said = " ".join(part for part in (error.context, error.problem) if part)
    remedy = next(
        (advice for sign, advice in _ADVICE.items() if sign in said), "Check the indentation and quotes here."
    )
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem("E0104", f"this is not YAML: {said or error}", remedy, line, column)


_OPENED = re.compile("flow|quoted")  # what is not closed is best shown where it was opened
_ADVICE = {
    "character that cannot start any token": "Indent with spaces, not tabs; put text that starts with % @ ` into quotes.",
    "mapping values are not allowed": "Put text that holds a colon and a space into quotes; check the indentation.",
    "did not find expected ',' or '}'": "Close the brace; a template stands in quotes: \"{{ var('x') }}\".",
    "did not find expected ',' or ']'": "Close the bracket.",
    "could not find expected ':'": "Write `key: value`; check the indentation.",
    "unexpected end of stream": "Close the quote or bracket.",
}
