"""Which errors are an interrupt in other clothes."""

from __future__ import annotations

from typing import NoReturn

_struck: list[KeyboardInterrupt] = []


def strike(interrupt: KeyboardInterrupt) -> NoReturn:
    """Raise *interrupt* where the program is, from the handler of a signal. It is remembered: a library whose callback
    it hits may make an error of it that knows nothing of it (DuckDB of what a reader of Arrow raises)."""
    _struck.append(interrupt)
    raise interrupt


def interrupt_behind(error: BaseException | None) -> KeyboardInterrupt | None:
    """The interrupt that *error* came from, whatever libraries made of it (DuckDB: RuntimeError); None: from none.
    After a signal every error comes from it."""
    if error is None:
        return None
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error or (_struck[-1] if _struck else None)
