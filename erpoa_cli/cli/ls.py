"""`erpoa ls`: the nodes of the project."""

from __future__ import annotations

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import Exclude, Select
from erpoa_cli.core.graph import Graph
from erpoa_cli.core.report import Answer, Table

app = application()
COLUMNS = ("kind", "name", "system", "tags", "file")


@command(app)
def ls(options: Options, select: Select = None, exclude: Exclude = None) -> Ending:
    """List sources, seeds, transforms, targets and tests, or those that a selection names."""
    work = opened.workspace(options)
    project = work.project
    graph = Graph(project)
    chosen = work.nodes(graph, select or (), exclude or ())
    gone = sorted(work.remembered()["state:orphaned"]) if "state:orphaned" in (select or ()) else []
    nodes = [graph.nodes[i] for i in graph.order() if i in chosen]
    rows = tuple((n.kind, n.name, ", ".join(n.systems), ", ".join(n.tags), n.file) for n in nodes)
    rows += tuple(
        (kind, name, "", "", "(no longer in the project)")
        for kind, _, name in (n.partition(":") for n in gone)
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
        for n in nodes
    ]
    return Ending(Answer(data={"nodes": data, "orphaned": gone}, tables=(Table(COLUMNS, rows),)))
