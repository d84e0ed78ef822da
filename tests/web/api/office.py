"""One running service with people, tokens and a runbook, and somebody who answers as `actions` would.

The engine, its database and HTTP are the real ones; only the cluster is not there.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from responder.core.guardrules import Allowed, Evidence, GuardRules
from responder.core.matching import parse_matchers
from responder.core.messages import FactsGathered
from responder.core.model import MINUTE
from responder.core.parameters import parse_type
from responder.core.plan import Facts, ObjectFacts, Plan, PlannedStep, TargetRef
from responder.core.run import Run
from responder.core.runbook import ActionStep, Parameter, Query, Runbook, Target, Verify
from responder.service import Service
from responder.settings import load_settings
from tests.clock import ManualClock
from tests.peers.ports import free_port

ROUTING: Final = {
    "route": {"receiver": "team", "group_by": ["alertname"]},
    "receivers": [{"name": "team"}],
}
PEOPLE: Final = {
    "alice": ["read", "respond", "approve"],
    "bob": ["read", "respond", "approve"],
    "boss": ["read", "respond", "approve", "admin"],
}
TOKENS: Final = {
    "sender": ["ingest"],
    "reader": ["read"],
    "operator": ["read", "respond"],
    "robot": ["read", "respond", "admin"],
}
"""Beside those of PEOPLE, each under the person's name: tokens that stand for nobody."""

PAGE: Final = Runbook(
    name="pod-restarts",
    title="Pods restart too often",
    hash="a" * 64,
    matchers=(parse_matchers('alertname="PodRestartsHigh"').matchers,),
    parameters=(
        Parameter("namespace", parse_type("dns_label"), "namespace"),
        Parameter("deployment", parse_type("dns_subdomain"), "deployment", default="checkout"),
    ),
    target=Target("Deployment", "${deployment}", "${namespace}"),
    mode="auto",
    risk="medium",
    steps=(ActionStep("kubernetes.rollout_restart"),),
    verify=(Verify(Query("up > 0"), every=MINUTE),),
    prose="# Pods restart\n",
    place="pod-restarts.md",
)
RULES: Final = GuardRules(allow=(Allowed("kubernetes.rollout_restart"),), evidence=Evidence(runs=0), gap=0)
ASKED: Final = {"runbook": "pod-restarts", "parameters": {"namespace": "shop"}}


class Office:
    """Whoever calls, by the name of their token; "" for none."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, service: Service, clock: ManualClock
    ) -> None:
        self._session, self.url, self.service, self.clock = session, url, service, clock

    async def ask(
        self, who: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {who}"} if who else {}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent |= {"Content-Type": "application/json"} if data is not None else {}
        async with self._session.request(
            method, f"{self.url}/api/v1/{path}", data=data, headers=sent | (headers or {})
        ) as response:
            text = await response.read()
            return response.status, json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        status, document = await self.ask("reader", "GET", path)
        assert status == 200, document
        return document

    async def pages(self, path: str) -> list[Any]:
        """A list, page by page, as its headers lead on."""
        found = []
        url: str | None = f"/api/v1/{path}"
        while url is not None:
            async with self._session.get(
                self.url + url, headers={"Authorization": "Bearer reader"}
            ) as response:
                found.append(await response.json())
                leads = response.headers.get("Link")
            url = leads.partition("<")[2].partition(">")[0] if leads else None
        return found

    async def do(self, who: str, path: str, body: Any = None, method: str = "POST") -> Any:
        status, document = await self.ask(who, method, path, body)
        assert (status, document["status"]) == (200, "done"), document
        return document

    async def refused(self, who: str, path: str, body: Any = None, method: str = "POST") -> tuple[int, str]:
        status, document = await self.ask(who, method, path, body)
        return status, document["message"]

    async def fire(self, name: str, *, ends_at: str = "", **labels: str) -> None:
        alert: dict[str, Any] = {
            "labels": {"alertname": name, **labels},
            "annotations": {"summary": "s"},
            **({"endsAt": ends_at} if ends_at else {}),
        }
        async with self._session.post(
            f"{self.url}/api/v2/alerts", json=[alert], headers={"Authorization": "Bearer sender"}
        ) as response:
            assert response.status == 200
        await self.service.engine.caught_up()

    async def asked_for(self) -> str:
        """The id of the first run, once somebody has asked for it."""
        runs = self.service.engine.state.runs
        async with asyncio.timeout(10):
            while not runs:  # noqa: ASYNC110 # the engine has no event for that
                await asyncio.sleep(0.01)
        return runs[1].id

    def run(self, run_id: str) -> Run:
        return next(run for run in self.service.engine.state.runs.values() if run.id == run_id)

    async def look(self, run_id: str, *, observed: int = 3) -> Run:
        """What `actions` would answer to the last question about a run: a healthy Deployment."""
        run = self.run(run_id)
        now = self.service.engine.log.now()
        facts = Facts(
            now, ObjectFacts(desired=5, healthy=5, takes=1), "yes", "prometheus" if run.trigger else ""
        )
        answer = FactsGathered(run.number, run.lap, facts, plan_of(run, observed))
        await self.service.engine.answer(answer)
        await self.service.engine.caught_up()
        return self.run(run_id)


def plan_of(run: Run, observed: int = 3) -> Plan:
    """What would be done about a run's target."""
    assert run.target is not None
    target = TargetRef(
        run.target.cluster, run.target.namespace, run.target.kind, run.target.name, f"uid-{run.target.name}"
    )
    step = PlannedStep(
        action="kubernetes.rollout_restart",
        target=target,
        calls=(f"PATCH deployments/{target.name}",),
        intended={"restartedAt": run.id},
        observed={"generation": observed},
        timeout=5 * MINUTE,
        risk="medium",
        undo="kubernetes.rollout_undo",
    )
    return Plan(run.runbook, run.runbook_hash, run.parameters, target, (step,))


@asynccontextmanager
async def office(directory: Path, *, anonymous: bool = False) -> AsyncIterator[Office]:
    """A service that knows PEOPLE and TOKENS, and has the runbook PAGE; `anonymous`: without any auth."""
    port = free_port()
    (directory / "routing.yaml").write_text(yaml.safe_dump(ROUTING))
    people = [{"name": name, "roles": roles} for name, roles in PEOPLE.items()]
    (directory / "people.yaml").write_text(yaml.safe_dump(people))
    tokens: list[dict[str, Any]] = [
        {"name": f"{name}-laptop", "person": name, "sha256": _digest(name), "roles": roles}
        for name, roles in PEOPLE.items()
    ]
    tokens += [{"name": name, "sha256": _digest(name), "roles": roles} for name, roles in TOKENS.items()]
    (directory / "tokens.yaml").write_text(yaml.safe_dump(tokens))
    config: dict[str, Any] = {
        "listen": f"127.0.0.1:{port}",
        "storage": f"sqlite:///{directory}/responder.db",
        "rules": str(directory / "routing.yaml"),
    }
    if not anonymous:
        config |= {
            "auth": {"tokens_file": str(directory / "tokens.yaml")},
            "people": str(directory / "people.yaml"),
        }
    path = directory / "responder.yaml"
    path.write_text(yaml.safe_dump(config))
    clock = ManualClock()
    service = Service(load_settings(path, {}), clock)
    await service.start()
    await service.engine.caught_up()
    service.engine.ruleset = replace(
        service.engine.ruleset, runbooks={PAGE.name: PAGE}, guards=RULES, clusters=("prod",)
    )
    try:
        async with aiohttp.ClientSession() as session:
            yield Office(session, f"http://127.0.0.1:{port}", service, clock)
    finally:
        await asyncio.sleep(0)
        await service.stop()


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()
