"""The lock of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.state import Holder


def lock_holder(work: Workspace) -> Holder | None:
    """Who holds the lock, even if the lease has run out; None when nobody does."""
    with work.records() as state:
        return state.lock_holder()


def release_lock(work: Workspace) -> Holder | None:
    """Take the lock away from its holder, whose next write is then refused; who it was."""
    from erpoa_cli.state import release_lock as release

    project = work.project
    return release(work.root, project.environment, project.state, project.name)
