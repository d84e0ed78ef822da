"""A run is in the trace of the alert that started it, and so is every call that it makes."""

from pathlib import Path

import pytest
import structlog

from tests.acceptance.runs.house import house, page
from tests.tracing.collector import Collector

pytestmark = pytest.mark.acceptance


@pytest.fixture(autouse=True)
def quiet() -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


async def test_a_run_is_in_its_alerts_trace_to_the_end(tmp_path: Path) -> None:
    async with Collector() as spans:
        tracing = {"endpoint": spans.url, "ratio": 1, "every": "10ms", "stop_within": "5s"}
        by_itself = {"approvals": {"low": 0, "medium": 0, "high": 2}}
        pages = {"pod-restarts": page("pod-restarts")}
        async with house(tmp_path, pages, guards=by_itself, tracing=tracing) as home:
            home.cluster.crash("shop", "checkout")
            await home.sign("pod-restarts")
            await home.fire("pod-restarts")
            run = await home.settled(home.runs[-1].id)
            assert run.state == "succeeded"
        [entrance] = spans.named("POST /webhooks/alertmanager")
        [proposed] = spans.named("propose")
        assert {one.trace for one in spans.spans} == {entrance.trace}
        assert proposed.attributes == {"responder.run": run.id, "responder.runbook": "pod-restarts"}
        laps = [*spans.named("inspect"), *spans.named("step"), *spans.named("verify")]
        assert [(one.parent, one.failed) for one in laps] == [(proposed.span, "")] * len(laps)
        assert [one.attributes["responder.lap"] for one in laps] == list(range(1, len(laps) + 1))
        [step] = spans.named("step")
        [patch] = spans.named("patch deployments")
        assert (patch.parent, patch.kind, patch.failed) == (step.span, 3, "")
        assert step.attributes["responder.result"] == "applied"
        [verify] = spans.named("verify")
        queries = [one for one in spans.named("query") if one.parent == verify.span]
        assert len(queries) == 2
        # What the run shows of itself in Slack is nobody's telling, and no part of its steps.
        told = {one.span for one in spans.named("deliver")}
        assert [
            one.parent for one in spans.spans if one.name.startswith("chat.") and one.parent not in told
        ] == []
        assert {one.parent for one in spans.named("get deployments")} <= {one.span for one in laps}
