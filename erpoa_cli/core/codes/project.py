"""Diagnostic codes: E01xx files, YAML, schemas, references; E02xx SQL and templates; W01xx."""

from __future__ import annotations

from erpoa_cli.core.codes.code import Code
from erpoa_cli.core.failure_kind import FailureKind

CODES: tuple[Code, ...] = (
    Code(
        "E0101",
        "there is no project here",
        "A project is a directory with an erpoa.yml; neither this directory nor one above it has one.",
        "Go there, name it with -C DIR, or make one with `erpoa init`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0102",
        "a file cannot be read",
        "Project files are regular files in UTF-8 that the user who runs erpoa may read.",
        "Save the file as UTF-8 (`iconv -f GB18030 -t UTF-8`), and check its permissions.",
        FailureKind.INVALID,
    ),
    Code(
        "E0103",
        "a path leads out of the project",
        "Nothing outside the project directory is read: no absolute path, no `..`, no symbolic link that leaves it. "
        "What a plan was made from is then what is in version control.",
        "Put the file itself into the project.",
        FailureKind.INVALID,
    ),
    Code(
        "E0104",
        "not YAML",
        "The file cannot be parsed. Frequent causes: a tab in the indentation, a colon and a space in text without quotes, "
        "a template without quotes.",
        "Check the indentation and quotes at the place shown; write templates as \"{{ env('NAME') }}\".",
        FailureKind.INVALID,
    ),
    Code(
        "E0105",
        "a key is written twice",
        "Most YAML readers silently keep the last of two equal keys. Here that is an error: one of the two is not what was meant.",
        "Keep one of them.",
        FailureKind.INVALID,
    ),
    Code(
        "E0106",
        "anchors, merge keys and tags are refused",
        "Anchors (&x), aliases (*x), merge keys (<<) and tags (!x) hide what a file says from its reviewers, and nested aliases "
        "can blow a few lines up to gigabytes.",
        "Write the values out. What holds for every target belongs under `defaults: {targets: …}` in erpoa.yml.",
        FailureKind.INVALID,
    ),
    Code(
        "E0107",
        "too large or too deep",
        "A project file may have one megabyte, 100,000 values and 40 levels; a seed 64 megabytes.",
        "Split the file; read large data through a system instead of a seed.",
        FailureKind.INVALID,
    ),
    Code(
        "E0110",
        "unknown key",
        "The key is not part of the format. Nothing is ignored silently: a mistyped `on_source_gone` would be a dangerous no.",
        "Correct or remove it; `erpoa schema print KIND` lists what there is.",
        FailureKind.INVALID,
    ),
    Code(
        "E0111",
        "wrong type",
        "The value is of another type than the format has here.",
        "Write what is expected; `erpoa schema print KIND` tells it for every key.",
        FailureKind.INVALID,
    ),
    Code(
        "E0112",
        "value not allowed",
        "The value is not among those that the format knows here, or outside its range.",
        "Choose one of those named.",
        FailureKind.INVALID,
    ),
    Code(
        "E0113",
        "a key is missing",
        "Without this key the entry means nothing.",
        "Add it.",
        FailureKind.INVALID,
    ),
    Code(
        "E0114",
        "text must stand in quotes",
        "Where text is expected, an unquoted number or truth value is refused: codes like 0012 or 1.10 lose their zeros as numbers.",
        'Put the value into quotes: "0012".',
        FailureKind.INVALID,
    ),
    Code(
        "E0115",
        "exactly one of several is needed",
        "Some keys exclude each other, like the `from`, `value`, `ref` and `result` of a field; others belong to one of them only.",
        "Keep one.",
        FailureKind.INVALID,
    ),
    Code(
        "E0116",
        "not a name",
        "Names become relations in SQL and parts of addresses: they start with a letter and hold letters, digits and underscores.",
        "Rename it; the name inside the other system stays what it is (`object:`, `path:`).",
        FailureKind.INVALID,
    ),
    Code(
        "E0120",
        "a name that nothing has",
        "A reference leads to nothing in this project.",
        "Correct the spelling, or declare what is meant.",
        FailureKind.INVALID,
    ),
    Code(
        "E0121",
        "a name is declared twice",
        "Names are unique per kind; sources, seeds and transforms share one space; in SQL upper and lower case are the same.",
        "Rename one of the two.",
        FailureKind.INVALID,
    ),
    Code(
        "E0122",
        "a circle",
        "Each of the named things needs the next one first, so none can be first.",
        "Between targets write `defer: true` beside one of the refs; between models take one ref() out.",
        FailureKind.INVALID,
    ),
    Code(
        "E0123",
        "two targets write one field",
        "Of two targets of one object each would undo what the other wrote.",
        "Let one of them write the field. Targets of one object share its rows, not its fields.",
        FailureKind.INVALID,
    ),
    Code(
        "E0124",
        "a key column reaches no field",
        "Rows are recognised by their key in the other system; so every key column must feed a field there, or `match:` must say "
        "how rows are recognised.",
        "Add the key column to `fields:`, or declare `match:`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0125",
        "no such field",
        "The relation or target is known and has no field of that name, or a reference does not fit the key it should find.",
        "Correct the name; the message lists those there are.",
        FailureKind.INVALID,
    ),
    Code(
        "E0126",
        "not a type",
        "Types are string, integer, decimal(p,s), boolean, date, time, timestamp, timestamptz, json, bytes, list<…>, struct<…>. "
        "There are no floats: amounts are exact.",
        "Write one of them.",
        FailureKind.INVALID,
    ),
    Code(
        "E0127",
        "not a time, zone, schedule or pattern",
        "Zones are IANA names, schedules five cron fields, instants carry an offset; the directives of a `format` are those of "
        "DuckDB's strptime.",
        'Write for example Asia/Shanghai, "*/15 * * * *", 2026-12-30T18:00+08:00, "%Y-%m-%d".',
        FailureKind.INVALID,
    ),
    Code(
        "E0128",
        "a secret is written out",
        "Project files are committed and shown in reviews; a secret in them is known. The value looks like one by its key or shape.",
        "Use secret('name'), put the value into one of the places erpoa.yml names, and change the secret itself.",
        FailureKind.INVALID,
    ),
    Code(
        "E0129",
        "not a contract that can be checked",
        "Contracts are compiled to SQL. A property needs one type, a number its digits, a pattern must be one DuckDB (RE2) can match.",
        "Mend the property as the message says.",
        FailureKind.INVALID,
    ),
    Code(
        "E0130",
        "no such property",
        "The contract is known and has no property of that name.",
        "Correct the name, or add the property to the contract.",
        FailureKind.INVALID,
    ),
    Code(
        "E0131",
        "lines are incomplete",
        "The lines of a document need the list they come from, their key and their fields; where they are rows of an object of their own, "
        "also that object and its field that holds the document's id.",
        "Add what is missing.",
        FailureKind.INVALID,
    ),
    Code(
        "E0132",
        "no such environment",
        "Environments are declared in erpoa.yml; -e or ERPOA_ENV chooses one, otherwise the first.",
        "Choose one of those named.",
        FailureKind.INVALID,
    ),
    Code(
        "E0134",
        "a seed has no usable header",
        "The first line of a seed names its columns: each once, none empty.",
        "Mend the first line of the CSV file.",
        FailureKind.INVALID,
    ),
    Code(
        "E0136",
        "a key may not be sensitive",
        "Keys are the addresses of rows: they stand in every plan, log and journal.",
        "Choose a key that may be shown, or lower the field's class with its owner's consent.",
        FailureKind.INVALID,
    ),
    Code(
        "E0137",
        "a state that nobody declared",
        "Moves, `undo`, `dead`, `editable`, `fulfils` and wanted states name states that `states:` declares; `absent`, `task` and `undo` are words of "
        "their own.",
        "Correct the spelling, or declare the state.",
        FailureKind.INVALID,
    ),
    Code(
        "E0138",
        "a move that cannot be made",
        "A move is made by calls or by setting fields, not both; only the way to `absent` may have neither: then the document is deleted. "
        "The fields it sets are no fields of the target.",
        "Write `calls: [submit, audit]` or `set: {status: C}`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0139",
        "a state that no move leads to",
        "The wanted state, or the one that `undo` names, cannot be reached by the declared moves; a person would get a task for every document.",
        "Add the missing move, or write `task` where only a person can act.",
        FailureKind.INVALID,
    ),
    Code(
        "E0150",
        "a selection cannot be read",
        "Selections are names and globs with + for what is before or after, and methods like tag: and path:. Space is union, "
        "comma intersection.",
        "See `erpoa ls --help`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0151",
        "a selection names nothing",
        "A name without a glob must exist.",
        "Correct the spelling; `erpoa ls` lists the names.",
        FailureKind.INVALID,
    ),
    Code(
        "E0201",
        "a template cannot be evaluated",
        "Templates only name things: calls of the documented functions, a few filters, no statements, attributes or arithmetic. "
        "They are evaluated in a sandbox.",
        "Compute in SQL; pass differences between environments as variables.",
        FailureKind.INVALID,
    ),
    Code(
        "E0202",
        "a template uses an unknown name",
        "In YAML there are env(), var() and secret(); in SQL source(), ref(), actual(), var() and as_of().",
        "Use one of them.",
        FailureKind.INVALID,
    ),
    Code(
        "E0203",
        "a variable is not defined",
        "Variables come from `vars:` of the project and the environment, and from --var.",
        "Define it, or give a default: var('name', 'default').",
        FailureKind.INVALID,
    ),
    Code(
        "E0204",
        "an environment variable is not set",
        "The project needs it and gives no default.",
        "Set it, or give a default: env('NAME', 'default').",
        FailureKind.INVALID,
    ),
    Code(
        "E0205",
        "a secret is missing",
        "No place of the chain under `secrets:` in erpoa.yml has it.",
        "Put it into one of the places that the message names.",
        FailureKind.INVALID,
    ),
    Code(
        "E0206",
        "a template makes too much text",
        "The rendered text is larger than a megabyte.",
        "Shorten it.",
        FailureKind.INVALID,
    ),
    Code(
        "E0207",
        "a secret has no place here",
        "Everything but a system's config, the key and channels may be shown in plans and reports.",
        "Move secret() into `config:`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0208",
        "a place of secrets cannot be used",
        'A file of secrets must be readable by its owner alone, and be YAML of the form `name: "text"`; the keyring needs its package.',
        "Do what the message says, for example `chmod 600 FILE`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0210",
        "not SQL",
        "The text cannot be parsed as DuckDB's SQL.",
        "Mend it at the place shown.",
        FailureKind.INVALID,
    ),
    Code(
        "E0211",
        "not one SELECT",
        "A model, test or rule is exactly one SELECT; WITH is fine. It changes nothing and has no parameters.",
        "Write one SELECT.",
        FailureKind.INVALID,
    ),
    Code(
        "E0212",
        "a table that nobody declared",
        "Relations are read through source(), ref() and actual(), so that dependencies are known and nothing else can be read.",
        "Write {{ source('NAME') }} or {{ ref('NAME') }}.",
        FailureKind.INVALID,
    ),
    Code(
        "E0213",
        "a function that is not allowed",
        "Functions that read files, URLs, settings, the environment or the catalogue, or run SQL made at run time, are refused.",
        "Declare a source or a seed for what is to be read.",
        FailureKind.INVALID,
    ),
    Code(
        "E0214",
        "not the same rows every time",
        "The same inputs must give the same plan: what was reviewed is what is applied. Clocks, random values and choices among rows "
        "without an order break that.",
        "Write {{ as_of() }} for the time; name an ORDER BY where order decides.",
        FailureKind.INVALID,
    ),
    Code(
        "E0215",
        "equal rows are not told apart",
        "Rows come in any order. Something picks or numbers some of them by an order in which several can be equal, so the same rows "
        "could give another plan.",
        "Add the key of the relation to the ORDER BY: then no two rows are equal. For the largest or latest of a group: "
        "`first(… order by … desc, KEY)`, or `qualify row_number() over (partition by … order by …, KEY) = 1`.",
        FailureKind.INVALID,
    ),
    Code(
        "E0216",
        "a function is not known to give one answer",
        "Models, tests and rules use the functions that give the same answer for the same rows, in whatever order they come. Those that ask "
        "the clock, draw lots, pick among equal rows or add up floating-point numbers do not.",
        "Use another one: `{{ as_of() }}` is the clock; min, max, count, sum and avg of exact numbers, and `first(… order by KEY)` are known; "
        "so are all functions of the values of one row that DuckDB has, but for those that ask its settings. Floating-point numbers are rounded "
        "before they are added up: sum(cast(… as decimal(18,6))).",
        FailureKind.INVALID,
    ),
    Code(
        "W0101",
        "no description or owner",
        "Reviewers and on-call people need to know what this is and who answers for it.",
        "Add `description:` and `owner:` (an owner in erpoa.yml holds for everything).",
    ),
    Code(
        "W0102",
        "a file that is not read",
        "Only *.yml is read; a *.yaml file lies there without effect.",
        "Rename it.",
    ),
    Code(
        "W0103",
        "a key without effect",
        "The format knows the key, and this version does not act on it, or not in this place. A guard among them brakes nothing.",
        "Leave it out, and do what the message says instead.",
    ),
)
