"""What check finds without asking any system, each with its place and a way out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from erpoa_cli.core.diagnostic import Diagnostic
from erpoa_cli.core.schema import Sensitivity
from erpoa_cli.engine import connect
from erpoa_cli.engine.check import check, check_findings
from erpoa_cli.project import conforms, load
from tests.unit.engine.small import Small, small


@pytest.fixture
def project(tmp_path: Path) -> Small:
    return small(tmp_path)


def model(project: Small, sql: str, described: str = "") -> Small:
    project.file("transforms/m.sql", sql)
    return project.file("transforms/m.yml", f"transforms: {{m: {{description: d{described}}}}}\n")


def only(project: Small) -> Diagnostic:
    [finding] = [d for d in project.findings() if d.severity.value == "error"]
    assert finding.at is not None
    return finding


def place(finding: Diagnostic) -> str:
    return str(finding.at)


# -- SQL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "at", "summary", "remedy"),
    [
        (
            "SELECT code,\n  '供应商名称' AS x, nmae\nFROM {{ source('suppliers') }}\n",
            "transforms/m.sql:2:17",
            'Referenced column "nmae" not found',
            'Candidate bindings: "name"',
        ),
        (
            "SELECT code\nFROM {{ source('suppliers') }} s WHERE nosuch = 1\n",
            "transforms/m.sql:2:40",
            'Referenced column "nosuch" not found',
            "",
        ),
        (
            "SELECT code + since AS c\nFROM {{ source('suppliers') }}\n",
            "transforms/m.sql:1:13",
            "No function matches",
            "",
        ),
    ],
)
def test_duckdb_judges_the_sql_in_the_models_own_lines(
    project: Small, sql: str, at: str, summary: str, remedy: str
):
    finding = only(model(project, sql))
    assert (finding.code, place(finding)) == ("E0330", at)
    assert summary in finding.summary
    assert remedy in finding.remedy
    assert finding.snippet == sql.splitlines()[int(at.split(":")[1]) - 1]


def test_models_behind_a_broken_one_are_not_blamed(project: Small):
    project.file("transforms/next.sql", "SELECT a FROM {{ ref('m') }}\n")
    assert only(model(project, "SELECT nosuch AS a FROM {{ source('suppliers') }}\n")).at


def test_a_floating_point_column_is_refused(project: Small):
    finding = only(model(project, "SELECT code, credit / 3 AS third FROM {{ source('suppliers') }}\n"))
    assert finding.code == "E0331"
    assert "CAST(third AS DECIMAL(18,2))" in finding.remedy


def test_keys_and_tests_name_columns(project: Small):
    model(project, "SELECT code FROM {{ source('suppliers') }}\n", ", key: [cod]")
    assert (only(project).code, only(project).remedy) == ("E0332", "Did you mean `code`?")


def test_data_tests_are_judged_too(project: Small):
    project.file("tests/t.sql", "SELECT *\nFROM {{ source('suppliers') }}\nWHERE nosuch\n")
    assert place(only(project)) == "tests/t.sql:3:7"


def test_all_findings_at_once(project: Small):
    model(project, "SELECT nosuch FROM {{ source('suppliers') }}\n")
    project.file("transforms/n.sql", "SELECT nothing FROM {{ source('suppliers') }}\n")
    project.file("systems/x.yml", "systems: {x: {plugin: sqlit, config: {}}}\n")
    assert {d.code for d in project.findings()} >= {"E0330", "E0310"}
    assert len([d for d in project.findings() if d.code == "E0330"]) == 2


# -- contracts, targets ----------------------------------------------------------------------------------------


def test_a_contract_is_compared_with_the_types(project: Small):
    project.file(
        "contracts/c.yml",
        """
        type: object
        description: d
        properties:
          code: {type: integer}
          credit: {type: number, x-erpoa: {decimal: [9, 2]}}
          name: {type: string}
          missing: {type: string}
        required: [missing]
        """,
    )
    model(project, "SELECT code, credit, name FROM {{ source('suppliers') }}\n", ", contract: c")
    assert [d.summary for d in project.findings() if d.code == "E0333"] == [
        "model m: column code is string; contract c says integer",
        "model m: column credit is decimal(18,2); contract c says decimal(9,2)",
        "model m has no column missing, which contract c requires",
    ]


def target(project: Small, text: str) -> Small:
    return project.file("targets/t.yml", f"targets: {{t: {{system: erp, object: vendor, {text}}}}}\n")


def test_a_target_names_columns_of_what_feeds_it(project: Small):
    model(project, "SELECT code, name FROM {{ source('suppliers') }}\n")
    target(project, "from: m, key: [code], fields: {code: code, name: nmae}")
    assert (only(project).code, only(project).remedy) == ("E0334", "Did you mean `name`?")


def test_the_types_of_a_target_are_those_of_its_columns(project: Small):
    target(project, "from: suppliers, key: [code], fields: [code, credit, since]")
    assert [str(f.type) for f in project.bound().targets["t"].fields] == ["string", "decimal(18,2)", "date"]


# -- sensitivity -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "sealed"),
    [
        ("SELECT code, tax_no FROM {{ source('suppliers') }}", {"tax_no"}),
        ("SELECT * FROM {{ source('suppliers') }}", {"tax_no"}),
        ("SELECT code, right(tax_no, 4) AS tail FROM {{ source('suppliers') }}", {"tail"}),
        ("SELECT code, name || tax_no AS name FROM {{ source('suppliers') }}", {"name"}),
        ("SELECT code, {'t': tax_no} AS s FROM {{ source('suppliers') }}", {"s"}),
        ("SELECT code, md5(tax_no) AS h, name FROM {{ source('suppliers') }}", {"h"}),
        (
            "WITH x AS (SELECT code, tax_no AS t FROM {{ source('suppliers') }}) SELECT code, t AS plain FROM x",
            {"plain"},
        ),
        (
            "SELECT code FROM {{ source('suppliers') }} UNION ALL SELECT tax_no FROM {{ source('suppliers') }}",
            {"code"},
        ),
        (
            "SELECT code, (SELECT max(tax_no) FROM {{ source('suppliers') }}) AS m FROM {{ source('suppliers') }}",
            {"m"},
        ),
        ("SELECT code, s AS whole FROM {{ source('suppliers') }} s", {"whole"}),
        ("SELECT code, name FROM {{ source('suppliers') }} WHERE tax_no IS NOT NULL", set()),
        (
            "SELECT a.name FROM {{ source('suppliers') }} a JOIN {{ source('suppliers') }} b ON a.tax_no = b.tax_no",
            set(),
        ),
        (
            "SELECT code, list_transform([name], lambda tax_no: upper(tax_no)) AS l FROM {{ source('suppliers') }}",
            set(),
        ),
        ("SELECT COLUMNS('tax.*') FROM {{ source('suppliers') }}", {"tax_no"}),
        ("SELECT code, max(tax_no) OVER (ORDER BY code) AS w FROM {{ source('suppliers') }}", {"w"}),
    ],
)
def test_what_is_computed_from_a_sensitive_column_is_sensitive(project: Small, sql: str, sealed: set[str]):
    fields = model(project, sql + "\n").bound().relations["m"]
    assert {f.name for f in fields if f.sensitivity is Sensitivity.SENSITIVE} == sealed
    assert {f.name for f in fields if f.sensitivity is not Sensitivity.SENSITIVE} == {
        f.name for f in fields if f.sensitivity is Sensitivity.PUBLIC
    }


def test_sensitivity_flows_through_models_to_targets_until_declassified(project: Small):
    model(project, "SELECT code, tax_no FROM {{ source('suppliers') }}\n")
    project.file("transforms/n.sql", "SELECT code, left(tax_no, 2) AS region FROM {{ ref('m') }}\n")
    target(project, "from: n, key: [code], fields: [code, region]")
    assert project.bound().targets["t"].field("region").sensitivity is Sensitivity.SENSITIVE
    project.file(
        "transforms/n.yml", "transforms: {n: {description: d, declassify: {region: the region is public}}}\n"
    )
    assert project.bound().targets["t"].field("region").sensitivity is Sensitivity.PUBLIC


def test_keys_may_not_be_sensitive(project: Small):
    target(project, "from: suppliers, key: [tax_no], fields: [tax_no]")
    assert only(project).code == "E0335"


# -- actual rows -----------------------------------------------------------------------------------------------


def test_actual_rows_have_the_types_of_what_is_wanted(project: Small):
    model(project, "SELECT a.code, a.credit + 1 AS more FROM {{ actual('t') }} a\n")
    target(project, "from: suppliers, key: [code], fields: [code, credit]")
    assert [str(f.type) for f in project.bound().relations["m"]] == ["string", "decimal(18,2)"]


def test_a_model_that_reads_what_it_feeds_needs_a_contract(project: Small):
    sql = "SELECT s.code FROM {{ source('suppliers') }} s LEFT JOIN {{ actual('t') }} a ON a.code = s.code\n"
    target(model(project, sql), "from: m, key: [code], fields: [code]")
    assert "E0337" in {d.code for d in project.findings()}
    project.file("contracts/c.yml", "{type: object, description: d, properties: {code: {type: string}}}\n")
    target(project, "from: m, key: [code], fields: [code], contract: c")
    assert [str(f.type) for f in project.bound().relations["m"]] == ["string"]


# -- connectors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("systems", "code", "said"),
    [
        ("{erp: {plugin: sqlit, config: {path: erp.db}}}", "E0310", "Did you mean `sqlite`?"),
        ("{erp: {plugin: sqlite, config: {pfad: erp.db}}}", "E0315", "system erp: config"),
        ("{erp: {plugin: sqlite, config: {path: 7}}}", "E0315", "config.path"),
    ],
)
def test_systems_are_judged_by_their_connector(project: Small, systems: str, code: str, said: str):
    project.file("systems/s.yml", f"systems: {systems}\n")
    found = [d for d in project.findings() if d.code == code]
    assert any(said in f"{d.summary} {d.remedy}" for d in found)


def test_a_filter_the_connector_does_not_know_is_refused(project: Small):
    text = (
        (project.root / "sources/s.yml")
        .read_text()
        .replace("key: [id]", "key: [id]\n    options: {nosuch: 1}")
    )
    project.file("sources/s.yml", text)
    assert "E0315" in {d.code for d in project.findings()}


def test_a_broken_plugin_is_named_and_hurts_nobody_else(monkeypatch: pytest.MonkeyPatch):
    from importlib.metadata import EntryPoint

    def entries(group: str) -> list[EntryPoint]:
        return [
            EntryPoint("broken", "no_such_module:X", group),
            EntryPoint("odd", "erpoa_cli.core.schema:Field", group),
            EntryPoint("other", "erpoa_cli.connectors.sqlite:SqliteConnector", group),
            EntryPoint("sqlite", "erpoa_cli.connectors.sqlite:SqliteConnector", group),
        ]

    monkeypatch.setattr(connect, "entry_points", entries)
    found = connect.discovered.__wrapped__()
    assert set(found.connectors) == {"sqlite"}
    assert "ModuleNotFoundError" in found.broken["broken"]
    assert "no erpoa_cli.sdk.connector.Connector" in found.broken["odd"]
    assert "calls itself 'sqlite'" in found.broken["other"]


def test_a_connector_is_loaded_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    from importlib.metadata import EntryPoint

    from erpoa_cli.engine.installed import GROUP

    sqlite = EntryPoint("sqlite", "erpoa_cli.connectors.sqlite:SqliteConnector", GROUP)
    broken = EntryPoint("broken", "no_such_module:X", GROUP)
    monkeypatch.setattr(connect, "entry_points", lambda group: [sqlite, broken])
    found = connect.discovered.__wrapped__()
    assert found.connectors["sqlite"].name == "sqlite"
    assert not found.broken
    assert found.connectors.get("broken") is found.connectors.get("broken") is None
    assert list(found.broken) == ["broken"]
    assert found.connectors.get("nobody") is None
    assert len(found.connectors) == 1


@pytest.mark.parametrize("path", ["../erp.db", "a/../../erp.db", "link/erp.db"])
def test_relative_paths_stay_inside_the_project(tmp_path: Path, path: str):
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    project = small(inside).file(
        "systems/s.yml", f"systems: {{erp: {{plugin: sqlite, config: {{path: {path}}}}}}}\n"
    )
    finding = only(project)
    assert finding.code == "E0312"
    assert "leads out of the project" in finding.summary


# -- seeds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fields", "line", "words"),
    [
        ("a,b\n1\n", "", 2, "1 cells where the header has 2"),
        ("a,b\n1,2,3\n", "", 2, "3 cells where the header has 2"),
        ("a,b\nx,1.5\n\ny,1.555\n", 'b: "decimal(9,2)"', 3, "0 cells where the header has 2"),
        ("a,b\nx,1.5\ny,1.555\n", 'b: "decimal(9,2)"', 3, "b '1.555' is not a number"),
        ('a,b\n"x,1\n', "", 2, "unexpected end of data"),
    ],
)
def test_seeds_are_read_strictly(project: Small, text: str, fields: str, line: int, words: str):
    (project.root / "seeds").mkdir()
    (project.root / "seeds/s.csv").write_text(text)
    project.file("seeds/s.yml", f"seeds: {{s: {{fields: {{{fields}}}}}}}\n" if fields else "seeds: {}\n")
    finding = only(project)
    assert finding.at is not None
    assert (finding.at.file, finding.at.line) == ("seeds/s.csv", line)
    assert words in finding.summary


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('a,b\n1,"two\nlines"\n2,3\n1,3\n', 5, "line 2 has this key, too"),
        ('a,b\n1,"two\nlines"\n-,3\n', 4, "the key is NULL"),
        ('a,b\n1,"two\nlines"\nx,3\n', 4, "a 'x' is not a whole number"),
    ],
)
def test_what_is_wrong_in_a_seed_is_told_with_the_line_where_its_row_begins(
    project: Small, text: str, line: int, words: str
):
    what = "seeds: {s: {key: [a], fields: {a: {type: integer, nulls: ['-']}}}}\n"
    project.file("seeds/s.csv", text).file("seeds/s.yml", what)
    finding = only(project)
    assert (finding.code, finding.at and finding.at.line) == ("E0341", line)
    assert words in finding.summary


def test_an_object_with_a_key_twice_is_no_value_of_a_seed(project: Small):
    project.file("seeds/s.csv", 'a,b\n1,"{""n"": 1, ""n"": 2}"\n').file(
        "seeds/s.yml", "seeds: {s: {fields: {b: {type: json}}}}\n"
    )
    assert "each key once" in only(project).summary


# -- settings that hold for nothing ----------------------------------------------------------------------------


def test_settings_of_files_that_nobody_reads_are_told(project: Small):
    files = (
        "{hr_*.csv: {id: [code]}, hr_2.csv: {id: [code]}, hr_1.cvs: {id: [code]}, other/*.csv: {id: [code]}}"
    )
    project.file(
        "systems/here.yml", f"systems: {{here: {{plugin: files, config: {{path: ., files: {files}}}}}}}\n"
    )
    project.file(
        "sources/people.yml",
        "sources: {people: {system: here, object: hr_2.csv, key: [code], fields: {code: string}}}\n",
    )
    _, findings = check_findings(load(project.root, getenv=lambda _: None), conforms)
    told = [(d.code, d.summary.partition(" has no effect")[0]) for d in findings.items]
    assert told == [
        ("W0103", "system here: config.files.hr_1.cvs"),
        ("W0103", "system here: config.files.other/*.csv"),
    ]


# -- cost ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_hundred_models_bind_in_about_a_second(project: Small):
    for n in range(500):
        behind = "{{ source('suppliers') }}" if n % 10 == 0 else f"{{{{ ref('m{n - 1}') }}}}"
        project.file(
            f"transforms/m{n}.sql", f"SELECT id, code, trim(name) AS name, tax_no, credit FROM {behind}\n"
        )
    loaded = load(project.root, getenv=lambda _: None)
    start = time.process_time()
    check(loaded, conforms)
    assert time.process_time() - start < 3
