"""The stand-ins of a test."""

from collections.abc import AsyncIterator

import pytest

from tests.notify.workspace import Workspace, running


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """Slack's stand-in, over loopback."""
    async with running() as made:
        yield made
