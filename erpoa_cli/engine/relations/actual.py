"""Reading what targets hold into the staging area, each with a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace

from erpoa_cli.core.columns import NOW
from erpoa_cli.core.event import Listener, ignore
from erpoa_cli.core.plan import Read, ReadStatus, Verdict
from erpoa_cli.core.schema import Field, identifier
from erpoa_cli.core.target import Target, embedded
from erpoa_cli.engine.binding.bound import Bound
from erpoa_cli.engine.binding.columns import extras
from erpoa_cli.engine.binding.lines import list_field, within
from erpoa_cli.engine.connect import Connections
from erpoa_cli.engine.relations import held
from erpoa_cli.engine.relations.load import Place, load
from erpoa_cli.engine.relations.readers import Readers
from erpoa_cli.engine.relations.states import show
from erpoa_cli.engine.staging import Staging, relation
from erpoa_cli.sdk.connector import ObjectInfo, ReadRequest


def actual_fields(target: Target, info: ObjectInfo, more: Iterable[Field] = ()) -> tuple[Field, ...]:
    """The fields of a target's object that a plan reads: its identifier, the target's fields as the types of
    what is wanted, what recognises rows, what is returned, the link of lines, and *more*."""
    own = {f.name: f.type for f in info.fields}
    link = [target.lines.link] if target.lines else []
    states = target.lifecycle.columns if target.lifecycle else ()
    computed = target.lifecycle.field if target.lifecycle and target.lifecycle.computed else ""
    needed = (
        *(target.id or info.id), *target.returns, *(n for match in target.match for n in match), *link, *states
    )  # fmt: skip
    found = {n: Field(n, type_) for n in needed if (type_ := own.get(n))}
    found |= {f.name: f for f in more}
    found |= {
        f.name: Field(f.name, f.type, sensitivity=f.sensitivity, zone=f.zone) for f in target.fields if f.type
    }
    found.pop(computed, None)  # their states are told from the other fields once all is read
    return tuple(found.values())


def read_actuals(
    bound: Bound,
    infos: Mapping[str, ObjectInfo],
    names: Iterable[str],
    connections: Connections,
    staging: Staging,
    listener: Listener = ignore,
) -> dict[str, Read]:
    """What `begin_actuals` begins, to its end."""
    with Readers(bound.project, connections) as readers:
        return begin_actuals(bound, infos, names, connections, staging, readers, listener)()


def begin_actuals(
    bound: Bound,
    infos: Mapping[str, ObjectInfo],
    names: Iterable[str],
    connections: Connections,
    staging: Staging,
    readers: Readers,
    listener: Listener = ignore,
) -> Callable[[], dict[str, Read]]:
    """Begin to read what the targets *names* of *bound* (typed) hold, each into `theirs."T"`; what is given back waits
    for them. Lines that live inside their documents are read with them, once."""
    wanted = list(names)
    documents = [within(bound.targets[n]).parent for n in wanted if bound.targets[n].embedded]
    order = list(dict.fromkeys([*documents, *wanted]))
    coming: dict[str, Future[Read]] = {}
    for name in order:
        target, info = bound.targets[name], infos[name]
        if not target.embedded:
            inside = [lines for lines in embedded(bound.targets, name) if lines.name in wanted]
            more = [
                *(Field(n, t) for n, t in extras(target, info).items()),
                *(list_field(lines, info) for lines in inside),
            ]
            coming[name] = readers.begin(
                target.system, read_actual, target, info, connections, staging, more=more, listener=listener
            )

    def ended() -> dict[str, Read]:
        reads: dict[str, Read] = {}
        for name in order:
            target = bound.targets[name]
            if name in coming:
                done = coming[name].result()
            else:
                document = bound.targets[within(target).parent]
                whole = reads[f"actual.{document.name}"]
                done = _read_lines(target, (document.id or infos[document.name].id)[0], whole, staging)
            reads[done.relation] = done
        return reads

    return ended


def _read_lines(target: Target, id_: str, document: Read, staging: Staging) -> Read:
    """Unnest the lines of *target* from their documents, which were read as *document* and whose identifier is *id_*."""
    lines = within(target)
    members = dict.fromkeys(
        [*target.id, *(f.name for f in target.fields), *(n for m in target.match for n in m)]
    )
    taken = [f"e.line.{identifier(n)} AS {NOW.sql(n)}" for n in members if n != lines.link]
    place = relation("theirs", lines.parent)
    staging.execute(
        f"CREATE OR REPLACE TABLE {relation('theirs', target.name)} AS "
        f"SELECT {NOW.sql(id_, 'p')} AS {NOW.sql(lines.link)}, {', '.join(taken)} "
        f"FROM {place} p, LATERAL (SELECT unnest({NOW.sql(lines.within, 'p')}) AS line) e WHERE e.line IS NOT NULL"
    )
    show(staging, target.name)
    held.prepare(staging, f"actual.{target.name}")
    rows = staging.scalar(f"SELECT count(*) FROM {relation('theirs', target.name)}")
    verdict = replace(document.verdict, evidence={**document.verdict.evidence, "rows": rows})
    return Read(f"actual.{target.name}", target.system, verdict)


def read_actual(
    target: Target,
    info: ObjectInfo,
    connections: Connections,
    staging: Staging,
    *,
    more: Iterable[Field] = (),
    listener: Listener = ignore,
) -> Read:
    """Read what a target's object holds into `theirs."T"`, as the types of what is wanted, and the fields *more*.

    A row with a value that does not parse stays, with NULL there, and is listed in `held."actual.T"` by its
    identifier. Where the value would have recognised the row, the read is `partial`: absence proves nothing."""
    listing = f"actual.{target.name}"
    place = Place(
        schema="theirs", name=target.name, listing=listing, key=target.id or info.id, keep=True, image=NOW
    )
    request = ReadRequest(
        object=target.object,
        fields=actual_fields(target, info, more),
        filter=target.filter,
        options=target.options,
    )
    verdict = load(request, place, target.system, connections, staging, listener)
    show(staging, target.name)
    recognising = {n for match in target.match for n in match} | set(place.key)
    unread = staging.sql(f"SELECT DISTINCT field FROM {relation('held', listing)}").column(0).to_pylist()
    if doubtful := sorted(recognising & set(unread)):
        reason = f"rows whose {', '.join(doubtful)} is unreadable cannot be recognised"
        verdict = Verdict(ReadStatus.PARTIAL, reason, verdict.evidence)
    return Read(listing, target.system, verdict, held.count(staging, listing))
