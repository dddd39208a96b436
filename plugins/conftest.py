"""The tests of plugins share what all tests share."""

from __future__ import annotations

import pytest

from tests import suite


def pytest_configure(config: pytest.Config) -> None:
    suite.register(config)
