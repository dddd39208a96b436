"""Which cases were generated is part of what a run tells."""

from __future__ import annotations

import pytest

from tests.property.worlds import SEED
from tests.services import mariadb_url, postgres_url

__all__ = ["mariadb_url", "postgres_url"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"generated cases: seed {SEED} (tests/property/worlds.py)")
