"""The upper half of connectors to SQL databases: sessions, outcomes, reading, writing."""

from __future__ import annotations

from erpoa_cli.sdk.sql.dialect import SqlDialect
from erpoa_cli.sdk.sql.halves import place_by_halves
from erpoa_cli.sdk.sql.outcomes import Outcomes
from erpoa_cli.sdk.sql.second_look import Held, SecondLook, meant
from erpoa_cli.sdk.sql.select import FILTER_SCHEMA, NARROWED, REPLICA, Selection, where
from erpoa_cli.sdk.sql.served import ServedSession
from erpoa_cli.sdk.sql.session import SqlSession
from erpoa_cli.sdk.sql.stage import Encoded, Stage, encode, positions
from erpoa_cli.sdk.sql.staged import NotAll, Part, StagedWriting
from erpoa_cli.sdk.sql.table import Table, missing_fields, require_fields
from erpoa_cli.sdk.sql.transaction import LEDGER, Sought, SqlMoment, TransactionSession

__all__ = [
    "FILTER_SCHEMA",
    "LEDGER",
    "NARROWED",
    "REPLICA",
    "Encoded",
    "Held",
    "NotAll",
    "Outcomes",
    "Part",
    "SecondLook",
    "Selection",
    "ServedSession",
    "Sought",
    "SqlDialect",
    "SqlMoment",
    "SqlSession",
    "Stage",
    "StagedWriting",
    "Table",
    "TransactionSession",
    "encode",
    "meant",
    "missing_fields",
    "place_by_halves",
    "positions",
    "require_fields",
    "where",
]
