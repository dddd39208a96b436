"""Addresses, as text and back."""

from __future__ import annotations

import pytest

from erpoa_cli.core.address import Address, parse_address


@pytest.mark.parametrize(
    "text", ["t/code=A,code=B", "t/a=1,b=2,a=1", "t/code=A,c%6Fde=B", "t", "t/", "t/=1", "/a=1"]
)
def test_what_names_no_row_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="address"):
        parse_address(text)


def test_every_address_is_read_back() -> None:
    address = Address.of("t", {"a": "x,y=/%", "b": ""})
    assert parse_address(str(address)) == address
