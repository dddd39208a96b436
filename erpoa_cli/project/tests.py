"""tests/*.yml and tests/*.sql → UnitTest, DataTest."""

from __future__ import annotations

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.project import DataTest, TestSeverity, Transform, UnitTest
from erpoa_cli.project.model import Model
from erpoa_cli.project.scope import Entry, Scope


def build_unit_test(entry: Entry, scope: Scope, transforms: dict[str, Transform]) -> UnitTest | None:
    """The unit test *entry* declares; None (noted) when it is about no transform of the project."""
    node = entry.node
    name = node.text("transform")
    if not scope.need("transform", name, node.child("transform").at):
        return None
    given = node.child("given")
    for relation, rows in given.items():
        if scope.need("relation", relation, given.key_at(relation)):
            for row in rows:
                for column in row.keys():  # noqa: SIM118 - a Node iterates over elements
                    scope.need_column(relation, column, row.key_at(column))
    transform = transforms.get(name)
    if transform is not None:
        for relation in transform.inputs:
            if relation not in given:
                scope.notes.error(
                    "E0113",
                    node.key_at("given"),
                    f"the unit test `{entry.name}` gives no rows of `{relation}`",
                    f"Add `{relation}: []` or its rows: `{name}` reads it.",
                )
    return UnitTest(
        name=entry.name,
        transform=name,
        given={relation: tuple(rows.data) for relation, rows in given.items()},
        expect=tuple(node.child("expect").data),
        at=entry.at,
    )


def build_data_test(name: str, file: str, model: Model, entry: Entry | None) -> DataTest:
    """The test whose SELECT is *model*; *entry* is what YAML says about it."""
    return DataTest(
        name=name,
        file=file,
        sql=model.sql,
        sources=model.names("source"),
        refs=model.names("ref"),
        actuals=model.names("actual"),
        at=Location(file, 1, 1),
        severity=TestSeverity(entry.node.text("severity", "error") if entry else "error"),
    )
