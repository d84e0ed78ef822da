"""Timelines on a virtual clock: the real engine, database, delivery and webhooks, to the instant."""

from pathlib import Path

import pytest

from tests.acceptance.timeline.rules import Hook, inhibit, route, rules
from tests.acceptance.timeline.timeline import Ledger, Timeline, firing, resolved

pytestmark = pytest.mark.acceptance

SHIPPED = rules(
    route(
        "root",
        "",
        route("critical", 'severity="critical"'),
        route("warning", 'severity="warning"'),
        group_by=("alertname", "service"),
    ),
    inhibit_rules=[inhibit('severity="critical"', 'severity="warning"', "alertname", "service")],
)


async def test_told_inhibited_resolved(tmp_path: Path) -> None:
    line = Timeline(tmp_path, SHIPPED)
    line.at("0s").post(firing("HighErrorRate", severity="critical", service="shop"))
    line.at("10s").post(firing("HighErrorRate", severity="warning", service="shop"))
    line.at("30s").expect("critical", "first_notification", firing=["HighErrorRate"])
    line.at("7m").post(
        resolved("HighErrorRate", severity="critical", service="shop"),
        resolved("HighErrorRate", severity="warning", service="shop"),
    )
    line.at("10m30s").expect("critical", "all_resolved", resolved=["HighErrorRate"])
    await line.run("8h")
    assert line.ledger() == Ledger(3, {"delivered": 2, "suppressed(inhibition)": 1})
