"""Cells and lines of a terminal: widths as the terminal counts them, styled pieces, wrapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wcwidth import wcswidth, wcwidth


@dataclass(frozen=True, slots=True)
class Piece:
    """Text (already cleaned) in one style; the style is a name of `STYLES`, never markup."""

    text: str
    style: str = ""


Line = tuple[Piece, ...]


def line(*pieces: Piece | str) -> Line:
    return tuple(piece if isinstance(piece, Piece) else Piece(piece) for piece in pieces)


def width(text: str) -> int:
    """The cells that *text* takes on a terminal; CJK and emoji take two."""
    if text.isascii():
        return len(text)
    cells = wcswidth(text)
    return cells if cells >= 0 else sum(max(wcwidth(char), 0) for char in text)


def line_width(pieces: Iterable[Piece]) -> int:
    return sum(width(piece.text) for piece in pieces)


def pad(text: str, cells: int) -> str:
    """*text* with spaces up to *cells*; longer text stays as it is."""
    return text + " " * max(0, cells - width(text))


def right(text: str, cells: int) -> str:
    return " " * max(0, cells - width(text)) + text


def cut(text: str, cells: int) -> tuple[str, str]:
    """(what of *text* fits into *cells*, the rest); at least one character is taken."""
    taken = 0
    for index, char in enumerate(text):
        taken += max(wcwidth(char), 0)
        if taken > cells and index:
            return text[:index], text[index:]
    return text, ""


def elide(text: str, cells: int) -> str:
    """*text* within *cells*, its end replaced by an ellipsis when it is longer."""
    if width(text) <= cells:
        return text
    head, _ = cut(text, max(1, cells - 1))
    return head + "…" if width(head) < cells else "…"


def chunks(text: str, cells: int) -> Iterator[str]:
    """*text* in pieces of at most *cells*, broken at spaces where there are any."""
    rest = text
    while width(rest) > cells:
        head, tail = cut(rest, cells)
        space = head.rfind(" ")
        if tail[:1] != " " and space > len(head) // 2:
            head, tail = head[:space], rest[space:]
        yield head.rstrip(" ") if tail.startswith(" ") else head
        rest = tail.lstrip(" ") if tail.startswith(" ") else tail
    yield rest


def wrapped(pieces: Sequence[Piece], cells: int, indent: int) -> Iterator[Line]:
    """*pieces* as one line when it fits, else as several, the later ones indented."""
    current: list[Piece] = []
    cells = max(cells, indent + 12)
    room = cells
    for piece in pieces:
        text = piece.text
        while text:
            if width(text) <= room:
                current.append(Piece(text, piece.style))
                room -= width(text)
                break
            head, tail = _break(text, room, cells - indent)
            if head:
                current.append(Piece(head, piece.style))
            yield tuple(current)
            current, room = [Piece(" " * indent)], cells - indent
            text = tail.lstrip(" ")
    yield tuple(current)


def _break(text: str, room: int, most: int) -> tuple[str, str]:
    """(what goes on this line, what on the next): at a space if there is one; within a word only when the word
    is longer than *most*, the room of a whole line."""
    head, tail = cut(text, room) if room > 0 else ("", text)
    if not head or width(head) > room:
        return "", text
    space = head.rfind(" ")
    if tail.startswith(" "):
        return head, tail
    if space > 0:
        return head[:space], text[space:]
    word = text.partition(" ")[0]
    return ("", text) if room < most and width(word) <= most else (head, tail)
