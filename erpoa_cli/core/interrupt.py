"""Which errors are an interrupt in other clothes."""

from __future__ import annotations


def interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that *error* came from, whatever libraries made of it (DuckDB: RuntimeError); None: from none."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error
