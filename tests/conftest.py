"""What all tests share: a neutral environment, and services by name."""

from __future__ import annotations

import os

import hypothesis
import pytest

from tests.services import service_url

__all__ = ["service_url"]

# A slow machine is no failure; CI draws the same examples every time, developers draw new ones.
hypothesis.settings.register_profile("erpoa", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("erpoa")


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches what is tested."""
    for name in os.environ:
        if name.startswith("ERPOA_") and not name.startswith("ERPOA_TEST_"):
            monkeypatch.delenv(name)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
