"""What a system can answer besides success, classed by what to do about it.

SystemFailure
├── Transient        try again, later and spread out
│   └── Throttled    … not before `retry_after` seconds
├── Denied           credentials or privileges: renew once, never retry a bad password
├── Rejected         a business rule: the row is set aside, the rest goes on
│   ├── Duplicate    … it exists already
│   └── MasterMissing … something it refers to does not exist
├── ContractBroken   the system answers in another shape than described
├── Stale            the row moved since it was read
├── InDoubt          the outcome is unknown: look it up, never repeat blindly
└── Fatal            nothing more can be done with this system now
"""

from __future__ import annotations


class SystemFailure(Exception):
    """Base of all; `word` is the class as journals and reports spell it."""

    word = "fatal"


class Transient(SystemFailure):
    word = "transient"


class Throttled(Transient):
    word = "throttled"

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Denied(SystemFailure):
    word = "auth"


class Rejected(SystemFailure):
    word = "rejected"


class Duplicate(Rejected):
    word = "duplicate"


class MasterMissing(Rejected):
    word = "master_missing"


class ContractBroken(SystemFailure):
    word = "contract"


class Stale(SystemFailure):
    word = "stale"


class InDoubt(SystemFailure):
    word = "in_doubt"


class Fatal(SystemFailure):
    word = "fatal"
