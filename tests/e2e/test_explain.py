"""`erpoa explain`: a row of a plan told, field by field."""

import json
import os
import sqlite3
import time


def fields(answer):
    return {row["field"]: row for row in answer["fields"]}


def test_a_row_without_a_change_is_told_with_its_values(company, erpoa):
    assert erpoa("-C", company, "plan").exit == 0
    answer = erpoa("-C", company, "explain", "oa_suppliers/code=S0001", "--format", "json").json()
    assert "both sides agree" in answer["said"]
    with sqlite3.connect(company / "data" / "oa.db") as oa:
        columns = "name, payment_days"
        (held,) = oa.execute(f"SELECT {columns} FROM supplier WHERE code = 'S0001'")
    told = fields(answer)
    for column, value in zip(("name", "payment_days"), held, strict=True):
        text = json.dumps(value, ensure_ascii=False)
        assert (told[column]["actual"], told[column]["desired"], told[column]["agreed"]) == (text,) * 3
    assert told["code"]["origin"].startswith("suppliers.code")


def test_a_field_that_was_never_agreed_is_not_one_that_was_agreed_to_be_null(company, erpoa):
    assert erpoa("-C", company, "plan").exit == 0
    told = fields(erpoa("-C", company, "explain", "oa_suppliers/code=S0001", "--format", "json").json())
    assert told["contact_phone"]["agreed"] == "never"  # theirs: erpoa only looks at it
    told = fields(erpoa("-C", company, "explain", "oa_departments/code=D00", "--format", "json").json())
    assert told["parent_id"]["agreed"] == "NULL"


def test_a_key_that_nobody_wants_is_said_to_be_unwanted(company, erpoa):
    assert erpoa("-C", company, "plan").exit == 0
    answer = erpoa("-C", company, "explain", "oa_suppliers/code=S9999", "--format", "json").json()
    assert "nobody wants it" in answer["said"]
    assert {row["desired"] for row in fields(answer).values()} == {""}


def test_the_latest_plan_is_the_one_made_last_whatever_was_touched(company, erpoa):
    first = erpoa("-C", company, "plan", "--format", "json").json()["plan"]["id"]
    with sqlite3.connect(company / "data" / "erp.db") as erp:
        erp.execute("UPDATE supplier SET name = '新名称' WHERE code = 'S0001'")
    second = erpoa("-C", company, "plan", "--format", "json").json()["plan"]["id"]
    place = company / ".erpoa" / "plans"
    now = time.time()
    os.utime(place / f"{first}.erpoaplan", (now + 60, now + 60))
    answer = erpoa("-C", company, "explain", "oa_suppliers/code=S0001", "--format", "json").json()
    assert answer["plan"] == second
    assert fields(answer)["name"]["desired"] == '"新名称"'


def test_a_sensitive_value_that_nobody_changes_is_not_said_to_be_changed(company, erpoa):
    assert erpoa("-C", company, "plan").exit == 0
    told = fields(erpoa("-C", company, "explain", "oa_users/no=E0001", "--format", "json").json())["id_card"]
    assert (told["actual"], told["desired"], told["agreed"]) == ("(sensitive)",) * 3


def test_a_row_with_a_change_and_a_drift_is_told_with_both(company, erpoa):
    with sqlite3.connect(company / "data" / "oa.db") as oa:
        oa.execute("UPDATE supplier SET payment_days = 7 WHERE code = 'S0001'")
    with sqlite3.connect(company / "data" / "erp.db") as erp:
        erp.execute("UPDATE supplier SET name = '新名称' WHERE code = 'S0001'")
    assert erpoa("-C", company, "plan").exit == 0
    answer = erpoa("-C", company, "explain", "oa_suppliers/code=S0001", "--format", "json").json()
    assert "would update oa_suppliers/code=S0001 (name)" in answer["said"]
    assert "reports drift" in answer["said"]
    assert "they changed payment_days" in answer["said"]
    told = fields(answer)
    assert told["name"]["desired"] == '"新名称"'
    assert [told["payment_days"][side] for side in ("actual", "desired", "agreed")] == ["7", "30", "30"]


def test_every_step_of_a_row_is_told(company, erpoa):
    """A new department whose manager is new too: created first, its manager set by a second step."""
    with sqlite3.connect(company / "data" / "erp.db") as erp:
        erp.execute("INSERT INTO department VALUES (99, 'D99', '新部门', 'D00', 'E9999')")
        erp.execute("INSERT INTO employee (no, name, department_code) VALUES ('E9999', '张新', 'D99')")
    assert erpoa("-C", company, "plan").exit == 0
    answer = erpoa("-C", company, "explain", "oa_departments/code=D99", "--format", "json").json()
    assert "would create" in answer["said"]
    assert "would update oa_departments/code=D99 (manager_id)" in answer["said"]
    assert fields(answer)["manager_id"]["desired"].startswith("(id of oa_users no=E9999")


def test_a_plan_tells_never_agreed_from_agreed_null(company, erpoa):
    """The root of the departments has no parent, as agreed; a row that was forgotten has agreed on nothing."""
    with sqlite3.connect(company / "data" / "oa.db") as oa:
        oa.execute("UPDATE department SET parent_id = id WHERE code IN ('D00', 'D40')")
    assert erpoa("-C", company, "state", "forget", "oa_departments/code=D40", "--yes").exit == 0
    done = erpoa("-C", company, "plan", "--format", "json")
    told = {
        row["address"]: row["fields"]["parent_id"]
        for member in ("changes", "drift", "conflicts")
        for row in done.json()[member]
        if "parent_id" in row["fields"]
    }
    agreed = {where: (field["agreed"], field["never_agreed"]) for where, field in told.items()}
    assert agreed == {"oa_departments/code=D00": (None, False), "oa_departments/code=D40": (None, True)}
