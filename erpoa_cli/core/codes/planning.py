"""Diagnostic codes: E04xx diff, guards, policies, plan."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code

CODES: tuple[Code, ...] = ()
