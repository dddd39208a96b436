"""seeds/*.csv and seeds/*.yml → Seed."""

from __future__ import annotations

import csv

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.near import did_you_mean
from erpoa_cli.core.project import Seed
from erpoa_cli.core.schema import STRING, Field
from erpoa_cli.project.node import Node
from erpoa_cli.project.relation_test import build_tests
from erpoa_cli.project.scope import Entry, Scope
from erpoa_cli.project.source import build_fields


def seed_columns(file: str, text: str, entry: Entry | None, scope: Scope) -> tuple[Field, ...]:
    """The columns of the CSV *file*: named by its first line, typed by *entry*, otherwise strings."""
    try:
        header = next(csv.reader(text.splitlines(keepends=True), strict=True), [])
    except csv.Error as error:
        scope.notes.error(
            "E0134", Location(file, 1, 1), f"the first line is not CSV: {error}", "Check its quotes."
        )
        return ()
    at = Location(file, 1, 1)
    if not any(header):
        scope.notes.error(
            "E0134",
            at,
            "the first line names no columns",
            "Write the names of the columns, separated by commas.",
        )
        return ()
    if "" in header:
        scope.notes.error(
            "E0134", at, f"column {header.index('') + 1} has no name", "Give every column a name."
        )
    repeated = [column for column in dict.fromkeys(header) if header.count(column) > 1 and column]
    if repeated:
        scope.notes.error("E0134", at, f"the column `{repeated[0]}` is there twice", "Rename one of them.")
    scope.distinct([(column, at) for column in dict.fromkeys(header)], "columns")
    described = entry.node.child("fields") if entry else None
    typed = (
        {f.name: f for f in build_fields(described, scope, "")}
        if described is not None and described.data
        else {}
    )
    for column in typed:
        if column not in header:
            assert described is not None
            scope.notes.error(
                "E0125",
                described.key_at(column),
                f"{file} has no column `{column}`",
                did_you_mean(column, header),
            )
    return tuple(typed.get(column) or Field(column, STRING) for column in header)


def build_seed(name: str, file: str, entry: Entry | None, scope: Scope) -> Seed:
    """The seed of the CSV *file*, whose columns are known; *entry* is what YAML says about it."""
    node = entry.node if entry else Node({}, [1, 1, {}], file)
    for column in node.child("key"):
        scope.need_column(name, str(column.data), column.at)
    return Seed(
        name=name,
        file=file,
        fields=scope.columns.get(name, ()),
        at=entry.at if entry else Location(file, 1, 1),
        key=node.child("key").texts(),
        tests=build_tests(name, node.child("tests"), scope),
        description=node.text("description"),
    )
