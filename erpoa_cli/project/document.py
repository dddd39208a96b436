"""The YAML files of a project: parsed, templates put in, judged by their schema."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.cache import Cache
from erpoa_cli.project.functions import Inputs, scalar
from erpoa_cli.project.locate import PROJECT_FILE, Found, decoded
from erpoa_cli.project.node import Node
from erpoa_cli.project.notes import Notes
from erpoa_cli.project.template import OPENING
from erpoa_cli.project.template_problem import TemplateProblem

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """A YAML file. `clean`: parsed without problems and known to fit its schema; `broken`: paths that do not."""

    name: str
    kind: str
    node: Node
    key: str
    templated: bool
    clean: bool = False
    cacheable: bool = True
    broken: set[Path] = field(default_factory=set)


def kind_of(name: str) -> str:
    """The schema kind of the YAML file *name*."""
    if name == PROJECT_FILE:
        return "project"
    folder = name.partition("/")[0]
    return "contract" if folder == "contracts" else folder


def read_documents(found: Found, notes: Notes, cache: Cache) -> dict[str, Document]:
    """Every .yml of the project that can be read; the rest is noted."""
    documents: dict[str, Document] = {}
    for name, content in found.contents.items():
        if not name.endswith(".yml"):
            continue
        kind = kind_of(name)
        key = f"{kind} {sha256(content).hexdigest()}"
        text = decoded(name, content, notes)
        if text is None:
            continue
        notes.texts[name] = text
        templated = kind != "contract" and OPENING.search(text) is not None
        if (entry := cache.get(key)) is not None:
            node = Node(entry[0], entry[1], name)
            documents[name] = Document(
                name, kind, node, key, templated, clean=not templated, cacheable=not templated
            )
            continue
        from erpoa_cli.project.parse import parse  # noqa: PLC0415 - PyYAML costs 0.1 s; a warm cache does without

        parsed = parse(text)
        for problem in parsed.problems:
            at = Location(name, problem.line, problem.column)
            notes.error(problem.code, at, problem.summary, problem.remedy)
        if parsed.data is None:
            if name == PROJECT_FILE and not parsed.problems:
                parsed.data, parsed.mark = {}, [1, 1, {}]
            else:
                continue
        document = Document(name, kind, Node(parsed.data, parsed.mark, name), key, templated)
        exact = not (parsed.problems or parsed.decimals)
        document.cacheable = exact and not templated
        if exact and templated:
            cache.put(key, [parsed.data, parsed.mark])
        documents[name] = document
    return documents


def render(document: Document, inputs: Inputs, notes: Notes) -> None:
    """Put the values of templates into *document*; a scalar that cannot be rendered is noted and stays broken."""
    if not document.templated:
        return
    node = document.node
    document.node = Node(_rendered(node.data, (), document, inputs, notes), node.mark, node.file)


def _rendered(data: Any, path: Path, document: Document, inputs: Inputs, notes: Notes) -> Any:
    match data:
        case dict():
            return {k: _rendered(v, (*path, k), document, inputs, notes) for k, v in data.items()}
        case list():
            return [_rendered(v, (*path, i), document, inputs, notes) for i, v in enumerate(data)]
        case str() if OPENING.search(data):
            return _scalar(data, path, document, inputs, notes)
        case _:
            return data


def _scalar(text: str, path: Path, document: Document, inputs: Inputs, notes: Notes) -> Any:
    at = document.node.place(path)
    try:
        value = scalar(text, inputs)
    except TemplateProblem as problem:
        document.broken.add(path)
        notes.error(problem.code, at, problem.summary, problem.remedy)
        return text
    if isinstance(value, Secret) and not _may_hold_secret(document.kind, path):
        document.broken.add(path)
        notes.error(
            "E0207",
            at,
            "a secret has no place here",
            "secret() is for `config:` of a system, for `key:`, for `state:` and for channels; everything else is shown in plans.",
        )
        return text
    return value


def _may_hold_secret(kind: str, path: Path) -> bool:
    match kind, path:
        case "systems", ("systems", _, "config", *_):
            return True
        case "project", ("key",) | ("channels", *_) | ("environments", _, "state"):
            return True
        case _:
            return False


def judge(document: Document, notes: Notes, cache: Cache) -> None:
    """Judge *document* by its schema, unless that was done before."""
    if document.clean:
        return
    fits = document.key if document.cacheable else _rendered_key(document)
    if not document.broken and cache.get(fits) is not None:
        return
    from erpoa_cli.project.validate import validate  # noqa: PLC0415 - costs 0.2 s; a warm cache does without

    rendered_badly = frozenset(document.broken)
    document.broken |= validate(document.node, document.kind, notes, rendered_badly)
    if not document.broken:
        cache.put(fits, [document.node.data, document.node.mark] if document.cacheable else True)


def _rendered_key(document: Document) -> str:
    """Stands for what the schema sees of *document*: a secret is any text to it."""
    text = json.dumps(
        document.node.data, default=lambda value: "" if isinstance(value, Secret) else str(value)
    )
    return f"fits {document.kind} {sha256(text.encode()).hexdigest()}"
