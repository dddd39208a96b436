"""Diagnostic codes: E03xx connectors, discovery, reading, staging, contracts, tests."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code

CODES: tuple[Code, ...] = ()
