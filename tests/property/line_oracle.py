"""What becomes of documents that hold their lines, retold in plain Python from the design: a plan, and what it leaves.

A requisition (`Wish`) says what its document shall be; `Orders` is what stands in the ERP and what is remembered of
it. Rows are named by `(no,)` for a document and `(no, line)` for a line of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Values = dict[str, Any]
Name = tuple[Any, ...]
HEAD = ("no", "buyer")
LINE = ("src_line", "item", "qty", "text")  # the price is theirs once the line is there
MEMBERS = ("line_id", "src_line", "item", "qty", "price", "text", "remark")
WRITES = ("create", "update", "delete")


@dataclass(frozen=True)
class Rules:
    """What the target says; the words of its file."""

    on_line_problem: str
    on_missing_line: str
    on_source_gone: str
    on_first_contact: str
    on_drift: str
    on_conflict: str
    on_vanished: str
    numbered: bool  # their system numbers lines, and that is how a line is known


@dataclass
class Wish:
    """A requisition: its lines are `src_line`, `item`, `qty`, `price`, `text`; None where even the list is missing."""

    buyer: str | None
    lines: list[Values] | None
    twice: bool = False  # two requisitions have this number


@dataclass
class Order:
    """A document of the ERP; `id` is None until the ERP has numbered it."""

    id: int | None
    no: str | None
    buyer: str | None
    lines: list[Values] | None


@dataclass
class Known:
    """What is remembered of a row: which of theirs it is (`line`: as it was then), and per field what was agreed and
    seen."""

    row: Order
    line: Values | None
    agreed: Values
    seen: Values


@dataclass
class Step:
    """What the plan says of one row. `held`: nothing of it is done, although something would be, or it is wrong."""

    action: str | None = None
    fields: frozenset[str] = frozenset()
    drifted: frozenset[str] = frozenset()
    conflicted: frozenset[str] = frozenset()
    settled: frozenset[str] = frozenset()
    links: bool = True
    held: str | None = None
    vanished: bool = False
    theirs: Order | None = None
    line: Values | None = None  # of `theirs`

    def hold(self, why: str) -> None:
        self.held, self.action, self.drifted, self.conflicted = why, None, frozenset(), frozenset()


@dataclass
class Orders:
    rules: Rules
    items: set[str] = field(default_factory=set)
    made: set[str] = field(default_factory=set)  # items that the ERP has
    wishes: dict[str, Wish] = field(default_factory=dict)
    there: list[Order] = field(default_factory=list)
    known: dict[Name, Known] = field(default_factory=dict)
    given_up: list[Known] = field(default_factory=list)  # links that this plan does not follow

    # -- which rows of theirs are ours -----------------------------------------------------------------------------

    def _is_there(self, order: Order) -> bool:
        return any(order is other for other in self.there)

    def candidates(self, no: str) -> list[Order]:
        """The documents that the requisition's could be: the one remembered, else those with its number that are
        nobody's."""
        if (name := (no,)) in self.known and self._is_there(self.known[name].row):
            return [self.known[name].row]
        taken = [k.row for n, k in self.known.items() if len(n) == 1]
        return [o for o in self.there if o.no == no and not any(o is t for t in taken)]

    def linked(self, known: Known | None) -> list[Values]:
        """The lines of theirs that are the one remembered."""
        if known is None or known.line is None or not self._is_there(known.row) or self._lost(known):
            return []
        return [line for line in known.row.lines or [] if self._id(line) == self._id(known.line)]

    def _lost(self, known: Known) -> bool:
        return any(known is other for other in self.given_up)

    def give_up(self, no: str) -> None:
        """Links to lines of the document that another line of its requisition, which has none there, has the key of,
        while the linked one has not, or is no longer wanted."""
        wish, found = self.wishes.get(no), self.candidates(no)
        if wish is None or len(found) != 1:
            return
        wanted = [line["src_line"] for line in wish.lines or []]
        free = {key for key in wanted if not self.linked(self.known.get((no, key)))}
        for name, known in self.known.items():
            there = self.linked(known) if known.row is found[0] else []
            if len(there) != 1 or any(n not in known.agreed for n in LINE):
                continue  # which one it is, or whether it moved, nobody knows
            key = there[0]["src_line"]
            moved = any(known.seen[n] != there[0][n] for n in LINE)
            if moved and key in free and not (name == (no, key) and key in wanted):
                self.given_up.append(known)

    def _id(self, line: Values) -> Any:
        return line["line_id" if self.rules.numbered else "src_line"]

    def nobodys(self, order: Order, key: Any) -> list[Values]:
        """The lines of *order* with this key that no line of ours is known to be."""
        known = [k for k in self.known.values() if k.line and k.row is order and not self._lost(k)]
        taken = [self._id(k.line) for k in known if k.line]
        return [x for x in order.lines or [] if x["src_line"] == key and self._id(x) not in taken]

    # -- planning ----------------------------------------------------------------------------------------------------

    def plan(self) -> dict[Name, Step]:
        self.wrong = {no: [*self._problems(wish)] for no, wish in self.wishes.items()}
        # A line that is missing may be one whose key is empty, or of a requisition that was set aside.
        self.unproven = any(
            w.twice or any(line["src_line"] is None for line in w.lines or []) for w in self.wishes.values()
        )
        self.given_up = []
        for no in self.wishes:
            self.give_up(no)
        plan: dict[Name, Step] = {}
        for no in {*self.wishes, *(name[0] for name in self.known)}:
            plan |= self._document(no)
        return plan

    def _problems(self, wish: Wish) -> Iterator[Any]:
        """The keys of lines that are wrong as they are wanted."""
        keys = Counter(line["src_line"] for line in wish.lines or [])
        for line in wish.lines or []:
            key, item = line["src_line"], line["item"]
            if key is None or keys[key] > 1 or (item is not None and item not in self.items):
                yield key

    def _document(self, no: str) -> dict[Name, Step]:
        head = self._head(no)
        steps = self._lines(no, head)
        if head.held:
            wanted = self._wanted(no)
            for name, step in steps.items():
                if name in wanted or step.action in WRITES:
                    step.hold("its document")
            return {(no,): head, **steps}
        stuck = any(s.held == "ambiguous" for s in steps.values())
        writes = any(s.action in WRITES for s in steps.values())
        if self.rules.on_line_problem == "hold_document" and stuck and (writes or head.action in WRITES):
            head.hold("a line")
        there = head.theirs is not None and no in self.wishes
        if writes and (head.action in ("create", "update") or (there and head.held is None)):
            head.fields |= {"lines"}
            head.action = "create" if head.action == "create" else "update"
        elif head.action != "delete":
            for step in steps.values():
                if step.action in WRITES:
                    step.hold("its document")
        return {(no,): head, **steps}

    def _wanted(self, no: str) -> set[Name]:
        wish = self.wishes.get(no)
        return {(no, line["src_line"]) for line in (wish.lines if wish and not wish.twice else None) or []}

    def _head(self, no: str) -> Step:
        known, rules = self.known.get((no,)), self.rules
        found = self.candidates(no)
        wish = self.wishes.get(no)
        if wish is None:
            if known is None:
                return Step()  # only lines of it were ever ours
            if not self._is_there(known.row):
                return Step("forget")
            step = Step("delete" if rules.on_source_gone == "delete" else None, theirs=known.row)
            if step.action and known.seen["no"] not in (None, known.row.no):
                step.held = "another"  # nothing is left by which it was recognised
            return step
        if wish.twice:
            return Step(held="repeated")
        if rules.on_line_problem == "hold_document" and self.wrong[no]:
            return Step(held="a line")
        if len(found) > 1:
            return Step(held="ambiguous")
        wanted = {"no": no, "buyer": wish.buyer}
        if found:
            theirs = {"no": found[0].no, "buyer": found[0].buyer}
            return self._compare(HEAD, wanted, theirs, known, found[0])
        return self._missing(known, HEAD)

    def _missing(self, known: Known | None, fields: tuple[str, ...]) -> Step:
        """It is wanted, and they do not have it."""
        if known is None or self.rules.on_vanished == "recreate":
            return Step("create", frozenset(fields))
        return Step("forget") if self.rules.on_vanished == "forget" else Step(vanished=True, links=False)

    def _lines(self, no: str, head: Step) -> dict[Name, Step]:
        steps: dict[Name, Step] = {}
        wish = self.wishes.get(no)
        for line in (wish.lines if wish and not wish.twice else None) or []:
            steps[no, line["src_line"]] = self._line(no, line, head)
        for name, known in self.known.items():
            if len(name) == 2 and name[0] == no and name not in steps:
                steps[name] = self._missing_line(no, known, head)
        return steps

    def _line(self, no: str, line: Values, head: Step) -> Step:
        if line["src_line"] in self.wrong[no]:
            return Step(held="wrong")
        known, order = self.known.get((no, line["src_line"])), head.theirs
        found = self.linked(known)
        if not found and order is not None:
            found = self.nobodys(order, line["src_line"])
        elif found and known is not None:
            order = known.row
        if len(found) > 1:
            return Step(held="ambiguous")
        if found and order is not None:
            step = self._compare(LINE, line, found[0], known, order)
            step.line = found[0]
            return step
        if head.action == "create":
            return Step("create", frozenset((*LINE, "price")))
        return self._missing(known, (*LINE, "price"))

    def _missing_line(self, no: str, known: Known, head: Step) -> Step:
        """A line is remembered that is no longer wanted."""
        there = self.linked(known)
        if len(there) > 1:
            return Step()  # which one it is, nobody knows
        here, gone = no in self.wishes, head.action in ("delete", "forget") and not head.held
        if not there:
            return Step("forget" if (gone and not here) or not self.unproven else None)
        if not here:
            return Step("delete" if head.action == "delete" else None, line=there[0])
        if self.rules.on_missing_line == "keep":
            return Step()
        another = known.seen["src_line"] not in (None, there[0]["src_line"])
        if self.rules.on_missing_line == "task" or self.unproven or another:
            return Step(held="unproven, or for a person")
        return Step("delete", line=there[0])

    # -- comparing ---------------------------------------------------------------------------------------------------

    def _compare(
        self, fields: tuple[str, ...], wanted: Values, theirs: Values, known: Known | None, order: Order
    ) -> Step:
        verdicts = {n: self._verdict(n, wanted[n], theirs[n], known) for n in fields}

        def those(*words: str) -> frozenset[str]:
            return frozenset(n for n, word in verdicts.items() if word in words)

        written, reported, settled = those("write"), those("drift", "conflict"), those("settle", "accept")
        step = Step(
            fields=written,
            drifted=those("drift"),
            conflicted=those("conflict"),
            settled=settled,
            theirs=order,
        )
        met = known is None
        moved = known is not None and (
            known.row is not order or (known.line is not None and self._id(known.line) != self._id(theirs))
        )
        step.links = not (met and reported)
        if written:
            step.action = "update"
        elif met and reported:
            step.action = None
        elif met or moved:
            step.action = "adopt"
        elif those("accept"):
            step.action = "accept"
        elif settled:
            step.action = "converge"
        return step

    def _verdict(self, name: str, wanted: Any, theirs: Any, known: Known | None) -> str:
        if known is None:
            if wanted == theirs:
                return "settle"
            fills = theirs in (None, "") and wanted not in (None, "")
            return "write" if fills or self.rules.on_first_contact == "write" else "drift"
        ours, same = wanted == known.agreed[name], theirs == known.seen[name]
        if wanted == theirs:
            return "same" if ours and same else "settle"
        if ours and same:
            return "same"
        if same:
            return "write"
        if ours:
            return {"report": "drift", "revert": "write", "accept": "accept"}[self.rules.on_drift]
        return {"report": "conflict", "write": "write", "accept": "accept"}[self.rules.on_conflict]

    # -- applying ----------------------------------------------------------------------------------------------------

    def apply(self, plan: Mapping[Name, Step]) -> None:
        for name, head in plan.items():
            if len(name) == 1:
                self._write(name[0], head, plan)
        for name, step in plan.items():
            if step.action in ("delete", "forget") and not step.held:
                self.known.pop(name, None)
        self.made = set(self.items)

    def _write(self, no: str, head: Step, plan: Mapping[Name, Step]) -> None:
        wish = self.wishes.get(no)
        if head.action == "delete" and not head.held:
            self.there = [o for o in self.there if o is not head.theirs]
        if wish is None:
            return
        if head.action == "create":
            head.theirs = Order(None, no, wish.buyer, None)
            self.there.append(head.theirs)
        order = head.theirs
        if order is None:
            return
        if not head.held:
            wanted = {"no": no, "buyer": wish.buyer}
            for field_ in head.fields & {*HEAD}:
                setattr(order, field_, wanted[field_])
            if "lines" in head.fields:
                order.lines = self._composed(no, order, plan)
            self._remember((no,), head, order, None, wanted, {"no": order.no, "buyer": order.buyer})
        for line in wish.lines or []:
            name = (no, line["src_line"])
            if name in plan and not plan[name].held and (here := plan[name].line):
                self._remember(name, plan[name], order, here, line, here)

    def _composed(self, no: str, order: Order, plan: Mapping[Name, Step]) -> list[Values]:
        """Their list with the changes of single lines in it, and the new lines last."""
        wish = self.wishes[no]
        wanted = {line["src_line"]: line for line in wish.lines or []}
        steps = {n[1]: step for n, step in plan.items() if n[0] == no and len(n) == 2}
        composed = []
        for line in order.lines or []:
            key, step = next(((k, s) for k, s in steps.items() if s.line is line), (None, Step()))
            if step.action != "delete":
                changed = step.fields if step.action == "update" else frozenset()
                step.line = {**line, **{n: wanted[key][n] for n in changed}}
                composed.append(step.line)
        for key in sorted(k for k, step in steps.items() if step.action == "create"):
            steps[key].line = new = {**dict.fromkeys(MEMBERS), **wanted[key]}
            composed.append(new)
        return composed

    def _remember(
        self, name: Name, step: Step, order: Order, line: Values | None, wanted: Values, theirs: Values
    ) -> None:
        if step.action is None or step.action in ("delete", "forget") or not step.links:
            return
        known = self.known.setdefault(name, Known(order, line, {}, {}))
        known.row, known.line = order, line
        for field_ in step.fields | step.settled:
            if field_ in wanted:
                known.agreed[field_], known.seen[field_] = wanted[field_], theirs[field_]
