"""A cluster over loopback, furnished and at rest, and the real client that speaks to it."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import ManualClock
from tests.sandbox.kubernetes.shop import Shop, open_shop


@pytest.fixture
async def shop(clock: ManualClock) -> AsyncIterator[Shop]:
    async with open_shop(clock) as made:
        yield made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()
