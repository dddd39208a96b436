"""`erpoa ls`: the nodes of the project."""

from __future__ import annotations

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import Exclude, Select
from erpoa_cli.core.report import Answer, Table

app = application()
COLUMNS = ("kind", "name", "system", "tags", "file")


@command(app)
def ls(options: Options, select: Select = None, exclude: Exclude = None) -> Ending:
    """List sources, seeds, transforms, targets and tests, or those that a selection names."""
    from erpoa_cli import usecase

    found = usecase.nodes(opened.workspace(options), select=select or (), exclude=exclude or ())
    rows = tuple((n.kind, n.name, ", ".join(n.systems), ", ".join(n.tags), n.file) for n in found.nodes)
    rows += tuple(
        (kind, name, "", "", "(no longer in the project)")
        for kind, _, name in (n.partition(":") for n in found.orphaned)
    )
    data = [
        {
            "id": n.id,
            "kind": n.kind,
            "name": n.name,
            "systems": list(n.systems),
            "file": n.file,
            "owner": n.owner,
            "tags": list(n.tags),
        }
        for n in found.nodes
    ]
    return Ending(
        Answer(data={"nodes": data, "orphaned": list(found.orphaned)}, tables=(Table(COLUMNS, rows),))
    )
