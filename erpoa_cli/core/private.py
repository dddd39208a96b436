"""What looks like a value that not everybody may see, before anybody has declared its class.

A guess for discovery only: it errs towards hiding. What a project declares (`class:`) is not a matter of looks.
"""

from __future__ import annotations

import re

from erpoa_cli.core.schema import Sensitivity

_SECRET = re.compile(r"passw|pwd|secret|token|api_?key|private_?key|credential|salt$|密码|口令|密钥|令牌")
_SENSITIVE = re.compile(
    r"id_?card|identity|identi(fication|ty)_?(no|number)|national_?id|passport|ssn|social_?sec|tax_?(no|id|number|code)|vat|"
    r"iban|swift|bank|account_?(no|number)|card_?(no|number)|credit_?card|salar|wage|payroll|bonus|"
    r"phone|mobile|tel(ephone)?(_|$)|fax|e?mail|address|birth|gender|marital|religio|medical|health|"
    r"身份|证件|护照|社保|税号|信用代码|纳税|银行|账号|帐号|账户|卡号|工资|薪|奖金|电话|手机|邮箱|邮件|地址|住址|生日|出生|性别|婚姻|病"
)
_FORMS = (
    re.compile(r"\d{17}[\dXx]"),  # a Chinese identity number
    re.compile(r"(\+?86[- ]?)?1[3-9]\d{9}"),  # a Chinese mobile number
    re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}"),  # IBAN
    re.compile(r"\d{16,19}"),  # bank and credit cards; shorter ones are bar codes
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[\s.\-]+")


def likely_class(name: str, value: str) -> Sensitivity:
    """The class that a field called *name*, of which one value reads *value*, most likely deserves."""
    words = _WORD.sub("_", name).lower()
    if _SECRET.search(words):
        return Sensitivity.SECRET
    if _SENSITIVE.search(words) or any(form.fullmatch(value.strip()) for form in _FORMS):
        return Sensitivity.SENSITIVE
    return Sensitivity.PUBLIC
