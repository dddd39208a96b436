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
# What steers a terminal that shows a file, or reorders what a reader sees. Lines, tabs and line ends may stand in it.
_STEERS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_STEERING = re.compile(rf"[{_STEERS}]|\r(?!\n)")
# Besides, what is not seen: in JSON every reader gets the character itself, however it is spelled.
_HIDDEN = re.compile(
    rf"[{_STEERS}\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
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
    text = harmless(text)
    return "'" + text if text.lstrip(" ").startswith(_FORMULA) else text


def json(document: str) -> str:
    """A JSON *document* that says the same, with every character that steers or is not seen as an escape of JSON."""
    return _HIDDEN.sub(lambda found: _json_escape(ord(found[0])), document)


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + (code - 0x10000 >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def harmless(text: str) -> str:
    """*text*, which is on its way out, with whatever still steers spelled out."""
    return _STEERING.sub(lambda found: "\\r" if found[0] == "\r" else _escape(found[0]), text)
