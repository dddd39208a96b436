"""Sealing: every type comes back exactly, only with the key, only in its place."""

import os
import stat
from datetime import UTC, date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from erpoa_cli.core.canonical import canonical
from erpoa_cli.core.diagnostic import Failure
from erpoa_cli.core.schema import (
    BOOLEAN,
    DATE,
    INTEGER,
    STRING,
    TIMESTAMP,
    TIMESTAMPTZ,
    Kind,
    Type,
    decimal,
    parse_type,
)
from erpoa_cli.core.secret import Secret
from erpoa_cli.sdk.arrow import arrow_type
from erpoa_cli.state import Sealer, load_sealer
from erpoa_cli.state.texts import texts, values

SEALER = Sealer(b"k" * 32)
TEXT = st.text(st.characters(codec="utf-8"))
JSONS = Type(Kind.JSON)
LINES = parse_type("list<struct<no: integer, qty: decimal(9,3), 名称: string, at: timestamptz, raw: bytes>>")
MOMENTS = st.datetimes()
VALUES = {
    STRING: TEXT,
    JSONS: st.just('{"a": 1.10}'),
    INTEGER: st.integers(-(2**63), 2**63 - 1),
    decimal(38, 9): st.decimals(Decimal("-9e28"), Decimal("9e28"), places=9),
    decimal(38, 0): st.integers(-(10**38) + 1, 10**38 - 1).map(Decimal),
    decimal(4, 4): st.decimals(Decimal("-0.9999"), Decimal("0.9999"), places=4),
    BOOLEAN: st.booleans(),
    DATE: st.dates(),
    Type(Kind.TIME): st.times(),
    TIMESTAMP: MOMENTS,
    TIMESTAMPTZ: MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
    Type(Kind.BYTES): st.binary(),
    LINES: st.lists(
        st.none()
        | st.fixed_dictionaries(
            {
                "no": st.integers(0, 9) | st.none(),
                "qty": st.decimals(-99999, 99999, places=3) | st.none(),
                "名称": TEXT,
                "at": MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)),
                "raw": st.binary() | st.none(),
            }
        )
    ),
}
COLUMNS = st.sampled_from(list(VALUES)).flatmap(
    lambda type_: st.tuples(st.just(type_), st.lists(st.none() | VALUES[type_], max_size=5))
)


def code(call):
    with pytest.raises(Failure) as caught:
        call()
    return caught.value.diagnostics[0].code


@given(COLUMNS)
def test_every_type_comes_back(column):
    type_, plain = column
    array = pa.array(plain, arrow_type(type_))
    assert values(texts(array, type_), type_).equals(array)
    sealed = SEALER.seal(array, type_, "t.f")
    assert sealed.null_count == array.null_count
    assert SEALER.open(sealed, type_, "t.f").equals(array)


@given(COLUMNS.filter(lambda column: column[0] != LINES))
def test_texts_are_those_of_core(column):
    type_, plain = column
    array = pa.array(plain, arrow_type(type_))
    assert texts(array, type_).to_pylist() == [canonical(value, type_) for value in array.to_pylist()]


def test_texts_of_slices():
    array = pa.array([Decimal("1.20"), None, Decimal("-0.01"), Decimal("0.00")], pa.decimal128(9, 2)).slice(1)
    assert texts(array, decimal(9, 2)).to_pylist() == [None, "-0.01", "0.00"]
    chunked = pa.chunked_array([array, array.slice(2)])
    assert texts(chunked, decimal(9, 2)).to_pylist() == [None, "-0.01", "0.00", "0.00"]


def test_equal_values_do_not_look_equal():
    one, two = SEALER.seal(pa.array(["same", "same"]), STRING, "t.f").to_pylist()
    assert one != two
    assert b"same" not in one


def test_macs_compare_without_opening():
    macs = SEALER.mac(pa.array(["a", "a", "b", None, ""]), STRING, "t.f").to_pylist()
    assert macs[0] == macs[1]
    assert len({macs[0], macs[2], macs[4]}) == 3
    assert macs[3] is None
    assert SEALER.mac(pa.array(["a"]), STRING, "t.g")[0].as_py() != macs[0]
    assert Sealer(b"j" * 32).mac(pa.array(["a"]), STRING, "t.f")[0].as_py() != macs[0]


def test_only_the_key_and_the_place_open():
    sealed = SEALER.seal(pa.array(["6222 0212"]), STRING, "suppliers.iban")
    assert code(lambda: Sealer(b"j" * 32).open(sealed, STRING, "suppliers.iban")) == "E0514"
    assert code(lambda: SEALER.open(sealed, STRING, "suppliers.name")) == "E0514"
    content = sealed[0].as_py()
    for position in range(len(content)):
        altered = content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]
        assert code(lambda a=altered: SEALER.open(pa.array([a]), STRING, "suppliers.iban")) == "E0514"
    assert code(lambda: SEALER.open(pa.array([b""]), STRING, "suppliers.iban")) == "E0514"


def test_the_key_file(tmp_path):
    assert load_sealer(tmp_path) is None
    made = load_sealer(tmp_path, create=True)
    path = tmp_path / ".erpoa" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = load_sealer(tmp_path, create=True)
    assert made is not None
    assert again is not None
    sealed = made.seal(pa.array(["x"]), STRING, "t.f")
    assert again.open(sealed, STRING, "t.f").to_pylist() == ["x"]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_others_can_read_is_refused(tmp_path, mode):
    load_sealer(tmp_path, create=True)
    (tmp_path / ".erpoa" / "key").chmod(mode)
    assert code(lambda: load_sealer(tmp_path)) == "E0513"


@pytest.mark.parametrize("text", ["", "short", "zz" * 32, "00" * 31, "a" * 44 + "!"])
def test_what_is_not_a_key(tmp_path, text):
    assert code(lambda: load_sealer(tmp_path, Secret(text))) == "E0513"


def test_a_key_from_a_secret(tmp_path):
    one, two = (
        load_sealer(tmp_path, Secret("6b" * 32)),
        load_sealer(tmp_path, Secret("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=")),
    )
    assert one is not None
    assert two is not None
    sealed = one.seal(pa.array([date(1899, 12, 31)]), DATE, "t.f")
    assert two.open(sealed, DATE, "t.f").to_pylist() == [date(1899, 12, 31)]
    assert SEALER.open(sealed, DATE, "t.f").to_pylist() == [date(1899, 12, 31)]
