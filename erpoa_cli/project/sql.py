"""SQL of models, tests and rules: one SELECT over declared relations that gives the same rows every time."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokens import Token, TokenType  # type: ignore[attr-defined]  # exported at run time only

from erpoa_cli.core.relation import SCHEMAS
from erpoa_cli.core.schema import identifier
from erpoa_cli.project.deterministic import DETERMINISTIC
from erpoa_cli.project.functions import AS_OF
from erpoa_cli.project.sql_order import one_argument, ordered, ordered_after, ordered_before
from erpoa_cli.project.template import Rendered
from erpoa_cli.project.total_order import Keys, unsettled

# What it cannot parse is told as a finding; it need not also be logged.
logging.getLogger("sqlglot").addHandler(logging.NullHandler())
logging.getLogger("sqlglot").propagate = False

_DIALECT = Dialect.get_or_raise("duckdb")

# Functions that reach the machine, the settings or the catalogue, or run SQL that is put together at run time.
_REACHES_OUT = re.compile(
    r"(?i)^(read_\w+|\w+_scan(_\w+)?|scan_\w+|glob|sniff_csv|parquet_\w+|duckdb_\w+|pragma_\w+|pg_\w+|inet_\w+|has_\w+_privilege"
    r"|query|query_table|json_execute_serialized_sql|from_substrait\w*|sql_auto_complete"
    r"|getenv|getvariable|current_setting|set_config|which_secret|write_log|copy_database|import_database|export_\w+"
    r"|checkpoint|force_checkpoint|enable_\w+|disable_\w+|truncate_duckdb_logs|storage_info|table_info|metadata_info"
    r"|icu_calendar_names|python_map_function|test_all_types|test_vector_types|summary|stats|version|platform|user_agent"
    r"|current_(database|schema|schemas|catalog|user|role|query|query_id|connection_id|transaction_id)|session_user|user"
    r"|in_search_path|nextval|currval|lastval|txid_current|sleep_ms|pg_sleep|error"
    r"|format_type|format_pg_type|collations|database_list|database_size|extension_versions|functions|show|show_\w+|all_profiling_output"
    r"|add_parquet_key|verify_\w+|get_block_size|get_current_timestamp_ns|load_\w+|install_\w+|http_\w+|url_\w*open)$"
)
# Functions whose answer is another one each time.
_CHANGES = re.compile(
    r"(?i)^(now|today|ago|random|setseed|uuid\w*|gen_random_uuid|current_(date|time|timestamp)|localtime(stamp)?"
    r"|get_current_(time|timestamp)|transaction_timestamp|statement_timestamp|clock_timestamp|reservoir_quantile)$"
)
_CHANGING_WORDS = re.compile(r"(?i)^(current_(date|time|timestamp)|localtime(stamp)?)$")
# Functions whose answer depends on the order of rows.
_NEEDS_ORDER_OVER = frozenset(
    [
        "row_number",
        "rank",
        "dense_rank",
        "percent_rank",
        "cume_dist",
        "ntile",
        "lag",
        "lead",
        "first_value",
        "last_value",
        "nth_value",
    ]
)
_NEEDS_ORDER_WITHIN = frozenset(
    [
        "first",
        "last",
        "any_value",
        "arbitrary",
        "list",
        "array_agg",
        "string_agg",
        "group_concat",
        "listagg",
        "json_group_array",
    ]
)
# What stands before a bracket and is no function: words of the language, and types.
_SYNTAX = frozenset(
    [
        "all",
        "and",
        "any",
        "as",
        "asc",
        "between",
        "by",
        "case",
        "coalesce",
        "cross",
        "cube",
        "desc",
        "distinct",
        "else",
        "end",
        "escape",
        "except",
        "exclude",
        "exists",
        "fetch",
        "filter",
        "following",
        "from",
        "full",
        "glob",
        "group",
        "having",
        "ignore",
        "ilike",
        "in",
        "inner",
        "intersect",
        "into",
        "is",
        "isnull",
        "join",
        "lateral",
        "left",
        "like",
        "limit",
        "materialized",
        "natural",
        "not",
        "notnull",
        "nulls",
        "offset",
        "on",
        "or",
        "order",
        "outer",
        "over",
        "partition",
        "preceding",
        "qualify",
        "range",
        "recursive",
        "rename",
        "replace",
        "respect",
        "right",
        "rollup",
        "rows",
        "select",
        "semi",
        "anti",
        "asof",
        "sets",
        "similar",
        "some",
        "then",
        "to",
        "union",
        "using",
        "values",
        "when",
        "where",
        "window",
        "with",
        "within",
        "bigint",
        "bit",
        "blob",
        "bool",
        "boolean",
        "char",
        "character",
        "date",
        "decimal",
        "double",
        "enum",
        "float",
        "hugeint",
        "int",
        "integer",
        "interval",
        "json",
        "map",
        "numeric",
        "real",
        "row",
        "smallint",
        "struct",
        "text",
        "time",
        "timestamp",
        "timestamptz",
        "tinyint",
        "varchar",
    ]
)
_TABLE_FUNCTIONS = frozenset(["range", "generate_series", "unnest", "json_each", "json_tree"])


@dataclass(frozen=True, slots=True)
class SqlProblem:
    """A finding at *offset* of the rendered text."""

    code: str
    summary: str
    remedy: str
    offset: int


@dataclass(slots=True)
class Judged:
    """What a SELECT reads: (staging schema, name, offset in the rendered text) of every called relation."""

    relations: list[tuple[str, str, int]] = field(default_factory=list)
    problems: list[SqlProblem] = field(default_factory=list)


def judge(rendered: Rendered, keys: Keys, *, plain_schemas: frozenset[str] = frozenset()) -> Judged:
    """Judge the SQL text of *rendered*: exactly one SELECT; tables only through template calls, CTEs, and
    tables of *plain_schemas*; only functions that are known to give one answer, and nothing that depends on the order in
    which rows come, as far as the *keys* of the relations tell."""
    judged = Judged()
    try:
        tokens = _DIALECT.tokenize(rendered.text)
        statements = [s for s in _DIALECT.parser().parse(tokens, rendered.text) if s is not None]
    except SqlglotError as error:
        judged.problems.append(_syntax(error, rendered.text))
        return judged
    except RecursionError:
        judged.problems.append(SqlProblem("E0210", "nested too deeply", "Write it flatter, with WITH.", 0))
        return judged
    if not _one_select(statements, tokens, judged):
        return judged
    _tables(statements[0], rendered, plain_schemas, judged)
    aliases = _aliases(statements[0])
    for index, token in enumerate(tokens):
        if rendered.made(token.start) != AS_OF and token.start not in aliases:
            judged.problems.extend(_token(tokens, index, token))
    if not judged.problems:  # whatever has no order at all is told already
        judged.problems.extend(
            SqlProblem("E0215", f"{found.what} may answer in several ways", found.remedy, _place(found.node))
            for found in unsettled(statements[0], keys)
        )
    judged.problems.sort(key=lambda p: p.offset)
    return judged


def _aliases(root: exp.Expr) -> frozenset[int]:
    """Where names stand that have columns in brackets behind them, and are no calls."""
    names = (alias.this for alias in root.find_all(exp.TableAlias) if alias.args.get("columns"))
    return frozenset(name.meta["start"] for name in names if name is not None and "start" in name.meta)


def _place(node: exp.Expr) -> int:
    """Where the first name in *node* stands."""
    starts = (one.meta["start"] for one in node.find_all(exp.Identifier) if "start" in one.meta)
    return min(starts, default=0)


def judge_predicate(text: str) -> list[SqlProblem]:
    """What forbids *text* as a condition over the fields of one row: it is one expression, without queries, aggregates
    over rows, or functions that reach out or answer differently each time. Offsets count from its first character."""
    head = "SELECT "
    whole = f"{head}{text}"
    try:
        tokens = _DIALECT.tokenize(whole)
        statements = [s for s in _DIALECT.parser().parse(tokens, whole) if s is not None]
    except (SqlglotError, RecursionError):
        return [SqlProblem("E0210", "this is not a condition", _PREDICATE, 0)]
    root = statements[0] if len(statements) == 1 else None
    plain = isinstance(root, exp.Select) and len(root.expressions) == 1
    if not plain or root is None or any(value for key, value in root.args.items() if key != "expressions"):
        return [SqlProblem("E0211", "this is not one condition", _PREDICATE, 0)]
    inner = root.expressions[0]
    rows = (exp.Query, exp.Star, exp.Alias, exp.AggFunc, exp.Window, exp.Unnest, exp.Explode)
    if any(isinstance(node, rows) for node in inner.walk()):
        return [SqlProblem("E0211", "this is not a condition over one row", _PREDICATE, 0)]
    found = [problem for index, token in enumerate(tokens) for problem in _token(tokens, index, token)]
    return [replace(problem, offset=max(0, problem.offset - len(head))) for problem in found]


_PREDICATE = "Write a condition over the object's fields, like \"doc_status = 'C'\"."


def _syntax(error: SqlglotError, text: str) -> SqlProblem:
    details = (getattr(error, "errors", None) or [{}])[0]
    if line := details.get("line"):  # the column is that of the last character
        end = sum(len(before) + 1 for before in text.split("\n")[: line - 1]) + (details.get("col") or 1)
        offset = max(0, end - len(details.get("highlight") or "x"))
        return SqlProblem("E0210", f"this is not SQL: {details.get('description')}", _DUCKDB, offset)
    for found in _QUOTED.finditer(text):
        if found["open"]:
            return SqlProblem("E0210", f"{found['open']} is not closed", "Close it.", found.start())
    return SqlProblem("E0210", "this is not SQL", _DUCKDB, 0)


_DUCKDB = "DuckDB's SQL is meant; see the place shown."
_QUOTED = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$\$.*?\$\$|(?P<open>'|"|/\*|\$\$)""", re.DOTALL
)


def _one_select(statements: Sequence[exp.Expr], tokens: Sequence[Token], judged: Judged) -> bool:
    remedy = "A model is one SELECT (WITH is fine); what it gives is the relation."
    if not statements:
        judged.problems.append(SqlProblem("E0211", "there is no SELECT here", remedy, 0))
        return False
    if len(statements) > 1:
        second = next((t.end + 1 for t in tokens if t.token_type is TokenType.SEMICOLON), 0)
        judged.problems.append(SqlProblem("E0211", "more than one statement", remedy, second))
        return False
    root = statements[0]
    wrong = next(
        (
            n
            for n in root.walk()
            if isinstance(
                n, exp.DML | exp.DDL | exp.Command | exp.Describe | exp.Show | exp.Into | exp.Set | exp.Copy
            )
            and not isinstance(n, exp.Query)
        ),
        None,
    )
    if not isinstance(root, exp.Query) or wrong is not None:
        what = type(wrong if wrong is not None else root).__name__.upper()
        judged.problems.append(
            SqlProblem("E0211", f"{what} is not a SELECT", remedy, tokens[0].start if tokens else 0)
        )
        return False
    return True


def _tables(root: exp.Expr, rendered: Rendered, plain: frozenset[str], judged: Judged) -> None:
    for table in root.find_all(exp.Table):
        source = table.this
        if isinstance(source, exp.Func):
            name = source.name if isinstance(source, exp.Anonymous) else source.sql_name()
            if name.lower() not in _TABLE_FUNCTIONS and not _REACHES_OUT.match(name):
                start = source.meta.get("start", 0)
                judged.problems.append(
                    SqlProblem(
                        "E0213", f"the table function {name.lower()}() is not allowed", _RELATIONS, start
                    )
                )
            continue
        start = source.meta.get("start", 0) if isinstance(source, exp.Identifier) else 0
        if isinstance(source, exp.Identifier) and _called(table, start, rendered):
            judged.relations.append((table.db, table.name, start))
        elif not isinstance(source, exp.Identifier):
            judged.problems.append(SqlProblem("E0212", "this cannot stand as a table", _RELATIONS, start))
        elif not (_is_cte(table) or (table.db in plain and not table.catalog)):
            name = ".".join(part for part in (table.catalog, table.db, table.name) if part)
            judged.problems.append(
                SqlProblem(
                    "E0212",
                    f"`{name}` is not a declared relation",
                    _instead(table, plain),
                    _first(table, start),
                )
            )


PLAN_TABLES = ("changes", "fields", "targets", "reads", "grants")
_RELATIONS = "A SELECT reads sources, transforms and seeds: {{ source('NAME') }}, {{ ref('NAME') }}."


def _called(table: exp.Table, start: int, rendered: Rendered) -> bool:
    """Whether all of the table's name, and nothing else, is what one template call made."""
    made = f"{table.db}.{identifier(table.name)}"
    return table.db in SCHEMAS.values() and not table.catalog and rendered.made(start) == made


def _instead(table: exp.Table, plain: frozenset[str]) -> str:
    if plain:
        return f"Rules read plan.{', plan.'.join(PLAN_TABLES)}."
    if table.db or not table.name.isidentifier():
        return _RELATIONS
    return f"Write {{{{ source('{table.name}') }}}} for a source, {{{{ ref('{table.name}') }}}} for a transform or seed."


def _first(table: exp.Table, start: int) -> int:
    parts = [part.meta.get("start", start) for part in table.parts if isinstance(part, exp.Identifier)]
    return min(parts, default=start)


def _is_cte(table: exp.Table) -> bool:
    if table.db or table.catalog:
        return False
    name = table.name.casefold()
    node: exp.Expr | None = table
    while node is not None:
        with_ = node.args.get("with_") or node.args.get("with")
        if with_ is not None and any(cte.alias.casefold() == name for cte in with_.expressions):
            return True
        node = node.parent
    return False


def _token(tokens: Sequence[Token], index: int, token: Token) -> Iterator[SqlProblem]:
    name = token.text.lower()
    called = index + 1 < len(tokens) and tokens[index + 1].token_type is TokenType.L_PAREN
    if token.token_type is TokenType.STRING:
        return
    if called and _REACHES_OUT.match(name):
        yield SqlProblem(
            "E0213",
            f"{name}() is not allowed",
            f"It reaches out of the declared relations. {_RELATIONS}",
            token.start,
        )
    elif (called and _CHANGES.match(name)) or (_CHANGING_WORDS.match(name) and _stands_alone(tokens, index)):
        yield SqlProblem(
            "E0214",
            f"{name}{'()' if called else ''} gives another answer each time",
            "The same inputs must give the same plan: write {{ as_of() }}, the one instant of the plan."
            if "uuid" not in name and "random" not in name and "quantile" not in name
            else "The same inputs must give the same plan: compute it from the row's key, like md5(code).",
            token.start,
        )
    elif called and name not in DETERMINISTIC and _is_call(token):
        close = difflib.get_close_matches(name, sorted(DETERMINISTIC), 3)
        hint = f"Known are {', '.join(close)} and others: " if close else "Those that are known: "
        yield SqlProblem(
            "E0216",
            f"{name}() is not known to give one answer for the same rows",
            _INSTEAD.get(
                name, f"{hint}`erpoa explain E0216`. Or compute the column where the rows come from."
            ),
            token.start,
        )
    elif called and name == "age" and one_argument(tokens, index):
        remedy = "Of one argument it counts to today: write age({{ as_of() }}, …)."
        yield SqlProblem("E0214", "age() gives another answer each day", remedy, token.start)
    elif called and name in _NEEDS_ORDER_OVER and not ordered(tokens, index, within=False):
        yield _unordered(f"{name}() without ORDER BY", "Name the order: over (order by …).", token)
    elif called and name in _NEEDS_ORDER_WITHIN and not ordered(tokens, index, within=True):
        yield _unordered(
            f"{name}() without ORDER BY",
            f"Name the order: {name}(… order by …), or use min() or max().",
            token,
        )
    elif token.token_type in {TokenType.LIMIT, TokenType.OFFSET, TokenType.FETCH} and not ordered_before(
        tokens, index
    ):
        yield _unordered(f"{name} without ORDER BY", "Name the order, by a key at last.", token)
    elif token.token_type is TokenType.TABLE_SAMPLE or (
        name == "sample" and index and tokens[index - 1].token_type is TokenType.USING
    ):
        yield SqlProblem(
            "E0214", "a sample is another one each time", "Choose rows by a condition.", token.start
        )
    elif (
        token.token_type is TokenType.DISTINCT
        and _next_is(tokens, index, TokenType.ON)
        and not ordered_after(tokens, index)
    ):
        yield _unordered(
            "distinct on without ORDER BY", "Name which row is kept: order by the same columns, then …", token
        )
    elif token.token_type in {TokenType.PARAMETER, TokenType.PLACEHOLDER}:
        yield SqlProblem("E0211", "parameters have no value here", "Write {{ var('name') }}.", token.start)


def _is_call(token: Token) -> bool:
    """Whether a word before a bracket is a function's name, not one of the language."""
    return token.token_type is TokenType.IDENTIFIER or (
        token.text.replace("_", "").isalnum()
        and not token.text.isdigit()
        and token.text.lower() not in _SYNTAX
    )


_SORTED = "Which of several values that are equally frequent is meant? Count them in a SELECT of its own and take the first: `order by count(*) desc, value`."
_ROUNDED = "It adds up floating-point numbers, whose sum depends on the order of rows: compute it of cast(… as decimal(18,6)) with sum() and count()."
_INSTEAD = {
    "mode": _SORTED,
    "approx_top_k": _SORTED,
    "approx_count_distinct": "Write count(distinct …).",
    "approx_quantile": "Write quantile_cont(…) or quantile_disc(…).",
    "histogram": "Count with `group by`.",
    "json_group_object": "Write to_json(map_from_entries(list((key, value) order by key))).",
    **dict.fromkeys(
        [
            "stddev",
            "stddev_pop",
            "stddev_samp",
            "variance",
            "var_pop",
            "var_samp",
            "sem",
            "corr",
            "covar_pop",
            "covar_samp",
            "skewness",
            "kurtosis",
            "kurtosis_pop",
            "entropy",
            "product",
            "fsum",
            "kahan_sum",
            "sumkahan",
            "favg",
            "geomean",
            "geometric_mean",
            "regr_slope",
            "regr_intercept",
            "regr_r2",
            "wavg",
            "weighted_avg",
        ],
        _ROUNDED,
    ),
}


def _unordered(summary: str, remedy: str, token: Token) -> SqlProblem:
    return SqlProblem("E0214", f"{summary} picks rows at random", remedy, token.start)


def _next_is(tokens: Sequence[Token], index: int, kind: TokenType) -> bool:
    return index + 1 < len(tokens) and tokens[index + 1].token_type is kind


def _stands_alone(tokens: Sequence[Token], index: int) -> bool:
    """Neither a quoted name nor a column of something nor an alias."""
    if tokens[index].token_type is TokenType.IDENTIFIER:
        return False
    before = tokens[index - 1].token_type if index else None
    return before not in {TokenType.DOT, TokenType.ALIAS} and not _next_is(tokens, index, TokenType.DOT)
