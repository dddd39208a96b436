"""What a system offers, and the source and target declarations that fit it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Severity
from erpoa_cli.core.failure_kind import FailureKind
from erpoa_cli.core.private import likely_class
from erpoa_cli.core.project import Project
from erpoa_cli.core.schema import Kind, Sensitivity
from erpoa_cli.engine.binding.abilities import Conforms, judge_system
from erpoa_cli.engine.connect import Connections, installed
from erpoa_cli.sdk.connector import ObjectInfo

_PLAIN = re.compile(r"^[^\W\d]\w*$")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # YAML takes them for something else


@dataclass(frozen=True, slots=True)
class Offer:
    """An object of a system, with the declarations that read and write it. `classes`: of fields that are declared
    or look sensitive; their samples are shown to nobody."""

    info: ObjectInfo
    name: str
    source: str
    target: str
    classes: Mapping[str, Sensitivity]


def drafted(kind: str, document: Any, system: str, origin: str) -> str:
    """A `systems/` file that declares *system* by the interface *document* of this *kind*, which comes from *origin*.
    `Failure` E0616 when it has nothing to declare, E0617 when no installed connector reads such documents."""
    able = [(name, c) for name, c in installed().items() if kind in c.drafts]
    if not able:
        raise Failure(
            Diagnostic("E0617", f"no installed connector makes drafts from {kind} documents"),
        )
    plugin, connector = able[0]
    try:
        config = connector.draft(kind, document, system)
    except ValueError as error:
        remedy = "Give the document as its vendor publishes it."
        raise Failure(Diagnostic("E0616", f"{origin}: {error}", remedy=remedy)) from None
    inner = "".join(f"      {line}\n" for line in config.splitlines())
    return f"systems:\n  {_text(system)}:\n    plugin: {_text(plugin)}\n    config:\n{inner}"


def offers(
    connections: Connections,
    project: Project,
    system: str,
    objects: Sequence[str] | None,
    conforms: Conforms,
) -> list[Offer]:
    """What *system* offers, or those *objects* of it that exist. `Failure` when its config is wrong, or it does not
    answer."""
    connector = type(connections.connector(system))
    findings = judge_system(project, project.systems[system], connector, conforms)
    if errors := [finding for finding in findings if finding.severity is Severity.ERROR]:
        raise Failure(*errors, kind=FailureKind.INVALID)
    return [_offer(system, info, project) for info in connections.objects(system, objects)]


def _offer(system: str, info: ObjectInfo, project: Project) -> Offer:
    name = f"{system}_{_word(info.address)}"
    classes = _classes(system, info, project)
    source, target = _source(system, name, info, classes), _target(system, name, info)
    return Offer(info, name, "\n".join(source), "\n".join(target), classes)


def _classes(system: str, info: ObjectInfo, project: Project) -> dict[str, Sensitivity]:
    """Fields of *info* that a source of the project declares sensitive, or that look so."""
    looks = {field.name: likely_class(field.name, field.sample) for field in info.fields}
    declared = {
        field.path or field.name: field.sensitivity
        for source in project.sources.values()
        if (source.system, source.object) == (system, info.address)
        for field in source.fields
        if field.sensitivity.sealed
    }
    return {name: class_ for name, class_ in {**looks, **declared}.items() if class_.sealed}


def _word(address: str) -> str:
    word = re.sub(r"\W+", "_", address.rpartition("/")[2].removesuffix(".csv")).strip("_")
    return word if word and not word[0].isdigit() else f"o_{word}"


def key(info: ObjectInfo) -> tuple[str, ...]:
    """The fields that name a row to people: the first unique set, else the system's own id."""
    usable = [k for k in info.keys if all((f := info.field(n)) and f.type for n in k)]
    return usable[0] if usable else info.id


def _source(system: str, name: str, info: ObjectInfo, classes: Mapping[str, Sensitivity]) -> Iterator[str]:
    named = key(info)
    yield f"  {_text(name)}:"
    yield f"    system: {_text(system)}"
    yield f"    object: {_text(info.address)}"
    yield (
        f"    key: [{', '.join(map(_text, named))}]"
        if named
        else "    key: []    # no unique field: name the fields that tell rows apart"
    )
    yield "    fields:"
    for field in info.fields:
        if field.type is None:
            yield f"      # {_comment(field.name)}: {_comment(field.refused)}"
            continue
        plain = bool(_PLAIN.match(field.name))
        said = {} if plain else {"path": _text(field.name)}
        said["type"] = _type(str(field.type))
        if field.name in classes and field.name not in named:  # a key is shown in every address
            said["class"] = classes[field.name].value
        written = ", ".join(f"{key}: {value}" for key, value in said.items())
        declared = said["type"] if len(said) == 1 else f"{{{written}}}"
        yield f"      {_text(field.name if plain else _word(field.name))}: {declared}"


def _target(system: str, name: str, info: ObjectInfo) -> Iterator[str]:
    named = key(info)
    written = [f.name for f in info.fields if f.type and f.writable and f.name not in info.id]
    yield f"  {_text(name)}:"
    yield "    from: CHANGE_ME          # a transform, source or seed"
    yield f"    system: {_text(system)}"
    yield f"    object: {_text(info.address)}"
    yield f"    key: [{', '.join(map(_text, named))}]"
    yield f"    fields: [{', '.join(map(_text, written))}]"


def _type(text: str) -> str:
    return text if text in set(Kind) else f'"{text}"'


def _text(name: str) -> str:
    """*name* as a YAML scalar."""
    plain = _PLAIN.match(name) and name.lower() not in _WORDS
    return name if plain else json.dumps(name, ensure_ascii=False)


def _comment(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", " ", text)
