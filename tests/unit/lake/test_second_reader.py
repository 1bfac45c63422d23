"""What proves a table is a second reader: no path of imports leads from it to a writer."""

from __future__ import annotations

from importlib.util import find_spec

import grimp
import pytest

WRITERS = (
    "compaction",
    "erasing",
    "fileio",
    "part_writing",
    "replacing",
    "resealing",
    "rewriting",
    "sealed_store",
    "service",
    "signing",
    "shelf",
)


@pytest.mark.parametrize("reader", ["verification", "rereading"])
def test_the_verifier_imports_no_writer(reader: str) -> None:
    graph = grimp.build_graph("bercail", cache_dir=None, exclude_type_checking_imports=True)
    reached = {f"bercail.lake.{reader}"}
    waiting = list(reached)
    while waiting:
        found = graph.find_modules_directly_imported_by(waiting.pop()) - reached
        # The room's door plate names every file of the room; nobody below passes through it.
        found = {name for name in found if name.startswith("bercail.lake.")}
        reached |= found
        waiting += found
    assert "bercail.lake.snapshot" in reached
    assert not reached & {f"bercail.lake.{writer}" for writer in WRITERS}


def test_every_writer_named_here_exists() -> None:
    for writer in WRITERS:
        assert find_spec(f"bercail.lake.{writer}") is not None
