"""Bodies of answers: read as one meaning, or not at all."""

from __future__ import annotations

import pytest

from erpoa_cli.sdk.caps import Caps
from erpoa_cli.sdk.http.body import BadBody, decoded

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "content",
    [b'{"a": 1, "a": 1}', b'[{"b": {"c": [{"canary": 1, "x": 2, "canary": 3}]}}]', b'{"\\u0061": 1, "a": 2}'],
)
def test_an_object_with_a_key_twice_is_no_answer(content: bytes):
    with pytest.raises(BadBody, match="a key occurs twice") as told:
        decoded(content, JSON, Caps())
    assert "canary" not in str(told.value)


def test_objects_may_have_the_same_keys():
    assert decoded(b'[{"a": 1, "A": {"a": 2}}, {"a": 1}]', JSON, Caps()) == [
        {"a": 1, "A": {"a": 2}},
        {"a": 1},
    ]
