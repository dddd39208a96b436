"""Every command as the program runs it: exit code, what goes to stdout and stderr, and one valid JSON document on success,
on nothing to do, and on failure."""

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from erpoa_cli.cli.commands import ENTRIES
from tests.e2e.conftest import AUTHOR
from tests.program import ERPOA, environment
from tests.program import erpoa as installed

SCHEMAS = Path(__file__).resolve().parents[2] / "erpoa_cli" / "render" / "schemas"

# arguments → (exit code, schema); everything here leaves the project as it is.
ANSWERS = {
    "validate": (0, "validate"),
    "validate --online": (0, "validate"),
    "test": (0, "test"),
    "plan": (0, "plan-report"),
    "plan --detailed-exitcode": (2, "plan-report"),  # a row is held
    "plan --offline": (0, "plan-report"),
    "plan -s oa_suppliers": (0, "plan-report"),
    "drift": (0, "plan-report"),
    "retry": (0, "plan-report"),
    "apply --yes": (5, "plan-report"),
    "ls": (0, "ls"),
    "ls -s +oa_users": (0, "ls"),
    "graph": (0, "graph"),
    "extract": (0, "extract"),
    "extract -s erp_suppliers": (0, "extract"),
    "doctor": (0, "doctor"),
    "discover erp": (0, "discover"),
    "discover oa --object user": (0, "discover"),
    "query select_1": (0, "query"),
    "resolve": (0, "resolve"),
    "runs ls": (0, "runs"),
    "state show": (0, "state"),
    "state links oa_suppliers": (0, "state"),
    "state forget oa_suppliers/code=S0001 --dry-run": (0, "state"),
    "state forget oa_suppliers --dry-run": (0, "state"),
    "state forget -s system:oa --dry-run": (0, "state"),
    "state rebuild oa_suppliers --dry-run": (0, "state"),
    "state rebuild oa_suppliers": (0, "state"),
    "state system oa": (0, "state"),
    "lock show": (0, "lock"),
    "lock release": (0, "lock"),
    "audit verify": (0, "audit"),
    "explain E0405": (0, "explain"),
    "plugin list": (0, "plugin"),
    "plugin describe sqlite": (0, "plugin"),
    "schema print": (0, "schema"),
    "schema print plan-report": (0, "schema"),
    "schema print targets": (0, "schema"),
}
FAILURES = {
    "vlidate": (3, "E0601", "`erpoa validate`"),
    "run-operation clean": (3, "E0601", "There are no operations"),
    "plan -target=oa_users": (3, "E0601", "-s/--select"),
    "apply --force": (3, "E0601", "There is no --force"),
    "plan --selct x": (3, "E0601", "--select"),
    "plan --limit many": (3, "E0601", ""),
    "plan -s oa_supplers": (3, "E0151", "oa_suppliers"),
    "plan --as-of tomorrow": (3, "E0601", "2026-11-30"),
    "plan --waive oa_users.max_delete=3": (3, "E0607", "--reason"),
    "plan --waive all --reason x": (3, "E0607", "TARGET.GUARD=COUNT"),
    "show missing.erpoaplan": (3, "", ""),
    "apply missing.erpoaplan": (3, "", ""),
    "runs show nothing": (3, "E0605", "runs ls"),
    "rollback nothing": (3, "E0542", ""),
    "resume": (3, "E0539", ""),
    "resume nothing": (3, "E0605", "runs ls"),
    "resolve oa_suppliers/code=S0001": (3, "E0612", "--not-applied"),
    "resolve oa_suppliers/code=S0001 --applied --reason seen": (3, "E0612", "not in doubt"),
    "init x --template dmo": (3, "E0601", "demo"),
    "resolve oa_suppliers": (3, "E0606", ""),
    "explain E9999": (3, "E0609", ""),
    "explain oa_supplers/code=S0001": (3, "E0605", "oa_suppliers"),
    "explain nonsense/": (3, "E0606", "address"),
    "discover er": (3, "E0605", "erp"),
    "discover erp --object suplier": (3, "E0605", "supplier"),
    "plugin describe sqlit": (3, "E0605", "sqlite"),
    "twin start nowhere": (3, "E0613", ""),
    "twin start generic --port x": (3, "E0601", ""),
    "schema print plan-reprot": (3, "E0609", "plan-report"),
    "discover x --openapi erpoa.yml": (3, "E0616", "erpoa.yml"),
    "state links oa_supplers": (3, "E0605", "oa_suppliers"),
    "state forget oa_suppliers/code=S9999": (3, "E0605", "state links"),
    "state forget oa_suppliers": (3, "E0602", "--yes"),
    "state forget": (3, "E0601", "--help"),
    "state forget --file nowhere.csv": (3, "E0601", "CSV"),
    "state forget oa_suppliers -s oa_users": (3, "E0601", ""),
    "state rekey oa_suppliers/code=S0001": (3, "E0601", ""),
    "state adopt oa_suppliers/code=S0001": (3, "E0601", ""),
    "resolve oa_suppliers/code=S0001 -s oa_users --applied --reason seen": (3, "E0601", ""),
    "resolve -s oa_suppliers": (3, "E0612", "--not-applied"),
    "state forget oa_suppliers/code=S9999 --dry-run": (3, "E0605", "state links"),
    "state rebuild oa_supplers": (3, "E0605", "oa_suppliers"),
    "state system ao": (3, "E0605", "oa"),
    "state system oa --moved --anew": (3, "E0601", "exclude"),
    "state system oa --anew": (3, "E0602", "managed rows will be forgotten"),
    "state protect oa_suppliers": (3, "E0606", ""),
    "state protect oa_suppliers/nope=1": (3, "E0606", "code"),
    "state adopt oa_suppliers/code=S0001 --id nope=1": (3, "E0601", "nope"),
    "state adopt oa_suppliers/code=S0001 --id id=abc": (3, "E0601", "state links"),
    "state adopt oa_suppliers/code=S0001 --id id=1.5 --dry-run": (3, "E0601", "state links"),
    "state adopt oa_suppliers/code=S0001 --id id=": (3, "E0601", "state links"),
    "state adopt oa_suppliers/code=S0001 --id id=99999999999999999999": (3, "E0601", "state links"),
    "state adopt oa_suppliers/code=S0001 --id id=2": (3, "E0618", "state forget oa_suppliers/code=S0002"),
    "state adopt oa_suppliers/code=S9999 --id id=1 --dry-run": (3, "E0618", "oa_suppliers/code=S0001"),
    "state rekey oa_suppliers/code=S0001 oa_suppliers/code=S0002": (3, "E0618", "a key that is free first"),
    "state forget oa_suppliers/code=S0001,code=S0002": (3, "E0606", ""),
    "explain oa_suppliers/code=S0001,code=S0002": (3, "E0606", ""),
    "state rekey oa_suppliers/code=S0001 oa_suppliers/nope=1": (3, "E0606", ""),
    "state restore missing.tar": (3, "E0519", "backup"),
    "explain oa_suppliers/nope=1": (3, "E0606", "code"),
    "explain oa_suppliers": (3, "E0609", "TARGET/column"),
    "plan -o .": (3, "E0601", ""),
    "query select": (3, "", ""),
    "-e nowhere plan": (3, "", ""),
    "--var oops plan": (3, "E0601", "NAME=VALUE"),
    "plan --format junit": (3, "E0603", ""),
    "ls --format parquet": (3, "E0603", "-o"),
    "--format xml ls": (3, "E0601", ""),
}


def valid(content: dict, kind: str) -> None:
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema, jsonschema.Draft202012Validator)


def words(command: str) -> list[str]:
    return [word.replace("_1", " 1") if word == "select_1" else word for word in command.split(" ")]


@pytest.mark.parametrize("command", ANSWERS)
def test_json_answers_are_valid(erpoa, settled, command):
    code, kind = ANSWERS[command]
    done = erpoa("-C", settled, *words(command), "--format", "json")
    assert done.exit == code, done.err
    assert done.json()["exit_code"] == code
    assert done.json()["command"] == command.split(" ")[0]
    valid(done.json(), kind)


@pytest.mark.parametrize("command", FAILURES)
def test_failures_say_what_and_what_to_do(erpoa, settled, command):
    code, diagnostic, hint = FAILURES[command]
    done = erpoa("-C", settled, *words(command))
    assert (done.exit, done.out) == (code, "")
    assert f"error {diagnostic}" in done.err
    assert hint in re.sub(r"\s+", " ", done.err)
    assert "Traceback" not in done.err


@pytest.mark.in_turn("commands", of=2, seconds=2)
@pytest.mark.parametrize("command", [c for c in FAILURES if "--format" not in c])
def test_failures_are_valid_json_too(erpoa, settled, command):
    code, diagnostic, _ = FAILURES[command]
    done = erpoa("-C", settled, *words(command), "--format", "json")
    content = done.json()
    assert done.exit == content["exit_code"] == code
    assert any(d["code"].startswith(diagnostic) and d["severity"] == "error" for d in content["diagnostics"])
    valid(content, "validate")  # the head is the same everywhere


@pytest.mark.parametrize(
    "command", ["ls", "ls --format json", "vlidate", "plan -s oa_supplers", "--version", ""]
)
def test_the_installed_program_says_what_its_forks_say(erpoa, settled, command):
    theirs = erpoa(*command.split(), cwd=settled)
    done = installed(*command.split(), directory=settled, env=environment(ERPOA_AUTHOR=AUTHOR))
    assert (done.exit, done.out, done.err) == (theirs.exit, theirs.out, theirs.err)


def test_every_command_is_exercised():
    used = {word for command in (*ANSWERS, *FAILURES) for word in command.split(" ")}
    assert set(ENTRIES) <= used


@pytest.mark.parametrize("command", sorted(ENTRIES))
def test_every_command_has_help_and_the_summary_is_its_own(erpoa, command):
    done = erpoa(command, "--help")
    assert (done.exit, done.err) == (0, "")
    assert done.out.startswith(f"Usage: erpoa {command}")


def test_text_goes_to_stdout_and_diagnostics_to_stderr(erpoa, company):
    (company / "targets" / "people.yml").write_text("targets: {x: {frm: y}}\n", encoding="utf-8")
    done = erpoa("-C", company, "validate")
    assert done.exit == 3
    assert done.out == ""
    assert "targets/people.yml:1:" in done.err
    assert "^" in done.err
    content = erpoa("-C", company, "--format", "json", "validate").json()
    valid(content, "validate")
    assert content["valid"] is False
    assert {d["file"] for d in content["diagnostics"]} >= {"targets/people.yml"}


def test_global_options_work_before_and_after(erpoa, settled):
    before = erpoa("-C", settled, "--format", "csv", "ls")
    after = erpoa("ls", "--format", "csv", "-C", settled)
    assert before.exit == after.exit == 0
    assert before.out == after.out


def test_the_later_global_option_wins(erpoa, settled):
    assert erpoa("-C", "/nowhere", "--format", "json", "ls", "-C", settled, "--format", "csv").out.startswith(
        "kind,"
    )


def test_output_goes_to_a_private_file(erpoa, settled, tmp_path):
    path = tmp_path / "列表.md"
    done = erpoa("-C", settled, "ls", "--format", "markdown", "-o", path)
    assert (done.exit, done.out) == (0, "")
    assert path.stat().st_mode & 0o077 == 0
    assert "oa\\_suppliers" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", ["text", "json", "ndjson", "markdown", "csv"])
def test_a_plan_in_every_format(erpoa, company, form):
    erpoa("-C", company, "plan", "-o", company / "p.erpoaplan")
    done = erpoa("-C", company, "show", company / "p.erpoaplan", "--format", form)
    assert done.exit == 0, done.err
    assert "S0006" in done.out
    assert done.err == ""
    if form == "ndjson":
        assert {json.loads(line)["kind"] for line in done.out.splitlines()} >= {"report", "held"}


def test_a_plan_as_parquet(erpoa, company):
    import pyarrow.parquet as pq

    erpoa("-C", company, "plan", "-o", company / "p.erpoaplan")
    done = erpoa(
        "-C", company, "show", company / "p.erpoaplan", "--format", "parquet", "-o", company / "p.parquet"
    )
    assert (done.exit, done.out) == (0, "")
    assert pq.read_table(company / "p.parquet")["address"].to_pylist() == ["oa_suppliers/code=S0006"]


def test_an_exported_trail_is_checked_without_erpoa(erpoa, company, tmp_path):
    first, rest = tmp_path / "first.jsonl", tmp_path / "审计.jsonl"
    done = erpoa("-C", company, "audit", "export", first, "--format", "json")
    assert done.exit == 0, done.err
    valid(done.json(), "audit")
    assert first.stat().st_mode & 0o077 == 0
    assert (
        erpoa("-C", company, "state", "protect", "oa_suppliers/code=S0001", "--reason", "对账 \u202e").exit
        == 0
    )
    assert erpoa("-C", company, "audit", "export", rest, "--after", str(done.json()["records"])).exit == 0
    again = erpoa("-C", company, "audit", "export", first)
    assert (again.exit, "error E0604" in again.err) == (3, True)
    records = [json.loads(line) for line in (first.read_text("utf-8") + rest.read_text("utf-8")).splitlines()]
    before = "0" * 64
    for number, record in enumerate(records, 1):
        columns = [
            "number",
            "at",
            "who",
            "environment",
            "command",
            "event",
            "plan",
            "run",
            "detail",
            "previous",
        ]
        content = json.dumps([*(record[c] for c in columns), ""], ensure_ascii=False, separators=(",", ":"))
        assert (record["number"], record["previous"]) == (number, before)
        assert record["digest"] == hashlib.sha256(content.encode()).hexdigest()
        before = record["digest"]
    assert records[-1]["event"] == "protect"
    assert erpoa("-C", company, "audit", "verify", "--format", "json").json()["head"] == before


def test_a_digest_is_in_one_piece_where_the_terminal_has_room(erpoa, company, tmp_path):
    head = erpoa("-C", company, "audit", "verify", "--format", "json").json()["head"]
    for command in (("verify",), ("export", tmp_path / "审计.jsonl")):
        assert head in erpoa("-C", company, "audit", *command, COLUMNS="70").out.splitlines()


def test_drift_leaves_no_plan_behind(erpoa, company, tmp_path):
    plans = sorted((company / ".erpoa" / "plans").iterdir())
    done = erpoa("-C", company, "drift", "--format", "json", "-o", tmp_path / "drift.json")
    assert (done.exit, done.out) == (0, "")
    assert json.loads((tmp_path / "drift.json").read_text("utf-8"))["plan"]["file"] == ""
    assert sorted((company / ".erpoa" / "plans").iterdir()) == plans


def test_values_that_no_map_has_are_queued(erpoa, settled):
    queued = {
        "relation": "suppliers", "column": "erp_category", "to": "category_map.erp_category", "value": "TOOL", "rows": 1,
    }  # fmt: skip
    assert erpoa("-C", settled, "test", "--format", "json").json()["unmapped"] == [queued]
    assert re.search(
        r"suppliers\.erp_category +TOOL +1 +category_map\.erp_category", erpoa("-C", settled, "test").out
    )


def test_apply_does_not_hang_without_a_terminal(erpoa, company):
    erpoa("-C", company, "init")
    import sqlite3

    with sqlite3.connect(company / "data" / "erp.db") as db:
        db.execute("update supplier set payment_days = 7 where code = 'S0001'")
    done = erpoa("-C", company, "apply", "--format", "json")
    assert done.exit == 3
    assert done.json()["diagnostics"][-1]["code"] == "E0602"


def test_a_plan_file_is_named_from_where_the_shell_stands(erpoa, company, tmp_path):
    """Not from the project: -o, show, explain and apply, with -C and from inside the project."""
    import sqlite3

    with sqlite3.connect(company / "data" / "erp.db") as db:
        db.execute("update supplier set name = '新名称' where code = 'S0001'")
    here = tmp_path / "shell" / "deep"
    here.mkdir(parents=True)
    project = ("--project-dir", os.path.relpath(company, here))
    assert erpoa(*project, "plan", "-o", "../p.erpoaplan", cwd=here).exit == 0
    assert (tmp_path / "shell" / "p.erpoaplan").exists()
    assert erpoa(*project, "show", "../p.erpoaplan", cwd=here).exit == 0
    inside = os.path.relpath(tmp_path / "shell" / "p.erpoaplan", company / "targets")
    row = "oa_suppliers/code=S0001"
    assert "would update" in erpoa("explain", row, "--plan", inside, cwd=company / "targets").out
    assert erpoa("apply", "p.erpoaplan", *project, cwd=here).exit == 3  # there is none here
    applied = erpoa("apply", "../p.erpoaplan", *project, "--format", "json", cwd=here)
    assert [c["outcome"] for c in applied.json()["changes"]] == ["applied"]


def test_discover_tells_what_it_cannot_describe(erpoa, tmp_path):
    erpoa("init", str(tmp_path), "--template", "empty")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "good.csv").write_text("code\nA\n")
    (tmp_path / "inbox" / "bad.jsonl").write_text('{"a":' + "[" * 1000)
    system = (
        "systems: {f: {plugin: files, description: x, owner: o, config: {path: inbox, caps: {files: 2}}}}\n"
    )
    (tmp_path / "systems").mkdir(exist_ok=True)
    (tmp_path / "systems" / "f.yml").write_text(system)
    told = erpoa("-C", tmp_path, "discover", "f")
    assert told.exit == 0
    assert "warning W0319: bad.jsonl cannot be described" in told.err
    assert "line 1 is nested deeper than 64" in told.err
    assert "good.csv" in told.out
    (tmp_path / "inbox" / "third.csv").write_text("code\n")
    told = erpoa("-C", tmp_path, "discover", "f")
    assert "E0311" in told.err
    assert "the directory has more than 2 files" in told.err


def test_discover_shows_no_sample_that_looks_sensitive(erpoa, settled):
    told = erpoa("-C", settled, "discover", "oa", "--object", "user").out
    assert "总经理" in told
    assert "110101197001011231" not in told
    assert "@" not in told


def test_drift_alone_is_exit_2_with_detailed_exitcode(erpoa, company):
    import sqlite3

    with sqlite3.connect(company / "data" / "oa.db") as db:
        db.execute("update supplier set payment_days = 7 where code = 'S0001'")
    done = erpoa("-C", company, "plan", "--detailed-exitcode", "--format", "json")
    assert (done.exit, done.json()["changes"]) == (2, [])
    assert erpoa("-C", company, "plan").exit == 0


def test_detailed_exitcode_apply_and_runs(erpoa, company):
    import sqlite3

    with sqlite3.connect(company / "data" / "erp.db") as db:
        db.execute("update supplier set payment_days = 7 where code = 'S0001'")
    assert erpoa("-C", company, "plan", "--detailed-exitcode", "-o", company / "p.erpoaplan").exit == 2
    done = erpoa("-C", company, "apply", company / "p.erpoaplan", "--format", "json")
    assert done.exit == 5  # S0006 is held
    valid(done.json(), "run-report")
    assert [c["outcome"] for c in done.json()["changes"]] == ["applied"]
    with sqlite3.connect(company / "data" / "oa.db") as db:
        assert db.execute("select payment_days from supplier where code = 'S0001'").fetchone() == (7,)
    run = done.json()["run"]["id"]
    shown = erpoa("-C", company, "runs", "show", run, "--format", "json")
    assert shown.exit == 0
    valid(shown.json(), "run-report")
    again = erpoa("-C", company, "apply", company / "p.erpoaplan")
    assert again.exit == 6
    assert again.out == ""
    back = erpoa("-C", company, "rollback", run, "--format", "json")
    assert back.exit == 0, back.err
    valid(back.json(), "plan-report")
    assert [c["fields"]["payment_days"]["after"] for c in back.json()["changes"]] == [30]


def test_init_overwrites_nothing(erpoa, settled, tmp_path):
    fresh = erpoa("init", tmp_path / "new", "--format", "json")
    assert fresh.exit == 0
    valid(fresh.json(), "init")
    again = erpoa("init", tmp_path / "new", "--format", "json")
    assert again.exit == 3
    assert again.json()["diagnostics"][0]["code"] == "E0604"


def test_an_unexpected_failure_names_its_log_and_shows_no_values(erpoa, company):
    """A database that is a directory breaks the driver in its own way; whatever it is, words and an exit code."""
    (company / "data" / "erp.db").unlink()
    (company / "data" / "erp.db").mkdir()
    done = erpoa("-C", company, "plan", "--format", "json")
    assert done.exit in {1, 3}
    assert done.json()["diagnostics"]
    assert "Traceback" not in done.err


def test_one_of_a_kind_is_not_told_as_several(erpoa, settled):
    told = " ".join(erpoa("-C", settled, "validate").out.split())
    assert "1 test, 2 unit tests" in told


@pytest.mark.parametrize("command", ["validate", "plan", "discover oa", "doctor"])
def test_no_finding_repeats_what_a_template_has_from_outside(company: Path, command: str) -> None:
    """It is called by its name: a value may hold what nobody should read."""
    target = company / "targets" / "more.yml"
    target.write_text(
        "targets: {more: {from: \"{{ env('V') }}\", system: \"{{ var('W') }}\", object: supplier, key: [code], fields: [code]}}"
    )
    done = subprocess.run(
        [ERPOA, *command.split(), "--var", "W=CANARYgiven", "--format", "json", "-v"], cwd=company,
        env={**environment(), "V": "CANARYfromoutside"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "CANARY" not in done.stdout + done.stderr
    assert "(env V)" in done.stdout
    assert not [f for f in (company / ".erpoa").rglob("*") if f.is_file() and b"CANARY" in f.read_bytes()]
