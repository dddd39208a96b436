"""Diagnostic codes: E04xx diff, guards, policies, plan."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code
from erpoa_cli.core.failure_kind import FailureKind

CODES: tuple[Code, ...] = (
    Code(
        "E0401",
        "a key column is empty",
        "A row of the target's relation has no whole key, so it cannot be told apart and is held; because it may be any row, nothing is removed meanwhile.",
        "Give the row a key in the source, or leave it out in the transform.",
    ),
    Code(
        "E0402",
        "a key is repeated",
        "Several rows of the target's relation have the same key; all of them are held.",
        "Make the key unique in the transform, or declare more key columns.",
    ),
    Code(
        "E0403",
        "several of their rows match",
        "No link is known and a `match` set hits more than one row of their system; the row is held.",
        "Merge the doubles in their system, or narrow `match`.",
    ),
    Code(
        "E0404",
        "several of our rows match the same row of theirs",
        "Two rows with different keys would both take the same row of their system; both are held.",
        "Narrow `match`, or mend the key.",
    ),
    Code(
        "E0405",
        "a referenced row does not exist",
        "A `ref` names a key that the other target neither has nor creates; the row is held.",
        "Bring the other row first, correct the key, or write `missing: null`.",
    ),
    Code(
        "E0406",
        "a reference is empty",
        "The columns of a `ref` with `when_null: hold` are NULL; the row is held.",
        "Fill the column in the source, or write `when_null: null`.",
    ),
    Code(
        "E0407",
        "this target never creates",
        "The mode is `update_only` and the row does not exist in their system; it is held.",
        "Create the row there, or change the mode.",
    ),
    Code(
        "E0408",
        "an identifier came twice",
        "Their system returned several rows with the identifier this row is linked to, or it gave the identifier of a removed row again and nothing tells which of ours has it now; nothing is decided on such a row.",
        "Read again; if it stays, report it to the owner of the system. Of two rows of ours that are linked to one identifier, `erpoa state forget` the one that is gone, or declare a `match` that tells them apart.",
    ),
    Code(
        "E0409",
        "the row it waits for is not written",
        "A reference points to a row that this plan neither finds nor creates, e.g. because it is held itself.",
        "Mend the row it points to; this one then flows by itself.",
    ),
    Code(
        "E0410",
        "a value of theirs cannot be read",
        "A row of their system has a value that does not parse as the declared type; the row is left alone.",
        "Correct the value in their system, or declare the type that it has.",
    ),
    Code(
        "E0411",
        "the parents of a row form a circle",
        "By a reference to rows of its own target a row would be above itself; every row of the circle that would be written is "
        "held, new ones and those that are there.",
        "Break the circle in the source. Where the reference is no parent and circles are meant, write `defer: true`.",
    ),
    Code(
        "E0412",
        "a line of the document is held",
        "With `on_line_problem: hold_document` a line that cannot be written holds its whole document.",
        "Mend the line, or write `on_line_problem: hold_line`.",
    ),
    Code(
        "E0413",
        "the document of a line is held",
        "A document that cannot be written holds its lines.",
        "Mend the document.",
    ),
    Code(
        "E0414",
        "a moment cannot be kept as local time",
        "A target's field with `zone` would hold a local time that clocks had twice, so nobody could say which moment it means.",
        "Let the system keep the moment with its offset, or in UTC: `zone: UTC`.",
    ),
    Code(
        "E0415",
        "their row may be another one",
        "A row would be removed, but in the row that has its identifier now none of the values is left by which it was recognised: "
        "somebody renamed it, or the identifier was given to another row.",
        "Look at their row. Is it another one, run `erpoa state forget`; is it the same, run `erpoa state adopt` with its id.",
    ),
    Code(
        "E0416",
        "a row is recognised under another key",
        "By a set of `match` a row of ours is one of theirs that is linked to another key, and what that key says now is not "
        "recognised there either: the key was changed in the source, given to somebody else, or two rows exchanged theirs. Nothing "
        "is created beside it, nothing of it changed or removed.",
        "The same thing under a new key: `erpoa state rekey OLD NEW`, with the addresses of both. The link is right all the same: "
        "`erpoa state adopt ADDRESS --id …`, with the id that `erpoa state links TARGET` shows for it.",
    ),
    Code(
        "E0420",
        "a removal is not proven",
        "The row is missing from what is wanted, but the reads do not prove that it is gone; it is not removed.",
        "See the reason: read the source completely, mend held rows, or select what was left out.",
    ),
    Code(
        "E0421",
        "their side was not read completely",
        "The row was not seen in their system, but the read was not complete; writing it might make a double.",
        "Repeat the plan when the system answers completely.",
    ),
    Code(
        "E0422",
        "the row is protected",
        "`erpoa state protect` forbids its removal.",
        "Lift the protection, or keep the row.",
    ),
    Code(
        "E0423",
        "their system refused this before",
        "The row was rejected and is still the same; it is not tried again until it changes.",
        "Mend the row, or run `erpoa retry`.",
    ),
    Code(
        "E0424",
        "the last operation is in doubt",
        "Nobody knows yet whether the last write of this row took effect. A plan that sees the row settles that by itself; a row that "
        "may have been created where nothing recognises it, and a call that may be under way, wait for a person.",
        "Run `erpoa resume`, or look at the system and run `erpoa resolve`.",
    ),
    Code(
        "E0425",
        "the row waits for values of this plan",
        "All that changes are values that other rows of this same plan will give.",
        "Apply this plan and plan again.",
    ),
    Code(
        "E0426",
        "their row cannot be named",
        "A row of theirs would be removed, but has no key by which it can be named.",
        "Map every key column to a field of the target.",
    ),
    Code(
        "E0427",
        "a target that refers to it is not selected",
        "A narrowed plan does not delete what targets outside the selection may refer to.",
        "Select those targets too, or plan without selection.",
    ),
    Code(
        "E0428",
        "a sibling target creates the row",
        "Two targets keep this object and both would create the row in one plan; only the first does.",
        "Apply this plan and plan again.",
    ),
    Code(
        "E0429",
        "a line of it is withheld",
        "A document is not moved on, say confirmed, while a line of it waits or was refused: it would be confirmed without it.",
        "Mend the line; the document follows with it.",
    ),
    Code(
        "E0430",
        "a guard blocks the plan",
        "More is changed than the limits allow; the numbers are in the message.",
        "Look at the changes; mend the cause, change the limit, or waive exactly this count with a reason.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0431",
        "a waiver lets nothing pass",
        "A waiver names a guard that does not block, or another count than measured.",
        "Plan without it, or give the count that was measured.",
    ),
    Code(
        "E0432",
        "a rule objects",
        "A SQL rule of `policies/` returned rows.",
        "Look at the rows it names.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0433",
        "a rule cannot be evaluated",
        "The SQL of a rule fails on the plan's tables.",
        "Correct it; `erpoa schema print plan-tables` lists the columns.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0435",
        "a target could not be read",
        "What a target's object holds could not be read, so nothing of it is planned.",
        "See the reason; check with `erpoa doctor`.",
    ),
    Code(
        "E0436",
        "what a target is fed from is blocked",
        "A source failed or a test of severity `error` did; nothing of the target is planned.",
        "Mend what the message names.",
    ),
    Code(
        "E0437",
        "removals are withheld",
        "Rows would have been removed, but the reads do not prove that they are gone, or rows of others would go along (E0438).",
        "See the withheld rows and their reasons.",
        FailureKind.BLOCKED,
    ),
    Code(
        "E0438",
        "a delete would take rows of others along",
        "Foreign keys of their system say that rows which hang on this one go with it (ON DELETE CASCADE), or lose their reference (SET NULL), and so "
        "on from table to table. `reach:` of the target does not allow it, or nobody knows how many they are, so the delete is withheld.",
        "If it is meant, write the `reach:` that the reason names; then the plan counts the rows with the delete. Else remove or move them first, let a "
        "target of this project manage them, or keep the row: `on_source_gone: keep` or `deactivate`.",
    ),
    Code(
        "E0448",
        "an update would change rows of others",
        "The row gets another value of a field that rows of others refer to, and foreign keys of their system say that these lose their reference "
        "(ON UPDATE SET NULL or SET DEFAULT). `reach:` of the target does not allow it, or nobody knows how many they are, so the update is withheld.",
        "If it is meant, write the `reach:` that the reason names; then the plan counts the rows with the update. Else let those rows refer to another field.",
    ),
    Code(
        "E0445",
        "a removal was not confirmed",
        "What the row is made of was not read in one moment (several systems, several pages, several files), so a row that moved "
        "meanwhile would look as if it were gone. Before anything is removed all of it is read once more: the row was there "
        "then, or the second read was not complete. It is not removed.",
        "Plan again: what is really gone is missing from both looks, and is removed. Offline nothing can be looked at again: plan "
        "without `--offline`.",
    ),
    Code(
        "E0439",
        "rows exchange values that only one may have",
        "Each of these rows wants a value of which the system takes no second one, and which the next of them has until it is "
        "written itself: round in a circle, so none can be the first. They are held as they are; all other rows are written.",
        "Give one of them another value in the source for one run (NULL where it may be empty, or one that is free), apply, and "
        "take that back; or exchange the values in their system.",
    ),
    Code(
        "E0440",
        "a value that the row waits for is not given up",
        "The row wants a value that only one row may have, and the row that has it is held by a circle: it keeps it.",
        "Mend the row that it waits for (E0411, E0439); this one then flows by itself.",
    ),
    Code(
        "E0442",
        "a target would write rows out of its own sight",
        "A value of `deactivate`, `restore`, a constant field or a move of the lifecycle is not among those that the target's "
        "`filter` lets it see. The row would not be found again, and be created once more when it is wanted.",
        "Take the field out of `filter`, or let `filter` name every value that is written.",
        FailureKind.INVALID,
    ),
    Code(
        "E0443",
        "a row would be out of the target's sight",
        "The row is wanted with a value that the target's `filter` does not let it see. Once it is written it would not be found again; "
        "it is held.",
        "Leave such rows out in the transform, or let `filter` name the value.",
    ),
    Code(
        "E0450",
        "only a person can undo it",
        "The document must no longer be, and in the state it is in (received, say) the lifecycle leaves that to a person. Nothing of it is "
        "written.",
        "Do in their system what has to be done; the task closes by itself when the document has got there.",
    ),
    Code(
        "E0451",
        "no move leads to the wanted state",
        "From the state the document is in, the declared moves do not reach the state that is wanted. Nothing of it is written.",
        "Bring the document there in their system, or declare the missing move.",
    ),
    Code(
        "E0452",
        "content cannot be written in its state",
        "The content of the document changed; it is in none of the states of `editable`, and no moves lead to one and back.",
        "Change the document in their system, or declare moves that open it and close it again.",
    ),
    Code(
        "E0453",
        "the wanted state is not declared",
        "The column that says which state is wanted has a word that is no state of the lifecycle; the document is held.",
        "Correct it in the transform: a declared state, `undo`, or NULL to leave the document as it is.",
    ),
    Code(
        "E0454",
        "its state is not declared",
        "No predicate of the lifecycle holds for the document, or its state has a value that is not listed; the document is held.",
        'Declare the state; end predicates with one that holds always, like `draft: "true"`.',
    ),
    Code(
        "E0455",
        "its document waits for a person",
        "A line is not written while its document is a person's task.",
        "Do the document's task first.",
    ),
    Code(
        "E0456",
        "a line is for a person to remove",
        "With `on_missing_line: task` a line that the source has no more stays in its document until a person removes it.",
        "Remove the line in their system; the task goes with it.",
    ),
    Code(
        "E0458",
        "a system refuses the query of a source",
        "`erpoa validate --online` asks every query of the project for no rows. The system did not take this one: it is not its "
        "SQL, names what is not there, or the user has no right to it.",
        "Mend `query:` or the names of the fields, or give the user the right to read what it names.",
        FailureKind.INVALID,
    ),
)
