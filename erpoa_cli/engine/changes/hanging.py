"""Rows of others that go along with what is deleted, or lose their reference: a plan does not show them, so their deletes wait."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import ID, NOW, PLAIN
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.reconcile.shape import Shape, key_text_sql, table
from erpoa_cli.core.schema import STRING, Field, Kind, Type
from erpoa_cli.core.situation import Action, does
from erpoa_cli.engine.relations.load import TROUBLE, parsing
from erpoa_cli.engine.staging import Staging
from erpoa_cli.sdk.connector import Hanging, ObjectInfo, Reading, ReadRequest, Session, Writable

Values = tuple[str | None, ...]


def hanging(
    shape: Shape, info: ObjectInfo, staging: Staging, session: Session, beside: Mapping[str, Shape]
) -> dict[str, str]:
    """Key (JSON) of a row to delete → which rows of others hang on it, and how many. *beside*: shapes of targets in the same
    system, whose own deletes in this plan are no surprise."""
    if not info.hanging or not isinstance(session, Writable):
        return {}
    told: dict[str, list[str]] = {}
    for one in info.hanging:
        rows = _deleted(shape, one, staging)
        if not rows:
            continue
        counted = _counted(shape, one, staging, session, beside, list(rows.values()))
        for key, values in rows.items():
            number = counted.get(values, 0) if counted is not None else -1
            if number:
                many = (
                    "an unknown number of rows" if number < 0 else f"{number} row{'' if number == 1 else 's'}"
                )
                told.setdefault(key, []).append(f"{many} of {one.object} (ON DELETE {one.effect})")
    return {key: f"on it hang {', '.join(words)}" for key, words in told.items()}


def _deleted(shape: Shape, one: Hanging, staging: Staging) -> dict[str, Values]:
    """Key → the values to which rows of others refer, of the rows to delete. Those that the plan does not know are empty."""
    known = {**{ID(n): n for n in shape.id}, **{NOW(n): n for n in shape.columns}}
    columns = [next((c for c, n in known.items() if n == name), None) for name in one.references]
    if None in columns:
        columns = []
    selected = ", ".join(PLAIN.sql(c) for c in columns if c is not None)
    rows = staging.sql(
        f"SELECT {key_text_sql(shape, '')} AS key_text{', ' if selected else ''}{selected} FROM {table('diff', shape.name)} "
        f"WHERE kind IS NULL AND {does(Action.DELETE)}"
    )
    types = [_type(shape, name) for name in one.references] if columns else []
    values = [
        [canonical(value, type_) for value in rows[c].to_pylist()]
        for c, type_ in zip((c for c in columns if c), types, strict=True)
    ]
    keys = rows["key_text"].to_pylist()
    return {key: tuple(column_[at] for column_ in values) for at, key in enumerate(keys)}


def _type(shape: Shape, name: str) -> Type:
    return shape.id[name] if name in shape.id else shape.columns[name]


def _counted(
    shape: Shape,
    one: Hanging,
    staging: Staging,
    session: Writable,
    beside: Mapping[str, Shape],
    wanted: list[Values],
) -> dict[Values, int] | None:
    """How many rows of the other object have each of the *wanted* values, less those that this plan deletes; None where
    that cannot be told."""
    if not all(wanted):
        return None
    fields = [
        Field(name, _type(shape, other)) for name, other in zip(one.fields, one.references, strict=True)
    ]
    other = next(
        (s for s in beside.values() if s.target.object == one.object and not s.target.embedded), None
    )
    ids = dict(other.id) if other else _id(session, one)
    own = [Field(n, t) for n, t in ids.items() if n not in one.fields]  # else equal rows may come as one
    leaving = set(_leaving(other, staging)) if other else set()
    sought = {_folded(values, fields) for values in wanted}
    reading = _asked(one, fields, own, staging, session, wanted)
    counts: dict[Values, int] = {}
    for batch in reading:
        rows = staging.compare(
            parsing(batch.schema, (*fields, *own)), {"incoming": pa.Table.from_batches([batch])}
        )
        if len(rows[TROUBLE].drop_null()):
            return None
        columns = [[canonical(v, f.type) for v in rows[f.name].to_pylist()] for f in fields]
        identified = (
            [[canonical(v, t) for v in rows[n].to_pylist()] for n, t in other.id.items()] if other else []
        )
        for at, values in enumerate(zip(*columns, strict=True)):
            folded = _folded(values, fields)
            if folded in sought and not (identified and tuple(c[at] for c in identified) in leaving):
                counts[folded] = counts.get(folded, 0) + 1
    if reading.verdict.status is not ReadStatus.COMPLETE:
        return None
    return {values: counts.get(_folded(values, fields), 0) for values in wanted}


def _asked(
    one: Hanging,
    fields: Sequence[Field],
    own: Sequence[Field],
    staging: Staging,
    session: Writable,
    wanted: Sequence[Values],
) -> Reading:
    """Rows of the other object, among them all that may hang. `find` takes texts byte by byte, the foreign key by a
    collation: by texts alone all rows are read."""
    request = ReadRequest(object=one.object, fields=(*fields, *own))
    exact = [(at, f) for at, f in enumerate(fields) if f.type.kind is not Kind.STRING]
    if not exact:
        return session.read(request)
    texts = {f.name: pa.array([values[at] for values in wanted], pa.utf8()) for at, f in exact}
    casts = ", ".join(
        f"CAST({PLAIN.sql(f.name)} AS {f.type.duckdb}) AS {PLAIN.sql(f.name)}" for _, f in exact
    )
    asked = staging.compare(f"SELECT DISTINCT {casts} FROM asked", {"asked": pa.table(texts)})
    return session.find(request, [f.name for _, f in exact], asked)


def _id(session: Writable, one: Hanging) -> dict[str, Type]:
    """The identifier of the rows that hang on others."""
    for info in session.objects([one.object]):
        return {n: (f.type if (f := info.field(n)) and f.type else STRING) for n in info.id}
    return {}


def _leaving(other: Shape, staging: Staging) -> Iterator[Values]:
    """The identifiers of rows that this plan deletes by itself."""
    ids = ", ".join(ID.sql(n) for n in other.id)
    if not ids:
        return
    rows = staging.sql(
        f"SELECT {ids} FROM {table('diff', other.name)} WHERE kind IS NULL AND {does(Action.DELETE)}"
    ).to_pylist()
    for row in rows:
        yield tuple(canonical(row[ID(n)], t) for n, t in other.id.items())


def _folded(values: Values, fields: Sequence[Field]) -> Values:
    return tuple(
        fold(value) if value is not None and f.type.kind is Kind.STRING else value
        for value, f in zip(values, fields, strict=True)
    )


_ALIKE = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i"})


def fold(text: str) -> str:
    """*text* without what one collation or another takes no notice of: case, accents, width, kana, blanks at the end, what
    does not print. Texts that no collation takes for equal may become the same: too many are told rather than none."""
    if not (text.isascii() and text.isprintable()):
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(_plain(sign) for sign in plain if unicodedata.category(sign) not in _UNSEEN)
    return text.lower().translate(_ALIKE).replace("ss", "s").rstrip()  # `ß` is `s` to some, `ss` to others


_UNSEEN = ("Mn", "Me", "Cc", "Cf", "Cn")


def _plain(sign: str) -> str:
    """Old collations know signs beyond the first 65,536 as one; hiragana are as katakana, small ones as large ones."""
    if sign > "\uffff":
        return "\ufffd"
    if "\u3041" <= sign <= "\u3096":
        sign = chr(ord(sign) + 0x60)
    return _LARGE.get(sign, sign)


_LARGE = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ", strict=True))
