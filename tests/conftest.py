"""What every test shares: the default marker, hypothesis' profile, and the fixtures for real peers."""

import os
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

pytest_plugins = ["tests.peers.fixtures"]

SUITES = {"unit", "peers", "acceptance", "chaos", "conformance"}

# Two busy cores make single examples slow now and then: that is no finding.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not SUITES & {marker.name for marker in item.iter_markers()}:
            item.add_marker(pytest.mark.unit)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that is run in this process says how it logs: nobody else logs so afterwards."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
