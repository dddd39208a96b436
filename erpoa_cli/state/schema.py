"""The tables of the control store, in the SQL that SQLite and PostgreSQL share, and their migrations.

Texts are UTF-8, instants ISO 8601 in UTC, keys key JSON, binary values BLOB here and BYTEA there.
"""

from __future__ import annotations

FORMAT = 4

# What nobody could tell when its run ended; a person resolves it.
_DOUBTS = """CREATE TABLE doubts (
    environment TEXT NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL, run TEXT NOT NULL, ordinal BIGINT NOT NULL,
    action TEXT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL, PRIMARY KEY (environment, target, key))"""

_FIRST = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # One row per environment: identity, number of closed runs and edits, and the clock of the journal.
    """CREATE TABLE environments (
        environment TEXT PRIMARY KEY, lineage TEXT NOT NULL, serial BIGINT NOT NULL, sequence BIGINT NOT NULL)""",
    # The lock: the row stays when it is free (token NULL), because the fencing number must only grow.
    """CREATE TABLE lease (
        environment TEXT PRIMARY KEY, fencing BIGINT NOT NULL, token TEXT, who TEXT, host TEXT, machine TEXT,
        pid BIGINT, command TEXT, since TEXT, expires TEXT)""",
    # `plan` is unique: that is what marks a plan as consumed. `sequence`: when its state-only rows took effect.
    """CREATE TABLE runs (
        environment TEXT NOT NULL, run TEXT NOT NULL, plan TEXT NOT NULL, blob TEXT NOT NULL, status TEXT NOT NULL,
        who TEXT NOT NULL, command TEXT NOT NULL, opened TEXT NOT NULL, closed TEXT, serial BIGINT,
        sequence BIGINT NOT NULL, PRIMARY KEY (environment, run), UNIQUE (environment, plan))""",
    """CREATE TABLE intents (
        environment TEXT NOT NULL, run TEXT NOT NULL, number BIGINT NOT NULL, target TEXT NOT NULL,
        action TEXT NOT NULL, wave BIGINT NOT NULL, step BIGINT NOT NULL, ordinals BLOB NOT NULL, at TEXT NOT NULL,
        PRIMARY KEY (environment, run, number))""",
    # A batch may have several results: a doubt that was settled later. The last word on a row counts.
    """CREATE TABLE results (
        environment TEXT NOT NULL, sequence BIGINT NOT NULL, run TEXT NOT NULL, number BIGINT NOT NULL,
        target TEXT NOT NULL, payload BLOB NOT NULL, at TEXT NOT NULL, PRIMARY KEY (environment, sequence))""",
    "CREATE INDEX results_of_run ON results (environment, run, number)",
    # The base image of a target: everything up to and including journal sequence `folded` is in it.
    """CREATE TABLE images (
        environment TEXT NOT NULL, target TEXT NOT NULL, digest TEXT NOT NULL, folded BIGINT NOT NULL,
        live BIGINT NOT NULL, PRIMARY KEY (environment, target))""",
    # Edits of the state by hand (forget, adopt, rekey): a plan made before may not touch these rows.
    """CREATE TABLE edits (
        environment TEXT NOT NULL, serial BIGINT NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL,
        PRIMARY KEY (environment, serial, target, key))""",
    """CREATE TABLE rejected (
        environment TEXT NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,
        error_class TEXT NOT NULL, reason TEXT NOT NULL, first_seen TEXT NOT NULL, last_seen TEXT NOT NULL,
        attempts BIGINT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (environment, target, key))""",
    _DOUBTS,
    """CREATE TABLE protected (
        environment TEXT NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL, who TEXT NOT NULL, since TEXT NOT NULL,
        reason TEXT NOT NULL, PRIMARY KEY (environment, target, key))""",
    # What the last applied plan had read, as JSON of a read; the watermark is the source's bookmark.
    """CREATE TABLE reads (
        environment TEXT NOT NULL, relation TEXT NOT NULL, content TEXT NOT NULL, watermark TEXT NOT NULL,
        run TEXT NOT NULL, PRIMARY KEY (environment, relation))""",
    # One chain per environment, as there is one writer per environment.
    """CREATE TABLE audit (
        environment TEXT NOT NULL, number BIGINT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, command TEXT NOT NULL,
        event TEXT NOT NULL, plan TEXT NOT NULL, run TEXT NOT NULL, detail TEXT NOT NULL, previous TEXT NOT NULL,
        digest TEXT NOT NULL, PRIMARY KEY (environment, number))""",
    # The archive of a shared store: content by its digest, in pieces; whole once it is in `blobs`.
    """CREATE TABLE blobs (
        environment TEXT NOT NULL, digest TEXT NOT NULL, size BIGINT NOT NULL, PRIMARY KEY (environment, digest))""",
    """CREATE TABLE pieces (
        environment TEXT NOT NULL, digest TEXT NOT NULL, number BIGINT NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (environment, digest, number))""",
    # The last snapshot of a source that an applied plan used, for machines that have none or an older one.
    """CREATE TABLE snapshots (
        environment TEXT NOT NULL, source TEXT NOT NULL, digest TEXT NOT NULL, taken TEXT NOT NULL, info BLOB NOT NULL,
        PRIMARY KEY (environment, source))""",
)

_SECOND = (
    # Stores of format 1 that are older than this table have none.
    _DOUBTS.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS"),
    # What only a person can do to a document, as the last applied plan told it.
    """CREATE TABLE tasks (
        environment TEXT NOT NULL, target TEXT NOT NULL, key TEXT NOT NULL, code TEXT NOT NULL, reason TEXT NOT NULL,
        since TEXT NOT NULL, run TEXT NOT NULL, PRIMARY KEY (environment, target, key))""",
)

_THIRD = (
    # Of which system (its identity) the rows are that are remembered under its name; `trial`: a copy of it, for plans only.
    """CREATE TABLE systems (
        environment TEXT NOT NULL, system TEXT NOT NULL, identity TEXT NOT NULL, trial TEXT NOT NULL, since TEXT NOT NULL,
        PRIMARY KEY (environment, system))""",
)

_FOURTH = (
    # What was left behind in a table, or in one row of it (`state.sums`); empty: by an erpoa that kept no sums.
    "CREATE TABLE sums (environment TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (environment, name))",
    *(
        f"ALTER TABLE {table} ADD COLUMN sum TEXT NOT NULL DEFAULT ''"
        for table in ("intents", "results", "images")
    ),
)

REMEMBERED = (
    "environments", "systems", "runs", "intents", "results", "images", "edits", "rejected", "doubts", "tasks", "protected", "reads", "audit",
)  # fmt: skip
"""Tables of what cannot be had again; the others hold a lock, copies and caches."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD, _FOURTH)
"""Statements that lead from format n to n + 1. Forward only: never edit one that was released."""
