"""A landing zone is sealed again whole: what was carried, and the manifests of its proofs."""

from __future__ import annotations

from pathlib import Path

from bercail.hosting.migration.sealed_names import landing_names
from bercail.lake import Resealing
from bercail.testing.moving import MovingWorld


def test_everything_of_a_landing_zone_is_named(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a/one.csv": b"1", "two.csv": b"2" * 100})
    desk = world.service()
    desk.survey()
    desk.plan()
    desk.copy()
    desk.prove()
    desk.cut_over()
    folder = desk.landed()
    names = landing_names(folder, world.ledger, "moving")
    carried = [name for name, _ in names if name.endswith(".csv")]
    assert carried == ["a/one.csv", "two.csv"]
    assert len(names) > len(carried)
    found = Resealing(
        world.home, world.keys, "landing", "moving", lambda: names, world.randomness
    ).run()
    assert (found.resealed, found.left, found.unlisted) == (len(names), (), 0)
    assert len(found.destroyed) == 1
    assert folder.open("two.csv").read() == b"2" * 100
