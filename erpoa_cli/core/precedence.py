"""Which rows are written first, where some must wait for others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

Edges = Iterable[tuple[int, int]]
"""A row and one that is written before it."""


def depths(edges: Edges) -> Mapping[int, int]:
    """How many rows, one behind the other, are written before each row of *edges*; none for those that a circle keeps."""
    return _peeled((after, before) for after, before in edges)


def circles(edges: Edges) -> frozenset[int]:
    """The rows that wait for each other in a circle, or between two circles."""
    known = list(edges)
    forward = depths(known)
    left = [(after, before) for after, before in known if after not in forward and before not in forward]
    backward = _peeled((before, after) for after, before in left)
    return frozenset(row for edge in left for row in edge if row not in backward)


def _peeled(edges: Edges) -> dict[int, int]:
    waits: dict[int, int] = defaultdict(int)  # row → for how many
    followers: dict[int, list[int]] = defaultdict(list)
    for after, before in set(edges):
        waits[after] += 1
        followers[before].append(after)
    free = [row for row in followers if row not in waits]
    found = dict.fromkeys(free, 0)
    while free:
        following = []
        for row in free:
            for after in followers.get(row, ()):
                waits[after] -= 1
                if not waits[after]:
                    found[after] = found[row] + 1
                    following.append(after)
        free = following
    return found
