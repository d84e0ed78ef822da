"""An alert, and what is done about it: shown to people, approved, carried out once in the cluster, verified."""

from pathlib import Path
from typing import Final

import pytest
import structlog

from tests.acceptance.runs.house import TAKE_BACK, House, house, page, shown

pytestmark = pytest.mark.acceptance

PAGES: Final = {"pod-restarts": page("pod-restarts")}


@pytest.fixture(autouse=True)
def quiet() -> None:
    """The service logs in this process: not into what the commands print."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


async def test_from_the_alert_to_its_end(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES) as home:
        home.cluster.crash("shop", "checkout")
        await home.fire("pod-restarts")
        (run,) = home.runs
        run = await home.settled(run.id, "awaiting_approval")
        card = await home.card(run)
        print(shown(card))
        said = await home.press(card, "approve", "ben")
        print(said)
        done = await home.settled(run.id)
        print(done.story)
