from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bercail.testing.airlock_desk import AirlockDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AirlockDesk]:
    made = AirlockDesk(tmp_path)
    yield made
    made.keys.close()
