"""erpoa.yml: which environment, with which variables and secrets, and what holds for the whole project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.cache import Cache
from erpoa_cli.project.document import Document, judge, render
from erpoa_cli.project.functions import Inputs, scalar
from erpoa_cli.project.locate import PROJECT_FILE, Found
from erpoa_cli.project.node import Node
from erpoa_cli.project.notes import Notes
from erpoa_cli.project.scope import Scope
from erpoa_cli.project.secrets import SecretChain
from erpoa_cli.project.template import OPENING
from erpoa_cli.project.template_problem import TemplateProblem

DEFAULT_ENVIRONMENT = "default"
_EMPTY: Node = Node({}, [1, 1, {}], "erpoa.yml")


@dataclass(frozen=True, slots=True)
class Header:
    """What erpoa.yml says for the chosen environment."""

    node: Node
    environment: str
    settings: Node  # of the environment
    inputs: Inputs

    @property
    def owner(self) -> str:
        """Who answers for what names nobody; not empty when erpoa.yml could not be read."""
        return self.node.text("owner") or ("" if self.node.data else "unknown")

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Keys that hold for every target that does not have them; `guards` hold one by one."""
        found: Mapping[str, Any] = self.node.child("defaults").child("targets").data or {}
        return {key: value for key, value in found.items() if key != "guards"}

    @property
    def guards(self) -> Node:
        """Limits that hold for every target that has no such limit of its own."""
        return self.node.child("defaults").child("targets").child("guards")


def read_header(
    document: Document | None,
    root: Path,
    environment: str | None,
    variables: Mapping[str, str],
    getenv: Callable[[str], str | None],
    notes: Notes,
    cache: Cache,
) -> Header:
    """The header in *document*; what is wrong with it is noted and left out."""
    raw = document.node if document and isinstance(document.node.data, dict) else _EMPTY
    chosen, settings = _environment(raw, environment, notes)
    inputs = Inputs({}, _chain(raw.child("secrets"), root, getenv), getenv)
    layers = (raw.child("vars"), settings.child("vars"))
    values = {name: value for layer in layers for name, value in _variables(layer, inputs).items()}
    inputs.vars = {**values, **variables}
    if document is None:
        return Header(raw, chosen, settings, inputs)
    _forget_other_environments(document, chosen)
    render(document, inputs, notes)
    judge(document, notes, cache)
    node = _sound(document)
    return Header(node, chosen, node.child("environments").child(chosen), inputs)


def _sound(document: Document) -> Node:
    """What is left of erpoa.yml without the keys that hold something broken."""
    node = document.node
    if not isinstance(node.data, dict):
        return _EMPTY
    wrong = {path[0] for path in document.broken if path}
    return Node({key: value for key, value in node.data.items() if key not in wrong}, node.mark, node.file)


def _environment(raw: Node, wanted: str | None, notes: Notes) -> tuple[str, Node]:
    declared = raw.child("environments")
    names = [name for name, _ in declared.items()]
    chosen = wanted or (names[0] if names else DEFAULT_ENVIRONMENT)
    if chosen not in names and (names or wanted):
        at = raw.key_at("environments") if names else Location(raw.file)
        notes.error(
            "E0132",
            at,
            f"there is no environment `{chosen}`",
            did_you_mean(chosen, names) or f"Declare it in erpoa.yml: `environments: {{{chosen}: {{}}}}`.",
        )
    return chosen, declared.child(chosen)


def _forget_other_environments(document: Document, chosen: str) -> None:
    """Templates of environments that are not chosen are not evaluated: their secrets may be elsewhere."""
    node = document.node
    if not document.templated or not isinstance(node.data, dict):
        return
    declared = node.data.get("environments")
    if isinstance(declared, dict):
        kept = {name: value for name, value in declared.items() if name == chosen or not _templated(value)}
        document.node = Node({**node.data, "environments": kept}, node.mark, node.file)


def _templated(value: Any) -> bool:
    match value:
        case dict():
            return any(_templated(v) for v in value.values())
        case list():
            return any(_templated(v) for v in value)
        case str():
            return OPENING.search(value) is not None
        case _:
            return False


def _variables(node: Node, inputs: Inputs) -> dict[str, Any]:
    """The values of the variables; those that cannot be rendered are noted with the rest of the file."""
    found: dict[str, Any] = {}
    for name, child in node.items():
        value = child.data
        if isinstance(value, str) and OPENING.search(value):
            try:
                value = scalar(value, inputs)
            except TemplateProblem:
                value = ""
            if isinstance(value, Secret):
                value = ""
        if not isinstance(value, dict | list):
            found[name] = value
    return found


def _chain(node: Node, root: Path, getenv: Callable[[str], str | None]) -> SecretChain:
    places: list[str | Path] = []
    for place in node:
        match place.data:
            case "env" | "keyring":
                places.append(place.data)
            case {"file": str(name)}:
                places.append(root / _home(name, getenv))
            case _:
                pass  # the schema says so
    return SecretChain(tuple(places) or ("env",), getenv)


def secret_chain(found: Found, getenv: Callable[[str], str | None]) -> SecretChain:
    """Where the project of *found* looks its secrets up."""
    from erpoa_cli.project.parse import parse  # noqa: PLC0415 - PyYAML costs 0.1 s; most callers have it read

    content = found.contents.get(PROJECT_FILE, b"")
    parsed = parse(content.decode("utf-8-sig", errors="replace"))
    return _chain(Node(parsed.data, parsed.mark, PROJECT_FILE).child("secrets"), found.root, getenv)


def _home(name: str, getenv: Callable[[str], str | None]) -> Path:
    home = getenv("HOME")
    return Path(home, name[2:]) if name.startswith("~/") and home else Path(name).expanduser()


def check_header(header: Header, scope: Scope) -> None:
    """What the schema cannot say: the time zone, the systems of channels, who answers for the project."""
    scope.zone(header.node.child("timezone"))
    channels = header.node.child("channels")
    for channel in map(channels.child, channels.keys()):
        if "system" in channel:
            scope.need("system", channel.text("system"), channel.child("system").at)
    written = header.node.mark[2]
    missing = [key for key in ("description", "owner") if header.node.data and key not in written]
    if missing:
        at = header.node.key_at("name")
        scope.notes.warn(
            "W0101",
            at,
            f"the project has no {' and '.join(missing)}",
            f"Add {' and '.join(f'`{m}:`' for m in missing)}.",
        )
