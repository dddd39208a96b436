"""The upper half of connectors to SQL databases: sessions, outcomes, reading, writing."""

from __future__ import annotations

from erpoa_cli.sdk.sql.halves import place_by_halves
from erpoa_cli.sdk.sql.outcomes import Outcomes
from erpoa_cli.sdk.sql.select import FILTER_SCHEMA, NARROWED, missing_fields
from erpoa_cli.sdk.sql.session import LEDGER, SqlSession

__all__ = [
    "FILTER_SCHEMA",
    "LEDGER",
    "NARROWED",
    "Outcomes",
    "SqlSession",
    "missing_fields",
    "place_by_halves",
]
