"""A desk for each test, and one small lake that most of them read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.testing.access_desk import AccessDesk, stock, stock_register


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AccessDesk]:
    """An empty lake."""
    built = AccessDesk(tmp_path)
    yield built
    built.close()


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessDesk]:
    """A stocked lake shared by the tests of a file, which file applications but add no data."""
    built = AccessDesk(tmp_path_factory.mktemp("stocked"))
    yield stock(built)
    built.close()


@pytest.fixture
def registered(desk: AccessDesk) -> AccessDesk:
    """The register of persons alone, of the test's own."""
    return stock_register(desk)


@pytest.fixture
def own(desk: AccessDesk) -> AccessDesk:
    """A stocked lake of the test's own, to be changed or broken."""
    return stock(desk)
