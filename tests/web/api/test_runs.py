"""Runs over HTTP: asking for one, its whole story, and what people decide about it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.web.api.office import ASKED, PAGE, office

NOW = "2026-01-05T00:00:00Z"


async def test_a_run_from_the_question_to_the_approval(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        asked = await api.do("operator", "runs", ASKED | {"why": "it is slow"})
        run_id = asked["id"]
        assert asked == {"status": "done", "detail": run_id, "id": run_id, "run": asked["run"]}
        assert asked["run"]["state"] == "proposed"
        planned = (await api.look(run_id)).plan
        assert planned is not None
        whole = await api.get(f"runs/{run_id}")
        journal = whole.pop("journal")
        verdicts = {one["guard"]: one["verdict"] for one in whole.pop("verdicts")}
        story = [(one["state"], one["by"]) for one in whole.pop("story")]
        assert [guard for guard, verdict in verdicts.items() if verdict != "allow"] == ["approval"]
        assert story == [("proposed", ""), ("awaiting_approval", "")]
        assert [
            (row["kind"], row["actor"], [event["type"] for event in row["events"]]) for row in journal
        ] == [
            ("start_run", "operator", ["run_proposed"]),
            ("facts_gathered", "actions", ["run_planned", "run_judged", "run_moved"]),
        ]
        assert list(journal[0]) == ["n", "at", "kind", "actor", "asked", "events"]
        assert whole == {
            "id": run_id,
            "runbook": "pod-restarts",
            "runbook_hash": PAGE.hash,
            "state": "awaiting_approval",
            "open": True,
            "reason": "",
            "mode": "approve",
            "risk": "medium",
            "parameters": {"namespace": "shop", "deployment": "checkout", "cluster": "prod"},
            "target": {
                "cluster": "prod",
                "namespace": "shop",
                "kind": "Deployment",
                "name": "checkout",
                "uid": "uid-checkout",
            },
            "requested_by": "operator",
            "person": "",
            "via": "api",
            "why": "it is slow",
            "trigger": "",
            "alerts": [],
            "incidents": [],
            "plan": {
                "hash": planned.hash,
                "risk": "medium",
                "steps": [
                    {
                        "action": "kubernetes.rollout_restart",
                        "target": "prod/shop/Deployment/checkout",
                        "mutates": True,
                        "calls": ["PATCH deployments/checkout"],
                        "intended": {"restartedAt": run_id},
                        "observed": {"generation": 3},
                        "arguments": {},
                        "bounds": "",
                        "timeout": "5m",
                        "risk": "medium",
                        "undo": "kubernetes.rollout_undo",
                    }
                ],
                "on_failure": [],
            },
            "facts": {
                "at": NOW,
                "object": {"desired": 5, "healthy": 5, "takes": 1, "busy": ""},
                "firing": "yes",
                "asked": "",
                "probes": [],
                "problem": "",
            },
            "needed": 1,
            "approvals": [],
            "step": 0,
            "applied": 0,
            "rolling_back": False,
            "created_at": NOW,
            "acted_at": None,
            "ended_at": None,
            "due_at": "2026-01-05T00:15:00Z",
            "expires_at": "2026-01-05T00:15:00Z",
            "hold_until": None,
        }
        approved = await api.do("alice", f"runs/{run_id}/approve", {"plan": planned.hash})
        assert (approved["detail"], approved["run"]["state"]) == (f"{run_id} approved", "approved")
        assert approved["run"]["approvals"] == [
            {"person": "alice", "at": NOW, "plan": planned.hash, "via": "api", "counts": True}
        ]
        assert (await api.look(run_id)).state == "executing"
        asked_for = [row["asked"] for row in (await api.get(f"runs/{run_id}"))["journal"]]
        assert asked_for == [
            None,
            None,
            {
                "type": "approve",
                "run": run_id,
                "person": "alice",
                "plan_hash": planned.hash,
                "nonce": "",
                "via": "api",
            },
            None,
        ]


async def test_who_may_do_what(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        run_id = (await api.do("operator", "runs", ASKED))["id"]
        await api.look(run_id)
        lacks = "{} lacks the role '{}'"
        respond = [("runs", ASKED), (f"runs/{run_id}/deny", {}), (f"runs/{run_id}/cancel", {})]
        for path, body in [*respond, (f"runs/{run_id}/resolve", {})]:
            assert await api.refused("reader", path, body) == (403, lacks.format("reader", "respond"))
            assert (await api.refused("", path, body))[0] == 401
        for path in ("runs", f"runs/{run_id}"):
            assert await api.refused("sender", path, method="GET") == (403, lacks.format("sender", "read"))
        for who in ("operator", "robot"):
            assert await api.refused(who, f"runs/{run_id}/approve") == (403, lacks.format(who, "approve"))
        nobody = "operator stands for no person: this needs a token with `person:`"
        assert await api.refused("operator", f"runs/{run_id}/resolve", {}) == (403, nobody)
        assert api.run(run_id).state == "awaiting_approval"


async def test_without_auth_nobody_may_run_or_approve_anything(tmp_path: Path) -> None:
    async with office(tmp_path, anonymous=True) as api:
        assert await api.ask("", "GET", "runs") == (200, [])
        for path, role in (
            ("runs", "respond"),
            ("runs/r1/approve", "approve"),
            ("runs/r1/deny", "respond"),
            ("runs/r1/cancel", "respond"),
            ("runs/r1/resolve", "respond"),
        ):
            assert await api.refused("", path, ASKED) == (403, f"anonymous lacks the role '{role}'")


async def test_an_approval_is_for_one_plan(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        run_id = (await api.do("operator", "runs", ASKED))["id"]
        path = f"runs/{run_id}/approve"
        assert await api.refused("alice", path) == (
            409,
            f"run {run_id} is proposed: there is nothing to approve",
        )
        await api.look(run_id)
        status, why = await api.refused("alice", path, {"plan": "0" * 64})
        assert (status, why) == (409, f"run {run_id} has another plan by now: look at it again")
        assert await api.refused("alice", path, {"plan": "0" * 12, "x": 1}) == (
            400,
            "plan: must be a plan's hash: 64 hexadecimal digits; 'x' means nothing here",
        )
        first, second = await asyncio.gather(api.ask("alice", "POST", path), api.ask("bob", "POST", path))
        assert sorted((first[0], second[0])) == [200, 409]
        late = next(document for status, document in (first, second) if status == 409)
        winner = "bob" if first[0] == 409 else "alice"
        assert late["message"] == (
            f"run {run_id} is approved (approved by {winner}): there is nothing to approve"
        )


@pytest.mark.parametrize(
    ("what", "body", "state", "reason"),
    [("deny", {"reason": "not now"}, "denied", "approval"), ("cancel", None, "cancelled", "cancelled")],
)
async def test_a_no(tmp_path: Path, what: str, body: Any, state: str, reason: str) -> None:
    async with office(tmp_path) as api:
        run_id = (await api.do("operator", "runs", ASKED))["id"]
        await api.look(run_id)
        answer = await api.do("operator", f"runs/{run_id}/{what}", body)
        run = answer["run"]
        assert (answer["detail"], run["state"], run["reason"]) == (f"{run_id} {state}", state, reason)
        assert run["story"][-1] == {
            "at": NOW,
            "state": state,
            "text": body["reason"] if body else "cancelled",
            "by": "operator",
        }
        status, _ = await api.refused("operator", f"runs/{run_id}/{what}", body)
        assert status == 409


async def test_only_what_is_unknown_can_be_resolved(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        run_id = (await api.do("operator", "runs", ASKED))["id"]
        path = f"runs/{run_id}/resolve"
        assert await api.refused("alice", path, {"applied": "yes"}) == (
            400,
            "applied: must be true or false, not a text; reason: is missing: what was seen, and where",
        )
        assert await api.refused("alice", path, {"applied": True, "reason": "I looked"}) == (
            409,
            f"run {run_id} is proposed: nothing is unknown",
        )


async def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        assert await api.refused("operator", "runs", {}) == (
            400,
            "runbook: is missing: which runbook is to be run",
        )
        assert (await api.refused("operator", "runs", {"runbook": "nosuch"}))[0] == 404
        hostile = {"namespace": "$(rm -rf /)", "deployment": "a/../../kube-system", "cluster": "eu", "x": "y"}
        status, why = await api.refused("operator", "runs", {**ASKED, "parameters": hostile})
        assert (status, [part.partition(":")[0] for part in why.split("; ")]) == (
            400,
            ["namespace", "deployment", "cluster", "x"],
        )
        for path in ("runs/r9", "runs/x"):
            assert (await api.refused("reader", path, method="GET"))[0] == 404
            assert (await api.refused("alice", f"{path}/approve"))[0] == 404
        assert api.service.engine.state.runs == {}


async def test_a_plan_alone_ends_when_it_is_judged(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        run_id = (await api.do("operator", "runs", ASKED | {"plan_only": True}))["id"]
        await api.look(run_id)
        run = await api.get(f"runs/{run_id}")
        assert (run["state"], run["open"], run["plan"]["risk"]) == ("cancelled", False, "medium")
        assert len(run["verdicts"]) > 10


async def test_runs_are_listed_newest_first(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        ids = []
        for name in ("a", "b", "c"):
            asked = {**ASKED, "parameters": {"namespace": "shop", "deployment": name}}
            ids.append((await api.do("operator", "runs", asked))["id"])
        await api.do("operator", f"runs/{ids[1]}/cancel")
        newest = ids[::-1]

        async def listed(query: str = "") -> list[str]:
            return [run["id"] for run in await api.get(f"runs{query}")]

        assert await listed() == newest
        assert await listed("?limit=2") == newest[:2]
        pages = await api.pages("runs?limit=2")
        assert [[run["id"] for run in page] for page in pages] == [newest[:2], newest[2:]]
        assert await api.pages("runs?limit=3") == [await api.get("runs")]
        assert await listed("?state=cancelled") == [ids[1]]
        assert await listed("?state=cancelled&state=proposed&runbook=pod-restarts") == newest
        assert await listed("?runbook=other") == []
        status, why = await api.refused("reader", "runs?state=odd", method="GET")
        assert (status, why.startswith("state: 'odd' is none of proposed, awaiting_approval")) == (400, True)
        assert (await api.refused("reader", "runs?sate=denied", method="GET"))[0] == 400
        assert (await api.get("runs/2"))["id"] == (await api.get("runs/r2"))["id"] == ids[1]


async def test_a_run_of_an_alert_names_its_incident(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        await api.fire("PodRestartsHigh", namespace="shop", deployment="checkout")
        (run,) = await api.get("runs")
        (incident,) = await api.get("incidents")
        assert (run["incidents"], run["trigger"], run["via"]) == ([incident["id"]], "sender", "alert")
        assert [one["id"] for one in incident["runs"]] == [run["id"]]


async def test_a_page_of_another_site_may_not_approve(tmp_path: Path) -> None:
    async with office(tmp_path) as api:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            status, _ = await api.ask("alice", "POST", "runs/r1/approve", {}, headers)
            assert status == 403
        status, _ = await api.ask("alice", "POST", "runs/r1/approve", {}, {"Content-Type": "text/plain"})
        assert status == 415
