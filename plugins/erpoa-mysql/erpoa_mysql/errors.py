"""What error numbers mean (https://mariadb.com/kb/en/mariadb-error-code-reference/,
https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html)."""

from __future__ import annotations

import re
import ssl

from pymysql import err  # type: ignore[import-untyped]

from erpoa_cli.sdk.errors import (
    ContractBroken,
    Denied,
    Duplicate,
    Fatal,
    MasterMissing,
    Rejected,
    SystemFailure,
    Transient,
)

NO_STREAM = frozenset({1148, 2068, 3948, 4166})  # LOAD DATA LOCAL is not allowed
NO_SUCH_PROCESS = 1094
_BY_NUMBER: dict[int, type[SystemFailure]] = {
    **dict.fromkeys((1022, 1062, 1169, 1557, 1586, 1761), Duplicate),
    **dict.fromkeys((1216, 1452), MasterMissing),  # its parent is not there
    **dict.fromkeys(
        (
            1048, 1118, 1217, 1263, 1264, 1265, 1292, 1364, 1365, 1366, 1369, 1406, 1411, 1425, 1451, 1526, 1644, 1690,
            1748, 1843, 1864, 3140, 3141, 3732, 3819, 4025, 4078,
        ),
        Rejected,
    ),
    **dict.fromkeys(
        (1044, 1045, 1130, 1142, 1143, 1227, 1290, 1370, 1372, 1396, 1524, 1698, 1792, 1820, 1836, 1862, 2059, 3118, 4151),
        Denied,
    ),
    **dict.fromkeys(
        (
            0, 1015, 1020, 1021, 1037, 1038, 1040, 1041, 1047, 1053, 1080, 1114, 1129, 1135, 1152, 1158, 1159,
            1160, 1161, 1184, 1203, 1205, 1206, 1213, 1226, 1317, 1613, 1614, 1637, 1927, 1969, 2002, 2003, 2006, 2013,
            2055, 3024, 3058, 3101, 3572,
        ),
        Transient,
    ),
    **dict.fromkeys(
        (
            1046, 1049, 1051, 1054, 1064, 1109, 1146, 1166, 1235, 1286, 1288, 1295, 1305, 1356, 1471, 1906, 3105,
        ),
        ContractBroken,
    ),
}  # fmt: skip
_BY_CLASS: dict[str, type[SystemFailure]] = {
    "08": Transient,  # connection
    "22": Rejected,  # data
    "23": Rejected,  # integrity
    "28": Denied,  # authorization
    "40": Transient,  # rollback
    "42": ContractBroken,  # names, syntax
    "45": Rejected,  # a trigger's own words
}
# definite: the transaction is undone, whatever it was doing
ROLLED_BACK = frozenset({1205, 1213, 1614})
# the values that messages quote, and the row numbers of our stage
_VALUES = (
    (re.compile(r"(?<=Duplicate entry )'.*'(?= for key)", re.DOTALL), "(withheld)"),
    (re.compile(r"(?<=[Ii]ncorrect )([\w ]+?) value: '.*'(?= for |$)", re.DOTALL), r"\1 value"),
    (re.compile(r"(?<=value is out of range in )'.*'", re.DOTALL), "the statement"),
    (re.compile(r"(?<=has no partition for value ).*", re.DOTALL), "(withheld)"),
    (re.compile(r"(?<=Invalid JSON text)\b.*", re.DOTALL), ""),
    (re.compile(r" at row \d+$"), ""),
)


def failure(error: Exception) -> SystemFailure:
    """What *error* of the driver means; the values that it quotes are left out."""
    if isinstance(error, SystemFailure):
        return error
    number, words = told(error)
    if isinstance(getattr(error, "original_exception", None), ssl.SSLError):
        return Fatal(words)
    state = getattr(error, "sqlstate", None) or ""
    usual = Transient if isinstance(error, err.InterfaceError) else Fatal
    kind = _BY_NUMBER.get(number) or _BY_CLASS.get(state[:2], usual)
    for quoted, instead in _VALUES if kind is not Denied else ():
        words = quoted.sub(instead, words)
    return kind(f"{words} (error {number})" if number else words or "the connection is closed")


def told(error: Exception) -> tuple[int, str]:
    """The number and the words of an error of the driver; 0 where it has none."""
    number, words = (*error.args, "", "")[:2] if error.args else (0, "")
    if not isinstance(number, int):
        number, words = 0, number
    return number, " ".join(str(words).split())
