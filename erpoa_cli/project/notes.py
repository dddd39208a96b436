"""Collects what is found in project files: diagnostics with the place, the line and a pointer to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from erpoa_cli.core.diagnostic import Diagnostic, Location, Severity

_WIDTH = 160
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


@dataclass(slots=True)
class Notes:
    """The findings so far and the texts they are about."""

    items: list[Diagnostic] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def error(self, code: str, at: Location, summary: str, remedy: str, detail: str = "") -> None:
        self._add(Diagnostic(code, summary, detail, remedy, at, self.snippet(at)))

    def warn(self, code: str, at: Location, summary: str, remedy: str, detail: str = "") -> None:
        self._add(Diagnostic(code, summary, detail, remedy, at, self.snippet(at), Severity.WARNING))

    def _add(self, found: Diagnostic) -> None:
        if found not in self.items:
            self.items.append(found)

    @property
    def failed(self) -> bool:
        return any(item.severity is Severity.ERROR for item in self.items)

    def sorted(self) -> list[Diagnostic]:
        """In the order of files and lines; findings without a place first."""
        return sorted(self.items, key=lambda d: (d.at or Location(""), d.code))

    def snippet(self, at: Location) -> str:
        """The line *at* stands in, with a caret under its column."""
        lines = self.texts.get(at.file, "").split("\n")
        if not 1 <= at.line <= len(lines):
            return ""
        line = shown(lines[at.line - 1].rstrip("\r").replace("\t", " "))
        column = max(at.column, 1)
        start = max(0, column - 100) if len(line) > _WIDTH else 0
        number = f"{at.line:>4} | "
        pad = "".join("　" if _wide(c) else " " for c in line[start : column - 1])
        return f"{number}{line[start : start + _WIDTH]}\n{' ' * (len(number) - 2)}| {pad}^"


def _wide(character: str) -> bool:
    return "\u1100" <= character <= "\u115f" or "\u2e80" <= character <= "\uffdc" or character >= "\U0001f300"
