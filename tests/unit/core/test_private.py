"""What discovery hides: by name or by form; plain master data stays visible."""

from __future__ import annotations

import pytest

from erpoa_cli.core.private import likely_class


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id_card", ""),
        ("IdCard", ""),
        ("身份证号", ""),
        ("f_17", "110101197001011231"),
        ("f_17", "11010119700101123X"),
        ("bankAccount", ""),
        ("开户银行", ""),
        ("f_18", "DE89370400440532013000"),
        ("f_19", "6222021234567890123"),
        ("contact", "13812345678"),
        ("contact", "+86 13812345678"),
        ("who", "li.wei@huaxin.example"),
        ("tax_no", "91310000MA1FL0001A"),
        ("Salary Base", "1"),
        ("contact_phone", "021-5550 9901"),
    ],
)
def test_what_looks_sensitive(name: str, value: str):
    assert likely_class(name, value) == "sensitive"


@pytest.mark.parametrize("name", ["password", "pwd_hash", "apiKey", "API_KEY", "access.token", "登录密码"])
def test_what_looks_secret(name: str):
    assert likely_class(name, "x") == "secret"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("code", "S0001"),
        ("name", "上海申特钢材有限公司"),
        ("category", "原材料"),
        ("payment_days", "30"),
        ("active", "1"),
        ("updated_at", "2026-01-01 00:00:00"),
        ("qty", "123456789012"),
        ("ean", "4006381333931"),
        ("credit_limit", "12345678901.50"),
        ("order_no", "PO-2026-000123"),
        ("title", "总经理"),
    ],
)
def test_plain_master_data_stays_visible(name: str, value: str):
    assert likely_class(name, value) == "public"
