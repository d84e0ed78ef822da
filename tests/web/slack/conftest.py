"""A service that Slack calls."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web.slack.place import Place, serving


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with serving(tmp_path) as made:
        yield made
