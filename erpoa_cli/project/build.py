"""All documents and models of a project → `Project`: one builder per noun, in the order of what needs what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Project, Seed, Transform
from erpoa_cli.core.target import Target
from erpoa_cli.project.contract import build_contract
from erpoa_cli.project.document import Document
from erpoa_cli.project.header import Header, check_header
from erpoa_cli.project.locate import Found, decoded
from erpoa_cli.project.model import Models
from erpoa_cli.project.policy import build_freeze, build_rule
from erpoa_cli.project.scope import Entry, Scope
from erpoa_cli.project.seed import build_seed, seed_columns
from erpoa_cli.project.source import build_source
from erpoa_cli.project.system import build_system
from erpoa_cli.project.target import build_guards, build_target, with_defaults
from erpoa_cli.project.target_field import is_lines
from erpoa_cli.project.tests import build_data_test, build_unit_test
from erpoa_cli.project.transform import build_transform

# key of a document → the noun of its entries
_SECTIONS = {
    "systems": "system",
    "sources": "source",
    "seeds": "seed description",
    "transforms": "transform description",
    "targets": "target",
    "freezes": "freeze",
    "rules": "rule",
    "unit_tests": "unit test",
    "data_tests": "data test description",
}


@dataclass(slots=True)
class Build:
    """The parts of one project on their way to a `Project`."""

    header: Header
    documents: Mapping[str, Document]
    found: Found
    models: Models
    scope: Scope
    entries: dict[str, dict[str, Entry]] = field(default_factory=dict)  # sound ones, by noun

    def run(self) -> Project:
        """The project as far as it is sound; what is not is in the notes."""
        self._collect()
        check_header(self.header, self.scope)
        parsed = {name: d.node.data for name, d in self.documents.items() if d.kind == "contract"}
        for name, entry in self.entries.get("contract", {}).items():
            self.scope.contracts[name] = build_contract(entry, self.scope, parsed)
        systems = {name: build_system(entry, self.scope) for name, entry in self._all("system")}
        sources = {name: build_source(entry, self.scope) for name, entry in self._all("source")}
        seeds = self._seeds()
        described = self.entries.get("transform description", {})
        known = {source.name: source.key for source in sources.values()}
        known |= {seed.name: seed.key for seed in seeds.values()}
        known |= {name: entry.node.child("key").texts() for name, entry in described.items()}
        self.scope.keys |= {name: key for name, key in known.items() if key}
        transforms = self._transforms()
        targets = self._targets(transforms)
        node, settings = self.header.node, self.header.settings
        return Project(
            name=node.text("name"),
            root=str(self.found.root),
            environment=self.header.environment,
            timezone=node.text("timezone", "UTC"),
            description=node.text("description"),
            owner=node.text("owner"),
            state=(settings.data or {}).get("state") or "",
            key=node.child("key").data,
            clean_git=bool(settings.data) and settings.text("clean_git") == "required",
            vars=dict(self.header.inputs.vars),
            systems=systems,
            sources=sources,
            seeds=seeds,
            transforms=transforms,
            contracts=dict(self.scope.contracts),
            targets=targets,
            tests=self._data_tests(),
            unit_tests={
                name: made
                for name, entry in self._all("unit test")
                if (made := build_unit_test(entry, self.scope, transforms))
            },
            guards=self._guards(),
            freezes=tuple(f for _, e in self._all("freeze") if (f := build_freeze(e, self.scope))),
            rules=tuple(r for _, e in self._all("rule") if (r := build_rule(e, self.models))),
            files=dict(sorted(self.found.digests().items())),
            inputs=tuple(sorted(self.header.inputs.used)),
        )

    def _all(self, noun: str) -> Iterator[tuple[str, Entry]]:
        yield from self.entries.get(noun, {}).items()

    # names --------------------------------------------------------------------------------------------

    def _collect(self) -> None:
        """Declare every name, so that builders may refer to each other in any order."""
        for document in self.documents.values():
            if document.kind == "contract":
                self._declare_file("contract", document)
            elif document.kind != "project" and isinstance(document.node.data, dict):
                for section, noun in _SECTIONS.items():
                    for name, node in document.node.child(section).items():
                        at = document.node.child(section).key_at(name)
                        self._declare(noun, Entry(name, node, at), (section, name), document)
        for noun, folder, suffix in (
            ("seed", "seeds", ".csv"),
            ("transform", "transforms", ".sql"),
            ("data test", "tests", ".sql"),
        ):
            for file in self.found.under(folder, suffix):
                self._declare_plain(noun, file)
        for noun in ("seed", "transform", "data test"):
            self._match_descriptions(noun)

    def _declare_file(self, noun: str, document: Document) -> None:
        name = PurePosixPath(document.name).stem
        at = Location(document.name, 1, 1)
        if (
            self.scope.declare(noun, name, at)
            and not document.broken
            and isinstance(document.node.data, dict)
        ):
            self.entries.setdefault(noun, {})[name] = Entry(name, document.node, at)

    def _declare_plain(self, noun: str, file: str) -> None:
        name = PurePosixPath(file).stem
        if not name.isidentifier():
            self.scope.notes.error(
                "E0116",
                Location(file),
                f"`{name}` cannot be a name here",
                "Rename the file: names start with a letter and hold letters, digits and underscores.",
            )
        self.scope.declare(noun, name, Location(file, 1, 1))

    def _declare(self, noun: str, entry: Entry, path: tuple[str, str], document: Document) -> None:
        if noun == "target":
            fields = entry.node.child("fields")
            for field_name, child in fields.items():
                if is_lines(child):
                    self.scope.names.setdefault("target", {})[f"{entry.name}.{field_name}"] = fields.key_at(
                        field_name
                    )
        first = self.scope.declare(noun, entry.name, entry.at)
        broken = any(b[:2] == path or b == path[: len(b)] for b in document.broken)
        if first and not broken:
            self.entries.setdefault(noun, {})[entry.name] = entry

    def _match_descriptions(self, noun: str) -> None:
        for name, at in self.scope.names.get(f"{noun} description", {}).items():
            if name not in self.scope.names.get(noun, {}):
                folder = {
                    "seed": "seeds/{}.csv",
                    "transform": "transforms/{}.sql",
                    "data test": "tests/{}.sql",
                }[noun]
                close = did_you_mean(name, self.scope.known(noun))
                self.scope.notes.error(
                    "E0120",
                    at,
                    f"there is no file {folder.format(name)}",
                    close or "Write it, or remove this.",
                )

    # relations ----------------------------------------------------------------------------------------

    def _text(self, file: str) -> str | None:
        text = decoded(file, self.found.contents[file], self.scope.notes)
        if text is not None:
            self.scope.notes.texts[file] = text
        return text

    def _seeds(self) -> dict[str, Seed]:
        described = self.entries.get("seed description", {})
        files = {PurePosixPath(f).stem: f for f in self.found.under("seeds", ".csv")}
        for name, file in files.items():
            if (text := self._text(file)) is not None:
                self.scope.columns[name] = seed_columns(file, text, described.get(name), self.scope)
        return {name: build_seed(name, file, described.get(name), self.scope) for name, file in files.items()}

    def _transforms(self) -> dict[str, Transform]:
        described = self.entries.get("transform description", {})
        made = {}
        for file in self.found.under("transforms", ".sql"):
            name = PurePosixPath(file).stem
            text = self._text(file)
            model = None if text is None else self.models.read(file, text)
            if model is not None:
                made[name] = build_transform(name, file, model, described.get(name), self.scope)
        return made

    def _data_tests(self) -> dict[str, Any]:
        described = self.entries.get("data test description", {})
        made = {}
        for file in self.found.under("tests", ".sql"):
            name = PurePosixPath(file).stem
            text = self._text(file)
            model = None if text is None else self.models.read(file, text)
            if model is not None:
                made[name] = build_data_test(name, file, model, described.get(name))
        return made

    # targets and policies -----------------------------------------------------------------------------

    def _targets(self, transforms: Mapping[str, Transform]) -> dict[str, Target]:
        contract_of = {name: t.contract for name, t in transforms.items() if t.contract}
        contract_of |= {n: e.node.text("contract") for n, e in self._all("source") if "contract" in e.node}
        guards = {**self._guards(), **build_guards(self.header.guards)}
        made = {}
        for _, entry in self._all("target"):
            complete = with_defaults(entry, self.header.defaults)
            for target in build_target(complete, self.scope, guards, contract_of):
                made[target.name] = target
        return made

    def _guards(self) -> dict[str, Any]:
        return {
            name: limit
            for document in self.documents.values()
            if document.kind == "policies" and not any(b[:1] == ("guards",) for b in document.broken)
            for name, limit in build_guards(document.node.child("guards")).items()
        }
