"""Diagnostic codes: E05xx plan files, apply, journal, state, locks."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code
from erpoa_cli.core.failure_kind import FailureKind

CODES: tuple[Code, ...] = (
    Code(
        "E0530",
        "a connector broke its contract",
        "A connector must answer every row of a batch with exactly one known outcome. This one did not, so nothing can be "
        "said about the batch from its answer.",
        "Report the connector's name and version to its author; `erpoa resume` looks the rows up and continues.",
        FailureKind.FAILED,
    ),
    Code(
        "E0531",
        "the plan was made for other project files",
        "Files that decide what is written changed after the plan was made; what was reviewed is no longer what the project says.",
        "Run `erpoa plan` again and review the new plan.",
        FailureKind.STALE,
    ),
    Code(
        "E0532",
        "the plan is aimed at another system",
        "A target system's identity (endpoint and tenant) differs from the one recorded in the plan.",
        "Check the configuration of the system and the environment, then plan again.",
        FailureKind.STALE,
    ),
    Code(
        "E0533",
        "the plan has expired",
        "Plans are valid for a limited time, because the world moves on.",
        "Run `erpoa plan` again.",
        FailureKind.STALE,
    ),
    Code(
        "E0534",
        "the plan was applied already",
        "A plan can be applied once.",
        "Run `erpoa plan` to see what is left to do, or `erpoa resume` if that run did not finish.",
        FailureKind.STALE,
    ),
    Code(
        "E0535",
        "the plan is for another environment or project",
        "Project name, environment or state lineage of the plan are not those of this directory.",
        "Choose the environment with -e, or plan again here.",
        FailureKind.STALE,
    ),
    Code(
        "E0536",
        "the state moved on since the plan",
        "Another run or edit changed rows that this plan also changes, or rows that it removes were protected since. Of a plan of "
        "which a part was applied, any other change that is recorded is enough.",
        "Run `erpoa plan` again and review the new plan.",
        FailureKind.STALE,
    ),
    Code(
        "E0537",
        "the plan is not applyable",
        "The plan has nothing to do, met errors while planning, or is blocked by a guard or rule; or a part is asked for of the first "
        "plan of a target that owns all its rows.",
        "Look at it with `erpoa show FILE`; mend the cause or waive the guard in a new plan.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0538",
        "a run is unfinished",
        "An earlier apply stopped before its end. Its rows must be settled first.",
        "Run `erpoa resume`. Where it cannot go on, or shall not, `erpoa resume --give-up` ends it: what nobody knows is in doubt then.",
        FailureKind.IN_DOUBT,
    ),
    Code(
        "E0539",
        "there is no unfinished run",
        "`erpoa resume` continues a run that was interrupted; every run of this state has ended.",
        "Run `erpoa runs ls` to see the history.",
        FailureKind.INVALID,
    ),
    Code(
        "E0540",
        "a system could not be written to",
        "The system refused the connection or failed as a whole after several attempts. Rows written before are recorded; "
        "the rest was not touched.",
        "Mend the cause, then run `erpoa resume`.",
        FailureKind.FAILED,
    ),
    Code(
        "E0541",
        "guards block the plan now",
        "Guards are measured again with the current rules when a plan is applied; one of them is exceeded.",
        "Plan again; review what the guard shows; waive it for that plan with a reason if it is right.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0542",
        "the run cannot be rolled back",
        "A rollback plan is made from an applied run's recorded before-values; this run has none.",
        "Run `erpoa runs ls` to choose another run.",
        FailureKind.INVALID,
    ),
    Code(
        "E0543",
        "a row is left out of the rollback",
        "The row was changed, deleted or created again since the run, what it pointed to is gone, or the target does not write "
        "such rows or fields any more: its recorded before-values are no longer what to return to.",
        "Look at the row; mend it by hand or in the source.",
    ),
    Code(
        "E0544",
        "a system is not the one whose rows are remembered",
        "What was applied is remembered with the system it was applied to. The name of the system stands for another one now "
        "(another database, file, address or tenant): rows of that one would be taken for rows of this one, and what people "
        "typed there for what erpoa wrote.",
        "Check the configuration and the environment. If it is right, `erpoa state system NAME` says what it is: the same data "
        "moved, a copy for trial, or a new start.",
        FailureKind.STALE,
    ),
    Code(
        "E0545",
        "a target is not where its rows are remembered",
        "What was applied is remembered with the object and the system it was applied to. The target names another object now, or "
        "a system of another name that is another one: rows there would be taken for those that erpoa wrote.",
        "Name the old place again; or, if it is right, `erpoa state forget TARGET` begins anew there.",
        FailureKind.STALE,
    ),
    Code(
        "E0546",
        "their system made something else of it",
        "The rows were written, and their system holds another form of the values: a trigger, a column or a rule of theirs changed them "
        "in the same breath. It is remembered, and is no drift.",
        "Nothing needs to be done. To write what they keep, give the value that form in the transform; `compare` says what counts as equal.",
    ),
    Code(
        "E0547",
        "it is not what was written, and nobody can tell who changed it",
        "The rows were read again after they were written, and hold something else that is no other form of the same value. Their system "
        "made it so, or somebody wrote it in between. It is not taken for ours: the next plan tells it as drift.",
        "Look at the rows. `on_drift` says what the next plan does: report it, take it (`accept`), or write ours again (`revert`).",
    ),
    Code(
        "E0550",
        "a target is not what the plan was made for",
        "Between plan and apply a table, file, sheet or other object that the plan writes, or a field of it, was removed, renamed "
        "or given another type. Nothing was written, and nothing is in doubt.",
        "When it is there again as it was, apply the same plan. If it is meant to be so, mend the project and plan again.",
        FailureKind.STALE,
    ),
    Code(
        "E0548",
        "rows are made anew",
        "A rollback creates again what its run deleted. The rows get other identifiers, and hold the fields that their target "
        "declares: what their system kept beside them is not recorded anywhere. Rows that the run did not write and that show "
        "what the old rows gave (`result:`) are written by the next plan.",
        "Look at what else the system keeps of such rows, and add it there; plan again after the rollback is applied.",
    ),
    Code(
        "E0549",
        "rows of a run are not taken back",
        "Some rows that the run wrote stay as they are, each with its reason (E0543); the rest of the plan can be applied.",
        "See the withheld rows and their reasons; mend them by hand or in the source.",
        FailureKind.BLOCKED,
    ),
)
