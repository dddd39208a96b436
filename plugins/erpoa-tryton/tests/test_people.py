"""Users, groups and what they may: read for reviews, and changed one grant at a time."""

from __future__ import annotations

import pyarrow as pa
from erpoa_tryton.session import TrytonSession

from erpoa_cli.core.plan import ReadStatus
from erpoa_cli.sdk.conformance.writer import Writer, fields, outcomes, read, told
from erpoa_cli.sdk.connector import ReadRequest

PAIR = {"origin": "integer", "target": "integer"}
USER = {"id": "integer", "login": "string", "name": "string", "active": "boolean"}


def users(session: TrytonSession) -> Writer:
    return Writer(session, "res.user", **USER)


def grants(session: TrytonSession) -> Writer:
    return Writer(session, "res.user.groups", ("origin", "target"), **PAIR)


def of(session: TrytonSession, user: int) -> list[int]:
    """The groups of *user*, as Tryton tells them itself."""
    [row] = session.client.read("model.res.user.read", [user], ["groups"], active_test=False)
    return sorted(row["groups"])


def test_a_user_is_made_changed_and_deactivated(tryton: TrytonSession) -> None:
    [made] = users(tryton).create([{"login": "zhang", "name": "张伟"}])
    id_ = {"id": made["id.id"]}
    before = {"name": "张伟", "active": True}
    assert outcomes(users(tryton).update([id_], [{"active": False}], [before])) == ["applied"]
    rows, _ = read(tryton, "res.user", **USER)
    assert {"id": str(made["id.id"]), "login": "zhang", "name": "张伟", "active": "false"} in rows
    again = users(tryton).create([{"login": "zhang", "name": "x"}], unless=(("login",),))
    assert outcomes(again) == ["stale"], "an inactive user is no absent one"
    [refused] = users(tryton).create([{"login": "zhang", "name": "x"}])
    assert (refused["outcome"], refused["error_class"]) == ("rejected", "duplicate")
    assert outcomes(users(tryton).update([id_], [{"active": True}], [{"name": "张伟"}])) == ["applied"]


def test_groups_are_given_and_taken(tryton: TrytonSession) -> None:
    one, two = (
        a["id.id"] for a in users(tryton).create([{"login": f"g{n}", "name": f"用户 {n}"} for n in (1, 2)])
    )
    a, b, c = tryton.client.read("model.res.group.search", [], 0, 3, [["id", "ASC"]])
    new = [(one, a), (one, b), (two, b), (two, c)]
    rows = [{"origin": user, "target": group} for user, group in new]
    answers = grants(tryton).create(rows, unless=(("origin", "target"),))
    assert outcomes(answers) == ["applied"] * 4, answers
    assert [(x["id.origin"], x["id.target"]) for x in answers] == new
    assert (of(tryton, one), of(tryton, two)) == (sorted([a, b]), sorted([b, c]))
    assert outcomes(grants(tryton).create(rows[:1], unless=(("origin", "target"),))) == ["stale"]
    assert outcomes(grants(tryton).create(rows[:1])) == ["applied"]
    assert of(tryton, one) == sorted([a, b]), "given twice is given once"
    taken = [{"origin": one, "target": a}, {"origin": one, "target": c}]
    assert outcomes(grants(tryton).delete(taken, taken)) == ["applied", "stale"]
    assert (of(tryton, one), of(tryton, two)) == ([b], sorted([b, c]))
    found, _ = read(tryton, "res.user.groups", **PAIR)
    assert {(int(r["origin"]), int(r["target"])) for r in found} >= {(one, b), (two, b), (two, c)}
    assert (str(one), str(a)) not in {(r["origin"], r["target"]) for r in found}


def test_a_grant_is_found_by_either_side(tryton: TrytonSession) -> None:
    [one] = (a["id.id"] for a in users(tryton).create([{"login": "f1", "name": "x"}]))
    a, b = tryton.client.read("model.res.group.search", [], 0, 2, [["id", "ASC"]])
    grants(tryton).create([{"origin": one, "target": group} for group in (a, b)])
    asked = ReadRequest(object="res.user.groups", fields=fields(**PAIR))
    rows, verdict = told(tryton.find(asked, ["origin"], pa.table({"origin": [one]})))
    assert verdict.status is ReadStatus.COMPLETE, verdict
    assert {row["target"] for row in rows} == {str(a), str(b)}
    rows, _ = told(
        tryton.find(asked, ["origin", "target"], pa.table({"origin": [one, one], "target": [a, 999]}))
    )
    assert rows == [{"origin": str(one), "target": str(a)}]
    rows, _ = told(tryton.find(asked, ["target"], pa.table({"target": [b]})))
    assert str(one) in {row["origin"] for row in rows}
    assert {row["target"] for row in rows} == {str(b)}
    narrowed = ReadRequest(object="res.user.groups", fields=fields(**PAIR), filter={"target": a})
    rows, _ = told(tryton.read(narrowed))
    assert {row["target"] for row in rows} == {str(a)}


def test_rights_are_read(tryton: TrytonSession) -> None:
    names = {row["id"]: row["name"] for row in read(tryton, "res.group", id="integer", name="string")[0]}
    rights, verdict = read(
        tryton, "ir.model.access", model="string", group="string", perm_read="boolean", perm_delete="boolean"
    )
    assert verdict.status is ReadStatus.COMPLETE, verdict
    purchase = {names.get(r["group"]): r["perm_delete"] for r in rights if r["model"] == "purchase.purchase"}
    assert purchase[None] == "false"
    assert purchase["Purchase"] == "true"
    for object_, types in {
        "ir.rule.group": {"name": "string", "global_p": "boolean", "perm_write": "boolean"},
        "ir.rule": {"rule_group": "integer", "domain": "string"},
        "ir.rule.group.groups": PAIR,
        "ir.model.button": {"model": "string", "name": "string"},
        "ir.model.button.groups": PAIR,
    }.items():
        rows, verdict = read(tryton, object_, **types)
        assert verdict.status is ReadStatus.COMPLETE, (object_, verdict)
        assert rows or object_ == "ir.rule.group.groups", object_
    buttons = {
        (r["model"], r["name"]): r["id"]
        for r in read(tryton, "ir.model.button", id="integer", model="string", name="string")[0]
    }
    may = [
        r
        for r in read(tryton, "ir.model.button.groups", **PAIR)[0]
        if r["origin"] == buttons["purchase.purchase", "process"]
    ]
    assert {names[r["target"]] for r in may} == {"Purchase Administrator"}
