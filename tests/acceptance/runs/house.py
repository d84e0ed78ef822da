"""A whole service on virtual time, with clusters that it acts in, a Prometheus that it asks, and people.

The web, the engine, the database, Slack's client and Kubernetes' client are the real ones and speak to the
sandbox's stand-ins over loopback; only the clock is set by hand. What ought to come of it is the test's.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import deepcopy
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import yaml
from aiohttp import web
from click.testing import Result

from responder.core.model import SECOND, Nanoseconds, format_time, parse_duration
from responder.core.run import Run
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.platform import furnish
from responder.sandbox.prometheus import Prometheus
from responder.sandbox.slack import Slack
from responder.sandbox.slackpeople import People, Sent, buttons
from responder.sandbox.slackroom import Message
from responder.service import Service
from responder.settings import load_settings
from responder.web.slack.entrance import INTERACTIONS
from tests.acceptance.timeline.clock import TimelineClock
from tests.cli.story import run as at_the_terminal
from tests.clock import ManualClock
from tests.peers.payloads import ZERO, webhook_alert, webhook_payload
from tests.peers.ports import free_port

if TYPE_CHECKING:
    from responder.actions.worker import Acts

SECRET: Final = "8f742231b10e8888abcd99yyyzzz85a5"
ROLES: Final[Mapping[str, list[str]]] = {
    "ann": ["read", "respond", "approve"],
    "ben": ["read", "respond", "approve"],
    "eve": ["read", "respond"],
    "boss": ["read", "respond", "approve", "admin"],
}
"""People, each with a Slack user `U0NAME` and a token that is the name. `U0GUEST` is nobody that is known."""

SENDERS: Final = ("alertmanager", "grafana")
RESTART: Final = "kubernetes.rollout_restart"
UNDO: Final = "kubernetes.rollout_undo"
GUARDS: Final[Mapping[str, Any]] = {
    "allow": [{"action": RESTART, "namespace": "shop"}, {"action": UNDO, "namespace": "shop"}],
    "triggers": ["alertmanager"],
    "evidence": 0,
    "min_age": "0s",
    "gap": "0s",
}
ROUTE: Final[Mapping[str, Any]] = {
    "receiver": "ops",
    "group_by": ["alertname", "cluster", "deployment"],
    "group_wait": "1s",
    "group_interval": "1m",
}
QUERY: Final = (
    'increase(restarts_by_deployment{namespace="${namespace}", deployment="${deployment}"}[1m]) < 1'
)
RESTART_STEP: Final = ("```step", f"action: {RESTART}", "timeout: 2m", "```")


def page(name: str, *front: str, steps: Sequence[str] = RESTART_STEP, query: str = QUERY) -> str:
    """A page that restarts what the alert of its name says; `front`: more lines of its front matter."""
    head = [
        "---",
        f"runbook: {name}",
        f"title: About {name}",
        f"match: ['alertname=\"{name}\"']",
        "parameters:",
        "  namespace: {type: dns_label, from: labels.namespace}",
        "  deployment: {type: dns_subdomain, from: labels.deployment}",
        'target: {kind: Deployment, namespace: "${namespace}", name: "${deployment}"}',
        *(front if any(line.startswith("mode:") for line in front) else ("mode: auto", *front)),
        "---",
    ]
    verify = ("```verify", f"prometheus: '{query}'", "for: 2 of 2 probes, every 15s, within 2m", "```")
    return "\n".join([*head, f"# About {name}", *steps, *verify, ""])


TAKE_BACK: Final = "\n".join(["```on_failure", f"- action: {UNDO}", "```", ""])


class _Service(Service):
    """The service, which shows who carries its runs out."""

    acts: "Acts | None" = None

    def _acts(self) -> "Acts":
        self.acts = super()._acts()
        return self.acts


class House:
    """What tests drive."""

    def __init__(
        self,
        service: _Service,
        clock: ManualClock,
        slack: Slack,
        people: People,
        prometheus: Prometheus,
        clusters: Mapping[str, Cluster],
        session: aiohttp.ClientSession,
    ) -> None:
        self.service, self.clock, self.slack, self.people = service, clock, slack, people
        self.prometheus, self.clusters = prometheus, clusters
        self.url = f"http://{service.settings.listen}"
        self.slow = False
        """Whether time passes while a cluster is asked."""
        self._session = session
        self._began: dict[tuple[str, ...], Nanoseconds] = {}

    @property
    def cluster(self) -> Cluster:
        """The only one."""
        (one,) = self.clusters.values()
        return one

    def busy(self) -> bool:
        """Whether something is under way that takes no virtual time."""
        service, acts = self.service, self.service.acts
        told = any(one.in_flight for one in service.delivery.snapshot().destinations)
        looking = acts is not None and acts.asking and not self.slow
        clusters = any(one.busy for one in self.clusters.values())
        engine = service.engine
        due = engine.state.next_due()
        # Of what is due it may hear only when it wakes, a second later at most: for that time must pass.
        sleeps = due is not None and due[0] <= engine.log.now()
        deciding = engine.log.in_flight or engine.backlog() > 0 or not (engine.idle or sleeps)
        return told or looking or clusters or deciding

    # -- time -----------------------------------------------------------------------------

    async def wait(self, duration: str) -> None:
        """Let time pass."""
        await self.clock.advance(parse_duration(duration))

    async def until(self, holds: Callable[[], object], within: str = "20m") -> None:
        """Let time pass until it is so."""
        end = self.clock.monotonic() + parse_duration(within)
        while not holds():
            assert self.clock.monotonic() < end, [(run.id, run.state, run.reason) for run in self.runs]
            await self.clock.advance(SECOND)

    async def settled(self, run: str, *states: str) -> Run:
        """The run, once it is in one of these states; without any: once it has ended."""
        await self.until(lambda: self.run(run).state in states or not (self.run(run).open or states))
        found = self.run(run)
        assert not states or found.state in states, (found.state, found.story)
        return found

    # -- alerts ---------------------------------------------------------------------------

    async def fire(self, name: str, **labels: str) -> None:
        """An alert fires, and Prometheus says so too."""
        await self.fire_all((name, labels))

    async def fire_all(
        self, *alerts: tuple[str, Mapping[str, str]], sender: str = "alertmanager", live: bool = True
    ) -> None:
        """Several alerts in one request; each is about checkout in shop unless its labels say otherwise.

        `live`: Prometheus says that they fire.
        """
        said = []
        for name, given in alerts:
            labels = {"namespace": "shop", "deployment": "checkout", **given}
            labels = {key: value for key, value in labels.items() if value}
            since = self._began.setdefault(_key(name, labels), self.clock.now())
            if live:
                self.prometheus.fire(name, **labels)
            said.append(webhook_alert(name, starts_at=format_time(since), ends_at=ZERO, **labels))
        await self._post(said, sender)

    async def over(self, name: str, **labels: str) -> None:
        """It fires no more."""
        labels = {"namespace": "shop", "deployment": "checkout", **labels}
        since = self._began.pop(_key(name, labels))
        self.prometheus.end(name, **labels)
        ends = {"starts_at": format_time(since), "ends_at": format_time(self.clock.now())}
        await self._post([webhook_alert(name, status="resolved", **ends, **labels)], "alertmanager")

    async def _post(self, alerts: Sequence[Mapping[str, Any]], sender: str) -> None:
        status, _ = await self.ask(sender, "POST", "/webhooks/alertmanager", webhook_payload(alerts))
        assert status == 200
        await self.service.engine.caught_up()
        await self.clock.settle()

    # -- runs -----------------------------------------------------------------------------

    @property
    def runs(self) -> list[Run]:
        """All of them, oldest first."""
        return [*self.service.engine.state.runs.values()]

    def run(self, name: str) -> Run:
        """The one with this id."""
        return next(run for run in self.runs if run.id == name)

    async def sign(self, *names: str) -> None:
        """The boss vouches for pages as they are."""
        for name in names:
            text = self.service.engine.ruleset.runbooks[name].hash
            status, said = await self.ask(
                "boss", "POST", f"/api/v1/runbooks/{name}/sign", {"hash": text, "reason": "tried by hand"}
            )
            assert status == 200, said

    # -- people ---------------------------------------------------------------------------

    async def ask(self, who: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request with somebody's token."""
        async with self._session.request(
            method, f"{self.url}{path}", json=body, headers={"Authorization": f"Bearer {who}"}
        ) as response:
            text = await response.read()
            return response.status, json.loads(text) if text else None

    async def terminal(self, who: str, *arguments: str) -> Result:
        """A command that somebody types at a terminal."""
        return await asyncio.to_thread(at_the_terminal, *arguments, "--url", self.url, "--token", who)

    async def read(self, *arguments: str) -> Any:
        """What a command shows, as JSON."""
        result = await self.terminal("eve", *arguments, "--output", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    def cards(self, run: Run) -> list[Message]:
        """A run's cards in Slack: one in the thread of each incident that was told."""
        found = [reply for message in self.slack.messages("ops") for reply in message.replies]
        return [
            one for one in found if one.metadata.get("event_type") == "responder_run" and of(one) == run.id
        ]

    async def card(self, run: Run) -> Message:
        """Its only card as it is now."""
        await self.until(lambda: self.cards(run), "1m")
        await self.clock.settle()
        (found,) = self.cards(run)
        return deepcopy(found)

    async def press(self, message: Message, action: str, who: str) -> str:
        """What Slack says to the one who presses a button of a message as they see it (it may be old)."""
        heard, channel = len(self.heard(who)), self.slack.room.channel("ops")
        (button,) = (one for one in buttons(message) if one["action_id"] == action)
        body = self.people.pressed(_slack(who), channel, message, button)
        assert await self.people.send(INTERACTIONS, body) == Sent(200)
        await self.hears(who, heard + 1)
        return self.heard(who)[-1]

    async def hears(self, who: str, count: int) -> None:
        """Wait, in real time, until only they were told so many things."""
        async with asyncio.timeout(10):
            while len(self.heard(who)) < count:  # noqa: ASYNC110 # the stand-in has no event for that
                await asyncio.sleep(0.002)

    def heard(self, who: str) -> list[str]:
        """What only they see in the channel."""
        return [one.text for reader, one in self.slack.room.channel("ops").ephemeral if reader == _slack(who)]


def of(card: Message) -> str:
    """The run that a card is about."""
    return str(card.metadata["event_payload"]["run"])


def shown(message: Message) -> str:
    """Every text that a reader of a message sees."""
    text = "\n".join(_texts([message.blocks, message.attachments]))
    return unescape(text).replace("\u2060", "")


def _texts(found: Any) -> list[str]:
    if isinstance(found, dict):
        own = [found["text"]] if isinstance(found.get("text"), str) else []
        return own + [text for value in found.values() for text in _texts(value)]
    return [text for value in found for text in _texts(value)] if isinstance(found, list) else []


def _slack(who: str) -> str:
    return f"U0{who.upper()}"


def _key(name: str, labels: Mapping[str, str]) -> tuple[str, ...]:
    return name, *(f"{key}={value}" for key, value in sorted(labels.items()))


@asynccontextmanager
async def house(
    directory: Path,
    pages: Mapping[str, str],
    *,
    guards: Mapping[str, Any] | None = None,
    clusters: Sequence[str] = ("prod",),
    clock: TimelineClock | None = None,
    tracing: Mapping[str, Any] | None = None,
) -> AsyncIterator[House]:
    """The service on files in `directory`, with these pages by their names."""
    asyncio.get_running_loop().set_debug(False)  # a traceback for each of many thousand tasks
    clock = clock or TimelineClock()
    slack = Slack(clock)
    slack.add_channel("ops")
    for who in (*ROLES, "guest"):
        slack.room.add_user(_slack(who), who)
    port = free_port()
    people = People(slack.room, clock, f"http://127.0.0.1:{port}", SECRET)
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(Cluster(clock, name)) for name in clusters]
        for one in made:
            furnish(one)
        await clock.advance(10 * SECOND)
        prometheus = Prometheus(clock, *made)
        app = web.Application()
        for part in (slack, people, prometheus):
            part.add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.callback(slack.release)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        people.place = f"http://127.0.0.1:{runner.addresses[0][1]}"
        config = _configure(directory, pages, people.place, port, slack.token)
        config["guards"] = {**GUARDS, **(guards or {})}
        if tracing:
            config["tracing"] = dict(tracing)
        path = kubeconfig.write(directory / "kubeconfig", *made)
        config["kubernetes"] = [
            {"cluster": one.name, "kubeconfig": str(path), "context": one.name} for one in made
        ]
        (directory / "responder.yaml").write_text(yaml.safe_dump(config))
        service = _Service(load_settings(directory / "responder.yaml", {}), clock)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await service.start()
        stack.push_async_callback(service.stop)
        for one in made:
            stack.callback(one.release)
        there = House(service, clock, slack, people, prometheus, {one.name: one for one in made}, session)
        clock.busy = [there.busy]
        await clock.settle()
        yield there
        clock.busy = []


def _configure(
    directory: Path, pages: Mapping[str, str], place: str, port: int, token: str
) -> dict[str, Any]:
    (directory / "rules" / "runbooks").mkdir(parents=True, exist_ok=True)
    for name, text in pages.items():
        (directory / "rules" / "runbooks" / f"{name}.md").write_text(text)
    receivers = [{"name": "ops", "slack_configs": [{"channel": "#ops", "send_resolved": True}]}]
    (directory / "rules" / "routing.yaml").write_text(
        yaml.safe_dump({"route": ROUTE, "receivers": receivers})
    )
    people = [{"name": name, "slack": _slack(name), "roles": roles} for name, roles in ROLES.items()]
    tokens = [
        {"name": f"{name}-laptop", "person": name, "sha256": _digest(name), "roles": roles}
        for name, roles in ROLES.items()
    ]
    tokens += [{"name": name, "sha256": _digest(name), "roles": ["ingest"]} for name in SENDERS]
    for name, content in (("people", people), ("tokens", tokens)):
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(content))
    (directory / "token").write_text(token)
    (directory / "signing").write_text(f"{SECRET}\n")
    return {
        "listen": f"127.0.0.1:{port}",
        "storage": f"sqlite:///{directory}/responder.db",
        "rules": str(directory / "rules"),
        "people": str(directory / "people.yaml"),
        "auth": {"tokens_file": str(directory / "tokens.yaml")},
        "slack": {
            "bot_token_file": str(directory / "token"),
            "signing_secret_file": str(directory / "signing"),
            "api_url": f"{place}/slack/api/",
        },
        "prometheus": {"url": f"{place}/prometheus"},
    }


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()
