"""Diagnostic codes: E0501 to E0529 plan files, sealing, lock, control store, archive, base."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code

CODES: tuple[Code, ...] = (
    Code(
        "E0501",
        "not a plan file",
        "The file cannot be opened, or is not a file that `erpoa plan` wrote.",
        "Give the path of a plan file; `erpoa plan -o FILE` writes one.",
    ),
    Code(
        "E0502",
        "the plan file is damaged or was altered",
        "A plan file ends with a checksum over all its bytes and has a digest of every part; one of them does not fit. "
        "Nothing of such a file is used.",
        "Transfer the file again, or plan again. If nobody can explain the difference, treat it as an attempt to change what was reviewed.",
    ),
    Code(
        "E0503",
        "the plan file has a newer format",
        "The plan was made by a newer erpoa, whose plans say things this version does not understand.",
        "Use the version that made it, or plan again with this one.",
    ),
    Code(
        "E0504",
        "the plan file is too large",
        "Plan files have limits of size, so that a crafted file cannot exhaust the machine.",
        "Plan a smaller selection with --select.",
    ),
    Code(
        "E0513",
        "no usable key for sensitive values",
        "Sensitive values are kept sealed, with the key in .erpoa/key or the secret that `key:` in erpoa.yml names. "
        "There is none, it is not 32 bytes, or others can read its file.",
        "`erpoa init` makes .erpoa/key; `chmod 600 .erpoa/key` makes it private.",
    ),
    Code(
        "E0514",
        "sealed values do not open",
        "The values were sealed with another key, or their bytes were altered or moved to another place.",
        "Use the key they were sealed with. Without it they are lost: forget the target's state and plan again.",
    ),
    Code(
        "E0520",
        "locked by another run",
        "Another process applies or edits the state of this environment. The message names it.",
        "Wait for it to end. `erpoa lock release` takes the lock from a holder that is gone for good.",
    ),
    Code(
        "E0521",
        "the lock was lost",
        "This process did not renew its lock in time and another took over, or someone released it. It stops writing at once.",
        "Run `erpoa resume` when the lock is free.",
    ),
    Code(
        "E0522",
        "the state has another format",
        "Formats only move forward: an older erpoa refuses a newer state, a newer one migrates an older state when told to.",
        "Run `erpoa state migrate`, or use the newer erpoa.",
    ),
    Code(
        "E0523",
        "the control store cannot be read",
        ".erpoa/control.db is not a readable SQLite database.",
        "Restore .erpoa from a backup; `erpoa state backup` makes them.",
    ),
    Code(
        "E0524",
        "the archive lacks a file",
        "Applied plans are kept in .erpoa/archive; what runs did cannot be told without them.",
        "Restore .erpoa/archive from a backup.",
    ),
    Code(
        "E0525",
        "the audit trail was altered",
        "Every audit record is bound to the one before by its digest; a record does not fit the chain.",
        "Compare with a copy kept elsewhere and treat the store as tampered with.",
    ),
    Code(
        "E0526",
        "a base image is missing",
        "The image of last applied values is not there: it was removed, or other runs renewed it several times meanwhile.",
        "Run the command again; if the image stays missing, restore .erpoa/base from a backup.",
    ),
    Code(
        "E0527",
        "the key of a target changed",
        "Rows are remembered by their key. With other key columns none of them can be found.",
        "`erpoa state forget TARGET` and plan again: rows are recognised by `match`.",
    ),
    Code(
        "E0528",
        "shared state is not supported",
        "This version keeps state in .erpoa of the project directory only.",
        "Remove `state:` of the environment in erpoa.yml.",
    ),
)
