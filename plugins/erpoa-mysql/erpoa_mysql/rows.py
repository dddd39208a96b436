"""Rows as the protocol sends them, turned into columns: every step is done for all rows of a block at once.

A row is a packet (three bytes of length, one of sequence) of values, each behind its length: one byte below 251, 251
for NULL, or 252, 253, 254 before lengths of two, three or eight bytes
(https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset.html).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_HEADER = 4
_LONGEST = 0xFFFFFF  # a packet of this length goes on in the next
_NULL, _END, _ERROR = 0xFB, 0xFE, 0xFF
_WIDER = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_END_SIZE = 9  # a packet that begins with _END and is shorter ends the rows

_Numbers = npt.NDArray[np.int64]
_Bytes = npt.NDArray[np.uint8]


class Block:
    """Rows of *width* values as they come in. `ended` when the last has come; `error` is the packet that ended them
    early."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._data = bytearray()
        self._starts: list[int] = []  # where the values of each row begin
        self._next = 0  # where the next packet begins
        self.ended = False
        self.error = b""

    @property
    def size(self) -> int:
        """Bytes of the rows that are whole."""
        return self._next

    def add(self, more: bytes) -> None:
        """Take in what the socket gave."""
        self._data += more
        data, at, add = self._data, self._next, self._starts.append
        end = len(data)
        while at + _HEADER <= end:
            size = data[at] | data[at + 1] << 8 | data[at + 2] << 16
            after = at + _HEADER + size
            if size == _LONGEST:
                if (after := self._joined(at)) < 0:
                    break
                end = len(data)
            elif after > end:
                break
            kind = data[at + _HEADER]
            if kind == _END and size < _END_SIZE:
                self.ended = True
                break
            if kind == _ERROR:
                self.error = bytes(data[at + _HEADER : after])
                break
            add(at + _HEADER)
            at = after
        self._next = at

    def columns(self) -> list[pa.Array]:
        """The rows that are whole, as columns of bytes; they leave the block."""
        data = np.frombuffer(bytes(self._data[: self._next]), np.uint8)
        at = np.array(self._starts, np.int64)
        del self._data[: self._next]
        self._starts, self._next = [], 0
        columns = []
        for _ in range(self._width):
            begin, size, is_null = _sizes(data, at)
            columns.append(_gathered(data, begin, size, is_null))
            at = begin + size
        return columns

    def _joined(self, at: int) -> int:
        """Make one packet of those that continue each other from *at*; where it ends, -1 when it has not come yet."""
        data, joints, begin = self._data, [], at
        while True:
            if begin + _HEADER > len(data):
                return -1
            size = int.from_bytes(data[begin : begin + 3], "little")
            begin += _HEADER + size
            if begin > len(data):
                return -1
            if size < _LONGEST:
                break
            joints.append(begin)
        for joint in reversed(joints):
            del data[joint : joint + _HEADER]
        return begin - _HEADER * len(joints)


def _sizes(data: _Bytes, at: _Numbers) -> tuple[_Numbers, _Numbers, npt.NDArray[np.bool_]]:
    """Of the value that begins at each of *at*: where its bytes are, how many, and whether it is NULL."""
    first = data[at]
    begin, size = at + 1, first.astype(np.int64)
    is_null = first == _NULL
    size[is_null] = 0
    for mark, width in _WIDER.items():
        rows = np.nonzero(first == mark)[0]
        if len(rows):
            size[rows] = sum(data[at[rows] + 1 + k].astype(np.int64) << (8 * k) for k in range(width))
            begin[rows] += width
    return begin, size, is_null


def _gathered(data: _Bytes, begin: _Numbers, size: _Numbers, is_null: npt.NDArray[np.bool_]) -> pa.Array:
    """The values side by side, as Arrow keeps them."""
    offsets = np.zeros(len(size) + 1, np.int64)
    np.cumsum(size, out=offsets[1:])
    taken = np.repeat(begin - offsets[:-1], size)
    taken += np.arange(offsets[-1])
    buffers: list[Any] = [
        pa.py_buffer(np.packbits(~is_null, bitorder="little")) if is_null.any() else None,
        pa.py_buffer(offsets.astype(np.int32)),  # one value has at most a gibibyte, all others fit a block
        pa.py_buffer(data[taken]),
    ]
    return pa.Array.from_buffers(pa.binary(), len(size), buffers, int(is_null.sum()))
