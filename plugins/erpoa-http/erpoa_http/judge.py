"""What an answer means: HTTP 200 is not success, and a refusal has a class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    InDoubt,
    MasterMissing,
    Rejected,
    Stale,
    SystemFailure,
    Throttled,
    Transient,
)
from erpoa_cli.sdk.http import Answer, Call, retry_after
from erpoa_http.template import spelled

Path = tuple[str, ...]
_JUDGED_BY_STATUS = frozenset({401, 408, 412, 429})
_LONGEST = 300


class Missing(Rejected):
    """There is no such record."""


class Forbidden(Denied):
    """It may not be done; the credentials themselves are good."""


CLASSES: Mapping[str, type[SystemFailure]] = {
    "duplicate": Duplicate,
    "master_missing": MasterMissing,
    "rejected": Rejected,
    "not_found": Missing,
    "stale": Stale,
    "auth": Denied,
    "throttled": Throttled,
    "transient": Transient,
    "in_doubt": InDoubt,
}


_BY_STATUS: Mapping[int, type[SystemFailure]] = {403: Forbidden, 404: Missing}


def found(data: Any, path: Path) -> Any:
    """The value at *path* of decoded JSON; null where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, Mapping) else None
    return data


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`success`: what must stand where (null: nothing); without it, a 2xx is a success. `code` and `message`: where a
    refusal says them. `classes`: what a code, an HTTP status or a pattern of the message means."""

    success: tuple[tuple[Path, tuple[Any, ...]], ...] = ()
    code: Path = ()
    message: Path = ()
    classes: Mapping[str, type[SystemFailure]] = field(default_factory=dict)
    patterns: tuple[tuple[re.Pattern[str], type[SystemFailure]], ...] = ()

    def __call__(self, call: Call, answer: Answer) -> SystemFailure | None:
        """As `sdk.http.Judge`."""
        data, good = answer.data, 200 <= answer.status < 300
        if good and not self.success:
            return None
        if good and data is None:
            return None  # 204: the status is all it says
        if good and (isinstance(data, bytes) or self._silent(data)):
            words = "the answer does not say whether it succeeded"
            return ContractBroken(words) if call.repeatable else InDoubt(words)
        if good and self.fits(data):
            return None
        class_, unlike = self._class(data, answer.status), ""
        if class_ is None:
            if not good and (answer.status in _JUDGED_BY_STATUS or not 400 <= answer.status < 500):
                return None
            class_ = _BY_STATUS.get(answer.status, Rejected)
            unlike = "; the answer is not what `success:` says" if good else ""
        words = (self.words(data) or f"status {answer.status}") + unlike
        if class_ is Throttled:
            return Throttled(words, retry_after(answer.headers.get("retry-after")))
        return class_(words)

    def fits(self, data: Any) -> bool:
        """Whether *data* is what a success looks like."""
        return all(_same(found(data, path), wanted) for path, wanted in self.success)

    def item(self, data: Any) -> SystemFailure | None:
        """What one item of a batch's answer means."""
        if self.fits(data):
            return None
        class_ = self._class(data, 0) or Rejected
        return class_(self.words(data) or "refused without a word")

    def words(self, data: Any) -> str:
        """The system's own words."""
        code, message = (spelled(found(data, path)) if path else "" for path in (self.code, self.message))
        told = f"{message} ({code})" if message and code else message or code
        if not told and data is not None:
            told = data.decode("utf-8", "replace") if isinstance(data, bytes) else spelled(data)
        return told[:_LONGEST]

    def _class(self, data: Any, status: int) -> type[SystemFailure] | None:
        code = spelled(found(data, self.code)) if self.code else ""
        if named := self.classes.get(code) or self.classes.get(str(status)):
            return named
        said = spelled(found(data, self.message)) if self.message else ""
        return next((class_ for pattern, class_ in self.patterns if said and pattern.search(said)), None)

    def _silent(self, data: Any) -> bool:
        """Nothing of what the rule looks at is there, and none of it may be missing."""
        return not isinstance(data, Mapping) or all(
            found(data, path) is None and None not in wanted for path, wanted in self.success
        )


def _same(value: Any, wanted: tuple[Any, ...]) -> bool:
    # 0 and "0" are told apart by no API; true and 1 are.
    return any(
        (value is one)
        if value is None or one is None or isinstance(value, bool) or isinstance(one, bool)
        else spelled(value) == spelled(one)
        for one in wanted
    )
