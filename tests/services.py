"""Real services for tests: skipped where there is none, unless it is required.

A plugin's tests get the fixture by `from tests.services import service_url` in their own conftest.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def service_url() -> Callable[[str], str]:
    """The URL of a service by its name: `service_url("POSTGRES")` reads ERPOA_TEST_POSTGRES_URL.

    Without it the test is skipped, and fails where ERPOA_TEST_REQUIRE (comma-separated) names the service.
    """

    def url(name: str) -> str:
        variable = f"ERPOA_TEST_{name}_URL"
        found = os.environ.get(variable)
        if found:
            return found
        required = {part.strip() for part in os.environ.get("ERPOA_TEST_REQUIRE", "").split(",")}
        if name in required:
            pytest.fail(f"{name} is required and {variable} is not set")
        pytest.skip(f"{variable} is not set")

    return url
