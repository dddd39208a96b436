"""Sessions that speak SQL as text: the ledger and the ends of a transaction in statements that most databases take."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from erpoa_cli.core.schema import identifier
from erpoa_cli.sdk.connector import WriteBatch
from erpoa_cli.sdk.sql.transaction import LEDGER, TransactionSession


class SqlSession(TransactionSession):
    """A session that runs statements in one connection."""

    placeholder: ClassVar[str] = "?"  # of a parameter in a statement

    @abstractmethod
    def execute(self, sql: str, parameters: Sequence[object] = ()) -> None: ...

    @abstractmethod
    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]: ...

    def quote(self, name: str) -> str:
        return identifier(name)

    def finish(self) -> None:
        self.execute("COMMIT")

    def undo(self) -> None:
        try:
            self.execute("ROLLBACK")
        except self.driver_errors:
            return

    def ledger_ddl(self) -> str:
        return (
            f"CREATE TABLE IF NOT EXISTS {self.quote(LEDGER)} (run_id VARCHAR(64) NOT NULL, batch BIGINT NOT NULL, "
            f"effects_digest VARCHAR(80) NOT NULL, {self.quote('at')} TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, "
            "PRIMARY KEY (run_id, batch))"
        )

    def make_ledger(self) -> None:
        self.execute(self.ledger_ddl())

    def add_to_ledger(self, batch: WriteBatch) -> None:
        holes = ", ".join([self.placeholder] * 3)
        sql = f"INSERT INTO {self.quote(LEDGER)} (run_id, batch, effects_digest) VALUES ({holes})"
        self.execute(sql, (batch.run, batch.number, batch.effects_digest))

    def is_in_ledger(self, run: str, number: int) -> bool:
        hole = self.placeholder
        sql = f"SELECT 1 FROM {self.quote(LEDGER)} WHERE run_id = {hole} AND batch = {hole}"
        return bool(self.rows(sql, (run, number)))
