"""Diagnostic codes: E05xx plan files, apply, journal, state, locks."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code

CODES: tuple[Code, ...] = ()
