"""systems/*.yml → System."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

from erpoa_cli.core.project import Limits, System
from erpoa_cli.core.secret import Secret
from erpoa_cli.project.functions import FromTemplate
from erpoa_cli.project.node import Node
from erpoa_cli.project.notes import SECRET_KEY
from erpoa_cli.project.scope import Entry, Scope, own

_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
_KNOWN_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|^(AKIA|ghp_|gho_|glpat-|xox[bp]-|sk-)\w{10,}|^eyJ[\w-]+\.eyJ"
)
_ONE_WORD = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_PLACE = re.compile(
    r"(?i)(database|dbname|schema|table|host|path|user)$"
)  # names of these may be made by machines


def build_system(entry: Entry, scope: Scope) -> System:
    """The system *entry* declares; secrets written out in its configuration are noted."""
    node = entry.node
    scope.described("system", entry)
    config = node.child("config")
    _literal_secrets(config, "", entry.name, scope)
    limits = node.child("limits")
    rate = limits.child("requests_per_second").data
    return System(
        name=entry.name,
        plugin=node.text("plugin"),
        config=own(config.data or {}),
        at=entry.at,
        role=node.text("role", "other"),
        description=node.text("description"),
        owner=node.text("owner") or scope.owner,
        limits=Limits(
            None if rate is None else float(rate), limits.child("concurrency").data or Limits().concurrency
        ),
        ledger=node.text("ledger", "table"),
        places=node.places(),
    )


def _literal_secrets(node: Node, key: str, system: str, scope: Scope) -> None:
    match node.data:
        case dict():
            for name, child in node.items():
                _literal_secrets(child, name, system, scope)
        case list():
            for child in node:
                _literal_secrets(child, key, system, scope)
        case Secret() | None | bool():
            return
        case value:
            if why := _looks_secret(key, value):
                scope.notes.hidden.extend(line for line in str(value).split("\n") if line)
                given = isinstance(value, FromTemplate)
                scope.notes.error(
                    "E0128",
                    node.at,
                    f"a secret is {'not kept as one' if given else 'written out'}: {why}",
                    f"Write \"{{{{ secret('{_suggested(system, key)}') }}}}\""
                    + (
                        ": only then it is masked everywhere."
                        if given
                        else ", put it into the environment, a file or the keyring, and change it: "
                        "what was committed is known."
                    ),
                )


def _looks_secret(key: str, value: Any) -> str:
    text = str(value)
    if not text:
        return ""
    if SECRET_KEY.search(key):
        return f"`{key}` is a secret by its name"
    if not isinstance(value, str):
        return ""
    if _PASSWORD_IN_URL.search(text):
        return "a password in a URL"
    if isinstance(value, FromTemplate):
        return ""
    if _KNOWN_SHAPES.search(text):
        return f"`{key}` has the shape of a key or token"
    if (
        not _PLACE.search(key)
        and _ONE_WORD.fullmatch(text)
        and _entropy(text) > 4.2
        and re.search(r"\d", text)
        and re.search(r"[A-Za-z]", text)
    ):
        return f"`{key}` looks random like a key"
    return ""


def _entropy(text: str) -> float:
    """Bits per character (Shannon)."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _suggested(system: str, key: str) -> str:
    return re.sub(r"\W+", "_", f"{system}_{key}").lower()
