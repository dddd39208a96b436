"""Collects what is found in project files: diagnostics with the place and its line."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Location, Severity

SECRET_KEY = re.compile(
    r"(?i)(pass(word|wd|phrase|code)?|pwd|secret|token|api_?key|access_?key|private_?key|signing_?key|credentials?|口令|密码|密钥)$"
)
"""Names of configuration keys whose value is a secret: `password`, `client_secret`, `api_key`."""

_PAIR = re.compile(r"""(?P<key>[\w.-]+)(?P<colon>["']?\s*[:=]\s*)(?P<value>"[^"]*"?|'[^']*'?|[^\s,{}]+)""")
_USERINFO = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")


def shown(line: str) -> str:
    """*line* as it may be shown: values of keys that name a secret, and passwords in URLs, are masked."""

    def mask(match: re.Match[str]) -> str:
        if not SECRET_KEY.search(match["key"]) or "{{" in match["value"]:
            return match[0]
        return f"{match['key']}{match['colon']}{'*' * len(match['value'])}"

    masked = _PAIR.sub(mask, line)
    return _USERINFO.sub(lambda m: m[1] + "*" * (len(m[0]) - len(m[1]) - 1) + "@", masked)


def snippet(text: str, at: Location, hidden: Iterable[str] = ()) -> str:
    """The line of *text* that *at* names; *hidden* texts and secrets masked, by as many characters as they have."""
    lines = text.split("\n")
    if not 1 <= at.line <= len(lines):
        return ""
    line = shown(lines[at.line - 1].rstrip("\r"))
    for secret in hidden:
        line = line.replace(secret, "*" * len(secret))
    return line


@dataclass(slots=True)
class Notes:
    """The findings so far and the texts they are about; `hidden` are parts of texts that must not be shown."""

    items: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)
    _known: set[Diagnostic] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._known.update(self.items)

    def error(self, code: str, at: Location, summary: str, remedy: str, detail: str = "") -> None:
        self.add(Diagnostic(code, summary, detail, remedy, at))

    def warn(self, code: str, at: Location, summary: str, remedy: str, detail: str = "") -> None:
        self.add(Diagnostic(code, summary, detail, remedy, at, severity=Severity.WARNING))

    def add(self, found: Diagnostic) -> None:
        """Note *found*, once."""
        if found not in self._known:
            self._known.add(found)
            self.items.append(found)

    @property
    def failed(self) -> bool:
        return any(item.severity is Severity.ERROR for item in self.items)

    def finished(self) -> list[Diagnostic]:
        """All findings with the lines they are about, in the order of files and lines."""
        ordered = sorted(self.items, key=lambda d: (d.at or Location(""), d.code))
        return [self._illustrated(item) for item in ordered]

    def _illustrated(self, found: Diagnostic) -> Diagnostic:
        text = self.texts.get(found.at.file) if found.at else None
        if text is None or found.at is None:
            return found
        return replace(found, snippet=snippet(text, found.at, self.hidden))


def illustrated(found: Diagnostic, root: Path) -> Diagnostic:
    """*found* with the line of the project file it is about, if it has a place and no snippet yet."""
    if found.snippet or found.at is None or not found.at.line:
        return found
    path = (root / found.at.file).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return found
    return replace(found, snippet=snippet(path.read_text(encoding="utf-8-sig", errors="replace"), found.at))
