"""The audit trail of an environment: append-only records, each bound to the one before by its digest.

A chain shows edits and gaps in the middle. It cannot show a cut tail or a rewrite from the first record on:
compare `head` with a copy kept elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, astuple, replace
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.state.control import Control, now
from erpoa_cli.state.durable import replacing
from erpoa_cli.state.records import AuditRecord

_START = "0" * 64
_COLUMNS = "number, at, who, environment, command, event, plan, run, detail, previous, digest"


def append(
    control: Control,
    *,
    who: str,
    environment: str,
    command: str,
    event: str,
    plan: str,
    run: str,
    detail: str,
) -> AuditRecord:
    """Add a record, inside the transaction of what it records: no audit, no write."""
    last = control.row(
        "SELECT number, digest FROM audit WHERE environment = ? ORDER BY number DESC LIMIT 1", environment
    )
    number, previous = (last["number"] + 1, last["digest"]) if last else (1, _START)
    record = AuditRecord(number, now(), who, environment, command, event, plan, run, detail, previous, "")
    record = replace(record, digest=_digest(record))
    control.run(f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", *astuple(record))
    return record


def records(control: Control, environment: str) -> Iterator[AuditRecord]:
    for row in control.rows(
        f"SELECT {_COLUMNS} FROM audit WHERE environment = ? ORDER BY number", environment
    ):
        yield AuditRecord(**row)


def verify(control: Control, environment: str) -> AuditRecord | None:
    """Check the whole chain and return its head; Failure E0525 (DAMAGED) names the first record that is wrong, or the first
    run of which there is none."""
    previous, expected, record = _START, 1, None
    for record in records(control, environment):
        if (record.number, record.previous, record.digest) != (expected, previous, _digest(record)):
            found = f"Found number {record.number} of {record.at}; records before it are intact."
            raise _altered(f"the audit trail was altered at record {expected}", found)
        previous, expected = record.digest, expected + 1
    untold = control.row(
        "SELECT run FROM runs WHERE environment = ? AND run NOT IN (SELECT run FROM audit WHERE environment = ?) "
        "ORDER BY sequence LIMIT 1",
        environment,
        environment,
    )
    if untold:
        how_many = f"It has {expected - 1} records. Every run has one, written together with it."
        raise _altered(f"the audit trail has no record of run {untold['run']}", how_many)
    return record


def _altered(what: str, detail: str) -> Failure:
    remedy = "compare with an exported copy; treat the store as tampered with"
    return Failure(Diagnostic("E0525", what, detail=detail, remedy=remedy))


def lines(found: Iterable[AuditRecord], after: int) -> Iterator[str]:
    """The records of *found* with numbers above *after*, a line of JSON each."""
    for record in found:
        if record.number > after:
            yield json.dumps(asdict(record), ensure_ascii=False) + "\n"


def export(found: Iterable[AuditRecord], file: Path, after: int) -> int:
    """Write the records of *found* with numbers above *after* as JSON lines (mode 0600); how many. Failure E0604 when
    there is such a file."""
    if file.exists():
        raise Failure(
            Diagnostic(
                "E0604", f"{file} exists already", remedy="Name another file; a copy is never overwritten."
            ),
        )
    written = 0
    with replacing(file) as out:
        for line in lines(found, after):
            out.write(line.encode())
            written += 1
    return written


def _digest(record: AuditRecord) -> str:
    """SHA-256 of the record as a JSON array of its columns, the digest empty: without spaces, in UTF-8."""
    columns = astuple(replace(record, digest=""))  # of a damaged record also what is no text
    content = json.dumps(columns, ensure_ascii=False, separators=(",", ":"), default=repr)
    return hashlib.sha256(content.encode()).hexdigest()
