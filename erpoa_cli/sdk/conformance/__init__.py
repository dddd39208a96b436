"""The suite that every connector must pass.

For plugin authors: subclass `Conformance` in a pytest module, name the connector, and say how to make an empty
object with given fields. Every test states the promise of `sdk.connector` that it checks.

    class TestMine(Conformance):
        connector = MyConnector

        def make(self, folder, fields):
            ...                     # an empty object with these fields; the first, `code`, identifies a row
            return config, address

`Remote` adds what connectors of APIs promise about pages and lost answers, `Sql` what connectors of databases promise
about the database's own types, refused rows and others who write; it takes the database's words from a `Dialect`. `Served`
stands alone: what those of database servers promise when connections and servers go away.
"""

from __future__ import annotations

from erpoa_cli.sdk.conformance.database import Dialect
from erpoa_cli.sdk.conformance.hostile import TEXTS, VALUES
from erpoa_cli.sdk.conformance.remote import Remote
from erpoa_cli.sdk.conformance.served import Served
from erpoa_cli.sdk.conformance.sql import Sql
from erpoa_cli.sdk.conformance.suite import Conformance

__all__ = ["TEXTS", "VALUES", "Conformance", "Dialect", "Remote", "Served", "Sql"]
