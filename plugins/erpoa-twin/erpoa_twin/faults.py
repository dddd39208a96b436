"""Faults: which there are, the rules that switch them on, and the draw that is the same for the same seed.

Whether a call meets a fault depends on the seed, the fault, the call (method, path, query and body) and on how often the
same call came before: neither the clock nor what other clients do at the same time changes it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FAULTS: dict[str, dict[str, Any]] = {
    "slow": {"seconds": 1.0},
    "token_expired": {},
    "rate_limited": {"retry_after": 1},
    "error_before_commit": {"status": 0},
    "error_in_200": {},
    "timeout_before_commit": {"seconds": 60.0},
    "dropped_before_commit": {},
    "timeout_after_commit": {"seconds": 60.0},
    "dropped_after_commit": {},
    "error_after_commit": {"status": 0},
    "truncated": {},
    "stale_reads": {"reads": 0, "milliseconds": 0},
    "page_shift": {},
    "normalising": {"trim": True, "nfc": True, "upper": True, "round": True},
    "webhook_lost": {},
    "webhook_twice": {},
}
"""Every fault with its options and their defaults. `status` 0: 500, 502 or 503, drawn."""

_ALL: dict[str, dict[str, Any]] = {"slow": {"seconds": 0.2}, "stale_reads": {"reads": 2}}
_STATUSES = (500, 502, 503)


class FaultsInvalid(ValueError):
    """Rules that cannot be read; the words say where and what to do."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`rate` 0 to 1; `on`: a pattern of "METHOD /path"; `times`: how often at most, 0 for no end."""

    rate: float
    on: str = "*"
    times: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        return {"rate": self.rate, "on": self.on, "times": self.times, **self.options}


Rules = Mapping[str, Rule]


def rules(given: object, where: str = "faults") -> Rules:
    """*given*, `{fault: rate or {rate, on, times, options…}}`, as rules. Raises `FaultsInvalid`."""
    if not isinstance(given, Mapping):
        raise FaultsInvalid(f"{where}: an object of faults is wanted, {{fault: {{rate: 0.1}}}}")
    made = {}
    for name, said in given.items():
        if name not in FAULTS:
            raise FaultsInvalid(f"{where}: there is no fault {name!r}; there are {', '.join(FAULTS)}")
        made[name] = _rule(
            said if isinstance(said, Mapping) else {"rate": said}, FAULTS[name], f"{where}: {name}"
        )
    return made


def _rule(said: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> Rule:
    options = dict(defaults)
    head: dict[str, Any] = {"rate": 1.0, "on": "*", "times": 0}
    for name, value in said.items():
        wanted = head.get(name, defaults.get(name))
        if wanted is None:
            raise FaultsInvalid(f"{where}: no option {name!r}; it takes {', '.join([*head, *defaults])}")
        numeric = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        fits = _number(value, whole=isinstance(wanted, int)) if numeric else type(value) is type(wanted)
        if not fits:
            raise FaultsInvalid(f"{where}: {name} is {value!r}; {wanted!r} is an example")
        (head if name in head else options)[name] = value
    if head["rate"] > 1:
        raise FaultsInvalid(f"{where}: rate is {head['rate']!r}; it is a share, 0 to 1")
    return Rule(head["rate"], head["on"], head["times"], options)


def _number(value: object, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (isinstance(value, int) or not whole) and math.isfinite(value) and value >= 0


def named(words: str) -> Rules:
    """What `--faults` says: `none`, `all` (each with a rate of 5 %), or a JSON file. Raises `FaultsInvalid`."""
    if words == "none":
        return {}
    if words == "all":
        return rules({name: {"rate": 0.05, **_ALL.get(name, {})} for name in FAULTS})
    try:
        return rules(json.loads(Path(words).read_text(encoding="utf-8")), words)
    except OSError as error:
        raise FaultsInvalid(
            f"{words}: cannot be read ({error.strerror}); `all` and `none` need no file"
        ) from None
    except json.JSONDecodeError as error:
        raise FaultsInvalid(f"{words}:{error.lineno}: no JSON: {error.msg}") from None
    except UnicodeDecodeError:
        raise FaultsInvalid(f"{words}: no UTF-8") from None


class Drawing:
    """The faults of a server: rules that can be changed, and how often what was asked and met."""

    def __init__(self, seed: int, given: Rules) -> None:
        self.seed = seed
        self.rules: Rules = given
        self.met: dict[str, int] = {}
        self._asked: dict[str, int] = {}

    def restart(self, seed: int | None = None) -> None:
        """Begin the sequence again, of another seed where one is given."""
        self.seed = self.seed if seed is None else seed
        self.met.clear()
        self._asked.clear()

    def draw(self, call: str, body: bytes = b"", *, webhook: bool = False) -> Drawn:
        """The faults that *call*, "METHOD /path?query", meets this time."""
        mark = hashlib.sha256(call.encode("utf-8", "surrogatepass") + b"\0" + body).hexdigest()
        time = self._asked[mark] = self._asked.get(mark, 0) + 1
        drawn = Drawn(f"{self.seed} {mark} {time}", self.met)
        pattern = call.partition("?")[0]
        for name in FAULTS:
            rule = self.rules.get(name)
            if rule is None or webhook != name.startswith("webhook") or not fnmatchcase(pattern, rule.on):
                continue
            if (rule.times and self.met.get(name, 0) >= rule.times) or drawn.share(name) >= rule.rate:
                continue
            drawn.options[name] = rule.options
        return drawn


@dataclass(slots=True)
class Drawn:
    """The faults of one call, with their options; `mark` tells calls apart. What is drawn may be never met: a dropped
    connection has no truncated body."""

    mark: str
    counted: dict[str, int]
    options: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    met: list[str] = field(default_factory=list)

    def meets(self, name: str) -> bool:
        """Whether the fault was drawn; if so it counts as met, once for the call."""
        if name in self.options and name not in self.met:
            self.met.append(name)
            self.counted[name] = self.counted.get(name, 0) + 1
        return name in self.options

    def share(self, about: str) -> float:
        """A number from 0 up to 1, the same for the same call and *about*."""
        digest = hashlib.sha256(f"{self.mark} {about}".encode()).digest()
        return int.from_bytes(digest[:7], "big") / 2**56

    def status(self, name: str) -> int:
        return (
            int(self.options[name]["status"]) or _STATUSES[int(self.share(f"status {name}") * len(_STATUSES))]
        )
