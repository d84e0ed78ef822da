"""A whole service that Slack's stand-in calls, over loopback: people type and press, and see what is said."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import yaml
from aiohttp import web

from responder.core.guardrules import Allowed, Evidence, GuardRules
from responder.core.messages import FactsGathered
from responder.core.model import MINUTE, SECOND
from responder.core.parameters import ParameterType
from responder.core.plan import Facts, ObjectFacts, Plan, PlannedStep
from responder.core.run import Run
from responder.core.runbook import ActionStep, NotifyStep, Parameter, Runbook, Target
from responder.sandbox.slack import Slack
from responder.sandbox.slackapi import APP_TOKEN
from responder.sandbox.slackpeople import People, Sent
from responder.sandbox.slackroom import Message
from responder.service import Service
from responder.settings import load_settings
from tests.clock import ManualClock
from tests.peers.ports import free_port

SECRET: Final = "8f742231b10e8888abcd99yyyzzz85a5"
ANA, BEN, GUEST, READER = "U0ANA", "U0BEN", "U0GUEST", "U0READER"
PEOPLE: Final = [
    {"name": "ana", "slack": ANA, "roles": ["read", "respond", "approve"]},
    {"name": "ben", "slack": BEN, "roles": ["read", "respond", "approve"]},
    {"name": "rita", "slack": READER, "roles": ["read"]},
]
RULES: Final = {
    "route": {
        "receiver": "ops",
        "group_by": ["alertname", "cluster"],
        "group_wait": "1s",
        "group_interval": "5m",
        "routes": [{"receiver": "other", "matchers": ["team=other"]}],
    },
    "receivers": [
        {"name": "ops", "slack_configs": [{"channel": "#ops", "send_resolved": True}]},
        {"name": "other", "slack_configs": [{"channel": "#other", "send_resolved": True}]},
    ],
}
RESTART: Final = "kubernetes.rollout_restart"
RUNBOOK: Final = Runbook(
    name="pod-restarts",
    title="Pods restart too often",
    hash="h" * 64,
    parameters=(
        Parameter("namespace", ParameterType("dns_label"), "namespace"),
        Parameter("deployment", ParameterType("dns_subdomain"), default="checkout"),
    ),
    target=Target("Deployment", "${deployment}", "${namespace}"),
    mode="approve",
    risk="medium",
    steps=(ActionStep(RESTART),),
    on_failure=(NotifyStep("other"),),
    prose="# Pods restart\nLook at *the logs* first. <!channel>",
)
FLOORS: Final = GuardRules(
    allow=(Allowed(RESTART),), min_age=0, gap=0, evidence=Evidence(runs=0), approvals={"medium": 1, "high": 2}
)
PATIENCE: Final = 5.0


class Place:
    """The service, the workspace, and how to wait for what comes."""

    def __init__(self, service: Service, slack: Slack, people: People, clock: ManualClock) -> None:
        self.service = service
        self.slack = slack
        self.people = people
        self.clock = clock

    @property
    def url(self) -> str:
        return f"http://{self.service.settings.listen}"

    # -- what is there ----------------------------------------------------------------------

    async def fire(self, *names: str, **labels: str) -> None:
        """Alerts fire, and are told."""
        document = [
            {"labels": {"alertname": name, "cluster": "prod", "namespace": "shop", **labels}}
            for name in names
        ]
        before = sum(len(channel.messages) for channel in self.slack.room.channels.values())
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/v2/alerts", json=document) as answer,
        ):
            assert answer.status == 200
        await self.until(
            lambda: sum(len(c.messages) for c in self.slack.room.channels.values()) == before + len(names)
        )
        await self.until(lambda: not self.service.engine.state.rows)

    async def until(self, holds: Callable[[], object]) -> None:
        """Let time pass until something is so."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await self.clock.advance(SECOND // 4)
                await asyncio.sleep(0.002)

    def use(self, runbook: Runbook = RUNBOOK, floors: GuardRules = FLOORS) -> None:
        """This runbook is in the rules."""
        engine = self.service.engine
        engine.ruleset = replace(
            engine.ruleset, runbooks={runbook.name: runbook}, guards=floors, clusters=("prod",)
        )

    async def gather(self, name: str, **intended: Any) -> Run:
        """What `actions` would find out of a run that is proposed."""
        run = self.run(name)
        assert run.target is not None
        target = msgspec.structs.replace(run.target, uid="6f1c2a3b-0000-4000-8000-000000000001")
        step = PlannedStep(
            RESTART,
            target,
            ("PATCH deployments/checkout",),
            intended or {"restart": True},
            {},
            MINUTE,
            "medium",
        )
        plan = Plan(run.runbook, run.runbook_hash, run.parameters, target, (step,))
        facts = Facts(self.service.engine.log.now(), ObjectFacts(6, 6, 1), "yes", "prometheus")
        await self.service.engine.accept("actions", [FactsGathered(run.number, run.lap, facts, plan)])
        assert await self.service.engine.caught_up()
        return self.run(name)

    def run(self, name: str) -> Run:
        return next(run for run in self.service.engine.state.runs.values() if run.id == name)

    @property
    def runs(self) -> list[Run]:
        return [*self.service.engine.state.runs.values()]

    def incidents(self) -> list[tuple[str, str]]:
        """Each open incident with who took it on."""
        groups = self.service.engine.state.groups.values()
        return [
            (dict(group.labels)["alertname"], group.acknowledged.by if group.acknowledged else "")
            for group in groups
        ]

    # -- what people do and see -------------------------------------------------------------

    async def type(self, text: str, user: str = ANA, channel: str = "ops") -> str:
        """What is said to somebody who types this."""
        sent = await self.people.type(user, channel, text)
        assert sent.status == 200, sent
        return str(json.loads(sent.text)["text"])

    async def press(
        self, message: Message, action: str, user: str = ANA, channel: str = "ops", value: str = ""
    ) -> str:
        """What is said to somebody who presses this."""
        heard = len(self.whispers(user, channel))
        sent = await self.people.press(user, channel, message.ts, action, value)
        assert sent == Sent(200), sent
        await self.until(lambda: len(self.whispers(user, channel)) > heard)
        return self.whispers(user, channel)[-1]

    def whispers(self, user: str = ANA, channel: str = "ops") -> list[str]:
        """What only this user has seen."""
        return [one.text for reader, one in self.slack.room.channel(channel).ephemeral if reader == user]

    def whisper(self, user: str = ANA, channel: str = "ops") -> Message:
        return [one for reader, one in self.slack.room.channel(channel).ephemeral if reader == user][-1]

    def counted(self) -> dict[str, int]:
        """The requests by what became of them."""
        [metric] = self.service.metrics.slack_requests.collect()
        return {
            sample.labels["outcome"]: int(sample.value)
            for sample in metric.samples
            if sample.name.endswith("_total")
        }


@asynccontextmanager
async def serving(
    directory: Path,
    clock: ManualClock | None = None,
    *,
    secret: str = SECRET,
    socket: bool = False,
    **config: Any,
) -> AsyncIterator[Place]:
    """The service on files in `directory`; again on the same ones is a restart."""
    clock = clock or ManualClock()
    slack = Slack(clock)
    for name in ("ops", "other"):
        slack.add_channel(name)
    for user in (ANA, BEN, GUEST, READER):
        slack.room.add_user(user, user.removeprefix("U0").lower())
    port = free_port()
    link = slack.link if socket else None
    people = People(slack.room, clock, f"http://127.0.0.1:{port}", SECRET, link)
    app = web.Application()
    slack.add_routes(app)
    people.add_routes(app)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    people.place = slack.link.place = f"http://127.0.0.1:{runner.addresses[0][1]}"
    (directory / "token").write_text(slack.token)
    (directory / "signing").write_text(f"{secret}\n")
    (directory / "app").write_text(f"{APP_TOKEN}\n")
    (directory / "people.yaml").write_text(yaml.safe_dump(PEOPLE))
    (directory / "routing.yaml").write_text(yaml.safe_dump(RULES))
    given = {
        "listen": f"127.0.0.1:{port}",
        "storage": f"sqlite:///{directory}/responder.db",
        "rules": str(directory / "routing.yaml"),
        "people": str(directory / "people.yaml"),
        "slack": {
            "bot_token_file": str(directory / "token"),
            **(
                {"app_token_file": str(directory / "app")}
                if socket
                else {"signing_secret_file": str(directory / "signing")}
            ),
            "api_url": f"{people.place}/slack/api/",
        },
    }
    path = directory / "responder.yaml"
    path.write_text(yaml.safe_dump(given | config))
    service = Service(load_settings(path, {}), clock)
    await service.start()
    try:
        yield Place(service, slack, people, clock)
    finally:
        await service.stop()
        slack.release()
        await runner.cleanup()
