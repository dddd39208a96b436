"""The twin's memory: documents, effects, calls and settings in one SQLite file, or in memory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TABLES = """
create table if not exists document (
    kind text, id integer, key text, version integer, state text, number text,
    created_at text, updated_at text, content text, primary key (kind, id));
create index if not exists document_by_key on document (kind, key, id);
create table if not exists effect (
    number integer primary key, at text, call integer, effect text, kind text, id integer, key text, version integer);
create table if not exists call (
    number integer primary key, at text, method text, path text, status integer, faults text);
create table if not exists answered (key text primary key, digest text, status integer, body text);
create table if not exists comment (kind text, document integer, id integer, created_at text, text text);
create table if not exists token (token text primary key, until text);
create table if not exists setting (name text primary key, value text);
"""


@dataclass(slots=True)
class Document:
    """`content` holds the fields of the kind; `key` is the content's value of the kind's key field, or None."""

    kind: str
    id: int
    key: str | None
    version: int
    state: str
    number: str
    created_at: str
    updated_at: str
    content: dict[str, Any]

    def public(self) -> dict[str, Any]:
        """As the API shows it."""
        head: dict[str, Any] = {"id": self.id, "version": self.version}
        if self.state:
            head |= {"number": self.number, "state": self.state}
        return {**head, "created_at": self.created_at, "updated_at": self.updated_at, **self.content}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which documents of a kind, in the order of their ids. `equals` names fields of the content,
    `state`, `number` or `key`, which is found by an index."""

    kind: str
    equals: Mapping[str, str | int]
    updated_since: str = ""
    after: int = 0
    offset: int = 0
    limit: int = 100

    def condition(self) -> tuple[str, list[Any]]:
        told, values = ["kind = ?"], [self.kind]
        for name, value in self.equals.items():
            told.append(
                f"{name} is ?" if name in {"state", "number", "key"} else f"content ->> '$.{name}' is ?"
            )
            values.append(value)  # type: ignore[arg-type]
        if self.updated_since:
            told.append("updated_at >= ?")
            values.append(self.updated_since)
        return " and ".join(told), values


class Store:
    """Used from one thread. A file outlives the server; None keeps everything in memory. Raises `ValueError` for a
    file that cannot be opened or is something else."""

    def __init__(self, path: Path | None) -> None:
        try:
            self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        except sqlite3.OperationalError as error:
            raise ValueError(f"{path}: {error}") from None
        try:
            self._db.executescript(f"pragma journal_mode = wal; pragma synchronous = normal; {_TABLES}")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ValueError(f"{path}: no database of a twin ({error}); name another file") from None

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another one, what is undone is this part alone."""
        nested = self._db.in_transaction
        self._db.execute("savepoint part" if nested else "begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback to part" if nested else "rollback")
            if nested:
                self._db.execute("release part")
            raise
        self._db.execute("release part" if nested else "commit")

    def rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        """Rows as dicts by column."""
        cursor = self._db.execute(sql, values)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    # -- documents ---------------------------------------------------------------------------------------------

    def document(self, kind: str, id: int) -> Document | None:
        return next(self._documents("kind = ? and id = ?", [kind, id]), None)

    def by_key(self, kind: str, key: str, over: Sequence[str] = ()) -> Document | None:
        """The document that holds *key*; one in a state of *over* holds none."""
        marks = ", ".join("?" * len(over))
        condition = f"kind = ? and key = ? and state not in ({marks})"
        return next(self._documents(condition, [kind, key, *over]), None)

    def listed(self, query: Query) -> list[Document]:
        condition, values = query.condition()
        tail = f"{condition} and id > ? order by id limit ? offset ?"
        return list(self._documents(tail, [*values, query.after, query.limit, query.offset]))

    def count(self, query: Query) -> int:
        condition, values = query.condition()
        [[number]] = self._db.execute(f"select count(*) from document where {condition}", values)
        return int(number)

    def _documents(self, condition: str, values: list[Any]) -> Iterator[Document]:
        columns = ", ".join(Document.__dataclass_fields__)
        for row in self._db.execute(f"select {columns} from document where {condition}", values):
            told: list[Any] = [*row[:-1], json.loads(row[-1])]
            yield Document(*told)

    def put(self, document: Document) -> None:
        values = [getattr(document, name) for name in Document.__dataclass_fields__]
        values[-1] = json.dumps(document.content, ensure_ascii=False)
        self._db.execute(f"replace into document values ({', '.join('?' * len(values))})", values)

    def remove(self, document: Document) -> None:
        self._db.execute("delete from document where kind = ? and id = ?", (document.kind, document.id))

    def comment(self, document: Document, number: int, at: str, text: str) -> None:
        self._db.execute(
            "insert into comment values (?, ?, ?, ?, ?)", (document.kind, document.id, number, at, text)
        )

    def comments(self, document: Document) -> list[dict[str, Any]]:
        """Oldest first."""
        sql = "select id, created_at, text from comment where kind = ? and document = ? order by id"
        return self.rows(sql, document.kind, document.id)

    def refers(self, kind: str, field: str, code: str, *, in_lines: bool) -> bool:
        """Whether a document of *kind* names *code* in *field*, of its head or of a line."""
        if in_lines:
            sql = (
                "select 1 from document, json_each(document.content, '$.lines') line "
                f"where kind = ? and line.value ->> '$.{field}' = ? limit 1"
            )
        else:
            sql = f"select 1 from document where kind = ? and content ->> '$.{field}' = ? limit 1"
        return self._db.execute(sql, (kind, code)).fetchone() is not None

    # -- what happened -----------------------------------------------------------------------------------------

    def effect(self, call: int, effect: str, document: Document, at: str) -> int:
        """Write down that *call* (0: nobody's) had an effect; answers the effect's number."""
        values = (at, call, effect, document.kind, document.id, document.key, document.version)
        sql = "insert into effect (at, call, effect, kind, id, key, version) values (?, ?, ?, ?, ?, ?, ?)"
        return int(self._db.execute(sql, values).lastrowid or 0)

    def call(self, method: str, path: str, at: str) -> int:
        """Write down that a call came; answers its number."""
        sql = "insert into call (at, method, path, faults) values (?, ?, ?, '[]')"
        return int(self._db.execute(sql, (at, method, path)).lastrowid or 0)

    def answered(self, call: int, status: int | None, faults: list[str]) -> None:
        """*status* None: the client was given no whole answer."""
        told = json.dumps(faults)
        self._db.execute("update call set status = ?, faults = ? where number = ?", (status, told, call))

    def remember(self, key: str, digest: str, status: int, body: str) -> None:
        self._db.execute("insert into answered values (?, ?, ?, ?)", (key, digest, status, body))

    def remembered(self, key: str) -> dict[str, Any] | None:
        return next(iter(self.rows("select digest, status, body from answered where key = ?", key)), None)

    # -- tokens and settings -----------------------------------------------------------------------------------

    def give_token(self, token: str, until: str) -> None:
        self._db.execute("insert into token values (?, ?)", (token, until))

    def token_until(self, token: str) -> str:
        """When *token* ends; empty when there is none."""
        row = self._db.execute("select until from token where token = ?", (token,)).fetchone()
        return str(row[0]) if row else ""

    def revoke(self, token: str) -> None:
        self._db.execute("delete from token where token = ?", (token,))

    def setting(self, name: str, default: Any = None) -> Any:
        row = self._db.execute("select value from setting where name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def set(self, name: str, value: Any) -> None:
        self._db.execute("replace into setting values (?, ?)", (name, json.dumps(value)))

    def next(self, counter: str) -> int:
        """1, 2, 3 …; a number is not given twice, whatever was deleted."""
        number = int(self.setting(f"counter {counter}", 0)) + 1
        self.set(f"counter {counter}", number)
        return number

    def reset(self) -> None:
        """Forget everything but the settings that are no counters and no clock."""
        with self.transaction():
            for table in ("document", "comment", "effect", "call", "answered", "token"):
                self._db.execute(f"delete from {table}")
            self._db.execute("delete from setting where name like 'counter %' or name = 'clock'")
