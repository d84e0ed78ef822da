"""An alert, and what is done about it: shown to people, approved, carried out once, verified."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
import pytest
import structlog

from responder.core.model import HOUR, format_time
from responder.core.run import Run
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import deployment
from responder.sandbox.slackroom import Message
from tests.acceptance.runs.house import RESTART_STEP as RESTART
from tests.acceptance.runs.house import TAKE_BACK, House, house, page, shown

pytestmark = pytest.mark.acceptance

PAGE: Final = page("pod-restarts")
PAGES: Final = {"pod-restarts": PAGE}
BY_ITSELF: Final = {"approvals": {"low": 0, "medium": 0, "high": 2}}


@pytest.fixture(autouse=True)
def quiet() -> None:
    """The service logs in this process: not into what the commands print."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())


async def waiting(home: House, **labels: str) -> tuple[Run, Message]:
    """An alert fires whose run waits for people, and its card in Slack."""
    await home.fire("pod-restarts", **labels)
    run = await home.settled(home.runs[-1].id, "awaiting_approval")
    return run, await home.card(run)


def restarts(cluster: Cluster, name: str = "checkout") -> int:
    return len(cluster.restarts("shop", name))


def states(run: Run) -> list[str]:
    """Each state once, in order."""
    found = [moment.state for moment in run.story]
    return [state for n, state in enumerate(found) if n == 0 or found[n - 1] != state]


# -- as it should be --------------------------------------------------------------------------


async def test_an_alert_is_approved_in_slack_and_the_restart_helps(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES) as home:
        home.cluster.crash("shop", "checkout")
        run, card = await waiting(home)
        assert home.cluster.writes() == []
        assert await home.press(card, "approve", "ben") == f"{run.id} approved"
        done = await home.settled(run.id)
        assert states(done) == [
            "proposed",
            "awaiting_approval",
            "approved",
            "executing",
            "verifying",
            "succeeded",
        ]
        (write,) = home.cluster.writes()
        assert (write.verb, write.resource, write.name, write.manager) == (
            "patch",
            "deployments",
            "checkout",
            "responder",
        )
        assert write.body["spec"]["template"]["metadata"]["annotations"]["responder/run"] == f"{run.id}-0-3"
        await home.over("pod-restarts")
        (incident,) = home.slack.messages("ops")
        await home.until(
            lambda: incident.text.startswith("🟢") and incident.replies[-1].text.startswith("Over"), "5m"
        )

        # The story: in the incident's thread, in the journal, and by the API.
        (card,) = home.cards(run)
        story = [moment.text for moment in done.story]
        assert [text for text in story if text not in shown(card)] == []
        status, seen = await home.ask("eve", "GET", f"/api/v1/runs/{run.id}")
        assert (status, seen["state"], [one["person"] for one in seen["approvals"]]) == (
            200,
            "succeeded",
            ["ben"],
        )
        kinds = [row["body"]["kind"] for row in await home.read("audit", "list", "--run", run.id)]
        assert kinds == [
            "alerts_received",
            "facts_gathered",
            "approve",
            "facts_gathered",
            "step_finished",
            "verified",
        ]
        (line,) = await home.read("runs")
        assert (line["id"], line["state"]) == (run.id, "succeeded")


async def test_a_rollout_that_gets_stuck_is_taken_back(tmp_path: Path) -> None:
    async with house(tmp_path, {"pod-restarts": PAGE + TAKE_BACK}) as home:
        before = home.cluster.get("Deployment", "shop", "checkout")["spec"]["template"]
        home.cluster.stick("shop", "checkout")
        run, card = await waiting(home)
        await home.press(card, "approve", "ben")
        done = await home.settled(run.id)
        assert states(done)[-4:] == ["executing", "failed", "rolling_back", "rolled_back"]
        assert restarts(home.cluster) == 1
        assert [call.verb for call in home.cluster.writes()] == ["patch", "patch"]
        now = home.cluster.get("Deployment", "shop", "checkout")["spec"]["template"]
        assert now["spec"] == before["spec"]
        await home.until(lambda: "taken back" in shown(home.cards(run)[0]), "2m")
        # Once is enough: it goes by itself no more, until somebody has looked.
        status, said = await home.ask("eve", "GET", "/api/v1/runbooks/pod-restarts")
        assert (status, said["effective_mode"]) == (200, "approve")


async def test_fifty_pods_of_one_deployment_are_one_run_and_one_restart(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES, guards=BY_ITSELF) as home:
        await home.sign("pod-restarts")
        await home.fire_all(*(("pod-restarts", {"pod": f"checkout-{n}"}) for n in range(50)))
        (run,) = home.runs
        assert len(run.episodes) == 50
        assert (await home.settled(run.id)).state == "succeeded"
        assert (len(home.runs), restarts(home.cluster)) == (1, 1)


async def test_the_same_names_in_two_clusters_are_told_apart(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES, guards=BY_ITSELF, clusters=("east", "west")) as home:
        await home.sign("pod-restarts")
        await home.fire("pod-restarts", cluster="west")
        await home.settled(home.runs[0].id)
        assert [restarts(one) for one in home.clusters.values()] == [0, 1]
        assert home.clusters["east"].calls == []
        for cluster in ("", "north", "east/../west"):
            await home.fire("pod-restarts", cluster=cluster)
        assert [(run.state, run.reason) for run in home.runs[1:]] == [("denied", "target")] * 3
        assert [restarts(one) for one in home.clusters.values()] == [0, 1]


# -- approvals --------------------------------------------------------------------------------


async def test_an_approval_that_comes_too_late_or_twice_does_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES) as home:
        late, card = await waiting(home, deployment="payments")
        run, other = await waiting(home)
        # Two people at once: one of them approves it, and it is done once.
        said = await asyncio.gather(*(home.press(other, "approve", who) for who in ("ann", "ben")))
        assert sorted(one.startswith("Not done") for one in said) == [False, True]
        await home.settled(run.id)
        assert [one.person in ("ann", "ben") for one in home.run(run.id).approvals] == [True]
        again = await home.press(other, "approve", "boss")
        assert again.startswith(f"Not done: run {run.id} has succeeded")
        assert restarts(home.cluster) == 1

        expired = await home.settled(late.id)
        assert (expired.state, expired.reason) == ("expired", "expired")
        assert (await home.press(card, "approve", "ann")).startswith(f"Not done: run {late.id} is expired")
        refused = await home.terminal("ann", "approve", late.id)
        assert refused.exit_code == 1
        assert restarts(home.cluster, "payments") == 0


async def test_an_approval_of_what_would_not_be_done_any_more_is_void(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES) as home:
        run, card = await waiting(home)
        deployment = home.cluster.get("Deployment", "shop", "checkout")
        somebody = msgspec.json.decode(msgspec.json.encode(deployment))
        somebody["spec"]["template"]["spec"]["containers"][0]["image"] += "-next"
        home.cluster.apply(somebody, "kubectl-edit")
        await home.wait("20s")  # its rollout ends
        await home.press(card, "approve", "ben")
        stale = await home.settled(run.id)
        assert (stale.state, stale.reason) == ("denied", "stale_plan")
        again = await home.settled(home.runs[-1].id, "awaiting_approval")
        assert (len(home.runs), again.approvals, restarts(home.cluster)) == (2, (), 0)
        assert (await home.press(card, "approve", "ann")).startswith(f"Not done: run {run.id} is denied")
        assert await home.press(await home.card(again), "approve", "ann") == f"{again.id} approved"
        assert (await home.settled(again.id)).state == "succeeded"
        assert restarts(home.cluster) == 1


async def test_who_lacks_the_role_cannot_approve_and_neither_can_the_one_who_asks(tmp_path: Path) -> None:
    async with house(tmp_path, {"pod-restarts": page("pod-restarts", "risk: high")}) as home:
        asked = {"runbook": "pod-restarts", "parameters": {"namespace": "shop", "deployment": "checkout"}}
        status, said = await home.ask("ann", "POST", "/api/v1/runs", {**asked, "why": "it is slow"})
        assert (status, said["status"]) == (200, "done")
        run = await home.settled(said["id"], "awaiting_approval")
        assert run.needed == 2
        for who in ("eve", "ann"):
            status, said = await home.ask(who, "POST", f"/api/v1/runs/{run.id}/approve", {})
            assert status == (403 if who == "eve" else 409), said
        assert home.run(run.id).approvals == ()
        status, said = await home.ask("ben", "POST", f"/api/v1/runs/{run.id}/approve", {})
        assert status == 200
        assert (await home.settled(run.id)).state == "succeeded"

        # In Slack: who is nobody here, and who may not.
        other, card = await waiting(home, deployment="payments")
        for who in ("guest", "eve"):
            assert (await home.press(card, "approve", who)).startswith("Not done")
        assert home.run(other.id).approvals == ()
        assert await home.press(card, "approve", "ann") == f"{other.id}: 1 of 2 persons have approved"
        assert restarts(home.cluster, "payments") == 0
        assert await home.press(card, "approve", "ben") == f"{other.id} approved"
        assert (await home.settled(other.id)).state == "succeeded"
        assert restarts(home.cluster, "payments") == 1


async def test_what_is_over_or_frozen_before_it_begins_is_not_done(tmp_path: Path) -> None:
    async with house(tmp_path, PAGES) as home:
        over, card = await waiting(home, deployment="payments")
        await home.over("pod-restarts", deployment="payments")
        ended = await home.settled(over.id)
        assert (ended.state, ended.reason) == ("cancelled", "resolved")
        assert (await home.press(card, "approve", "ben")).startswith(f"Not done: run {over.id} is cancelled")

        run, card = await waiting(home)
        home.cluster.fault("slow:3", verb="get", resource="deployments")
        home.slow = True
        await home.press(card, "approve", "ben")
        assert home.run(run.id).state == "approved"
        freeze = {"scope": "service=shop/checkout", "reason": "moving house", "for": "1h"}
        status, said = await home.ask("eve", "POST", "/api/v1/freezes", freeze)
        assert (status, said["status"]) == (200, "done")
        assert home.run(run.id).state == "approved"
        ended = await home.settled(run.id)
        assert (ended.state, ended.reason) == ("denied", "frozen")
        assert home.cluster.writes() == []
        await home.until(lambda: "moving house" in shown(home.cards(run)[0]), "1m")


# -- guards -----------------------------------------------------------------------------------

GUARDED: Final[dict[str, str]] = {
    "acts": page("acts", "guards: {cooldown: 1h, rate_per_hour: 1, attempts_per_target: 1}"),
    "also": page("also", "guards: {attempts_per_target: 1}"),
    "watches": page("watches", "mode: suggest"),
    "frozen": page("frozen"),
    "gone": page("gone"),
    "plain": page("plain"),
    "flaps": page("flaps", "guards: {approvals: 1}"),
    "asks": page(
        "asks",
        steps=(
            "```precondition",
            """prometheus: 'increase(restarts_by_deployment{namespace="${namespace}"}[5m]) > 100'""",
            "```",
            *RESTART,
        ),
    ),
    "lost": page("lost"),
}
DENIED: Final = {
    "freeze": "runbook=frozen is frozen by eve until",
    "mode": "the mode is suggest: the page says so; a person may ask for the run",
    "target": "deployment: the label deployment is missing",
    "allow_list": "kubernetes.rollout_restart on prod/kube-system/Deployment/dns is not allowed",
    "trigger_age": "the alert fires no more: prometheus was asked",
    "flap": "its alerts came and went 2 times in 30m, the limit is 1; a person may ask for the run",
    "cooldown": "the last run r1-",
    "attempts": "1 runs have acted on this target in 1d, the limit is 1",
    "rate": "1 runs of this runbook in 1h, the limit is 1",
    "concurrency": "has this target and is",
    "min_healthy": "1 of 2 serve, the action takes 0: 1 would be left, 2 must",
    "blocking": "its alerts are hidden by silence",
    "precondition": "does not hold: no sample",
    "unknown": "of this runbook did is not known: somebody must look",
    "provenance": "alerts from grafana may not start runs (guards.triggers)",
}
"""Every guard that denies what an alert proposes, with what it says. Three only ever ask (`approval`,
`auto_disable`, `verify`); `plan_first` and `write_ahead` deny what cannot be brought about from outside."""


async def test_each_guard_denies_and_everybody_sees_why(tmp_path: Path) -> None:
    async with house(tmp_path, GUARDED, guards={**BY_ITSELF, "flaps": 1}) as home:
        await home.sign(*GUARDED)
        denied: dict[str, Run] = {}

        async def deny(guard: str, name: str, **labels: str) -> None:
            before = len(home.runs)
            sender = labels.pop("sender", "alertmanager")
            await home.fire_all((name, labels), sender=sender, live=guard != "trigger_age")
            denied[guard] = await home.settled(home.runs[before].id)

        # One that acted, and after it everything that must not be done so soon again.
        await home.fire("acts")
        assert (await home.settled(home.runs[0].id)).state == "succeeded"
        await deny("cooldown", "acts", pod="another")
        await deny("rate", "acts", deployment="payments")
        await deny("attempts", "also")

        status, _ = await home.ask(
            "eve", "POST", "/api/v1/freezes", {"scope": "runbook=frozen", "reason": "moving", "for": "1h"}
        )
        assert status == 200
        await deny("freeze", "frozen", deployment="payments")
        await deny("mode", "watches", deployment="payments")
        await deny("target", "plain", deployment="")
        await deny("trigger_age", "gone", deployment="payments")
        await deny("precondition", "asks", deployment="payments")
        await deny("provenance", "plain", deployment="payments", sender="grafana")
        home.cluster.apply(deployment("kube-system", "dns", 2))
        await home.wait("10s")
        await deny("allow_list", "plain", namespace="kube-system", deployment="dns")

        home.cluster.apply(deployment("shop", "sick", 2))
        await home.wait("10s")
        home.cluster.crash("shop", "sick", pods=1, ready=False)
        await home.wait("30s")
        await deny("min_healthy", "plain", deployment="sick")

        silence = {
            "matchers": [{"name": "pod", "value": "quiet", "isRegex": False, "isEqual": True}],
            "startsAt": format_time(home.clock.now()),
            "endsAt": format_time(home.clock.now() + HOUR),
            "createdBy": "eve",
            "comment": "known",
        }
        status, _ = await home.ask("eve", "POST", "/api/v2/silences", silence)
        assert status == 200
        await deny("blocking", "plain", deployment="payments", pod="quiet")

        await home.fire("flaps", deployment="payments")
        await home.settled(home.runs[-1].id, "awaiting_approval")
        await home.over("flaps", deployment="payments")
        await home.wait("1s")
        await deny("flap", "flaps", deployment="payments")
        # Nobody can tell whether this one helped: its runbook and its target are left alone.
        await home.fire("lost", deployment="cart")
        lost = await home.settled(home.runs[-1].id, "verifying")
        home.prometheus.fault("503", 9)  # as often as it is asked within two minutes
        await home.settled(lost.id, "unknown")
        await deny("unknown", "lost", deployment="payments")
        await deny("concurrency", "plain", deployment="cart")

        assert {guard: run.reason for guard, run in denied.items()} == {
            guard: "frozen" if guard == "freeze" else guard for guard in DENIED
        }
        assert [name for name in ("payments", "sick") if restarts(home.cluster, name)] == []
        await home.wait("2m")
        rows = await home.read("audit", "list", "--limit", "1000")
        events = [event for row in rows for event in row["body"]["events"]]
        judged = {one["run"]: one["verdicts"] for one in events if one["type"] == "run_judged"}
        told = {run.id: shown(card) for run in denied.values() for card in home.cards(run)}
        for guard, run in denied.items():
            verdict = next(one for one in run.verdicts if one.guard == guard)
            assert (verdict.verdict, DENIED[guard] in verdict.reason) == ("deny", True), verdict
            if guard != "blocking":  # nobody is told of what is silenced
                assert f"✗ {guard}: {verdict.reason[:60]}" in told[run.id]
            said = {one["guard"]: one for one in judged[run.id]}
            assert list(said) == [one.guard for one in run.verdicts]  # every guard was asked
            assert (said[guard]["verdict"], said[guard]["reason"]) == ("deny", verdict.reason)
        for guard in ("freeze", "target", "unknown"):
            text = (await home.terminal("eve", "runs", denied[guard].id)).output
            assert DENIED[guard] in " ".join(text.split())
        listed = {one["id"]: one["reason"] for one in await home.read("runs", "--limit", "50")}
        assert {run.id: run.reason for run in denied.values()}.items() <= listed.items()


# -- what nobody should write -----------------------------------------------------------------

HOSTILE: Final = (
    "; rm -rf /",
    "a/../../kube-system",
    "shop\n",
    "*",
    "x" * 10_000,
    "ѕhop",
    "shop%2f..",
    "${namespace}",
    "shop?watch=1",
    "..",
)


@pytest.mark.parametrize("label", ["namespace", "deployment"])
async def test_a_hostile_label_never_reaches_a_cluster(label: str, tmp_path: Path) -> None:
    async with house(tmp_path, PAGES, guards=BY_ITSELF) as home:
        await home.sign("pod-restarts")
        before = len(home.cluster.calls)
        for value in HOSTILE:
            await home.fire("pod-restarts", **{label: value})
        await home.fire("pod-restarts", **{label: ""})
        await home.wait("1m")
        assert {(run.state, run.reason, run.target) for run in home.runs} == {("denied", "target", None)}
        assert home.cluster.calls[before:] == []
        assert len(home.prometheus.queries) == 0
