"""What may be wrong with a database that answers well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

_SKEW = 5.0  # seconds
_NAMED = 5  # tables named in a finding


def clock(theirs: Callable[[], datetime]) -> Iterator[str]:
    """That the server's clock is not ours; *theirs* asks for it (aware)."""
    before = datetime.now(UTC)
    started = time.monotonic()
    found = theirs()
    ours = before + timedelta(seconds=(time.monotonic() - started) / 2)
    skew = (found - ours).total_seconds()
    if abs(skew) > _SKEW:
        yield f"the server's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours: stamps and cursors will not agree"


def may_write(who: str, tables: Sequence[str]) -> Iterator[str]:
    """That *who* (`the role`) may write to *tables* although nothing is written."""
    if tables:
        rest = f" and {len(tables) - _NAMED} more" if len(tables) > _NAMED else ""
        yield (
            f"read_only is set, yet {who} may write to {', '.join(tables[:_NAMED])}{rest}: "
            "revoke INSERT, UPDATE and DELETE"
        )
