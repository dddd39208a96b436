"""What the last checks without errors said, kept under .erpoa/cache by everything that decides it.

A question is the content of every project file, the environment, the variables, and the tools that judge; an
answer holds while the environment variables it used have the same values, its secrets can still be found, and its
paths still lead into the project. What a secret says is neither kept nor digested: an answer that depends on more
than its being there must not be remembered.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Location, Severity
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.cache import cache_file, read_json, write_json
from erpoa_cli.project.header import secret_chain
from erpoa_cli.project.locate import Found, find_files, inside
from erpoa_cli.project.secrets import SecretsUnreadable

_KEPT = 4  # answers: as many environments may take turns


@dataclass(frozen=True, slots=True)
class Said:
    """The answer of a check without errors: of which project, how many of each kind it has, what it warned of."""

    project: str
    environment: str
    counts: Mapping[str, int]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(slots=True)
class Memory:
    """The answers to one question, which `environment` (as asked for; None: the project's first), `variables` and
    the fingerprint of the `tools` are part of. `secrets` are those that a recalled answer stands on."""

    found: Found
    environment: str | None
    variables: Mapping[str, str]
    tools: str
    getenv: Callable[[str], str | None]
    secrets: list[Secret] = field(default_factory=list)
    _question: str = ""

    def __post_init__(self) -> None:
        self._question = _digest(
            {
                "root": str(self.found.root),
                "files": self.found.digests(),
                "findings": [asdict(finding) for finding in self.found.findings],
                "environment": self.environment,
                "variables": dict(self.variables),
                "tools": self.tools,
            }
        )

    def recall(self) -> Said | None:
        """What was said before, if everything that decides it is as it was; damaged answers are none."""
        for answer in self._answers():
            try:
                said = _read(answer["said"])
                if answer["seal"] == self._seal(answer["uses"], said):
                    return said
            except (AttributeError, KeyError, TypeError, ValueError):
                continue
        return None

    def keep(self, said: Said, inputs: Iterable[str], paths: Iterable[str]) -> None:
        """Remember *said*, which used *inputs* (`env:NAME`, `secret:NAME`) and relative *paths*; not if a file
        changed meanwhile, for nobody knows which of its contents was judged."""
        uses: dict[str, list[str]] = {"env": [], "secret": [], "path": sorted(paths)}
        for kind, _, name in (text.partition(":") for text in sorted(inputs)):
            if kind in uses:
                uses[kind].append(name)
        seal = self._seal(uses, said)
        if seal and find_files(self.found.root).digests() == self.found.digests():
            answer = {"seal": seal, "uses": uses, "said": asdict(said)}
            write_json(self._file, {"answers": [answer, *self._answers()][:_KEPT]})

    @property
    def _file(self) -> Path:
        return cache_file(self.found.root, "checked.json")

    def _answers(self) -> list[Any]:
        match read_json(self._file):
            case {"answers": [*answers]}:
                return answers
            case _:
                return []

    def _seal(self, uses: Mapping[str, list[str]], said: Said) -> str | None:
        """Stands for the question, for all it *uses* as that is now, and for what was *said*; None when a secret
        or path of it is not good."""
        if not all(inside(self.found.root, self.found.root / path) for path in uses["path"]):
            return None
        if uses["secret"] and not self._found(uses["secret"]):
            return None
        values = {name: self.getenv(name) for name in ("HOME", *uses["env"])}
        return _digest({"question": self._question, "uses": uses, "values": values, "said": asdict(said)})

    def _found(self, names: Iterable[str]) -> bool:
        chain = secret_chain(self.found, self.getenv)
        try:
            secrets = [chain.find(name) for name in names]
        except SecretsUnreadable:
            return False
        self.secrets = [secret for secret in secrets if secret is not None and secret.reveal()]
        return len(self.secrets) == len(secrets)


def _digest(content: Any) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read(told: Mapping[str, Any]) -> Said:
    findings = (
        Diagnostic(**{**f, "at": f["at"] and Location(**f["at"]), "severity": Severity(f["severity"])})
        for f in told["diagnostics"]
    )
    return Said(told["project"], told["environment"], told["counts"], tuple(findings))
