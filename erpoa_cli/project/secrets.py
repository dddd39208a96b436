"""Where secrets come from: the chain that erpoa.yml declares."""

from __future__ import annotations

import importlib
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from erpoa_cli.core.secret import Secret

PREFIX = "ERPOA_SECRET_"


class SecretsUnreadable(Exception):
    """A place of the chain cannot be used; the text says what to do."""


@dataclass(slots=True)
class SecretChain:
    """Looks a secret up in *places* (`env`, `keyring`, or the path of a file), in this order.

    `env` is the variable ERPOA_SECRET_NAME; a file is YAML `name: "text"`, mode 0600; the keyring's service
    is `erpoa`. A file that does not exist is passed over; one that others may read is refused.
    """

    places: tuple[str | Path, ...]
    getenv: Callable[[str], str | None]
    _files: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def find(self, name: str) -> Secret | None:
        """The secret, or None when no place has it. Raises `SecretsUnreadable`."""
        for place in self.places:
            match place:
                case "env":
                    text = self.getenv(PREFIX + name.upper())
                case "keyring":
                    text = _keyring(name)
                case _:
                    text = self._file(Path(place)).get(name)
            if text is not None:
                return Secret(str(text), name)
        return None

    def described(self, name: str) -> str:
        """Where the secret may be put, in words."""
        words = []
        for place in self.places:
            match place:
                case "env":
                    words.append(f"the environment variable {PREFIX}{name.upper()}")
                case "keyring":
                    words.append(f"the keyring (`keyring set erpoa {name}`)")
                case _:
                    words.append(f"`{name}:` in {place}")
        return ", or ".join(words)

    def _file(self, path: Path) -> dict[str, Any]:
        if path not in self._files:
            self._files[path] = _read(path)
        return self._files[path]


def _read(path: Path) -> dict[str, Any]:
    from erpoa_cli.project.parse import parse  # noqa: PLC0415 - PyYAML costs 0.1 s; most projects have no such file

    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SecretsUnreadable(f"{path} cannot be read: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SecretsUnreadable(f"{path} can be read by others: run `chmod 600 {path}`")
    try:
        parsed = parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise SecretsUnreadable(f"{path} cannot be read as UTF-8 text") from None
    entries = parsed.data if isinstance(parsed.data, dict) else {}
    if parsed.problems or not all(isinstance(value, str) for value in entries.values()):
        line = parsed.problems[0].line if parsed.problems else 1
        raise SecretsUnreadable(f'{path}:{line} is not of the form `name: "text"` with every text in quotes')
    return entries


def _keyring(name: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        raise SecretsUnreadable("the keyring needs the package `keyring`: pip install keyring") from None
    try:
        found: str | None = keyring.get_password("erpoa", name)
    except Exception as error:  # noqa: BLE001 - whatever a back end raises, never with its text: it may quote
        raise SecretsUnreadable(f"the keyring cannot be asked: {type(error).__name__}") from None
    return found
