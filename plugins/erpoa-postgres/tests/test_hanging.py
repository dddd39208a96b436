"""What hangs on a row is told through views, partitions and tables that inherit."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from erpoa_postgres import PostgresConnector

from .conftest import Server

PARENT = "CREATE TABLE parent (id int PRIMARY KEY, code text UNIQUE, kind text)"
CHILD = "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE)"
ON_ID = ("child", ("parent",), ("id",), "CASCADE")
UNKNOWN = ("child", ("parent",), (), "CASCADE")
PARTED = "CREATE TABLE parent (id int, kind text, PRIMARY KEY (id, kind)) PARTITION BY LIST (kind)"
PART = "CREATE TABLE part PARTITION OF parent FOR VALUES IN ('a')"
OTHER = "CREATE TABLE other PARTITION OF parent FOR VALUES IN ('b')"

CASES = {
    "a view": (PARENT, CHILD, "CREATE VIEW target AS SELECT code, id FROM parent", ON_ID),
    "a view with other names": (
        PARENT,
        CHILD,
        'CREATE VIEW target AS SELECT code AS id, id AS "my code", kind FROM parent',
        ("child", ("parent",), ("my code",), "CASCADE"),
    ),
    "a view of a view": (
        PARENT,
        CHILD,
        "CREATE VIEW middle AS SELECT id AS number, code FROM parent WHERE kind = 'a'",
        "CREATE VIEW target AS SELECT code, number AS n FROM middle",
        ("child", ("parent",), ("n",), "CASCADE"),
    ),
    "a view that hides what is referenced": (
        PARENT,
        CHILD,
        "CREATE VIEW target AS SELECT code AS id FROM parent",
        UNKNOWN,
    ),
    "a view that changes what is referenced": (
        PARENT,
        CHILD,
        "CREATE VIEW target AS SELECT code, id + 1 AS id FROM parent WHERE id IN (SELECT id FROM parent)",
        UNKNOWN,
    ),
    "a view that asks another table": (
        PARENT,
        CHILD,
        "CREATE TABLE thing (id int, code text)",
        "CREATE VIEW target AS SELECT id, code FROM thing WHERE id IN (SELECT id FROM parent)",
        None,
    ),
    "a view of a table with a rule": (
        PARENT,
        CHILD,
        "CREATE VIEW target AS SELECT id, code FROM parent",
        "CREATE RULE gone AS ON DELETE TO target DO INSTEAD DELETE FROM parent WHERE parent.id = old.id",
        ON_ID,
    ),
    "one partition is referenced": (
        PARTED.replace("parent", "target"),
        PART.replace("parent", "target"),
        "CREATE TABLE child (id int, kind text, FOREIGN KEY (id, kind) REFERENCES part ON DELETE SET NULL)",
        ("child", ("id", "kind"), ("id", "kind"), "SET NULL"),
    ),
    "a partition of a partition is referenced": (
        PARTED.replace("parent", "target"),
        PART.replace("parent", "target") + " PARTITION BY LIST (id)",
        "CREATE TABLE least PARTITION OF part FOR VALUES IN (1)",
        "CREATE TABLE child (id int, kind text, FOREIGN KEY (id, kind) REFERENCES least ON DELETE CASCADE)",
        ("child", ("id", "kind"), ("id", "kind"), "CASCADE"),
    ),
    "a view of a partition": (
        PARTED,
        PART,
        "CREATE TABLE child (id int, kind text, FOREIGN KEY (id, kind) REFERENCES parent ON DELETE CASCADE)",
        "CREATE VIEW target AS SELECT * FROM part",
        ("child", ("id", "kind"), ("id", "kind"), "CASCADE"),
    ),
    "partitions hang": (
        "CREATE TABLE target (id int PRIMARY KEY)",
        PARTED,
        PART,
        OTHER,
        "ALTER TABLE part ADD FOREIGN KEY (id) REFERENCES target ON DELETE CASCADE",
        "ALTER TABLE other ADD FOREIGN KEY (id) REFERENCES target ON DELETE CASCADE",
        ("parent", ("id",), ("id",), "CASCADE"),
    ),
    "a partitioned table hangs": (
        "CREATE TABLE target (id int PRIMARY KEY)",
        PARTED,
        PART,
        "ALTER TABLE parent ADD FOREIGN KEY (id) REFERENCES target ON DELETE CASCADE",
        ("parent", ("id",), ("id",), "CASCADE"),
    ),
    "an heir is referenced": (
        "CREATE TABLE target (id int PRIMARY KEY)",
        "CREATE TABLE heir (PRIMARY KEY (id)) INHERITS (target)",
        "CREATE TABLE child (id int, parent int REFERENCES heir ON DELETE CASCADE)",
        ON_ID,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_hangs_is_told(server: Server, config: dict[str, Any], case: tuple[Any, ...]) -> None:
    *tables, wanted = case
    server.execute(*tables, config=config)
    with closing(PostgresConnector().open(config)) as session:
        (info,) = session.objects(["target"])
    told = [(h.object, h.fields, h.references, h.effect) for h in info.hanging]
    assert told == ([wanted] if wanted else [])
