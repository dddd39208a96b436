"""What a write does beyond the row: rows of others that go along with it, follow it or lose their reference, by foreign keys
of any depth. Counted when a plan is made, and again before the row is written."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.columns import PLAIN
from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.core.schema import STRING, Field, Kind, Type
from erpoa_cli.engine.relations.load import parsing, trouble
from erpoa_cli.sdk.connector import Hanging, ObjectInfo, Reading, ReadRequest, Writable

Values = tuple[str | None, ...]
Compare = Callable[[str, Mapping[str, pa.Table]], pa.Table]
_ACTIONS = {
    "ON DELETE CASCADE": "delete",
    "ON DELETE SET NULL": "set_null",
    "ON DELETE SET DEFAULT": "set_default",
    "ON UPDATE SET NULL": "set_null",
    "ON UPDATE SET DEFAULT": "set_default",
}
"""Effect → what a target's `reach:` says of it. That references follow their row needs no leave: nothing is lost."""


@dataclass(slots=True)
class Reach:
    """Per object and effect the rows that a write reaches; None: nobody knows which."""

    rows: dict[tuple[str, str], set[object] | None] = field(default_factory=dict)

    def meet(self, one: Hanging, row: object) -> None:
        met = self.rows.setdefault((one.object, _effect(one)), set())
        if met is not None:
            met.add(row)

    def lose(self, one: Hanging) -> None:
        self.rows[one.object, _effect(one)] = None

    def beyond(self, allowed: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
        """Object → what `reach:` of the target must say of it, of those of which it does not say all."""
        needed: dict[str, list[str]] = {}
        for name, effect in self.rows:
            if effect in _ACTIONS:
                needed.setdefault(name, []).append(_ACTIONS[effect])
        return {
            name: sorted(each) for name, each in needed.items() if not set(each) <= set(allowed.get(name, ()))
        }

    @property
    def known(self) -> bool:
        return None not in self.rows.values()

    @property
    def gone(self) -> int:
        """How many rows of others are deleted, as far as it is known."""
        return sum(
            len(met) for (_, effect), met in self.rows.items() if effect == "ON DELETE CASCADE" and met
        )

    @property
    def counts(self) -> list[tuple[str, str, int | None]]:
        """Object, effect and how many rows, None: nobody knows; in order."""
        return [(*at, None if met is None else len(met)) for at, met in sorted(self.rows.items())]

    @property
    def text(self) -> str:
        """What a plan keeps of it: `within` compares with it, `in_words` says it."""
        return json.dumps(self.counts, ensure_ascii=False)

    def within(self, planned: str) -> bool:
        """Whether no more is reached than a plan says, which kept *planned* (`text`; empty: nothing)."""
        known = {(name, effect): number for name, effect, number in json.loads(planned or "[]")}
        return all(
            number is not None and number <= (known.get((name, effect)) or 0)
            for name, effect, number in self.counts
        )


def in_words(text: str) -> str:
    """What a plan keeps of the reach of a row, for people; any other *text* as it is."""
    if not text.startswith("["):
        return text
    told = (f"{_many(number)} of {name} ({effect})" for name, effect, number in json.loads(text))
    return ", ".join(told)


def _effect(one: Hanging) -> str:
    return f"ON {one.event} {one.effect}"


def _many(number: int | None) -> str:
    if number is None:
        return "an unknown number of rows"
    return f"{number} row{'' if number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Leaving:
    """Rows of an object that the plan deletes by itself: their identifiers, in the order of the fields `id`."""

    id: Mapping[str, Type]
    rows: frozenset[Values]


def reaches(
    info: ObjectInfo,
    rows: Mapping[str, Mapping[str, str | None]],
    types: Mapping[str, Type],
    session: Writable,
    compare: Compare,
    leaving: Mapping[str, Leaving],
    written: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Reach]:
    """What deletes of *rows* of the object *info* reach, by their names there; those that reach nothing are not in it. *rows*: the
    canonical texts of what is known of each, of the declared *types*; *leaving*: by object, rows whose own deletes are no
    surprise; *written*: the fields of each row that an update writes, where they are updated."""
    walk = _Walk(session, compare, leaving)
    for one in info.hanging if written is None else info.following:
        names = [n for n in rows if written is None or touched(one, written[n])]
        if not names:
            continue
        if one.references and set(one.references) <= set(types):
            asked: dict[Values, set[str]] = {}
            for name in names:
                row = rows[name]
                asked.setdefault(tuple(row[n] for n in one.references), set()).add(name)
            walk.ask(one, asked, [types[n] for n in one.references])
        else:
            walk.lose(one, set(names))
    walk.run()
    return walk.found


def touched(one: Hanging, fields: Collection[str]) -> bool:
    return not one.references or not set(one.references).isdisjoint(fields)


def _further(one: Hanging, info: ObjectInfo) -> tuple[Hanging, ...]:
    """What hangs on rows of *info* that go along by *one*, or follow what it changes of them."""
    if one.event == "DELETE" and one.effect == "CASCADE":
        return info.hanging
    return tuple(each for each in info.following if touched(each, one.fields))


class _Walk:
    """From rows to those that hang on them, and on. A circle of foreign keys ends where nothing new is met."""

    def __init__(self, session: Writable, compare: Compare, leaving: Mapping[str, Leaving]) -> None:
        self._session = session
        self._compare = compare
        self._leaving = leaving
        self._infos: dict[str, ObjectInfo | None] = {}
        self._asked: dict[Hanging, dict[Values, set[str]]] = {}
        self._waiting: list[tuple[Hanging, dict[Values, set[str]], Sequence[Type]]] = []
        self.found: dict[str, Reach] = {}

    def ask(self, one: Hanging, asked: Mapping[Values, set[str]], types: Sequence[Type]) -> None:
        """Look later for the rows that hang on *asked*: values of `one.references` → on whose account."""
        known = self._asked.setdefault(one, {})
        new: dict[Values, set[str]] = {}
        for values, names in asked.items():
            if None not in values and (more := names - known.get(values, set())):
                known.setdefault(values, set()).update(more)
                new[values] = more
        if new:
            self._waiting.append((one, new, types))

    def lose(self, one: Hanging, names: set[str]) -> None:
        for name in names:
            self.found.setdefault(name, Reach()).lose(one)

    def run(self) -> None:
        while self._waiting:
            one, asked, types = self._waiting.pop(0)
            met = self._met(one, asked, types)
            if met is None:
                self.lose(one, set().union(*asked.values()))
            elif met:
                self._go_on(one, met)

    def _info(self, name: str) -> ObjectInfo | None:
        if name not in self._infos:
            self._infos[name] = next(iter(self._session.objects([name])), None)
        return self._infos[name]

    def _go_on(self, one: Hanging, met: Sequence[tuple[Mapping[str, str | None], set[str]]]) -> None:
        """What hangs on rows that go along, or follows those that change."""
        info = self._info(one.object)
        if info is None:
            return
        for further in _further(one, info):
            if not further.references or not all(n in met[0][0] for n in further.references):
                self.lose(further, set().union(*(names for _, names in met)))
                continue
            asked: dict[Values, set[str]] = {}
            for row, names in met:
                asked.setdefault(tuple(row[n] for n in further.references), set()).update(names)
            self.ask(further, asked, [_type(info, n) for n in further.references])

    def _met(
        self, one: Hanging, asked: Mapping[Values, set[str]], types: Sequence[Type]
    ) -> list[tuple[Mapping[str, str | None], set[str]]] | None:
        """The rows that hang on *asked*, each with those on whose account; None where that cannot be told."""
        info = self._info(one.object)
        if info is None:
            return None
        fields = [Field(name, type_) for name, type_ in zip(one.fields, types, strict=True)]
        leaving = self._leaving.get(one.object)
        ids = leaving.id if leaving else {n: _type(info, n) for n in info.id}
        needed = dict(ids) | {
            n: _type(info, n) for h in _further(one, info) for n in h.references if n not in ids
        }
        own = [Field(n, t) for n, t in needed.items() if n not in one.fields and info.field(n)]
        folded: dict[Values, set[str]] = {}
        for values, names in asked.items():
            folded.setdefault(_folded(values, fields), set()).update(names)
        every = (*fields, *own)
        reading = self._reading(one.object, fields, own, list(asked))
        met: list[tuple[Mapping[str, str | None], set[str]]] = []
        for batch in reading:
            rows = self._compare(parsing(batch.schema, every), {"incoming": pa.Table.from_batches([batch])})
            if len(rows[trouble(every)].drop_null()):
                return None
            columns = {f.name: [canonical(v, f.type) for v in rows[f.name].to_pylist()] for f in every}
            for at, values in enumerate(zip(*(columns[n] for n in one.fields), strict=True)):
                whose = folded.get(_folded(values, fields))
                if whose is None:
                    continue
                row = {name: column[at] for name, column in columns.items()}
                identity = tuple(row.get(n) for n in ids)
                if leaving and identity in leaving.rows:
                    continue
                for name in whose:
                    self.found.setdefault(name, Reach()).meet(
                        one, identity or object()
                    )  # nameless rows are each their own
                met.append((row, whose))
        return met if reading.verdict.status is ReadStatus.COMPLETE else None

    def _reading(
        self, name: str, fields: Sequence[Field], own: Sequence[Field], wanted: Sequence[Values]
    ) -> Reading:
        """Rows of another object, among them all that may hang. `find` takes texts byte by byte, the foreign key by a
        collation: by texts alone all rows are read."""
        request = ReadRequest(object=name, fields=(*fields, *own))
        exact = [(at, f) for at, f in enumerate(fields) if f.type.kind is not Kind.STRING]
        if not exact:
            return self._session.read(request)
        texts = {f.name: pa.array([values[at] for values in wanted], pa.utf8()) for at, f in exact}
        casts = ", ".join(
            f"CAST({PLAIN.sql(f.name)} AS {f.type.duckdb}) AS {PLAIN.sql(f.name)}" for _, f in exact
        )
        asked = self._compare(f"SELECT DISTINCT {casts} FROM asked", {"asked": pa.table(texts)})
        return self._session.find(request, [f.name for _, f in exact], asked)


def _type(info: ObjectInfo, name: str) -> Type:
    return (known.type if (known := info.field(name)) else None) or STRING


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
