"""What the diff must answer, row by row in plain Python, written from the design's text and not from the SQL.

Rows of D are `{"key": (…), field: value, "problem": str | None}`; rows of A `{"id": n, field: value}`; B maps keys to
`Base`. The oracle also plays apply and fold, so that a second diff can be asked for.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from erpoa_cli.core.target import Ownership, Target, TargetField

Row = dict[str, Any]
Key = tuple[Any, ...]
BLANK = " \t\n\r\f\v\u00a0\u3000"


@dataclass(frozen=True)
class Base:
    id: int
    generation: int
    agreed: dict[str, Any]
    seen: dict[str, Any]

    @property
    def known(self) -> frozenset[str]:
        return frozenset(self.agreed)


@dataclass(frozen=True)
class World:
    target: Target
    extras: tuple[str, ...]
    desired: list[Row]
    actual: list[Row]
    base: dict[Key, Base]
    gone: dict[Key, int] = field(default_factory=dict)
    siblings: dict[Key, int] = field(default_factory=dict)  # key → id, linked by another target
    desired_complete: bool = True
    actual_complete: bool = True
    first: bool = False


@dataclass(frozen=True)
class Answer:
    """One noteworthy row."""

    key: Key
    id: int | None
    situation: str
    action: str | None = None
    cause: str = "data"
    kind: str | None = None
    code: str | None = None
    fields: frozenset[str] = frozenset()
    drifted: frozenset[str] = frozenset()
    conflicted: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    links: bool = False
    generation: int = 1
    values: tuple[tuple[str, Any], ...] = ()  # what is written


def normal(spec: TargetField, value: Any) -> Any:
    for step in spec.compare:
        if isinstance(value, str):
            if step.kind == "trim":
                value = value.strip(BLANK)
            elif step.kind == "ci":
                value = value.lower()
            elif step.kind == "nfkc":
                value = unicodedata.normalize("NFKC", value)
            elif step.kind == "collapse_space":
                value = re.sub(f"[{BLANK}]+", " ", value).strip(" ")
            elif step.kind == "digits_only":
                value = "".join(c for c in value if c in "0123456789")
        elif isinstance(value, list) and step.kind == "unordered":
            value = sorted(value)
    return value


def evidence(spec: TargetField, value: Any) -> Any:
    """By what a row is recognised: of a text without digits nothing is left."""
    said = normal(spec, value)
    return None if said == "" and any(step.kind == "digits_only" for step in spec.compare) else said


def same(spec: TargetField, one: Any, two: Any) -> bool:
    if one is None or two is None:
        return normal(spec, one) == normal(spec, two)
    for step in spec.compare:
        if step.kind == "tolerance" and isinstance(one, Decimal | int):
            return abs(Decimal(one) - Decimal(two)) <= (step.amount or 0)
    return bool(normal(spec, one) == normal(spec, two))


def watched(target: Target) -> list[TargetField]:
    """Fields whose later values matter to us."""
    if target.mode == "create_only":
        return []
    return [
        f
        for f in target.fields
        if f.ownership != Ownership.THEIRS and all(step.kind != "ignore" for step in f.compare)
    ]


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [])


class Oracle:
    def __init__(self, world: World) -> None:
        self.w = world
        self.t = world.target
        self.by_id: dict[Any, list[Row]] = {}
        for row in world.actual:
            self.by_id.setdefault(row["id"], []).append(row)
        self.names = [f.name for f in self.t.fields]

    # ---------------------------------------------------------------- recognition

    def unique(self, id_: Any) -> Row | None:
        rows = self.by_id.get(id_, [])
        return rows[0] if len(rows) == 1 else None

    def linked_id(self, key: Key) -> Any:
        if key in self.taken:
            return None
        if key in self.w.base:
            return self.w.base[key].id
        return self.from_sibling(key)

    def from_sibling(self, key: Key) -> Any:
        """The id that another target links *key* to, unless it is another row's here."""
        id_ = self.w.siblings.get(key)
        return None if id_ in {b.id for b in self.w.base.values()} else id_

    def give_up(self) -> None:
        """Links to rows that another of ours, which has none, recognises while the linked one does not."""
        self.taken: set[Key] = set()
        free = [
            d for d in self.w.desired
            if self.linked_id(d["key"]) is None or not self.by_id.get(self.linked_id(d["key"]))
        ]  # fmt: skip
        lost = set()
        for key, base in self.w.base.items():
            a = self.unique(base.id)
            if a is None or self.incomplete(base):
                continue
            if all(base.seen.get(f.name) == a[f.name] for f in watched(self.t)):
                continue
            own = [d for d in self.w.desired if d["key"] == key]
            if any(self.matches(d, a, names) for d in own for names in self.t.match):
                continue
            if any(self.matches(d, a, names) for d in free for names in self.t.match):
                lost.add(key)
        self.taken = lost

    def incomplete(self, base: Base) -> bool:
        """Whether the base cannot tell that the row moved: it does not know all fields, or we set one ourselves."""
        deactivates = self.t.on_source_gone == "deactivate"
        ours = [x for x in self.w.extras if x in self.t.deactivate] if deactivates else []
        return any(f.name not in base.agreed for f in watched(self.t)) or any(
            base.agreed.get(x) == self.t.deactivate[x] for x in ours
        )

    def recognise(self) -> None:
        self.give_up()
        linked = {b.id for k, b in self.w.base.items() if k not in self.taken}
        linked |= {self.from_sibling(k) for k in self.w.siblings if k not in self.w.base}
        self.free = [r for r in self.w.actual if r["id"] not in linked]
        self.hits: dict[int, list[Any]] = {}  # position in D → ids of A
        for n, row in enumerate(self.w.desired):
            id_ = self.linked_id(row["key"])
            if id_ is not None and self.by_id.get(id_):
                continue  # linked (or linked to something their system returned twice)
            self.hits[n] = []
            for names in self.t.match:
                found = [a["id"] for a in self.free if self.matches(row, a, names)]
                if found:  # one that they returned twice is several, whichever of its rows was hit
                    self.hits[n] = max(found, *([id_] * len(self.by_id[id_]) for id_ in found), key=len)
                    break
        self.claims: dict[Any, int] = {}
        for ids in self.hits.values():
            for id_ in set(ids):
                self.claims[id_] = self.claims.get(id_, 0) + 1

    def matches(self, d: Row, a: Row, names: tuple[str, ...]) -> bool:
        for name in names:
            spec = self.t.field(name)
            one, two = evidence(spec, d[name]), evidence(spec, a[name])
            if one is None or two is None or one != two:
                return False
        return True

    # ---------------------------------------------------------------- rows

    def answers(self) -> list[Answer]:
        self.recognise()
        result: list[Answer | None] = []
        groups: dict[Key, list[int]] = {}
        for n, row in enumerate(self.w.desired):
            groups.setdefault(row["key"], []).append(n)
        self.unnamed = any(None in key for key in groups)
        self.elsewhere = self.contradicted(groups)
        for key, positions in groups.items():
            result.append(self.desired_row(key, positions))
        for key, base in self.w.base.items():
            if key not in groups:
                result.append(self.lost_row(key, base))
        if self.t.owns == "all" and not self.w.first:
            result.extend(self.foreign_row(row) for row in self.foreign())
        return [a for a in result if a is not None]

    def contradicted(self, groups: dict[Key, list[int]]) -> set[Key]:
        """Keys of ours whose links `match` contradicts: by one of its sets a row is not recognised in its own row but in
        one that is linked to another key, which is not recognised there either. Of links that a person declared, of
        which nothing else is known yet, none is."""
        if self.w.first:
            return set()
        first = {key: self.w.desired[positions[0]] for key, positions in groups.items()}

        def unseen(key: Key, a: Row, base: Base) -> bool:
            once = len(groups.get(key, [])) == 1 and None not in key
            return once and self.untouched(first[key], a, base)

        believed = {key for key, base in self.w.base.items() if not base.known}
        owned = {}
        for key, base in self.w.base.items():
            a = self.unique(base.id) if key not in self.taken | believed else None
            if a is not None and not unseen(key, a, base):
                owned[key] = a
        found: set[Key] = set()
        for key, d in first.items():
            id_ = self.linked_id(key)
            if key in believed or (id_ is not None and len(self.by_id.get(id_, [])) > 1):
                continue  # or which one it is, nobody knows
            a = self.unique(id_) if id_ is not None else None
            own = self.w.base.get(key)
            if own is not None and all(d[f.name] == own.agreed.get(f.name) for f in watched(self.t)):
                continue  # it says what it said: what they changed is drift
            if a is None and None not in key:
                hits = {i for n in groups[key] for i in self.hits.get(n, [])}
                a = next((row for row in self.w.actual if row["id"] in hits), None)
            for names in self.t.match:
                if a is not None and self.matches(d, a, names):
                    continue
                for other, theirs in owned.items():
                    wanted = first.get(other)
                    agrees = wanted is not None and self.matches(wanted, theirs, names)
                    if other != key and not agrees and self.matches(d, theirs, names):
                        found |= {key, other}
        return found

    def untouched(self, d: Row, a: Row, base: Base) -> bool:
        """Nothing of it changed, here or there: nobody looks at it."""
        if d["problem"] or self.incomplete(base):
            return False
        names = [f.name for f in watched(self.t)]
        return all(d[n] == base.agreed[n] and a[n] == base.seen[n] for n in names)

    def desired_row(self, key: Key, positions: list[int]) -> Answer | None:
        n = positions[0]
        d = self.w.desired[n]
        base = self.w.base.get(key)
        id_ = self.linked_id(key)
        twice = id_ is not None and len(self.by_id.get(id_, [])) > 1
        a = self.unique(id_) if id_ is not None else None
        known = base is not None or a is not None
        hits = self.hits.get(n, [])
        claims = max((self.claims[i] for i in hits), default=1)
        moved = False
        if a is None and hits and None not in key:
            a = self.unique(min(hits)) if len(hits) == 1 else None
            moved = a is not None and base is not None
        generation = base.generation if base else self.w.gone.get(key, 0)
        if twice or (None not in key and (len(hits) > 1 or claims > 1)):
            situation = "ambiguous"
        elif a is not None:
            situation = "confirmed" if known else "found"
        elif not self.w.actual_complete:
            situation = "not_observed"
        else:
            situation = "vanished" if base else "absent"
        shown = a["id"] if a else (base.id if base else None)
        answer = Answer(key, shown, situation, generation=max(generation, 1))
        held = self.why_held(key, positions, d, situation, twice, len(hits))
        if held:
            return replace(answer, kind="held", code=held)
        if situation == "not_observed":
            return replace(
                answer,
                kind="withheld",
                code="E0421",
                action=None if base else "create",
                generation=answer.generation if base else generation + 1,
            )
        if situation == "absent":
            return self.create(answer, d, generation + 1, "data")
        if situation == "vanished":
            match self.t.on_vanished:
                case "recreate":
                    return self.create(answer, d, generation + 1, "drift")
                case "forget":
                    return replace(answer, action="forget", cause="drift")
                case _:
                    return replace(answer, cause="drift")
        assert a is not None
        if situation == "found":
            return self.found(answer, d, a)
        return self.confirmed(answer, d, a, base, moved)

    def why_held(
        self, key: Key, positions: list[int], d: Row, situation: str, twice: bool, hits: int
    ) -> str | None:
        if None in key:
            return "E0401"
        if len(positions) > 1:
            return "E0402"
        if d["problem"]:
            return "E0405"
        if situation == "ambiguous":
            return "E0408" if twice else "E0403" if hits > 1 else "E0404"
        if key in self.elsewhere:
            return "E0416"
        creates = situation == "absent" or (situation == "vanished" and self.t.on_vanished == "recreate")
        return "E0407" if self.t.mode == "update_only" and creates else None

    def create(self, answer: Answer, d: Row, generation: int, cause: str) -> Answer:
        values = tuple((n, d[n]) for n in self.names)
        return replace(
            answer,
            action="create",
            cause=cause,
            fields=frozenset(self.names),
            links=True,
            generation=generation,
            values=values,
        )

    def found(self, answer: Answer, d: Row, a: Row) -> Answer | None:
        v: dict[str, str] = {}
        for spec in watched(self.t):
            one, two = d[spec.name], a[spec.name]
            if same(spec, one, two):
                v[spec.name] = "settle"
            elif is_empty(two) and not is_empty(one):
                v[spec.name] = "write"
            elif spec.ownership == Ownership.SHARED:
                v[spec.name] = "same" if is_empty(one) else self.conflict(spec)
            else:
                v[spec.name] = "write" if self.t.on_first_contact == "write" else "drift"
        return self.finish(answer, d, v, adopt=True)

    def confirmed(self, answer: Answer, d: Row, a: Row, base: Base | None, moved: bool) -> Answer | None:
        v = {spec.name: self.three_way(spec, d[spec.name], a[spec.name], base) for spec in watched(self.t)}
        values = dict(d)
        off = self.t.deactivate if self.t.on_source_gone == "deactivate" else {}
        for name in self.w.extras:
            bears_ours = (
                base is not None and name in base.known and name in off and base.agreed[name] == off[name]
            )
            if bears_ours and name in self.t.restore:
                values[name] = self.t.restore[name]
                plain = TargetField(name, self.t.fields[0].value, self.t.at)
                v[name] = self.three_way(plain, values[name], a[name], base)
        return self.finish(answer, values, v, adopt=moved or base is None)

    def three_way(self, spec: TargetField, d: Any, a: Any, base: Base | None) -> str:
        known = base is not None and spec.name in base.known
        ours = known and base is not None and same(spec, d, base.agreed[spec.name])
        theirs = known and base is not None and same(spec, a, base.seen[spec.name])
        if same(spec, d, a):
            return "same" if ours and theirs else "settle"
        shared = spec.ownership == Ownership.SHARED
        if not known:
            if not shared:
                return "write" if self.t.on_new_field == "write" else "drift"
            return "same" if is_empty(d) else "write" if is_empty(a) else self.conflict(spec)
        if ours and theirs:
            return "same"
        if theirs:
            return "write"
        if ours:
            return (
                "same"
                if shared
                else {"report": "drift", "revert": "revert", "accept": "accept"}[self.t.on_drift]
            )
        return self.conflict(spec)

    def conflict(self, spec: TargetField) -> str:
        choice = self.t.on_conflict
        if spec.ownership == Ownership.SHARED:
            if choice in ("report", "write", "accept"):
                return "conflict"
            return "accept" if choice == self.t.system else "write"
        return choice if choice in ("write", "accept") else "conflict"

    def finish(self, answer: Answer, d: Row, v: dict[str, str], *, adopt: bool) -> Answer | None:
        def among(*words: str) -> frozenset[str]:
            return frozenset(name for name, word in v.items() if word in words)

        written, reported = among("write", "revert"), among("drift", "conflict")
        found = answer.situation == "found"
        answer = replace(
            answer,
            fields=written,
            drifted=among("drift"),
            conflicted=among("conflict"),
            settled=among("settle", "accept"),
        )
        answer = replace(
            answer, links=not (found and reported), values=tuple((n, d[n]) for n in sorted(written))
        )
        if written:
            only_drift = written == among("revert")
            return replace(answer, action="update", cause="drift" if only_drift else "data")
        if found and reported:
            return replace(answer, cause="drift" if answer.drifted else "data")
        if adopt:
            return replace(answer, action="adopt", cause="state")
        if among("accept"):
            return replace(answer, action="accept", cause="drift")
        if answer.settled:
            return replace(answer, action="converge", cause="state")
        if reported:
            return replace(answer, cause="drift" if answer.drifted else "data", links=False)
        return None

    # ---------------------------------------------------------------- rows that are not wanted

    def why_unproven(self) -> bool:
        return not self.w.desired_complete or not self.w.desired or self.unnamed

    def lost_row(self, key: Key, base: Base) -> Answer | None:
        a = self.unique(base.id) if key not in self.taken else None
        if key not in self.taken and a is None and base.id in self.by_id:
            return None  # returned twice: nothing is known about it
        answer = Answer(key, base.id, "source_gone", generation=max(base.generation, 1))
        if a is None:
            if self.why_unproven() or not self.w.actual_complete:
                return None
            return replace(answer, situation="both_gone", action="forget", cause="state")
        return self.removal(answer, a, base, proven=not self.why_unproven())

    def foreign(self) -> list[Row]:
        return [r for r in self.free if r["id"] not in self.claims and self.unique(r["id"])]

    def foreign_row(self, a: Row) -> Answer | None:
        placed = all(
            (not d["problem"] and None not in d["key"])
            or (None not in d["key"] and self.unique(self.linked_id(d["key"])) is not None)
            or (None not in d["key"] and self.hits.get(n))
            for n, d in enumerate(self.w.desired)
        )
        answer = Answer(tuple(a[k] for k in self.t.key), a["id"], "foreign")
        return self.removal(answer, a, None, proven=placed and not self.why_unproven())

    def removal(self, answer: Answer, a: Row, base: Base | None, *, proven: bool) -> Answer | None:
        if self.t.on_source_gone == "keep":
            return None
        if None in answer.key and proven:
            return replace(
                answer,
                kind="withheld",
                code="E0426",
                action=answer.action or self.removing(a),
                fields=frozenset(),
            )
        unproven: dict[str, Any] = (
            {} if proven else {"situation": "not_observed", "kind": "withheld", "code": "E0420"}
        )
        owned = base is not None
        if proven and base is not None and self.estranged(a, base):
            unproven = {"kind": "withheld", "code": "E0415"}
        elif proven and owned and answer.key in self.elsewhere:
            unproven = {"kind": "withheld", "code": "E0416"}
        if self.t.on_source_gone == "delete":
            return replace(answer, action="delete", **unproven)
        v: dict[str, str] = {}
        for name, off in self.t.deactivate.items():
            ours = base is not None and name in base.known and base.agreed[name] == off
            seen = ours and base is not None and base.seen[name] == a[name]
            if a[name] == off:
                v[name] = "same" if seen else "settle"
            elif not ours:
                v[name] = "write"
            elif seen:
                v[name] = "same"
            else:
                v[name] = {"report": "drift", "revert": "revert", "accept": "accept"}[self.t.on_drift]
        written = frozenset(n for n, word in v.items() if word in ("write", "revert"))
        drifted = frozenset(n for n, word in v.items() if word == "drift")
        settled = frozenset(n for n, word in v.items() if word in ("settle", "accept"))
        if written:
            values = tuple((n, self.t.deactivate[n]) for n in sorted(written))
            return replace(
                answer,
                action="deactivate",
                fields=written,
                drifted=drifted if proven else frozenset(),
                settled=settled if proven and owned else frozenset(),
                links=owned,
                values=values,
                **unproven,
            )
        if not owned or not proven:
            return None
        answer = replace(answer, drifted=drifted, settled=settled)
        if settled:
            accepts = "accept" in v.values()
            return replace(
                answer,
                action="accept" if accepts else "converge",
                cause="drift" if accepts else "state",
                links=True,
            )
        return replace(answer, cause="drift") if drifted else None

    def estranged(self, a: Row, base: Base) -> bool:
        """Nothing by which the row was recognised is left in what now has its identifier."""
        seen = {n for n in base.seen if n in {f.name for f in watched(self.t)}}
        sets = [[self.t.field(n) for n in names] for names in self.t.match if seen.issuperset(names)]
        told = [fields for fields in sets if all(evidence(f, base.seen[f.name]) is not None for f in fields)]
        return bool(told) and not any(
            all(evidence(f, base.seen[f.name]) == evidence(f, a[f.name]) for f in fields) for fields in told
        )

    def removing(self, a: Row) -> str:
        return "delete" if self.t.on_source_gone == "delete" else "deactivate"


def applied(world: World, answers: list[Answer]) -> World:
    """The world after every planned change was applied and folded into the base."""
    actual = [dict(row) for row in world.actual]
    base, gone = dict(world.base), dict(world.gone)
    columns = [f.name for f in world.target.fields] + list(world.extras)
    by_key = {row["key"]: row for row in world.desired}
    fresh = 10_000
    for answer in answers:
        if answer.kind or answer.action is None:
            continue
        id_: Any = answer.id
        if answer.action == "create":
            id_ = fresh = fresh + 1
            actual.append({"id": id_, **dict.fromkeys(columns)})
        row = next((a for a in actual if a["id"] == id_), {})
        row.update(answer.values)
        if answer.action == "delete":
            actual.remove(row)
        if not answer.links:
            if answer.key in base and answer.situation != "foreign":  # a stranger with our key is not ours
                gone[answer.key] = base.pop(answer.key).generation
            continue
        old = base.get(answer.key) if answer.action != "create" else None  # a new row: nothing is known of it
        agreed, seen = (dict(old.agreed), dict(old.seen)) if old else ({}, {})
        lost = answer.key not in by_key
        restored = {n: v for n, v in world.target.restore.items() if n in world.extras}
        wanted = world.target.deactivate if lost else {**by_key[answer.key], **restored}
        for name in answer.fields | answer.settled:
            agreed[name], seen[name] = wanted[name], row[name]
        again = gone.pop(answer.key, 0) + 1  # linked again after it was forgotten: another life
        base[answer.key] = Base(id_, max(answer.generation, again), agreed, seen)
    return replace(world, actual=actual, base=base, gone=gone)
