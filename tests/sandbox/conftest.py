"""The stand-ins of a test."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.notify.workspace import Workspace, running
from tests.sandbox.process import Sandbox


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """Slack's stand-in, over loopback."""
    async with running() as made:
        yield made


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    """The whole sandbox, one in a test."""
    made = []

    def sandbox(*arguments: str, **more: Any) -> Sandbox:
        made.append(Sandbox(tmp_path, *arguments, **more))
        return made[-1]

    yield sandbox
    for one in made:
        one.kill9()
