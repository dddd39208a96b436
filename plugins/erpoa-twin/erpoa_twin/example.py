"""The company a twin begins with."""

from __future__ import annotations

from typing import Any

EXAMPLE: dict[str, list[dict[str, Any]]] = {
    "suppliers": [
        {"code": "S0001", "name": "上海申特钢材有限公司", "tax_no": "91310000MA1FL00001"},
        {"code": "S0002", "name": "宁波港联物流有限公司", "tax_no": "91330200MA2AF00002"},
        {"code": "S0003", "name": "Müller & Söhne GmbH", "tax_no": "DE129273398"},
        {"code": "S0009", "name": "苏州旧厂五金(停用)", "active": False},
    ],
    "products": [
        {"code": "P100", "name": "冷轧钢板 2mm", "unit": "kg"},
        {"code": "P200", "name": "运输服务", "unit": "次"},
        {"code": "P300", "name": "轴承 6204", "unit": "个"},
    ],
    "departments": [
        {"code": "D1", "name": "总公司"},
        {"code": "D10", "name": "采购部", "parent": "D1"},
        {"code": "D20", "name": "生产部", "parent": "D1"},
    ],
    "employees": [
        {"code": "E001", "name": "王伟", "email": "wang.wei@huaxin.example", "department": "D10"},
        {"code": "E002", "name": "李娜", "email": "li.na@huaxin.example", "department": "D20"},
    ],
}
