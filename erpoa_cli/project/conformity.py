"""Judges values by a JSON Schema, and remembers which conformed: jsonschema is loaded for what is new alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from erpoa_cli.core.diagnostic import Misfit
from erpoa_cli.project.cache import Cache


def conforms(value: Any, wanted: Mapping[str, Any]) -> Iterable[Misfit]:
    """Everything in *value* that departs from the JSON Schema *wanted*."""
    from erpoa_cli.project.validate import conforms as judge  # noqa: PLC0415 - jsonschema costs 0.2 s

    return judge(value, wanted)


@contextmanager
def remembering(root: Path) -> Iterator[Callable[[Any, Mapping[str, Any]], Iterable[Misfit]]]:
    """`conforms` for the project at *root*, remembering what conforms from one command to the next."""
    cache = Cache.of(root, "configs.json")

    def judge(value: Any, wanted: Mapping[str, Any]) -> Iterable[Misfit]:
        key = _key(value, wanted)
        if key and cache.get(key):
            return ()
        misfits = list(conforms(value, wanted))
        if key and not misfits:
            cache.put(key, True)
        return misfits

    yield judge
    cache.save()


def _key(value: Any, wanted: Mapping[str, Any]) -> str | None:
    """Stands for *value* and *wanted*; None where a secret is among them, which is not even digested."""
    try:
        return sha256(json.dumps([value, wanted], sort_keys=True).encode()).hexdigest()
    except TypeError:
        return None
