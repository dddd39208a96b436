"""What all tests share is in `tests.suite`; here are the fixtures of services for everything under tests/."""

from __future__ import annotations

import pytest

from tests import suite
from tests.services import service_url
from tests.suite import pytest_xdist_auto_num_workers  # asked for before plugins of ours are there

__all__ = ["pytest_xdist_auto_num_workers", "service_url"]


def pytest_configure(config: pytest.Config) -> None:
    suite.register(config)
