"""Diagnostic codes: E01xx files, YAML, schemas, references; E02xx SQL and templates; W01xx."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code

CODES: tuple[Code, ...] = ()
