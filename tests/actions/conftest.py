from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.actions.yard import Yard, open_yard


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    async with open_yard(tmp_path) as made:
        yield made
