"""The whole way from a project directory to a `Project`, with all findings at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from erpoa_cli.core.diagnostic import Diagnostic, Failure
from erpoa_cli.core.project import Project
from erpoa_cli.project.build import Build
from erpoa_cli.project.cache import Cache
from erpoa_cli.project.document import judge, read_documents, render
from erpoa_cli.project.header import read_header
from erpoa_cli.project.locate import PROJECT_FILE, Found, find_files
from erpoa_cli.project.model import Models
from erpoa_cli.project.notes import Notes
from erpoa_cli.project.scope import Scope, blind_folders
from erpoa_cli.project.semantics import check
from erpoa_cli.project.unread import warn_unread

Getenv = Callable[[str], str | None]


def load(
    root: Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    getenv: Getenv = os.getenv,
) -> Project:
    """The project under *root* for *environment* (None: the first declared).

    Raises `Failure` (INVALID) with every finding, warnings included, when one of them is an error.
    """
    project, findings = load_findings(root, environment, variables, getenv=getenv)
    if project is None:
        raise Failure(*findings)
    return project


def load_findings(
    root: Path,
    environment: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    getenv: Getenv = os.getenv,
    found: Found | None = None,
) -> tuple[Project | None, list[Diagnostic]]:
    """The project and everything found on the way, in the order of files and lines. *found*: its files, where
    they were read already.

    The project is None when a finding is an error.
    """
    variables = dict(variables or {})
    found = found or find_files(root)
    notes = Notes(list(found.findings))
    cache = Cache.of(found.root)
    documents = read_documents(found, notes, cache)
    header = read_header(
        documents.get(PROJECT_FILE), found.root, environment, variables, getenv, notes, cache
    )
    for document in documents.values():
        if document.kind != "project":
            render(document, header.inputs, notes)
            judge(document, notes, cache)
    for document in documents.values():
        warn_unread(document, notes)
    scope = Scope(notes, cache, owner=header.owner, blind=blind_folders(notes))
    models = Models(header.inputs, scope)
    project = Build(header, documents, found, models, scope).run()
    check(project, notes)
    cache.save()
    return (None if notes.failed else project), notes.finished()
