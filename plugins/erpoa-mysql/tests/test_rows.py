"""The decoder of rows against one that reads byte by byte, whatever pieces the socket gives."""

from __future__ import annotations

import itertools
import struct

from erpoa_mysql import rows
from hypothesis import given
from hypothesis import strategies as st

END = struct.pack("<I", 5) + b"\xfe\x00\x00\x02\x00"
VALUES = (
    st.none() | st.binary(max_size=8) | st.integers(240, 300).map(lambda n: b"v" * n) | st.just(b"w" * 70_000)
)


def value(data):
    if data is None:
        return b"\xfb"
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    return (
        b"\xfc" + struct.pack("<H", size) if size < 1 << 16 else b"\xfd" + struct.pack("<I", size)[:3]
    ) + data


def packets(payload, longest):
    """A payload as packets that continue each other, the last shorter than *longest*."""
    for at in range(0, len(payload) + 1, longest):
        part = payload[at : at + longest]
        yield struct.pack("<I", len(part)) + part


@given(
    st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[VALUES] * width), max_size=9)),
    st.sampled_from([300, 0xFFFF]),  # 16 MiB in earnest
    st.lists(st.tuples(st.sampled_from([1, 7, 300, 5000, 1 << 17]), st.booleans()), min_size=1, max_size=5),
)
def test_rows_come_out_as_they_went_in(table, longest, pieces):
    stream = b"".join(p for row in table for p in packets(b"".join(map(value, row)), longest)) + END
    width = len(table[0]) if table else 1
    usual, rows._LONGEST = rows._LONGEST, longest
    try:
        block, found = rows.Block(width), []
        for size, is_taken in itertools.cycle([*pieces, (3000, False)]):
            if not stream:
                break
            block.add(stream[:size])
            stream = stream[size:]
            if is_taken:
                found += taken(block)
        found += taken(block)
    finally:
        rows._LONGEST = usual
    assert block.ended
    assert found == table


def taken(block):
    return list(zip(*(column.to_pylist() for column in block.columns()), strict=True))


def test_an_error_ends_the_rows():
    block = rows.Block(1)
    block.add(struct.pack("<I", 2) + b"\x01a" + struct.pack("<I", 9) + b"\xff\x48\x04#HY000")
    assert block.error == b"\xff\x48\x04#HY000"
    assert not block.ended
    assert taken(block) == [(b"a",)]
