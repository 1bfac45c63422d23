"""The order of any graph: whole, never before what is needed, circles exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bercail.hosting.estate.graph import components, dependants, reach, steps, without

NODES = [f"n{number}" for number in range(9)]
GRAPHS = st.dictionaries(st.sampled_from(NODES), st.frozensets(st.sampled_from(NODES))).map(
    lambda given: {node: given.get(node, frozenset()) - {node} for node in NODES}
)


@given(GRAPHS)
def test_steps_keep_the_order_and_join_exactly_what_needs_one_another(
    needs: dict[str, frozenset[str]],
) -> None:
    order = steps(needs)
    stage = {member: step.stage for step in order for member in step.members}
    step_of = {member: place for place, step in enumerate(order) for member in step.members}
    assert sorted(stage) == sorted(needs)
    far = {node: reach([node], needs) for node in needs}
    for node in needs:
        for other in needs:
            if node == other:
                continue
            both = other in far[node] and node in far[other]
            assert (step_of[node] == step_of[other]) == both
            if other in far[node] and not both:
                assert stage[other] < stage[node]


@given(GRAPHS, st.frozensets(st.sampled_from(NODES)))
def test_leaving_nodes_out_keeps_who_needs_whom(
    needs: dict[str, frozenset[str]], gone: frozenset[str]
) -> None:
    rest = without(needs, gone)
    assert set(rest) == set(needs) - gone
    for node in rest:
        assert reach([node], rest) == reach([node], needs) - gone - {node}


def test_a_long_chain_needs_no_recursion() -> None:
    chain = {f"n{n:05d}": frozenset({f"n{n + 1:05d}"} if n < 19_999 else ()) for n in range(20_000)}
    assert len(components(chain)) == 20_000
    assert dependants(chain)["n00001"] == frozenset({"n00000"})
