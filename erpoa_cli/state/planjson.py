"""The JSON members of a plan file as values, and the digest that binds them all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.plan import GuardVerdict, Header, Read, ReadStatus, Verdict

_TIMES = ("created", "expires", "as_of")


def dumps(content: Any) -> bytes:
    """Readable JSON, the same bytes for equal content."""
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1, default=_scalar, allow_nan=False)
    return text.encode() + b"\n"


def loads(content: bytes) -> Any:
    return json.loads(content)


def _scalar(value: Any) -> str:
    match value:
        case Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a plan's JSON")


def completed(header: Header, members: Mapping[str, str]) -> Header:
    """*header* with its members and the digest over all of them and itself: expiry, author and counts are
    bound by a signature over the manifest digest too."""
    bare = dataclasses.replace(header, members=dict(members), manifest_digest="")
    digest = hashlib.sha256(header_to_json(bare)).hexdigest()
    return dataclasses.replace(bare, manifest_digest=digest)


def header_to_json(header: Header) -> bytes:
    return dumps({field.name: getattr(header, field.name) for field in dataclasses.fields(Header)})


def header_from_json(content: Mapping[str, Any]) -> Header:
    """The header that `plan.json` holds; KeyError, TypeError or ValueError when it is none."""
    known = {field.name for field in dataclasses.fields(Header)}
    if unknown := set(content) - known:
        raise ValueError(f"unknown entries {sorted(unknown)}")
    values = {**content, **{name: datetime.fromisoformat(content[name]) for name in _TIMES}}
    values["selection"] = tuple(values["selection"])
    return Header(**values)


def reads_to_json(reads: Sequence[Read], header: Header) -> dict[str, Any]:
    """`reads.json`: every read with its verdict and evidence, and the state the plan saw."""
    return {
        "state": {"lineage": header.lineage, "serial": header.serial},
        "reads": [
            {
                "relation": read.relation,
                "system": read.system,
                "held": read.held,
                "status": read.verdict.status.value,
                "reason": read.verdict.reason,
                "evidence": dict(read.verdict.evidence),
            }
            for read in reads
        ],
    }


def read_from_json(content: Mapping[str, Any]) -> Read:
    """One entry of `reads.json`."""
    verdict = Verdict(ReadStatus(content["status"]), content["reason"], content["evidence"])
    return Read(content["relation"], content["system"], verdict, content["held"])


def reads_from_json(content: Mapping[str, Any]) -> tuple[Read, ...]:
    return tuple(read_from_json(read) for read in content["reads"])


def guards_to_json(guards: Sequence[GuardVerdict]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(guard) for guard in guards]


def guards_from_json(content: Sequence[Mapping[str, Any]]) -> tuple[GuardVerdict, ...]:
    return tuple(_guard(**guard) for guard in content)


def _guard(*, at: Mapping[str, Any] | None = None, **values: Any) -> GuardVerdict:
    return GuardVerdict(**values, at=Location(**at) if at else None)
