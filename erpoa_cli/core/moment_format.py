"""Formats of dates and times (strptime patterns): which text is exactly what a format says, as SQL.

DuckDB's strptime takes more than that: the years of two digits for `%Y`, blanks around, words, the day 366 of a year that
has 365, a weekday that the date does not have. So a text is compared with its format before it is believed, and what it
says twice after."""

from __future__ import annotations

import re

from erpoa_cli.core.schema import literal

OFFSET = "([+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"
"""An offset that clocks have or had: by the time zone database they were up to 15:56 hours from UTC."""

_WORD = "([A-Za-z]+)"
_DAY_OF = "(0?[0-9]|[1-4][0-9]|5[0-3])"  # a week of a year
_FRACTION = "([0-9]{1,6}0*)"  # finer than microseconds is no value of ours
_TEXTS = {
    "Y": "([0-9]{4})", "y": "([0-9]{2})", "m": "(0?[1-9]|1[0-2])", "d": "(0?[1-9]|[12][0-9]|3[01])",
    "H": "([01]?[0-9]|2[0-3])", "I": "(0?[1-9]|1[0-2])", "M": "([0-5]?[0-9])", "S": "([0-5]?[0-9])",
    "p": "([AaPp][Mm])", "f": _FRACTION, "n": _FRACTION, "g": "([0-9]{1,3})",
    "j": "([0-9]{1,3})", "U": _DAY_OF, "W": _DAY_OF, "V": _DAY_OF, "G": "([0-9]{4})", "u": "([1-7])", "w": "([0-6])",
    "a": _WORD, "A": _WORD, "b": _WORD, "B": _WORD, "h": _WORD,
    "z": OFFSET,
    "Z": "(UTC|GMT|[A-Z][A-Za-z]+(/[A-Za-z0-9_+-]+)+)",  # CST is a time in China, and another one in Chicago
    "T": "([0-9]{2}:[0-9]{2}:[0-9]{2})", "X": "([0-9]{2}:[0-9]{2}:[0-9]{2})", "x": "([0-9]{4}-[0-9]{2}-[0-9]{2})",
    "c": "([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})", "%": "(%)",
}  # fmt: skip
_SAID_TWICE = "jUWVGuwaA"  # what the date must have that the rest of the text says

DIRECTIVES = tuple(f"%{letter}" for letter in _TEXTS) + tuple(f"%-{letter}" for letter in "dHIjmMSy")
"""What a `format` may hold after its percent signs: what DuckDB's strptime knows."""


def unknown_directives(pattern: str) -> tuple[str, ...]:
    """The directives of a strptime pattern that there are not, as they stand in it."""
    found = re.findall("%(?:-.|.|$)", pattern, re.DOTALL)
    return tuple(directive for directive in dict.fromkeys(found) if directive not in DIRECTIVES)


def has_offset(pattern: str) -> bool:
    """Whether a strptime pattern reads an offset or zone."""
    return "%z" in pattern or "%Z" in pattern


def moment(text: str, pattern: str) -> str:
    """The SQL expression for the moment that *text* spells by a strptime *pattern*; NULL where it is not exactly that. A
    number may lack its leading zeros, and letters their case."""
    form, groups = _form(pattern)
    shape = literal(form)
    read = f"try_strptime({text}, {literal(pattern)})"
    local = read
    if zone := groups.get("z"):
        part = f"regexp_extract({text}, {shape}, {zone})"
        digits = f"rpad(replace(substr({part}, 2), ':', ''), 4, '0')"
        minutes = f"(left({digits}, 2)::INTEGER * 60 + right({digits}, 2)::INTEGER)"
        local = (
            f"timezone('UTC', {read}) + to_minutes(CASE WHEN {part} LIKE '-%' THEN -1 ELSE 1 END * {minutes})"
        )
    elif zone := groups.get("Z"):
        local = f"timezone(regexp_extract({text}, {shape}, {zone}), {read})"
    twice = [
        f"{_plain(f'regexp_extract({text}, {shape}, {group})')} = {_plain(f'strftime({local}, {literal(chr(37) + letter)})')}"
        for letter, group in groups.items()
        if letter in _SAID_TWICE
    ]
    agrees = "".join(f" AND {condition}" for condition in twice)
    # one CASE within the other: what is no date must not be asked for its weekday
    inner = f"CASE WHEN true{agrees} THEN {read} END" if twice else read
    return f"CASE WHEN regexp_full_match({text}, {shape}) THEN {inner} END"


def _form(pattern: str) -> tuple[str, dict[str, int]]:
    """The regular expression (RE2) of all texts of *pattern*, and the group of each directive in it."""
    form, groups, count = "", dict[str, int](), 0
    parts = re.findall(r"%-?(.)|(\s+)|(.)", pattern, re.DOTALL)
    for at, (directive, blank, other) in enumerate(parts):
        if directive:
            groups.setdefault(directive, count + 1)
            beside = [
                part for part in (*parts[max(at - 1, 0) : at], *parts[at + 1 : at + 2]) if _may_be_digit(part)
            ]
            text = _TEXTS[directive]
            form += _whole(text) if beside else text
            count += re.compile(text).groups
        else:
            form += r"\s+" if blank else re.escape(other)
    return form, groups


def _may_be_digit(part: tuple[str, str, str]) -> bool:
    directive, _, other = part
    return directive not in {"", "p", "%", "z", "Z"} or other.isdigit()


def _whole(text: str) -> str:
    """Of numbers that stand side by side none lacks its zeros: nobody could tell where one ends."""
    return text.replace("?[", "[").replace("(0?", "(0").replace("{1,3}", "{3}")


def _plain(text: str) -> str:
    return f"ltrim(lower({text}), '0')"
