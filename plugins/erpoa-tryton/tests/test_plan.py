"""The installed `erpoa` keeps suppliers, products and purchases of a real Tryton in agreement with an OA; hand-written
SQL over Tryton's tables says whether it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from erpoa_tryton.session import TrytonSession

from tests.program import Forks

from .project import Site
from .server import Server

pytestmark = pytest.mark.in_turn("tryton-plans", of=2, seconds=25)

PURCHASES = """
    SELECT p.reference, s.code, a.city, p.comment, p.state, l.sequence, t.code, l.quantity, l.unit_price
    FROM purchase_purchase p JOIN party_party s ON s.id = p.party LEFT JOIN party_address a ON a.id = p.invoice_address
    LEFT JOIN purchase_line l ON l.purchase = p.id LEFT JOIN product_product x ON x.id = l.product
    LEFT JOIN product_template t ON t.id = x.template
    WHERE p.reference LIKE 'PR-%' ORDER BY 1, 6
"""
SUPPLIERS = """
    SELECT s.code, s.name, a.city, a.street_unstructured, i.code FROM party_party s
    LEFT JOIN party_address a ON a.party = s.id LEFT JOIN party_identifier i ON i.party = s.id
    WHERE s.code IN ('S1', 'S2', 'S3') ORDER BY 1
"""


def floats(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """*rows* with their numbers as floats: SQLite keeps Tryton's decimals as texts or bytes of its own."""
    return [
        tuple(float(v) if at in (7, 8) and v is not None else v for at, v in enumerate(row)) for row in rows
    ]


@pytest.fixture(autouse=True)
def fresh(tryton_server: Server) -> None:
    """Without the thousands of rows that other tests write."""
    tryton_server.restore()


def test_an_oa_and_a_tryton_agree(
    tryton_server: Server, tryton_config: dict[str, Any], erpoa: Forks, tmp_path: Path
) -> None:
    site = Site.made(tmp_path, tryton_config, erpoa)
    site.expect(0, "validate", "--online")
    site.apply()
    assert tryton_server.rows(SUPPLIERS) == [
        ("S1", "华鑫钢材有限公司 🏭", "杭州", "文三路 1 号", "91110000600037341L"),
        ("S2", "O'Brien & “Söhne”", "上海", "", None),
        ("S3", "　全角空格％_", "深圳", "a\nb", "914403001922038216"),
    ]
    assert floats(tryton_server.rows(PURCHASES)) == [
        ("PR-2026-0001", "S1", "杭州", "加急", "draft", 1, "P1", 100.0, 0.35),
        ("PR-2026-0001", "S1", "杭州", "加急", "draft", 2, "P2", 12.5, 4.2),
        ("PR-2026-0002", "S2", "上海", None, "draft", 1, "P2", 0.12, 1000.0001),
    ]

    # A day's work: names, a new document, a changed and a removed line, a removed note.
    site.oa(
        """
        UPDATE supplier SET name = '改名 ”', city = '宁波' WHERE code = 'S1';
        UPDATE requisition SET note = NULL WHERE no = 'PR-2026-0001';
        UPDATE line SET qty = '101' WHERE no = 'PR-2026-0001' AND line_no = 1;
        DELETE FROM line WHERE no = 'PR-2026-0001' AND line_no = 2;
        INSERT INTO requisition (no, supplier_code) VALUES ('PR-2026-0003', 'S3');
        INSERT INTO line VALUES ('PR-2026-0003', 1, 'P1', '7', '0.3');
        """
    )
    site.apply()
    assert floats(tryton_server.rows(PURCHASES)) == [
        ("PR-2026-0001", "S1", "宁波", None, "draft", 1, "P1", 101.0, 0.35),
        ("PR-2026-0002", "S2", "上海", None, "draft", 1, "P2", 0.12, 1000.0001),
        ("PR-2026-0003", "S3", "深圳", None, "draft", 1, "P1", 7.0, 0.3),
    ]


def test_what_others_do_in_tryton(
    tryton_server: Server, tryton: TrytonSession, tryton_config: dict[str, Any], erpoa: Forks, tmp_path: Path
) -> None:
    """Numbers and totals that Tryton gives, rows that are deactivated, changes between plan and apply."""
    site = Site.made(tmp_path, tryton_config, erpoa)
    site.prefixed("T")
    site.apply()
    [first] = [
        row[0]
        for row in tryton_server.rows("SELECT id FROM purchase_purchase WHERE reference = 'TPR-2026-0001'")
    ]
    tryton.client.change("model.purchase.purchase.quote", [first])
    [gone] = [row[0] for row in tryton_server.rows("SELECT id FROM party_party WHERE code = 'TS2'")]
    tryton.client.change("model.party.party.write", [gone], {"active": False})
    site.expect(0, "plan", "--detailed-exitcode")

    site.oa("UPDATE supplier SET name = 'ours ' || code")
    site.expect(0, "plan", "-o", "late.erpoaplan")
    [third] = [row[0] for row in tryton_server.rows("SELECT id FROM party_party WHERE code = 'TS3'")]
    tryton.client.change("model.party.party.write", [third], {"name": "theirs"})
    said = site.expect(5, "apply", "late.erpoaplan", "--yes")
    assert "1 applied, 1 rejected, 1 stale" in said
    assert 'not allowed to modify the field "Name"' in said, "what is inactive cannot be changed in Tryton"
    assert tryton_server.rows("SELECT code, name FROM party_party WHERE code LIKE 'TS%' ORDER BY 1") == [
        ("TS1", "ours TS1"), ("TS2", "O'Brien & “Söhne”"), ("TS3", "theirs")
    ]  # fmt: skip
    site.expect(2, "drift", "--detailed-exitcode")


def test_what_is_processing_or_done_waits_for_a_person(
    tryton_server: Server, tryton_config: dict[str, Any], erpoa: Forks, tmp_path: Path
) -> None:
    """Tryton goes on from confirmed by itself: to processing, and to done where nothing is to come."""
    site = Site.made(tmp_path, tryton_config, erpoa)
    site.oa(
        """
        INSERT INTO requisition (no, supplier_code) VALUES ('PR-2026-0003', 'S3');
        INSERT INTO line VALUES ('PR-2026-0003', 1, 'P1', '7', '0.3');
        UPDATE line SET qty = '0' WHERE no = 'PR-2026-0002'; UPDATE requisition SET stage = 'confirmed'
        """
    )
    site.prefixed("U")
    site.apply()
    states = "SELECT reference, state FROM purchase_purchase WHERE reference LIKE 'UPR-%' ORDER BY 1"
    went_on = [("UPR-2026-0001", "processing"), ("UPR-2026-0002", "done"), ("UPR-2026-0003", "processing")]
    assert tryton_server.rows(states) == went_on

    site.oa(
        """
        UPDATE requisition SET stage = 'undo' WHERE no < 'UPR-2026-0003';
        UPDATE line SET qty = '8' WHERE no = 'UPR-2026-0003'
        """
    )
    plan = json.loads(site.expect(0, "plan", "-o", "undo.erpoaplan", "--format", "json", "--full"))
    assert plan["changes"] == []
    assert {task["key"]["no"]: (task["code"], task["reason"]) for task in plan["tasks"]} == {
        "UPR-2026-0001": ("E0450", "it must no longer be, and is processing, which only a person can undo"),
        "UPR-2026-0002": ("E0450", "it must no longer be, and is done, which only a person can undo"),
        "UPR-2026-0003": (
            "E0452",
            "its lines changed, and it is processing, in which nothing can be written",
        ),
    }
    site.expect(5, "apply", "undo.erpoaplan", "--yes")
    assert tryton_server.rows(states) == went_on


def test_what_is_discovered_can_be_planned(
    tryton_server: Server, tryton: TrytonSession, tryton_config: dict[str, Any], erpoa: Forks, tmp_path: Path
) -> None:
    """Objects are found, and the declarations that are written for them read every row."""
    site = Site.made(tmp_path, tryton_config, erpoa)
    objects = ("party.party", "purchase.purchase", "purchase.line", "res.user.groups")
    site.expect(0, "discover", "erp", *(word for name in objects for word in ("--object", name)), "--write")
    site.expect(0, "validate", "--online")
    assert "purchase.requisition" in site.expect(0, "discover", "erp")
    site.expect(0, "extract")
    told = site.expect(0, "query", "SELECT count(*) AS n FROM source.erp_party_party", "--format", "csv")
    [(count,)] = tryton_server.rows("SELECT count(*) FROM party_party")
    assert told.split() == ["n", str(count)]
