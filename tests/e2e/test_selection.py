"""Selections that speak of earlier runs: what changed since, what was refused."""

import sqlite3


def selected(erpoa, company, *words):
    done = erpoa("-C", company, "ls", *words, "--format", "json")
    assert done.exit == 0, done.err
    return sorted(node["id"] for node in done.json()["nodes"])


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_changed_since_the_last_applied_plan_can_be_selected(company, erpoa):
    assert selected(erpoa, company, "-s", "state:modified") == []
    assert selected(erpoa, company, "-s", "state:new") == []
    edit(company / "transforms" / "suppliers.sql", "trim(nfkc(s.name))", "upper(trim(nfkc(s.name)))")
    edit(company / "erpoa.yml", "description: ", "description: 改 ")
    assert selected(erpoa, company, "-s", "state:modified") == ["transform:suppliers"]
    assert selected(erpoa, company, "-s", "state:modified+,kind:target") == [
        "target:oa_suppliers",
    ]
    (company / "transforms" / "fresh.sql").write_text("select 1 as one\n", encoding="utf-8")
    assert selected(erpoa, company, "-s", "state:new") == ["transform:fresh"]
    assert selected(erpoa, company, "-s", "state:new state:modified") == [
        "transform:fresh",
        "transform:suppliers",
    ]
    edit(company / "seeds" / "unit_map.csv", "\n", "\n吨,T\n")
    assert "seed:unit_map" in selected(erpoa, company, "-s", "state:modified")


def test_moving_and_describing_is_no_change(company, erpoa):
    edit(company / "targets" / "people.yml", "targets:\n", "# 部门\n\ntargets:\n")
    edit(company / "targets" / "people.yml", "description: ", "description: 改 ")
    assert selected(erpoa, company, "-s", "state:modified") == []


def test_what_is_gone_is_listed(company, erpoa):
    (company / "tests" / "orders_have_priced_lines.sql").unlink()
    done = erpoa("-C", company, "ls", "-s", "state:orphaned", "--format", "json")
    assert (done.json()["nodes"], done.json()["orphaned"]) == ([], ["test:orders_have_priced_lines"])
    assert "orders_have_priced_lines" in erpoa("-C", company, "ls", "-s", "state:orphaned").out


def test_a_change_is_the_projects_only_where_the_project_changed(company, erpoa):
    """An edit of the suppliers' model and a renamed department: each has its own cause."""
    edit(company / "transforms" / "suppliers.sql", "trim(nfkc(s.name))", "concat(trim(nfkc(s.name)), '·')")
    with sqlite3.connect(company / "data" / "erp.db") as erp:
        erp.execute("UPDATE department SET name = '生产一部' WHERE code = 'D10'")
    report = erpoa("-C", company, "plan", "--format", "json", "--full").json()
    causes = {(change["target"], change["cause"]) for change in report["changes"]}
    assert {cause for target, cause in causes if target == "oa_suppliers"} == {"project"}
    assert {cause for target, cause in causes if target == "oa_departments"} == {"data"}


def test_targets_with_refused_rows_can_be_selected(company, erpoa):
    assert selected(erpoa, company, "-s", "result:rejected") == []
    with sqlite3.connect(company / "data" / "oa.db") as oa:
        oa.execute(
            "CREATE TRIGGER no BEFORE UPDATE ON supplier BEGIN SELECT RAISE(ABORT, 'the period is closed'); END"
        )
    with sqlite3.connect(company / "data" / "erp.db") as erp:
        erp.execute("UPDATE supplier SET name = '新名称' WHERE code = 'S0001'")
    assert erpoa("-C", company, "apply", "--yes").exit == 5
    assert selected(erpoa, company, "-s", "result:rejected") == ["target:oa_suppliers"]
    assert selected(erpoa, company, "-x", "result:rejected", "-s", "kind:target")[0] != "target:oa_suppliers"
    assert selected(erpoa, company, "-s", "result:in_doubt") == []


def test_an_unknown_word_is_told_with_those_there_are(company, erpoa):
    done = erpoa("-C", company, "plan", "-s", "state:modifed")
    assert done.exit == 3
    assert "state:modified" in done.err
