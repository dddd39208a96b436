"""The part of binding that needs the systems: targets against the objects they keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from erpoa_cli.core.dependency import reach, references
from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.schema import STRING, Kind, Type, decimal
from erpoa_cli.core.target import Column, Constant, Reference, Result, Target, TargetField, embedded
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.documents import documented
from erpoa_cli.engine.binding.feed import feed_columns
from erpoa_cli.engine.binding.lines import judge_list, lines_info, within
from erpoa_cli.engine.connect import Connections
from erpoa_cli.sdk.connector import FieldInfo, ObjectInfo


@dataclass(frozen=True, slots=True)
class Looked:
    """`bound` with the types of every target field; `infos` describes the object of every target that has one."""

    bound: Bound
    infos: Mapping[str, ObjectInfo]
    diagnostics: tuple[Diagnostic, ...]

    def id(self, target: str) -> tuple[str, ...]:
        """The fields of their own identifier of *target*'s rows."""
        return self.bound.targets[target].id or self.infos[target].id


def look(bound: Bound, connections: Connections, names: Iterable[str] | None = None) -> Looked:
    """Ask the systems of the targets *names* (default: all), and of those they point to, for their objects, and
    complete the types that only the systems know. Nothing is raised: what is wrong is in `diagnostics`."""
    wanted = _pointed(bound, bound.targets if names is None else names)
    infos: dict[str, ObjectInfo] = {}
    found: list[Diagnostic] = []
    inside = [name for name in sorted(wanted) if bound.targets[name].embedded]
    for name in sorted(wanted.difference(inside)):
        try:
            info = _describe(bound.targets[name], connections)
        except Failure as failure:
            found.extend(d for d in failure.diagnostics if d not in found)
            continue
        if info is None:
            found.append(_nowhere(bound.targets[name]))
        else:
            infos[name] = info
    documents = {n: infos[d] for n in inside if (d := within(bound.targets[n]).parent) in infos}
    infos |= {n: lines_info(bound.targets, bound.targets[n], info) for n, info in documents.items()}
    targets = dict(bound.targets)
    for name in infos:
        target = bound.targets[name]
        fields = tuple(_typed(bound, target, field, infos) for field in target.fields)
        known = documented(replace(target, fields=fields), infos[name])
        targets[name] = known.target
        found.extend(known.diagnostics)
    infos |= {
        n: lines_info(targets, targets[n], info) for n, info in documents.items()
    }  # its types are known now
    for name, info in infos.items():
        unheld = list(judge_list(targets[name], documents[name])) if name in documents else []
        found.extend(unheld or _judge(targets[name], info))
        if name not in documents:
            found.extend(_active(targets[name], info))
    return Looked(replace(bound, targets=targets), infos, tuple(found))


def _pointed(bound: Bound, names: Iterable[str]) -> frozenset[str]:
    """*names* and every target that their references and results need, documents with the lines inside them."""

    def needed(name: str) -> Iterator[str]:
        yield from (link.target for link in references(bound.targets[name]))
        yield from (lines.name for lines in embedded(bound.targets, name))

    return reach(names, needed)


def _describe(target: Target, connections: Connections) -> ObjectInfo | None:
    return next(iter(connections.objects(target.system, [target.object], target.at)), None)


def _typed(bound: Bound, target: Target, field: TargetField, infos: Mapping[str, ObjectInfo]) -> TargetField:
    """*field* with the type of what is wanted: of the column, of the other row's id, of the returned value."""
    own = infos[target.name].field(field.name)
    match field.value:
        case Column():
            return replace(field, type=_column_type(target, field, infos[target.name]))
        case Constant():
            return replace(field, type=own.type if own and own.type else field.type)
        case Reference() as reference:
            return replace(
                field, type=_id_type(bound, target, reference, infos) or (own.type if own else None)
            )
        case Result() as result:
            if result.text or result.join:
                return replace(field, type=STRING)
            other = infos.get(result.target)
            returned = other.field(result.field) if other else None
            return replace(field, type=(returned.type if returned else None) or (own.type if own else None))


def _column_type(target: Target, field: TargetField, info: ObjectInfo) -> Type | None:
    """The type of a field that is fed by a column: the column's, or a wider one where theirs shows more than it has (7.00 for 7,
    midnight for a day). What is written into a text that tells their rows apart is wanted as text: `007` is another row
    than `7`."""
    own, wanted = info.field(field.name), field.type
    if own is None or own.type is None or wanted is None or field.zone:
        return wanted
    scale = own.type.scale
    match wanted.kind, own.type.kind:
        case _, Kind.STRING if field.name in (target.id or info.id):
            return STRING
        case Kind.INTEGER, Kind.DECIMAL if scale:
            return decimal(min(_LONG + scale, 38), scale)
        case Kind.BOOLEAN, Kind.DECIMAL if scale:
            return decimal(min(1 + scale, 38), scale)
        case Kind.DATE, Kind.TIMESTAMP | Kind.TIMESTAMPTZ:
            return own.type
        case _:
            return wanted


def _id_type(
    bound: Bound, target: Target, reference: Reference, infos: Mapping[str, ObjectInfo]
) -> Type | None:
    """The type of the id that *reference* gives; of a list of ids where a `by` column is a list."""
    other = infos.get(reference.target)
    if other is None:
        return None
    parent = bound.targets[reference.target]
    ids = parent.id or other.id
    info = other.field(ids[0]) if len(ids) == 1 else None
    if info is None or info.type is None:
        return None
    managed = next((f for f in parent.fields if f.name == info.name and isinstance(f.value, Column)), None)
    type_ = (managed and _column_type(parent, managed, other)) or info.type
    columns = feed_columns(target, bound.relations) or {}
    if any(columns[name].type.kind is Kind.LIST for name in reference.by if name in columns):
        return Type(Kind.LIST, item=type_)
    return type_


_LONG = 19  # digits of the largest integer


def _nowhere(target: Target) -> Diagnostic:
    return Diagnostic(
        "E0317",
        f"target {target.name}: system {target.system} has no object {target.object!r}",
        remedy=f"`erpoa discover {target.system}` lists what there is.",
        at=target.at,
    )


def _active(target: Target, info: ObjectInfo) -> Iterator[Diagnostic]:
    """A remark on triggers that `reach:` does not name: what they write is in no plan."""
    unknown = [name for name in info.triggers or () if "trigger" not in target.reach.get(name, ())]
    if unknown:
        told = ", ".join(f"{name}: trigger" for name in unknown)
        yield Diagnostic(
            "W0320",
            f"target {target.name}: {info.address} has {'a trigger' if len(unknown) == 1 else 'triggers'}: {', '.join(unknown)}",
            detail="What a trigger writes elsewhere is not in the plan; what it makes of a row that is written is read back.",
            remedy=f"Where that is known, `reach: {{{told}}}` of the target says so.",
            severity=Severity.WARNING,
            at=target.at,
        )


def _judge(target: Target, info: ObjectInfo) -> Iterator[Diagnostic]:
    """What the object cannot do that *target* wants."""
    if not info.writable:
        yield Diagnostic(
            "E0317",
            f"target {target.name}: {info.address} cannot be written to",
            remedy="Check `read_only` of the system and the privileges of its user; a view cannot be a target.",
            at=target.at,
        )
    if not (target.id or info.id):
        yield Diagnostic(
            "E0317",
            f"target {target.name}: {info.address} has no identifier of its own",
            remedy="Name the fields that identify a row with `id:`.",
            at=target.at,
        )
    named = {name: "match" for match in target.match for name in match}
    named |= dict.fromkeys(target.returns, "returns") | dict.fromkeys(target.id, "id")
    if target.lines:
        named[target.lines.link] = "parent"
    for name, word in named.items():
        if info.field(name) is None:
            yield _no_field(target, info, f"{word}: ", name)
    state = target.lifecycle.field if target.lifecycle else ""  # which is moved, not written
    for field in target.fields:
        if field.name != state:
            yield from _judge_field(target, field, info)


def _judge_field(target: Target, field: TargetField, info: ObjectInfo) -> Iterator[Diagnostic]:
    own = info.field(field.name)
    if own is None:
        yield replace(_no_field(target, info, "", field.name), at=field.at)
    elif not own.writable:
        yield Diagnostic(
            "E0317",
            f"target {target.name}: {info.address}.{field.name} cannot be written to",
            remedy="Leave the field out, or name it in `returns:` to read it.",
            at=field.at,
        )
    elif own.type is None and not own.untyped and field.type is not None and field.type.kind not in own.takes:
        yield _unkept(target, field, field.type, own, info)
    elif field.type is None:
        yield Diagnostic(
            "E0318",
            f"target {target.name}: the type of {field.name} cannot be found out",
            detail="What it refers to is not described by its system.",
            remedy="`erpoa discover` shows what the systems describe.",
            at=field.at,
        )
    elif own.type is None or own.untyped:
        return  # what it cannot keep is refused row by row
    elif field.zone and (field.type.kind, own.type.kind) not in _LOCAL:
        instants = own.type.kind is Kind.TIMESTAMPTZ
        yield Diagnostic(
            "E0318",
            f"target {target.name}: {field.name} has a zone, but wants {field.type} and {info.address} keeps {own.type}",
            detail="`zone` says how an instant (timestamptz) is kept as a local time.",
            remedy="Remove `zone`: the system keeps instants."
            if instants
            else "Declare the `zone` of the source's field too, or cast the column in the transform to timestamptz.",
            at=field.at,
        )
    elif not _fits(field.type, own.type):
        yield Diagnostic(
            "E0318",
            f"target {target.name}: {field.name} wants {field.type}, {info.address} keeps {own.type} ({own.native})",
            remedy=f"Cast the column in the transform to {own.type}.",
            at=field.at,
        )


def _unkept(target: Target, field: TargetField, wanted: Type, own: FieldInfo, info: ObjectInfo) -> Diagnostic:
    """A column of which no type reads all that it may hold. What it says of declaring types is for sources."""
    why, _, _ = own.refused.partition(": declare")
    kinds = " or ".join(sorted(own.takes))
    cast = f"Cast the column in the transform to {kinds}, leave" if kinds else "Leave"
    return Diagnostic(
        "E0317",
        f"target {target.name}: {info.address}.{field.name} ({own.native}) cannot keep {wanted} exactly",
        detail=f"{info.address}.{field.name} {why}." if why else "",
        remedy=f"{cast} the field out, or change the column's type in the system.",
        at=field.at,
    )


_LOCAL = {(Kind.TIMESTAMPTZ, Kind.TIMESTAMP), (Kind.TIMESTAMPTZ, Kind.STRING)}  # wanted, kept


def _no_field(target: Target, info: ObjectInfo, what: str, name: str) -> Diagnostic:
    return Diagnostic(
        "E0317",
        f"target {target.name}: {what}{info.address} has no field {name!r}",
        remedy=did_you_mean(name, [f.name for f in info.fields]),
        at=target.at,
    )


def _fits(wanted: Type, own: Type) -> bool:
    """Whether some value of *wanted* can be kept as *own*; text columns keep the canonical text of anything, and
    what does not fit row by row is refused when it is written."""
    numbers = {Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN}
    texts = {Kind.STRING, Kind.JSON}
    times = {Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.DATE}
    if own.kind is Kind.STRING or wanted.kind is own.kind:
        return True
    return any({wanted.kind, own.kind} <= family for family in (numbers, texts, times))
