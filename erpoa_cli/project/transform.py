"""transforms/*.sql and transforms/*.yml → Transform."""

from __future__ import annotations

from erpoa_cli.core.diagnostic import Location
from erpoa_cli.core.project import Transform
from erpoa_cli.project.model import Model
from erpoa_cli.project.node import Node
from erpoa_cli.project.relation_test import build_tests
from erpoa_cli.project.scope import Entry, Scope


def build_transform(name: str, file: str, model: Model, entry: Entry | None, scope: Scope) -> Transform:
    """The transform whose SELECT is *model*; *entry* is what YAML says about it."""
    node = entry.node if entry else Node({}, [1, 1, {}], file)
    scope.described("transform", entry or Entry(name, node, Location(file, 1, 1)), owner=False)
    contract = node.text("contract")
    if contract:
        scope.need("contract", contract, node.child("contract").at)
    return Transform(
        name=name,
        file=file,
        sql=model.sql,
        sources=model.names("source"),
        refs=model.names("ref"),
        actuals=model.names("actual"),
        at=entry.at if entry else Location(file, 1, 1),
        key=node.child("key").texts(),
        contract=contract,
        tests=build_tests(name, node.child("tests"), scope),
        declassify=node.child("declassify").data or {},
        description=node.text("description"),
        owner=node.text("owner") or scope.owner,
        tags=node.child("tags").texts(),
    )
