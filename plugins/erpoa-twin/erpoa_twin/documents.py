"""The rules of the generic twin: what may become of a document. Every effect is one transaction and is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from erpoa_twin.kinds import KINDS, Field, Kind, Type
from erpoa_twin.store import Document, Store
from erpoa_twin.values import Normalising, Refusal, accepted, amount, normalised, printable, total

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
LINES = frozenset({"lines"})
MOST_LINES = 500


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf: the number of the call (0: nobody's), and what the server does to the values it is sent."""

    call: int = 0
    normalising: Normalising = field(default_factory=Normalising)


class Documents:
    """`unique` says whether a document's reference may stand once only; codes of masters always do."""

    def __init__(self, store: Store, *, unique: bool) -> None:
        self.store = store
        self.unique = unique

    # -- the clock: one second passes with every effect --------------------------------------------------------

    def now(self) -> datetime:
        return BEGINNING + timedelta(seconds=self.store.setting("clock", 0))

    def advance(self, seconds: int) -> None:
        self.store.set("clock", self.store.setting("clock", 0) + seconds)

    def _stamp(self) -> str:
        self.advance(1)
        return stamp(self.now())

    # -- the calls ---------------------------------------------------------------------------------------------

    def get(self, kind: Kind, id: int) -> Document:
        document = self.store.document(kind.name, id)
        if document is None:
            raise Refusal(404, "NOT_FOUND", f"{kind.name} {id} does not exist")
        return document

    def create(self, kind: Kind, given: object, caller: Caller) -> Document:
        """A new document in its first state. Raises `Refusal`."""
        with self.store.transaction():
            content = self._content(kind, given, {}, caller)
            if not kind.states and content.get("active") is None:
                content["active"] = True
            if "revision" in content:
                content["revision"] = 1
            key = self._free_key(kind, content, 0)
            now, serial = self._stamp(), self.store.next(kind.name)
            number = f"{kind.prefix}{serial:06d}" if kind.prefix else ""
            state = kind.states[0] if kind.states else ""
            document = Document(kind.name, serial, key, 1, state, number, now, now, content)
            self._keep(document, "create", caller)
        return document

    def change(self, kind: Kind, id: int, given: object, version: int | None, caller: Caller) -> Document:
        """Some fields replaced; *version*, where given, must be the document's. Raises `Refusal`."""
        with self.store.transaction():
            document = self._at(kind, id, version)
            content = self._content(kind, given, document.content, caller)
            assert isinstance(given, Mapping)
            closed = [n for n in given if n not in kind.named or not kind.named[n].open]
            if kind.states and closed and document.state != kind.states[0]:
                raise Refusal(
                    409, "STATE_FORBIDS", f"a document in state {document.state} is not edited", closed[0]
                )
            key = self._free_key(kind, content, id)
            if not kind.states and key != document.key:
                self._free_of_use(kind, document)
            return self._keep(self._next(document, key=key, content=content), "change", caller)

    def move(self, kind: Kind, id: int, name: str, version: int | None, caller: Caller) -> Document:
        """The document after the call *name*. Raises `Refusal`."""
        with self.store.transaction():
            document = self._at(kind, id, version)
            move = kind.moves[name]
            if document.state not in move.start:
                raise Refusal(409, "STATE_FORBIDS", f"{name} is not possible in state {document.state}")
            content = document.content
            if name == "reopen":
                content = {**content, "revision": content["revision"] + 1}
            if name in {"receive", "unaudit"}:
                lines = [
                    {**line, "received": line["quantity"] if name == "receive" else "0"}
                    for line in content["lines"]
                ]
                content = {**content, "lines": lines}
            return self._keep(self._next(document, state=move.end, content=content), name, caller)

    def delete(self, kind: Kind, id: int, version: int | None, caller: Caller) -> None:
        """Raises `Refusal`, for a master that something refers to as well."""
        with self.store.transaction():
            document = self._at(kind, id, version)
            if kind.states and document.state != kind.states[0]:
                raise Refusal(409, "STATE_FORBIDS", f"a document in state {document.state} is not deleted")
            if not kind.states:
                self._free_of_use(kind, document)
            self.store.remove(document)
            self.store.effect(caller.call, "delete", document, self._stamp())

    def comment(self, kind: Kind, id: int, given: object, caller: Caller) -> dict[str, Any]:
        """A comment, possible in every state; the document's version stays. Raises `Refusal`."""
        with self.store.transaction():
            document = self.get(kind, id)
            text = accepted((Field("text", required=True),), given)["text"]
            number, at = self.store.next("comment"), self._stamp()
            self.store.comment(document, number, at, text)
            self.store.effect(caller.call, "comment", document, at)
        return {"id": number, "created_at": at, "text": text}

    # -- what they share ---------------------------------------------------------------------------------------

    def _at(self, kind: Kind, id: int, version: int | None) -> Document:
        document = self.get(kind, id)
        if version is not None and version != document.version:
            raise Refusal(412, "VERSION_MOVED", f"the version is {document.version}, not {version}")
        return document

    def _next(self, document: Document, **changed: Any) -> Document:
        return replace(document, version=document.version + 1, updated_at=self._stamp(), **changed)

    def _keep(self, document: Document, effect: str, caller: Caller) -> Document:
        self.store.put(document)
        self.store.effect(caller.call, effect, document, document.updated_at)
        return document

    def _content(
        self, kind: Kind, given: object, before: Mapping[str, Any], caller: Caller
    ) -> dict[str, Any]:
        checked = accepted(kind.fields, given, partly=bool(before), more=LINES if kind.lines else frozenset())
        assert isinstance(given, Mapping)
        currency = checked.get("currency") or before.get("currency") or ""
        how = caller.normalising
        changed = normalised(kind.fields, kind.key, checked, how, currency)
        self._look_up(kind.fields, changed, before, "")
        content = {f.name: None for f in kind.fields} | dict(before) | changed
        if kind.lines:
            lines = (
                before["lines"]
                if before and "lines" not in given
                else self._lines(kind, given, how, currency)
            )
            content["lines"] = [_computed(n, line, currency) for n, line in enumerate(lines, 1)]
            content["total"] = total((line["amount"] for line in content["lines"]), currency)
        return content

    def _lines(
        self, kind: Kind, given: Mapping[str, Any], how: Normalising, currency: str
    ) -> list[dict[str, Any]]:
        lines = given.get("lines")
        if not isinstance(lines, list) or not lines:
            raise Refusal(422, "FIELD_REQUIRED", "a document has one line or more", "lines")
        if len(lines) > MOST_LINES:
            raise Refusal(422, "FIELD_INVALID", f"at most {MOST_LINES} lines", "lines")
        made = []
        for position, line in enumerate(lines):
            at = f"lines[{position}]."
            checked = normalised(kind.lines, "", accepted(kind.lines, line, at=at), how, currency)
            if Decimal(checked["quantity"]) <= 0 or Decimal(checked["price"]) < 0:
                raise Refusal(
                    422, "FIELD_INVALID", "quantities are above zero, prices not below", at.rstrip(".")
                )
            self._look_up(kind.lines, checked, {}, at)
            empty = {f.name: None for f in kind.lines} | (
                {"received": "0"} if any(f.name == "received" for f in kind.lines) else {}
            )
            made.append(empty | checked)
        return made

    def _look_up(
        self, fields: tuple[Any, ...], content: Mapping[str, Any], before: Mapping[str, Any], at: str
    ) -> None:
        for f in fields:
            code = content.get(f.name)
            if f.type is not Type.REFERENCE or not code or before.get(f.name) == code:
                continue
            master = self.store.by_key(f.to, code)
            if master is None:
                raise Refusal(
                    422, "MASTER_UNKNOWN", f"{f.name} {printable(code)!r} does not exist", at + f.name
                )
            if not master.content["active"]:
                raise Refusal(
                    422, "MASTER_INACTIVE", f"{f.name} {printable(code)!r} is not in use", at + f.name
                )

    def _free_key(self, kind: Kind, content: Mapping[str, Any], id: int) -> str | None:
        key = content.get(kind.key) or None
        if key and (self.unique or not kind.states):
            other = self.store.by_key(kind.name, key, kind.over)
            if other and other.id != id:
                words = f"{kind.key} {printable(key)!r} is taken by {other.number or other.id}"
                raise Refusal(409, "DUPLICATE", words, kind.key)
        return key

    def _free_of_use(self, kind: Kind, document: Document) -> None:
        for other in KINDS.values():
            for fields, in_lines in ((other.fields, False), (other.lines, True)):
                for f in fields:
                    if f.to == kind.name and self.store.refers(
                        other.name, f.name, str(document.key), in_lines=in_lines
                    ):
                        raise Refusal(409, "IN_USE", f"{other.name} refer to it")


def _computed(number: int, line: Mapping[str, Any], currency: str) -> dict[str, Any]:
    return {**line, "line": number, "amount": amount(line["quantity"], line["price"], currency)}


def stamp(moment: datetime) -> str:
    """A moment in whole seconds as the API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
