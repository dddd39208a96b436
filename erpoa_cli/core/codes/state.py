"""Diagnostic codes: E0501 to E0529 plan files, sealing, lock, control store, archive, base."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code
from erpoa_cli.core.failure_kind import FailureKind

CODES: tuple[Code, ...] = (
    Code(
        "E0501",
        "not a plan file",
        "The file cannot be opened, or is not a file that `erpoa plan` wrote.",
        "Give the path of a plan file; `erpoa plan -o FILE` writes one.",
        FailureKind.INVALID,
    ),
    Code(
        "E0502",
        "the plan file is damaged or was altered",
        "A plan file ends with a checksum over all its bytes and has a digest of every part; one of them does not fit. "
        "Nothing of such a file is used.",
        "Transfer the file again, or plan again. If nobody can explain the difference, treat it as an attempt to change what was reviewed.",
        FailureKind.STALE,
    ),
    Code(
        "E0503",
        "the plan file has a newer format",
        "The plan was made by a newer erpoa, whose plans say things this version does not understand. Plans of older formats are read.",
        "Use the version that made it, or plan again with this one.",
        FailureKind.INVALID,
    ),
    Code(
        "E0504",
        "the plan file is too large",
        "Plan files have limits of size, so that a crafted file cannot exhaust the machine.",
        "Plan a smaller selection with --select.",
        FailureKind.INVALID,
    ),
    Code(
        "E0505",
        "a snapshot is damaged",
        "What was last read of a source is kept in .erpoa/snapshots, and used only if the file has the digest that it is kept "
        "under: incremental reads go on from it.",
        "Plan with --full-read: the source is read whole, and its snapshot is made anew. Offline, run `erpoa extract` first.",
        FailureKind.DAMAGED,
    ),
    Code(
        "E0506",
        "the plan file was exchanged",
        "Between the moment a plan was shown or checked and the moment it is carried out, another file took its name. What is "
        "written is what was looked at, or nothing.",
        "Show the file, find out who exchanged it, and apply it if it is right.",
        FailureKind.STALE,
    ),
    Code(
        "E0512",
        "the control store is gone",
        "In .erpoa/base is what was applied, and .erpoa/control.db, which says what of it holds and tells of runs, protections and "
        "the audit trail, is not there, or empty. A plan would meet every row as for the first time.",
        "`erpoa state restore FILE` brings a backup back. To begin anew, move .erpoa/base and .erpoa/archive away.",
        FailureKind.INVALID,
    ),
    Code(
        "E0513",
        "no usable key for sensitive values",
        "Sensitive values are kept sealed, with the key in .erpoa/key or the secret that `key:` in erpoa.yml names. "
        "There is none, it is not 32 bytes, or others can read its file.",
        "`erpoa init` makes .erpoa/key; `chmod 600 .erpoa/key` makes it private. What was sealed opens with its own key alone: "
        "bring that one back.",
        FailureKind.INVALID,
    ),
    Code(
        "E0514",
        "sealed values do not open",
        "The values were sealed with another key, or their bytes were altered or moved to another place.",
        "Use the key they were sealed with. Without it they are lost: forget the target's state and plan again.",
        FailureKind.INVALID,
    ),
    Code(
        "E0515",
        "the driver of shared state is missing",
        "State on PostgreSQL is reached with psycopg, which is installed only where it is asked for.",
        "`pip install 'erpoa[postgres]'`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0516",
        "the state's server cannot be reached",
        "The PostgreSQL server of `state:` did not answer, or the connection was cut. What was committed is kept, "
        "what was not is undone; nothing was written to a system without being announced in the state first.",
        "When the server answers again, run the command again; `erpoa resume` continues a run that was under way.",
        FailureKind.UNAVAILABLE,
    ),
    Code(
        "E0517",
        "the state's server refuses",
        "The role of the URL may not log in, the database is not there, or a right is missing.",
        "docs/state.md lists the rights that planning and applying need; `erpoa doctor` shows which ones are missing.",
        FailureKind.DENIED,
    ),
    Code(
        "E0518",
        "the shared state belongs to another project",
        "A schema holds the state of one project, that of the name it was first used under.",
        "Give each project a schema of its own with `?schema=NAME` in the URL. After renaming a project: "
        "`erpoa state migrate --renamed-from OLD`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0519",
        "the state cannot be restored",
        "The file is no copy of a state, has none of this environment, or there is a state that would be overwritten.",
        "Restore into an empty state: another environment, another schema, or another project directory.",
        FailureKind.INVALID,
    ),
    Code(
        "E0520",
        "locked by another run",
        "Another process applies or edits the state of this environment. The message names it.",
        "Wait for it to end. `erpoa lock release` takes the lock from a holder that is gone for good.",
        FailureKind.LOCKED,
    ),
    Code(
        "E0521",
        "the lock was lost",
        "This process did not renew its lock in time and another took over, or someone released it. It stops writing at once.",
        "Run `erpoa resume` when the lock is free.",
        FailureKind.LOCKED,
    ),
    Code(
        "E0522",
        "the state has another format",
        "Formats only move forward: an older erpoa refuses a newer state, a newer one migrates an older state when told to. Copies "
        "of an older state are brought up to date while they are restored.",
        "Run `erpoa state migrate`, or use the newer erpoa.",
        FailureKind.INVALID,
    ),
    Code(
        "E0523",
        "the control store is damaged",
        ".erpoa/control.db is not a readable SQLite database, or a row or table of the store does not have the sum that it was left with.",
        "Where the pointer to a base image is concerned, `erpoa state rebuild TARGET` makes it anew. Else restore the state from a backup (`erpoa state backup` makes them); without one, put .erpoa, or the schema of a shared state, aside and plan: rows are then recognised by `match`.",
        FailureKind.DAMAGED,
    ),
    Code(
        "E0524",
        "an archived plan is missing or damaged",
        "Applied plans are kept in .erpoa/archive, or in the shared state; what runs did cannot be told without them. A file "
        "is opened only if it has the digest that it is kept under.",
        "Restore the state from a backup.",
        FailureKind.DAMAGED,
    ),
    Code(
        "E0525",
        "the audit trail was altered",
        "Every audit record is bound to the one before by its digest; a record does not fit the chain.",
        "Compare with a copy kept elsewhere and treat the store as tampered with.",
        FailureKind.DAMAGED,
    ),
    Code(
        "E0526",
        "a base image is missing or damaged",
        "The image of last applied values is not there (it was removed, or other runs renewed it several times meanwhile), "
        "or does not have the digest that it is kept under.",
        "`erpoa state rebuild TARGET` makes it anew, of the archived plans and the journal.",
        FailureKind.DAMAGED,
    ),
    Code(
        "E0527",
        "the key of a target changed",
        "Rows are remembered by their key. With other key columns none of them can be found.",
        "`erpoa state forget TARGET` and plan again: rows are recognised by `match`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0528",
        "the URL of the state cannot be used",
        "`state:` is `postgresql://USER@HOST:PORT/DATABASE?schema=NAME`. A password is accepted from a secret only, and a "
        "server that is not on this machine is reached with sslmode=verify-full only.",
        "Correct `state:` of the environment in erpoa.yml; docs/state.md has examples.",
        FailureKind.INVALID,
    ),
    Code(
        "E0529",
        "the state moved under its lock",
        "Lineage or serial are not what this process left behind, though nobody took its lock: the store was put back to "
        "an older copy, or something wrote past the lock.",
        "Find out what did so before anything else is applied; then run `erpoa resume`.",
        FailureKind.STALE,
    ),
)
