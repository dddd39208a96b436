"""`erpoa graph`: what depends on what, as a tree, Mermaid or DOT."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import typer

from erpoa_cli.cli import opened
from erpoa_cli.cli.ending import Ending
from erpoa_cli.cli.options import Options, application, command
from erpoa_cli.cli.plan import Exclude, Select
from erpoa_cli.core.report import Answer

app = application()


class Form(StrEnum):
    TREE = "tree"
    MERMAID = "mermaid"
    DOT = "dot"


@command(app)
def graph(
    options: Options,
    select: Select = None,
    exclude: Exclude = None,
    form: Annotated[Form, typer.Option("--form", help="How it is drawn.")] = Form.TREE,
) -> Ending:
    """Show what every target is made of and waits for; --format json gives nodes and edges."""
    from erpoa_cli import usecase

    found = usecase.lineage(opened.workspace(options), select=select or (), exclude=exclude or ())
    drawn = {Form.TREE: _tree, Form.MERMAID: _mermaid, Form.DOT: _dot}[form]
    data = {
        "nodes": [{"id": node.id, "kind": node.kind, "name": node.name} for node in found.nodes],
        "edges": [{"from": parent, "to": child} for parent, child in found.edges],
        "waves": [list(wave) for wave in found.waves],
    }
    return Ending(Answer(data=data, text="\n".join(drawn([node.id for node in found.nodes], found.edges))))


Edges = Sequence[tuple[str, str]]


def _tree(nodes: Iterable[str], edges: Edges) -> Iterator[str]:
    """Every node that nothing is made of, what it is made of below it; a node told before is not told again."""
    parents: dict[str, list[str]] = {}
    for parent, child in edges:
        parents.setdefault(child, []).append(parent)
    used = {parent for parent, _ in edges}
    told: set[str] = set()

    def below(node: str, start: str) -> Iterator[str]:
        told.add(node)
        above = parents.get(node, [])
        for index, parent in enumerate(above):
            last = index == len(above) - 1
            again = parent in told and parents.get(parent)
            yield f"{start}{'└─ ' if last else '├─ '}{parent}{' …' if again else ''}"
            if not again:
                yield from below(parent, start + ("   " if last else "│  "))

    everything = list(nodes)
    roots = [n for n in everything if n not in used]
    for node in [*roots, *everything]:
        if node not in told:
            yield node
            yield from below(node, "")


def _mermaid(nodes: Iterable[str], edges: Edges) -> Iterator[str]:
    names = {node: f"n{number}" for number, node in enumerate(nodes)}
    yield "flowchart LR"
    yield from (f'  {short}["{_quoted(node)}"]' for node, short in names.items())
    yield from (f"  {names[parent]} --> {names[child]}" for parent, child in edges)


def _dot(nodes: Iterable[str], edges: Edges) -> Iterator[str]:
    yield "digraph erpoa {"
    yield "  rankdir=LR;"
    yield from (f'  "{_quoted(node)}";' for node in nodes)
    yield from (f'  "{_quoted(parent)}" -> "{_quoted(child)}";' for parent, child in edges)
    yield "}"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', "'")
