"""Diagnostic codes: E06xx command line, environment, selection."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code

CODES: tuple[Code, ...] = ()
