"""Files of a project, made of what a system offers or of the document of its interface."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.usecase.workspace import Workspace

if TYPE_CHECKING:
    from erpoa_cli.engine.discover import Offer


def declare(work: Workspace, system: str, offers: Sequence[Offer]) -> tuple[str, ...]:
    """Write declarations that read the objects of *system*, and commented ones that write them: the files, relative to
    the project. `Failure` E0604 when one is there already."""
    sources = "# Written by `erpoa discover`; rename, trim and describe what you need.\nsources:\n"
    sources += "\n".join(o.source for o in offers) + "\n"
    body = "targets:\n" + "\n".join(o.target for o in offers if o.info.writable) + "\n"
    head = "# Written by `erpoa discover`: take away the # of what erpoa shall write, and say what it is made `from:`.\n"
    targets = head + "".join(f"# {line}\n" for line in body.splitlines())
    files = {f"sources/{system}_discovered.yml": sources, f"targets/{system}_discovered.yml": targets}
    return _keep(work.root, files)


def draft(system: str, file: Path) -> str:
    """The text of a file that declares the new *system* as the OpenAPI document *file* describes it. `Failure` E0605 for a
    name that no system can have, E0616 when there is nothing to declare, E0617 when no connector reads such documents."""
    from erpoa_cli.engine.discover import drafted
    from erpoa_cli.project import interface_document

    if not re.fullmatch(r"[^\W\d]\w*", system):
        words, remedy = f"a system cannot be called {system!r}", "Letters, digits and underscores."
        raise Failure(Diagnostic("E0605", words, remedy=remedy))
    head = f"# Drafted by `erpoa discover` from {file.name}: look at what has a note, and take away what you do not need.\n"
    return head + drafted("openapi", interface_document(file), system, str(file))


def keep_draft(directory: Path, system: str, text: str) -> tuple[str, ...]:
    """Write a draft into the project in *directory*, or the nearest above: the files, relative to it. `Failure` E0604 when
    one is there already."""
    from erpoa_cli.project import find_root

    return _keep(find_root(directory), {f"systems/{system}.yml": text})


def _keep(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    from erpoa_cli.project import make_files

    make_files(root, {name: text.encode() for name, text in files.items()})
    return tuple(files)
