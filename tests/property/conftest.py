from __future__ import annotations

from tests.services import mariadb_url, postgres_url

__all__ = ["mariadb_url", "postgres_url"]
