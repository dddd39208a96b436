"""The tutorial about an API that nobody has seen, executed against the warehouse; and what it says of lost answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.page import blocks, execute

from .program import erpoa
from .warehouse.serve import Warehouse, serving

HERE = Path(__file__).parent / "warehouse"
pytestmark = pytest.mark.slow


def follow(place: Path, where: str) -> None:
    text = (HERE / "openapi.yaml").read_text(encoding="utf-8")
    (place / "openapi.yaml").write_text(text.replace("127.0.0.1:8900", where), encoding="utf-8")
    assert execute("connect-an-api.md", place, lambda text: text.replace("127.0.0.1:8900", where)) > 10


def test_the_chinese_page_has_the_same_blocks():
    assert blocks("connect-an-api.zh-CN.md") == blocks("connect-an-api.md")


def test_the_page_is_true(tmp_path: Path):
    with serving() as (warehouse, where):
        follow(tmp_path, where)
        bearing = next(g for g in warehouse.goods.values() if g["条码"] == "00690001")
        assert (bearing["单价"], bearing["规格"], bearing["供应商"]) == (
            "13.20",
            "20×47×14",
            {"代码": "S0001"},
        )
        ring = next(g for g in warehouse.goods.values() if g["条码"] == "007")
        assert (ring["单价"], ring["上架日期"]) == ("0.35", "2026/02/01")
        break_and_recover(warehouse, tmp_path)


def break_and_recover(warehouse: Warehouse, place: Path) -> None:
    """Answers are lost and the warehouse is busy: every record is created once all the same."""
    rows = "".join(f"0{n},件 {n},{n}.50,2026-02-01,S0001\n" for n in range(20))
    (place / "data/goods.csv").write_text(f"barcode,name,price,since,supplier\n{rows}", encoding="utf-8")
    warehouse.created.clear()
    done = erpoa(place, "plan", "-o", "more.erpoaplan")
    assert done.returncode == 0, done.stdout + done.stderr
    warehouse.busy, warehouse.lost = 5, 4
    done = erpoa(place, "apply", "more.erpoaplan")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (warehouse.busy, warehouse.lost) == (0, 0)
    assert sorted(warehouse.created) == sorted(f"0{n}" for n in range(20))
    assert "tutorial-key" not in done.stdout + done.stderr
