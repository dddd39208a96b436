"""Documents that describe the interface of a system, as vendors give them: JSON or YAML."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Diagnostic, Failure, Location
from erpoa_cli.sdk.caps import Beyond, Caps, measured

_CAPS = Caps()


def interface_document(path: Path) -> Any:
    """The content of the file *path*. `Failure` E0616 says what is wrong with it, and where."""
    try:
        with path.open("rb") as file:
            raw = file.read(_CAPS.bytes + 1)
        _CAPS.hold("bytes", len(raw), str(path))
        measured(raw, _CAPS, str(path))
        text = raw.decode("utf-8-sig")
    except Beyond as error:
        raise _unread(error.said) from None
    except OSError as error:
        raise _unread(f"{path} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise _unread(f"{path} is no UTF-8") from None
    if text.lstrip()[:1] == "{":
        try:
            return json.loads(text, parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            line, column = getattr(error, "lineno", 0), getattr(error, "colno", 0)
            raise _unread(f"{path} is no JSON", Location(str(path), line, column)) from None
    from erpoa_cli.project.parse import parse  # noqa: PLC0415 - a warm command does without PyYAML

    parsed = parse(text)
    if parsed.problems:
        first = parsed.problems[0]
        raise _unread(f"{path}: {first.summary}", Location(str(path), first.line, first.column))
    return parsed.data


def _unread(summary: str, at: Location | None = None) -> Failure:
    return Failure(
        Diagnostic(
            "E0616",
            summary,
            remedy="Give the document as its vendor publishes it, JSON or YAML in UTF-8.",
            at=at,
        ),
    )
