"""A sink and the senders of a test."""

from collections.abc import AsyncIterator

import pytest

from responder.notify.integration import Senders
from tests.clock import ManualClock
from tests.notify.sink import Sink, serving
from tests.notify.workspace import Workspace, running


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with serving() as running:
        yield running


@pytest.fixture
async def senders() -> AsyncIterator[Senders]:
    made = Senders("http://responder:9095", True, ManualClock())
    yield made
    await made.close()


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with running() as made:
        yield made
