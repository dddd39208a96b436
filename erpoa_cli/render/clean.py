"""Foreign text made harmless for its sink: one cleaner per sink."""

from __future__ import annotations

import re
import unicodedata
from html import escape

# Characters that move the cursor, hide, or reorder text: everything of these categories but plain space.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\\": "\\\\"}
_ZWJ, _VS16 = "\u200d", "\ufe0f"  # part of emoji: harmless between two pictographs
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+!|~&$^=:-])")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# A cell may have lines; what steers a terminal that shows the file, or reorders what a reader sees, may not stand there.
_STEERING = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MOST_MARKS = 3  # combining marks in a row that writing systems need; more only smear the neighbour lines


def terminal(text: str) -> str:
    r"""*text* on one line with every control, bidirectional, invisible or unassigned character spelled out
    (`\e`, `\u202e`) and backslashes doubled, so that nothing is hidden and nothing is ambiguous."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    parts: list[str] = []
    marks = 0
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if char in _NAMED:
            parts.append(_NAMED[char])
        elif (
            (category in _UNSEEN and not _joins(text, index))
            or marks > _MOST_MARKS
            or char == "\u3000"
            or (category == "Zs" and char != " ")
        ):
            parts.append(_escape(char))
        else:
            parts.append(char)
    return "".join(parts)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _joins(text: str, index: int) -> bool:
    """Whether the character at *index* is a zero-width joiner inside an emoji."""
    if text[index] != _ZWJ or not 0 < index < len(text) - 1:
        return False
    before, after = text[index - 1], text[index + 1]
    pictograph = unicodedata.category(after) == "So"
    return pictograph and (before == _VS16 or unicodedata.category(before) in {"So", "Sk"})


def markdown(text: str) -> str:
    """*text* as Markdown that shows exactly it: no markup, no HTML, no link, one line."""
    return _MARKDOWN.sub(r"\\\1", terminal(text).replace("\\\\", "\\"))


def html(text: str) -> str:
    """*text* as HTML, between tags or within a quoted attribute, that shows exactly it on one line."""
    return escape(terminal(text).replace("\\\\", "\\"))


def csv(text: str) -> str:
    """*text* as a cell that no spreadsheet takes for a formula (a quote sign goes before what could be one), with control
    and bidirectional characters spelled out."""
    text = _STEERING.sub(lambda found: _escape(found[0]), text)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text
