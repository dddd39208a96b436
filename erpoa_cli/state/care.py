"""What is asked of a store as a whole, or done to it: its condition, its lock, its format."""

from __future__ import annotations

from pathlib import Path

from erpoa_cli.state import place
from erpoa_cli.state.control import Control
from erpoa_cli.state.database import Condition
from erpoa_cli.state.lock import break_lock
from erpoa_cli.state.place import URL
from erpoa_cli.state.recorded import open_records
from erpoa_cli.state.records import Holder


def condition(root: Path, url: URL = "") -> Condition:
    """What the store is, which rights there are, and what is wrong with it (`erpoa doctor`); fails as
    `open_reader` does."""
    database = place.reading(root, url)
    try:
        return database.condition()
    finally:
        database.close()


def release_lock(root: Path, environment: str, url: URL = "", project: str = "") -> Holder | None:
    """Break the lock of *environment* (`erpoa lock release`); who held it. The old holder's writes are refused."""
    with open_records(root, environment, url, project) as state:
        if state.lock_holder() is None:
            return None
    control = Control.writing(place.writing(root, url), project)
    try:
        return break_lock(control, environment)
    finally:
        control.close()


def migrate(root: Path, url: URL = "", project: str = "", *, renamed_from: str = "") -> int:
    """Bring the state's format up to date (`erpoa state migrate`), and make a store that is missing; the format it
    now has. *renamed_from*: what *project* was called when the shared store was made."""
    control = Control.writing(place.writing(root, url), renamed_from or project, migrate=True)
    try:
        if renamed_from:
            control.rename(renamed_from, project)
        return control.format
    finally:
        control.close()
