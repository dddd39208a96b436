"""Text → declared type, as SQL: exactly, or not at all.

DuckDB's own casts round (`TRY_CAST('1.5' AS BIGINT)` is 2), so the form of a text is checked before it is cast.
A text that does not parse gives NULL in `value` and true in `broken`; the row is then held, never changed.
"""

from __future__ import annotations

from erpoa_cli.core import moment_format
from erpoa_cli.core.schema import Field, Kind, Type, identifier, literal

_INTEGER = "[+-]?[0-9]+"
DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6}0*)?)?"
OFFSET = f"(Z|{moment_format.OFFSET})"
_BYTES = "([0-9a-fA-F]{2})*"
_OURS = "\x01"  # begins the names of what lambdas see: no column is called so
_OBJECT, _NUMBER = f'"{_OURS}o"', f'"{_OURS}n"'
_STRINGS = r'"(\\.|[^"\\])*"'
# What Python and Arrow have room for, as DuckDB's own calendar goes on before the year 1 and after 9999.
_FIRST, _LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"
_KEPT_DIGITS = 16  # what a JSON number with a fraction keeps as a double, its point included

WORDS = {
    Kind.STRING: "text",
    Kind.INTEGER: "a whole number of 64 bits",
    Kind.BOOLEAN: "one of 0, 1, true, false, t, f",
    Kind.DATE: "a date written YYYY-MM-DD",
    Kind.TIME: "a time written HH:MM[:SS[.ffffff]]",
    Kind.TIMESTAMP: "a local time written YYYY-MM-DD HH:MM[:SS[.ffffff]] without offset",
    Kind.TIMESTAMPTZ: "a time written YYYY-MM-DD HH:MM[:SS[.ffffff]] with its offset",
    Kind.JSON: "JSON whose objects have each key once",
    Kind.BYTES: "bytes written in hexadecimal",
    Kind.LIST: "a JSON array of the declared type",
    Kind.STRUCT: "a JSON object of the declared type",
}


def value(text: str, field: Field) -> str:
    """The SQL expression that reads the VARCHAR expression *text* as *field*: its value, or NULL when it is
    NULL, one of `nulls`, or does not parse. The session zone must be UTC."""
    return _value(_present(text, field), field)


def broken(text: str, field: Field, read: str) -> str:
    """The SQL condition that *text* holds something that is no value of *field*; *read* is a column that holds
    its `value`, so that it is not computed twice."""
    present = _present(text, field)
    if field.type.kind in (Kind.LIST, Kind.STRUCT):
        more = f" OR {_unnamed(f'TRY(CAST({present} AS JSON))', field.type)}" if field.whole else ""
        return f"coalesce({_nested_broken(present, field.type)}{more}, false)"
    return f"({read} IS NULL AND {present} IS NOT NULL)"


def expected(field: Field) -> str:
    """What a text must look like to parse, in words for a reason."""
    if field.format:
        return f"{field.type} written {field.format}"
    if field.type.kind is Kind.DECIMAL:
        return f"a number with at most {field.type.precision - field.type.scale} digits before and {field.type.scale} after the point"
    if field.type.kind is Kind.TIMESTAMPTZ and field.zone:
        return f"a local time that exists exactly once in {field.zone}"
    return WORDS[field.type.kind]


def _present(text: str, field: Field) -> str:
    """*text*, NULL where it is one of the texts that mean NULL."""
    if not field.nulls:
        return text
    return f"CASE WHEN {text} NOT IN ({', '.join(map(literal, field.nulls))}) THEN {text} END"


def _value(text: str, field: Field) -> str:
    match field.type.kind:
        case Kind.LIST | Kind.STRUCT:
            return _leaves(_shaped(text, field.type), field.type)
        case Kind.DATE | Kind.TIME | Kind.TIMESTAMP | Kind.TIMESTAMPTZ if field.format:
            return _formatted(text, field)
        case Kind.TIMESTAMPTZ if field.zone:
            return instant(_scalar(text, Type(Kind.TIMESTAMP)), field.zone)
        case _:
            return _scalar(text, field.type)


def _scalar(text: str, type_: Type) -> str:
    match type_.kind:
        case Kind.STRING:
            return text
        case Kind.INTEGER:
            return _cast_if(text, _INTEGER, type_)
        case Kind.DECIMAL:
            before, after = type_.precision - type_.scale, type_.scale
            return _cast_if(text, rf"[+-]?0*[0-9]{{0,{before}}}(\.[0-9]{{0,{after}}}0*)?", type_)
        case Kind.BOOLEAN:
            return f"CASE lower({text}) WHEN '1' THEN true WHEN 'true' THEN true WHEN 't' THEN true WHEN '0' THEN false WHEN 'false' THEN false WHEN 'f' THEN false END"
        case Kind.DATE:
            return _cast_if(text, DATE, type_, f"{text} NOT LIKE '0000%'")
        case Kind.TIME:
            return _cast_if(text, TIME, type_)
        case Kind.TIMESTAMP:
            return _cast_if(text, f"{DATE}[T ]{TIME}", type_, f"{text} NOT LIKE '0000%'")
        case Kind.TIMESTAMPTZ:
            pattern = literal(f"{DATE}[T ]{TIME}{OFFSET}")
            whole = f"coalesce(TRY_CAST({text} AS {type_.duckdb}), TRY_CAST({_offset_spelt_out(text)} AS {type_.duckdb}))"
            # The offset leads out of the calendar at its ends only.
            inside = f"({text} NOT LIKE '0001%' AND {text} NOT LIKE '9999%' OR {_within(whole, type_.kind)})"
            return (
                f"CASE WHEN regexp_full_match({text}, {pattern}) AND {text} NOT LIKE '0000%' AND {inside} "
                f"THEN {whole} END"
            )
        case Kind.JSON:
            return f"CASE WHEN {_is_json(text)} THEN CAST({text} AS JSON) END"
        case Kind.BYTES:
            return f"CASE WHEN regexp_full_match({text}, {literal(_BYTES)}) THEN unhex({text}) END"
        case Kind.LIST | Kind.STRUCT:
            raise AssertionError(type_)


def _offset_spelt_out(text: str) -> str:
    """DuckDB reads an offset only after seconds and with a colon: 10:00+0800 becomes 10:00:00+08:00."""
    seconds = f"regexp_replace({text}, '([T ][0-9]{{2}}:[0-9]{{2}})([Z+-])', '\\1:00\\2')"
    return f"regexp_replace({seconds}, '([+-][0-9]{{2}})([0-9]{{2}})$', '\\1:\\2')"


def _cast_if(text: str, pattern: str, type_: Type, also: str = "true") -> str:
    return f"CASE WHEN regexp_full_match({text}, {literal(pattern)}) AND {also} THEN TRY_CAST({text} AS {type_.duckdb}) END"


def _formatted(text: str, field: Field) -> str:
    """A date or time by its declared pattern; what the type has no room for (a time of day in a date) is refused."""
    moment = moment_format.moment(text, field.format)
    match field.type.kind:
        case Kind.DATE:
            return (
                f"CASE WHEN {moment} = date_trunc('day', {moment}) AND {_within(moment, Kind.TIMESTAMP)} "
                f"THEN CAST({moment} AS DATE) END"
            )
        case Kind.TIME:
            return f"CAST({moment} AS TIME)"
        case Kind.TIMESTAMPTZ if moment_format.has_offset(field.format):
            whole = f"CAST({moment} AS TIMESTAMPTZ)"
            return f"CASE WHEN {_within(whole, Kind.TIMESTAMPTZ)} THEN {whole} END"
        case Kind.TIMESTAMPTZ:
            return instant(moment, field.zone or "UTC")
        case _:
            return f"CASE WHEN {_within(moment, Kind.TIMESTAMP)} THEN {moment} END"


def _within(moment: str, kind: Kind) -> str:
    """The condition that *moment* is in the years 1 to 9999: nothing that reads a plan knows others."""
    word, zone = ("TIMESTAMPTZ", "+00") if kind is Kind.TIMESTAMPTZ else ("TIMESTAMP", "")
    return f"{moment} BETWEEN {word} '{_FIRST}{zone}' AND {word} '{_LAST}{zone}'"


def instant(local: str, zone: str) -> str:
    """The instant of *local* time in *zone*; NULL where clocks skipped that time or had it twice, and where it is out
    of the calendar.

    The instant is computed with the offset of the day before and with that of the day after: in a gap neither
    gives *local* back, in an overlap both do and differ."""
    place = literal(zone)
    before = f"(timezone({place}, {local} - INTERVAL 1 DAY) + INTERVAL 1 DAY)"
    after = f"(timezone({place}, {local} + INTERVAL 1 DAY) - INTERVAL 1 DAY)"
    outside = f"NOT ({_within(local, Kind.TIMESTAMP)} AND {_within(before, Kind.TIMESTAMPTZ)})"
    return (
        f"CASE WHEN {outside} THEN NULL WHEN {before} = {after} THEN {before} "
        f"WHEN timezone({place}, {before}) = {local} AND timezone({place}, {after}) = {local} THEN NULL "
        f"WHEN timezone({place}, {before}) = {local} THEN {before} "
        f"WHEN timezone({place}, {after}) = {local} THEN {after} END"
    )


# -- lists and structs, which arrive as JSON ------------------------------------------------------------------


def _shaped(text: str, type_: Type) -> str:
    """*text* as the declared shape with texts for leaves; NULL when it has another shape, or a declared key twice."""
    shape = literal(_shape(type_))
    sound = f"json_valid({text})"
    if _has_decimals(type_):
        sound += f" AND NOT {_loses_digits(text)}"
    return f"CASE WHEN {sound} THEN TRY(json_transform_strict({text}, {shape})) END"


def _shape(type_: Type) -> str:
    match type_.kind:
        case Kind.LIST:
            assert type_.item is not None
            return f"[{_shape(type_.item)}]"
        case Kind.STRUCT:
            return "{" + ", ".join(f"{_json_text(n)}: {_shape(t)}" for n, t in type_.members) + "}"
        case _:
            return '"VARCHAR"'


def _json_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _leaves(shaped: str, type_: Type, depth: int = 0) -> str:
    """*shaped* with every leaf read as its type."""
    match type_.kind:
        case Kind.LIST:
            assert type_.item is not None
            item = f'"{_OURS}x{depth}"'
            return f"list_transform({shaped}, lambda {item}: {_leaves(item, type_.item, depth + 1)})"
        case Kind.STRUCT:
            members = ", ".join(
                f"{identifier(name)} := {_leaves(f'({shaped}).{identifier(name)}', member, depth)}"
                for name, member in type_.members
            )
            return f"CASE WHEN {shaped} IS NOT NULL THEN struct_pack({members}) END"
        case _:
            return _scalar(shaped, type_)


def _nested_broken(text: str, type_: Type) -> str:
    shaped = _shaped(text, type_)
    return f"({text} IS NOT NULL AND ({shaped} IS NULL OR {_leaf_broken(shaped, type_)}))"


def _leaf_broken(shaped: str, type_: Type, depth: int = 0) -> str:
    match type_.kind:
        case Kind.LIST:
            assert type_.item is not None
            item = f'"{_OURS}x{depth}"'
            found = f"list_filter({shaped}, lambda {item}: {_leaf_broken(item, type_.item, depth + 1)})"
            return f"coalesce(len({found}) > 0, false)"
        case Kind.STRUCT:
            parts = (_leaf_broken(f"({shaped}).{identifier(name)}", t, depth) for name, t in type_.members)
            return f"({' OR '.join(parts)})"
        case _:
            return f"({shaped} IS NOT NULL AND {_scalar(shaped, type_)} IS NULL)"


def _unnamed(json: str, type_: Type, depth: int = 0) -> str:
    """The condition that a JSON value has members which *type_* does not name."""
    match type_.kind:
        case Kind.LIST:
            assert type_.item is not None
            item = f'"{_OURS}j{depth}"'
            inner = _unnamed(item, type_.item, depth + 1)
            if inner == "false":
                return inner
            found = f"list_filter(TRY(CAST({json} AS JSON[])), lambda {item}: {inner})"
            return f"coalesce(len({found}) > 0, false)"
        case Kind.STRUCT:
            names = ", ".join(literal(name) for name, _ in type_.members)
            parts = [
                _unnamed(f"json_extract({json}, {literal('$.' + _json_text(name))})", member, depth)
                for name, member in type_.members
            ]
            return " OR ".join(
                [f"NOT list_has_all([{names}], json_keys({json}))", *(p for p in parts if p != "false")]
            )
        case _:
            return "false"


def _has_decimals(type_: Type) -> bool:
    inner = [type_.item] if type_.item else [member for _, member in type_.members]
    return type_.kind is Kind.DECIMAL or any(_has_decimals(t) for t in inner)


def _unquoted(text: str) -> str:
    return f"regexp_replace({text}, {literal(_STRINGS)}, '\"\"', 'g')"


def _is_json(text: str) -> str:
    """The condition that *text* is JSON with one meaning. For DuckDB NaN, Infinity, commas before a bracket and keys that
    occur twice are sound, too."""
    odd = r"'(?i)nan|inf|,\s*[\]}]'"
    # every CASE saves what comes after it: in a condition DuckDB computes all parts for all rows
    return (
        f"CASE WHEN NOT json_valid({text}) THEN false "
        f"WHEN NOT regexp_matches({text}, {odd}) THEN NOT {_key_twice(text)} "
        f"WHEN regexp_matches({_unquoted(text)}, {odd}) THEN false ELSE NOT {_key_twice(text)} END"
    )


def _key_twice(json: str) -> str:
    """The condition that an object in the sound text *json* has a key twice, whatever its letters are written as."""
    found = f"list_filter(json_extract({json}, '$..*'), lambda {_OBJECT}: {_repeats(_OBJECT)})"
    inside = f"{json} LIKE '_%{{%:%:%'"  # else there is but the outermost object, or none of two keys
    return f"CASE WHEN {_repeats(json)} THEN true WHEN {inside} THEN coalesce(len({found}) > 0, false) ELSE false END"


def _repeats(json: str) -> str:
    keys = f"json_keys({json})"
    two = (
        f"{json}::VARCHAR LIKE '%:%:%'"  # what has less than two colons has no two keys: most values end here
    )
    return f"CASE WHEN {two} THEN len({keys}) > len(list_distinct({keys})) ELSE false END"


def _loses_digits(text: str) -> str:
    """A number with a fraction that is longer than a double keeps; it must be sent as text."""
    numbers = rf"regexp_extract_all({_unquoted(text)}, '[0-9]+\.[0-9]+|[0-9.]+[eE]')"
    return f"len(list_filter({numbers}, lambda {_NUMBER}: length({_NUMBER}) > {_KEPT_DIGITS} OR {_NUMBER} ILIKE '%e')) > 0"
