"""Diagnostic codes: E03xx connectors, discovery, reading, staging, contracts, tests."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code
from erpoa_cli.core.failure_kind import FailureKind

CODES: tuple[Code, ...] = (
    Code(
        "E0310",
        "a connector is missing or does not load",
        "A system names a connector that is not installed, or whose distribution raises an error when it is loaded.",
        "`erpoa plugin list` shows what is installed. Install the distribution, or correct the name after `plugin:`.",
        FailureKind.FAILED,
    ),
    Code(
        "E0311",
        "a system cannot be opened",
        "The connector could not open the system: it is not there, or it refuses the credentials.",
        "Check the system's config and the secrets it uses; `erpoa doctor` tells more.",
        FailureKind.UNAVAILABLE,
    ),
    Code(
        "E0312",
        "a path leads out of the project",
        "A relative path in a system's config is taken from the project's directory and must stay inside it.",
        "Move the file into the project, or write its absolute path.",
        FailureKind.FAILED,
    ),
    Code(
        "E0313",
        "a connector answered in another shape than it promised",
        "Columns are missing, unknown, or neither text nor of exactly the declared type.",
        "Report the connector's name and version to its author.",
        FailureKind.FAILED,
    ),
    Code(
        "E0314",
        "a connector cannot do what is asked of it",
        "Sources need a connector that reads, targets one that writes, `query:` one that takes queries.",
        "Use a system whose connector can, or change what is asked.",
        FailureKind.INVALID,
    ),
    Code(
        "E0315",
        "a connector does not take these settings",
        "`config:`, `filter:` or `options:` do not fit the JSON Schema that the connector publishes for them.",
        "`erpoa plugin describe NAME` shows what it takes.",
        FailureKind.INVALID,
    ),
    Code(
        "E0316",
        "a secret is written into the project",
        "The connector marks this setting as secret, so it must come from `secret('name')`: project files are read by many.",
        "Use `{{ secret('name') }}`, keep the value where erpoa.yml says secrets are, and change it: it may have been seen.",
        FailureKind.INVALID,
    ),
    Code(
        "E0317",
        "a system does not have this object or field",
        "The target's object, or a field that the target names, is not there, or cannot be written to.",
        "`erpoa discover SYSTEM` lists what there is.",
        FailureKind.INVALID,
    ),
    Code(
        "E0318",
        "a field cannot hold what is wanted",
        "The type of the wanted value does not fit the type of the field in the system.",
        "Cast the column in the transform to the field's type, or feed another field.",
        FailureKind.INVALID,
    ),
    Code(
        "W0319",
        "an object cannot be described",
        "It is damaged, of no format that is known, or beyond what is read of one input. A plan that reads it fails with the same words.",
        "Mend it in its system, or correct what the system's config says of it; `caps:` there allows more of what is sound.",
    ),
    Code(
        "E0320",
        "a value is not of its declared type",
        "A value that does not parse exactly is never rounded, cut or made NULL: its row is held and shown.",
        "Mend the value in its system, or declare `type`, `format`, `nulls` or `zone` of the field as the system writes it.",
        FailureKind.FAILED,
    ),
    Code(
        "E0321",
        "a key is NULL",
        "A row without a key cannot be recognised again. It is held.",
        "Mend the row in its system, leave it out with a `filter`, or choose another key.",
    ),
    Code(
        "E0322",
        "a key is repeated",
        "Several rows have the same key, so nobody can tell which one is meant. All of them are held.",
        "Mend the rows in their system, or choose a key that is unique.",
    ),
    Code(
        "E0324",
        "nothing can be written to an object as it is",
        "A plan would write, and what is there does not let it: a workbook with formulas, merged cells or pictures, which writing "
        "would lose; a file with malformed rows, which could not be written again. The rows are held before anything is "
        "written; other targets go on, and nothing is in doubt.",
        "Take out what the reason names, or keep the table in a file of its own; the next plan then writes. To leave the target "
        "alone meanwhile: `erpoa plan -x TARGET`.",
    ),
    Code(
        "E0330",
        "DuckDB refuses the SQL of a model or test",
        "A column, function or type in the SELECT does not exist or does not fit.",
        "Correct the SQL at the place shown.",
        FailureKind.INVALID,
    ),
    Code(
        "E0331",
        "a column has no exact type",
        "Floating point numbers, intervals, nanoseconds, maps and unions cannot be compared or kept exactly.",
        "Cast the column, for example CAST(price AS DECIMAL(18,2)).",
        FailureKind.INVALID,
    ),
    Code(
        "E0332",
        "a relation does not have this column",
        "A key, test or other setting of a relation names a column that the relation does not have.",
        "Correct the name, or add the column to the SELECT.",
        FailureKind.INVALID,
    ),
    Code(
        "E0333",
        "a relation cannot satisfy its contract",
        "A column that the contract requires is missing, or has a type that does not fit the agreed one.",
        "Add the column or cast it to the agreed type.",
        FailureKind.INVALID,
    ),
    Code(
        "E0334",
        "a target asks for a column that is not there",
        "The relation after `from:` does not have a column that the target's key or fields name.",
        "Correct the name, or add the column to the transform.",
        FailureKind.INVALID,
    ),
    Code(
        "E0335",
        "a key is sensitive",
        "Keys stand in addresses, reports and logs, so they may not be sensitive.",
        "Use another key, or declassify the column with a reason if it is harmless.",
        FailureKind.INVALID,
    ),
    Code(
        "E0336",
        "relations wait for each other",
        "A relation is built after those it selects from and those its tests look into; these lead round in a circle.",
        "Write the test as a data test in tests/, which runs after all models.",
        FailureKind.INVALID,
    ),
    Code(
        "E0337",
        "a type must be known before its model",
        "A model reads what a target's object holds and feeds that same target, so the types of the rows depend on themselves.",
        "Give the target a `contract:`, which tells the types of its fields.",
        FailureKind.INVALID,
    ),
    Code(
        "E0338",
        "a predicate does not fit its object",
        "The states of a lifecycle are conditions over the fields of the object. This one names a field that is not there, or does not say "
        "true or false, or fails on a row.",
        "Correct the predicate under `states:`.",
        FailureKind.FAILED,
    ),
    Code(
        "E0340",
        "a seed cannot be read",
        "A seed is a CSV file in UTF-8 with a header; every row has as many cells as the header.",
        "Correct the file at the line shown.",
        FailureKind.INVALID,
    ),
    Code(
        "E0341",
        "a seed has a wrong value",
        "A cell is not of its declared type, or a key is missing or repeated. Seeds are part of the project, so nothing is held.",
        "Correct the file at the line shown.",
        FailureKind.INVALID,
    ),
    Code(
        "W0320",
        "a target's object has triggers",
        "Their system does more than is written when a row of this object is written. What triggers write elsewhere is in no plan; what they make of "
        "a row that is written is read back, and is no drift.",
        "Look at what they do; `reach: {TRIGGER: trigger}` of the target says that it is known.",
    ),
    Code(
        "E0350",
        "a test of a relation failed",
        "Rows of the relation break a test that the project declares.",
        "Mend the data or the transform; `severity: hold_row` sets such rows aside, `warn` only tells.",
    ),
    Code(
        "E0351",
        "a relation breaks its contract",
        "Rows of the relation do not have the agreed shape. The targets behind it are blocked.",
        "Mend the data or the transform, or set single rows aside with a test of `severity: hold_row`.",
    ),
    Code(
        "E0352",
        "a value has no mapping",
        "A `mapped` test did not find the value in its code map.",
        "Add the value to the code map; rows that were set aside flow by themselves with the next plan.",
    ),
    Code(
        "E0353",
        "a model failed while it ran",
        "The SELECT binds, but one of its rows cannot be computed, or it took too long. The targets behind it are blocked.",
        "Correct the SQL; TRY_CAST and CASE deal with single odd rows.",
    ),
    Code(
        "E0354",
        "a data test found rows",
        "The SELECT of a file in tests/ returned rows; every returned row is a failure.",
        "`erpoa query` with the test's SQL shows them.",
    ),
    Code(
        "E0355",
        "a test cannot run",
        "A test or contract names values that are not of the column's type, or a pattern that RE2 does not know.",
        "Correct the test or the contract. RE2 has no look-around and no back-references.",
    ),
    Code(
        "W0357",
        "rows may hide behind a cursor",
        "An incremental source is read from the last value of its cursor on. Rows with a value in the future do not move that mark, "
        "but they are wrong; and without `full_every` and `lookback` nothing ever finds rows that the cursor passed by.",
        "Correct the values in the system; declare `full_every` and, where rows show late, `lookback`.",
    ),
    Code(
        "E0360",
        "a unit test cannot run",
        "A unit test names a relation or column that its transform does not have, or gives a value that is not of its type.",
        "Correct the test.",
        FailureKind.FAILED,
    ),
    Code(
        "E0361",
        "a unit test failed",
        "The transform gave other rows than the test expects.",
        "Correct the transform or the expectation; the differing rows are listed.",
    ),
    Code(
        "E0370",
        "a query was refused",
        "`erpoa query` takes one SELECT over relations of the staging area; nothing else is run.",
        'Write for example: erpoa query "SELECT * FROM source.suppliers LIMIT 10".',
        FailureKind.INVALID,
    ),
)
