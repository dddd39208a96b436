"""Projects made of a few texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from erpoa_cli.core.project import Project
from erpoa_cli.project import load

SMALLEST = {
    "erpoa.yml": "format: 1\nname: first\n",
    "systems/s.yml": "systems: {erp: {plugin: sqlite, config: {path: erp.db}}, oa: {plugin: sqlite, config: {path: oa.db}}}\n",
    "sources/s.yml": "sources: {erp_suppliers: {system: erp, object: supplier, key: [code], fields: {code: string, name: string}}}\n",
    "targets/t.yml": "targets: {oa_suppliers: {from: erp_suppliers, system: oa, object: supplier, key: [code], fields: [code, name]}}\n",
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the smallest project with *files* over it."""

    def writing(files: dict[str, str] | None = None) -> Path:
        for name, text in {**SMALLEST, **(files or {})}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return writing


@pytest.fixture
def loaded(write: Callable[..., Path]) -> Callable[..., Project]:
    """Loads the smallest project with *files* over it, in an environment of *env* alone."""

    def loading(
        files: dict[str, str] | None = None, env: dict[str, str] | None = None, **options: object
    ) -> Project:
        return load(write(files), getenv=(env or {}).get, **options)  # type: ignore[arg-type]

    return loading
