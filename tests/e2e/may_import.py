"""What each command may import: the heavy libraries, and the rooms of `erpoa_cli` besides `cli` and `core`.

In a project on SQLite whose files were judged before. What a command does not need stands in no row of it: whoever adds
a word here makes everybody pay for it at every call.
"""

from __future__ import annotations

from dataclasses import dataclass

HEAVY = frozenset({
    "aiohttp", "asyncio", "cryptography", "duckdb", "email", "http", "jinja2", "jsonschema", "lxml", "multiprocessing",
    "numpy", "openpyxl", "oracledb", "pandas", "psycopg", "pyarrow", "pydantic", "pymysql", "referencing", "rich", "sqlglot",
    "sqlite3", "typer", "unittest", "wcwidth", "xml", "yaml",
})  # fmt: skip
MANY = 10  # modules by which a library that is not listed above is heavy
ANY = "*"


@dataclass(frozen=True, slots=True)
class May:
    """A command line ends with `exit` (None: it depends on the shell) and imports no heavy library but `libraries`, no
    room but `rooms`."""

    line: str
    libraries: str
    rooms: str
    exit: int | None = 0


TOLD = "typer wcwidth"  # every answer but that of --help
FILE = "pydantic email"  # typer judges the path of a file with pydantic
RECORDS = f"{TOLD} sqlite3"  # the control store
ROWS = f"{RECORDS} pyarrow numpy cryptography"  # the base, or a plan file
STAGED = f"{ROWS} duckdb email"  # duckdb asks importlib.metadata for its version, and that needs email

REFUSED = "core.codes"  # the catalogue says what kind of failure a finding means
PROJECT = "render project"
OPENED = f"{PROJECT} core.lowering usecase"
STATE = f"{OPENED} state"
BASE = f"{STATE} sdk"
REPORT = f"{BASE} engine"
CARE = "cli.state"
SYSTEMS = "sdk sdk.sql engine connectors connectors.sqlite"
BOUND = f"{SYSTEMS} engine.binding engine.relations core.lowering {PROJECT}"
READ = f"{BOUND} state usecase"
PLANNED = f"{READ} core.reconcile engine.changes engine.stages"

MAY = (
    May("--version", "", ""),
    May("-V", "", ""),
    May("--help", "typer", ""),
    May("--show-completion", TOLD, "render", exit=None),
    May("nonsense", TOLD, f"{REFUSED} render", exit=3),
    May("plan --help", "typer", "render"),
    May("state --help", "typer", f"render {CARE}"),
    # The way of a change
    May("init new", f"{TOLD} {FILE}", f"{PROJECT} usecase"),
    May("validate", f"{TOLD} email", f"{PROJECT} usecase engine"),
    May("validate --online", f"{RECORDS} pyarrow numpy duckdb email", f"{BOUND} usecase"),
    May("test", STAGED, f"{READ} core.reconcile"),
    May("plan", STAGED, PLANNED),
    May("show the.erpoaplan", f"{STAGED} {FILE}", REPORT),
    May("apply --yes", STAGED, f"{PLANNED} engine.writing", exit=5),
    May("resume", STAGED, f"{REFUSED} {READ} core.reconcile engine.changes engine.writing", exit=3),
    May("resolve", ROWS, BASE),
    May("retry", STAGED, PLANNED),
    May("rollback {run}", STAGED, PLANNED, exit=4),
    # Looking
    May("ls", TOLD, OPENED),
    May("graph", TOLD, OPENED),
    May("extract", STAGED, READ),
    May("query SELECT_1", STAGED, f"{READ} core.reconcile"),
    May("drift", STAGED, PLANNED),
    May("explain E0405", TOLD, "core.codes render"),
    May("explain oa_suppliers/code=S0001", STAGED, f"{READ} core.reconcile"),
    May("runs ls", RECORDS, STATE),
    May("runs show {run}", STAGED, REPORT),
    # Systems and connectors
    May("discover erp", f"{RECORDS} pyarrow numpy email", f"{SYSTEMS} engine.binding {OPENED}"),
    May("doctor", STAGED, READ),
    May("plugin list", ANY, f"{SYSTEMS} connectors.duckdb connectors.files sdk.http render usecase"),
    May("plugin describe sqlite", f"{RECORDS} pyarrow numpy email", f"{SYSTEMS} render usecase"),
    May("twin start nowhere", f"{TOLD} email", f"{REFUSED} render engine usecase", exit=3),
    May("schema print", TOLD, "render usecase"),
    # State
    May("state show", ROWS, f"{BASE} {CARE}"),
    May("state links oa_suppliers", ROWS, f"{BASE} {CARE}"),
    May("state tasks", ROWS, f"{BASE} {CARE}"),
    May("state forget oa_suppliers/code=S0001 --dry-run", ROWS, f"{BASE} {CARE}"),
    May("state protect oa_suppliers/code=S0001 --dry-run", ROWS, f"{BASE} {CARE}"),
    May("state unprotect oa_suppliers/code=S0001 --dry-run", ROWS, f"{BASE} {CARE} {REFUSED}", exit=3),
    May("state rekey oa_suppliers/code=S0001 oa_suppliers/code=S9 --dry-run", ROWS, f"{BASE} {CARE}"),
    May("state adopt oa_suppliers/code=S0001 --id id=1 --dry-run", ROWS, f"{BASE} {CARE}"),
    May("state rebuild oa_suppliers --dry-run", TOLD, f"{OPENED} {CARE}"),
    May("state system oa", f"{ROWS} email", f"{BASE} {SYSTEMS} {CARE}"),
    May("state backup b.tar", f"{ROWS} {FILE}", f"{BASE} {CARE}"),
    May("state restore missing.tar", f"{ROWS} {FILE}", f"{REFUSED} {BASE} {CARE}", exit=3),
    May("state migrate", RECORDS, f"{STATE} {CARE}"),
    May("lock show", RECORDS, STATE),
    May("lock release", RECORDS, STATE),
    May("audit verify", RECORDS, STATE),
    May("audit export a.jsonl", f"{RECORDS} {FILE}", STATE),
)
