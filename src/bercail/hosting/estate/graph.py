"""The order of the migration: what is needed first comes first, circles move together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

Graph = Mapping[str, frozenset[str]]


@frozen(kw_only=True)
class Step:
    """Resources that move together, after every step they need; `stage` counts from 1."""

    stage: int
    members: tuple[str, ...]

    @property
    def is_circle(self) -> bool:
        """Whether the members need one another."""
        return len(self.members) > 1


def steps(needs: Graph) -> tuple[Step, ...]:
    """Each node once, in an order in which nothing comes before what it needs.

    Nodes that need one another in a circle form one step (Tarjan, 1972: strongly connected
    components, which come out in just this order).
    """
    stage: dict[str, int] = {}
    found = []
    for members in components(needs):
        below = [stage[other] for one in members for other in needs[one] if other in stage]
        number = 1 + max(below, default=0)
        stage.update(dict.fromkeys(members, number))
        found.append(Step(stage=number, members=members))
    return tuple(sorted(found, key=lambda step: (step.stage, step.members)))


def components(needs: Graph) -> list[tuple[str, ...]]:
    """The strongly connected components, each after all those it needs; no recursion."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    waiting: set[str] = set()
    found: list[tuple[str, ...]] = []
    for root in sorted(needs):
        if root in number:
            continue
        path = [(root, iter(sorted(needs[root])))]
        number[root] = low[root] = len(number)
        stack.append(root)
        waiting.add(root)
        while path:
            node, others = path[-1]
            for other in others:
                if other not in number:
                    number[other] = low[other] = len(number)
                    stack.append(other)
                    waiting.add(other)
                    path.append((other, iter(sorted(needs[other]))))
                    break
                if other in waiting:
                    low[node] = min(low[node], number[other])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == number[node]:
                    members: list[str] = []
                    while not members or members[-1] != node:
                        members.append(stack.pop())
                    waiting.difference_update(members)
                    found.append(tuple(sorted(members)))
    return found


def without(needs: Graph, left_out: Iterable[str]) -> dict[str, frozenset[str]]:
    """The graph without some nodes; who needed one of them needs what that one needed."""
    gone = set(left_out)
    result = {}
    for node in needs:
        if node not in gone:
            result[node] = frozenset(_through(node, needs, gone) - {node})
    return result


def _through(node: str, needs: Graph, gone: set[str]) -> set[str]:
    reached: set[str] = set()
    seen: set[str] = set()
    waiting = list(needs[node])
    while waiting:
        other = waiting.pop()
        if other in seen:
            continue
        seen.add(other)
        if other in gone:
            waiting.extend(needs[other])
        else:
            reached.add(other)
    return reached


def dependants(needs: Graph) -> dict[str, frozenset[str]]:
    """For each node, those that need it directly."""
    found: dict[str, set[str]] = {node: set() for node in needs}
    for node, others in needs.items():
        for other in others:
            found[other].add(node)
    return {node: frozenset(others) for node, others in found.items()}


def reach(start: Sequence[str], edges: Graph) -> frozenset[str]:
    """Every node that `start` leads to along `edges`, without `start` itself."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        for other in edges[waiting.pop()]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found - set(start))
