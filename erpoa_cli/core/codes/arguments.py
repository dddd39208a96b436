"""Diagnostic codes: E06xx command line, environment, selection."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code
from erpoa_cli.core.failure_kind import FailureKind

CODES: tuple[Code, ...] = (
    Code(
        "E0600",
        "an unexpected failure",
        "The program met something nobody foresaw. What had been written before is recorded in the journal.",
        "The message names the log file with the details. If a run was under way, `erpoa resume` settles it. "
        "Please report the log's last entry.",
        FailureKind.FAILED,
    ),
    Code(
        "E0601",
        "the command line cannot be read",
        "A command, option or argument is unknown, missing or has a value it cannot have.",
        "`erpoa --help` lists the commands, `erpoa COMMAND --help` the options of one.",
        FailureKind.INVALID,
    ),
    Code(
        "E0602",
        "an answer is needed and nobody can give it",
        "The command wanted to ask, but there is no terminal (or --no-input was given). A question is then an error, "
        "so that nothing hangs in a pipeline.",
        "Give the answer as an option, for example `erpoa apply FILE --yes` for a plan that was reviewed.",
        FailureKind.INVALID,
    ),
    Code(
        "E0603",
        "this format cannot show that",
        "Not every answer exists in every format: JUnit and SARIF are for findings, Parquet needs a file to go to.",
        "Choose another --format, or name a file with -o.",
        FailureKind.INVALID,
    ),
    Code(
        "E0604",
        "there is already something there",
        "A command that makes files never overwrites what is there.",
        "Choose another directory, or move the files away first.",
        FailureKind.INVALID,
    ),
    Code(
        "E0605",
        "no such thing in the project",
        "The name is not one of the project's systems, sources, transforms, targets or runs.",
        "`erpoa ls` lists what there is.",
        FailureKind.INVALID,
    ),
    Code(
        "E0606",
        "not an address",
        "An address names one row: `TARGET/column=value`, several key columns separated by commas.",
        "Copy it from a plan: every listed row shows its address.",
        FailureKind.INVALID,
    ),
    Code(
        "E0607",
        "a waiver cannot be read",
        'A guard is passed by `--waive TARGET.GUARD=COUNT --reason "…"`, where COUNT is exactly what the guard measured.',
        "Take the count from the guard's line in the plan, and say why.",
        FailureKind.INVALID,
    ),
    Code(
        "E0608",
        "interrupted",
        "The command was stopped from the keyboard or by a signal. The state is consistent; what was written is recorded.",
        "If a run was under way, continue it with `erpoa resume`.",
        FailureKind.INTERRUPTED,
    ),
    Code(
        "E0609",
        "no such code or kind",
        "The catalogue has no entry of that name.",
        "`docs/diagnostics.md` lists all codes, `erpoa schema print` all kinds.",
        FailureKind.INVALID,
    ),
    Code(
        "E0610",
        "something is not in order",
        "`erpoa doctor` looked at a system, the state or a file and found it not as it should be.",
        "Do what the line says, then run `erpoa doctor` again.",
    ),
    Code(
        "E0611",
        "the project is not what is committed",
        "The environment says `clean_git: required`: a plan is made only from files that are committed, so that its commit tells what it was made from. "
        "The project's files are compared with the commit itself (line ends aside), so that neither git's index nor its settings hide one; "
        "what a filter of git changes (LFS, git-crypt) is not what is committed.",
        "Commit the files that the message names, or plan in another environment.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0612",
        "the doubt cannot be settled like this",
        "`erpoa resolve` records what a person found out about an operation whose answer was lost and that nobody can look up. "
        "It needs the row, whether it happened, the id of what was created, and how one knows.",
        "Look at the system, then say it; `erpoa resolve` without an address lists what is in doubt.",
        FailureKind.INVALID,
    ),
    Code(
        "E0613",
        "no such twin",
        "Twins stand in for the API of a system. They come with a distribution of their own, which is found once it is installed.",
        "Take one of the names told, or install the twins: `pip install 'erpoa[twin]'`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0614",
        "the twin cannot start",
        "A file of faults cannot be read, the port is taken, or the file that keeps the data is something else.",
        "Mend what the message names. `--faults none` and `--port 0` always do.",
        FailureKind.INVALID,
    ),
    Code(
        "E0615",
        "a file or directory cannot be used",
        "The operating system does not let erpoa read or write it: its rights forbid it, its file system is read-only, its name is "
        "too long, or something on the way to it is no directory.",
        "Give the user that runs erpoa the right to it, or name another one; the project's `.erpoa` must be writable for all but looking.",
        FailureKind.DENIED,
    ),
    Code(
        "E0616",
        "an interface document cannot be used",
        "The file given to `erpoa discover --openapi` cannot be read, is neither JSON nor YAML, or describes nothing that could be drafted.",
        "Give the document as its vendor publishes it; what a YAML file here may not have (anchors, tags) it may not have either.",
        FailureKind.INVALID,
    ),
    Code(
        "E0617",
        "no connector makes drafts from such documents",
        "`erpoa discover --openapi` needs an installed connector that knows OpenAPI documents.",
        "Install it; `erpoa plugin list` shows what is there.",
        FailureKind.INVALID,
    ),
    Code(
        "E0618",
        "linked to another row already",
        "Of what is remembered, one key belongs to one row of theirs, and one of their rows to one key. What is asked for would take "
        "a key or a row that another link has.",
        "Give the other link up first: `erpoa state forget` or `erpoa state rekey` with its address, which the message names.",
        FailureKind.INVALID,
    ),
    Code(
        "E0619",
        "the demo's databases could not be made",
        "`erpoa init` has written the project, but its script, which makes the databases of the ERP and the OA, failed: the disk is "
        "full, or the directory cannot be written to.",
        "Mend what the message names, remove the directory, and run `erpoa init` again; `--template empty` needs no databases.",
        FailureKind.FAILED,
    ),
    Code(
        "E0620",
        "sensitive values are not shown like this",
        "`erpoa show --reveal FIELD` shows the values of a field of class `sensitive`: on a terminal or in a file that only its "
        "owner can read, for a reason, and after a record of it is in the audit trail. Values of class `secret` are never shown.",
        'Write `erpoa show FILE --reveal TARGET.FIELD --reason "…"`; with -o FILE where there is no terminal.',
        FailureKind.INVALID,
    ),
    Code(
        "E0621",
        "the answer could not be written",
        "The command has ended, but its answer did not arrive: stdout is closed or on a full disk, or the file that -o names "
        "cannot be written. What the command did is done and recorded.",
        "Make room, or name another file with -o. `erpoa runs ls` and `erpoa show RUN` tell what became of a run.",
        FailureKind.FAILED,
    ),
    Code(
        "E0622",
        "a disk takes no more",
        "A disk is full, a quota is used up, or the disk fails. What had been written before is recorded, and no file is left in part.",
        "Make room there. If a run was under way, `erpoa resume` continues it.",
        FailureKind.FAILED,
    ),
)
