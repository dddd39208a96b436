"""The catalogue of diagnostic codes: one module per range, merged here."""

from __future__ import annotations

from erpoa_cli.core.codes import applying, arguments, planning, project, reading, state
from erpoa_cli.core.codes.code import Code

CATALOGUE: dict[str, Code] = {
    code.id: code
    for code in (
        *project.CODES,
        *reading.CODES,
        *planning.CODES,
        *applying.CODES,
        *state.CODES,
        *arguments.CODES,
    )
}

__all__ = ["CATALOGUE", "Code"]
