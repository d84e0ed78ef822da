"""Slack, PagerDuty and a mail server for tests of the whole service: the sandbox's stand-ins.

Tests point Responder at them with `config`, look at what they took, and tell them what shall go wrong. They
run on the test's own event loop, or beside a real process in a thread. What ought to have arrived is the
test's to know.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeAlias, TypeVar

from aiohttp import web

from responder.clock import Clock, SystemClock
from responder.sandbox.pagerduty import Incident, Pagerduty
from responder.sandbox.slack import Slack
from responder.sandbox.slackroom import Message
from responder.sandbox.smtp import Mail, MailServer, Rules
from responder.settings.values import Address
from tests.peers.calls import wait_until
from tests.peers.ports import free_port

T = TypeVar("T")
Place: TypeAlias = Literal["slack", "pagerduty", "mail"]

PLACES: Final[tuple[Place, ...]] = ("slack", "pagerduty", "mail")

ROUTING_KEY: Final = "0123456789abcdefABCDEF0123456789"
TOKEN: Final = "xoxb-standins-bot-token"
USER: Final = "responder"
PASSWORD: Final = "standins-password"


class StandIns:
    """All three, on one event loop. `directory` is where the secrets' files are written.

    Slack has the channel `#ops`, PagerDuty knows `routing_key` alone, and the mail server wants a login.
    `strict`: Slack holds its callers to its rates. `headers`: those of each request to Slack and PagerDuty,
    their names in lower case.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        token: str = TOKEN,
        routing_key: str = ROUTING_KEY,
        password: str = PASSWORD,
        strict: bool = False,
    ) -> None:
        self.directory = directory
        self.routing_key = routing_key
        self.slack = Slack(clock, token=token, strict=strict)
        self.slack.add_channel("ops")
        self.pagerduty = Pagerduty(clock, frozenset({routing_key}))
        rules = Rules(users={USER: password}, require_login=True)
        self.mail = MailServer(Address("127.0.0.1", free_port()), clock, rules)
        self._secrets = {"token": token, "routing-key": routing_key, "password": password}
        self._ports = {"slack": free_port(), "pagerduty": free_port()}
        self._runners: dict[Place, web.AppRunner] = {}
        self.headers: dict[Place, list[dict[str, str]]] = {"slack": [], "pagerduty": []}

    @property
    def config(self) -> dict[str, Any]:
        """The sections of responder.yaml that lead here."""
        at = {name: f"http://127.0.0.1:{port}" for name, port in self._ports.items()}
        return {
            "slack": {"bot_token_file": f"{self.directory}/token", "api_url": f"{at['slack']}/slack/api/"},
            "pagerduty": {
                "events_url": f"{at['pagerduty']}/pagerduty/v2/enqueue",
                "routing_key_file": f"{self.directory}/routing-key",
            },
            "smtp": {
                "smarthost": str(self.mail.address),
                "from": "Responder <responder@example.com>",
                "auth_username": USER,
                "auth_password_file": f"{self.directory}/password",
                "require_tls": False,
            },
        }

    def hook_url(self, path: str) -> str:
        """Of an incoming webhook that was added to Slack."""
        return f"http://127.0.0.1:{self._ports['slack']}/slack/services/{path}"

    async def open(self) -> None:
        """Write the secrets, and listen."""
        self.directory.mkdir(parents=True, exist_ok=True)
        for name, secret in self._secrets.items():
            (self.directory / name).write_text(secret)
        for place in PLACES:
            await self.up(place)

    async def close(self) -> None:
        """Stop."""
        for place in PLACES:
            await self.down(place)

    async def up(self, place: Place) -> None:
        """Listen (again)."""
        if place == "mail":
            await self.mail.start()
            return
        heard = self.headers[place]

        @web.middleware
        async def noted(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            heard.append({name.lower(): value for name, value in request.headers.items()})
            return await handler(request)

        app = web.Application(client_max_size=4 << 20, middlewares=[noted])
        (self.slack if place == "slack" else self.pagerduty).add_routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._ports[place], reuse_address=True).start()
        self._runners[place] = runner

    async def down(self, place: Place) -> None:
        """Refuse connections."""
        if place == "mail":
            await self.mail.stop()
        elif runner := self._runners.pop(place, None):
            self.release()
            await runner.cleanup()

    def release(self) -> None:
        """Let what hangs at Slack and PagerDuty end, without an answer."""
        self.slack.release()
        self.pagerduty.release()


class StandInThread:
    """Stand-ins beside a test that is no coroutine. A context manager."""

    def __init__(self, directory: Path, **given: Any) -> None:
        self.there = StandIns(directory, SystemClock(), **given)
        self.slack, self.pagerduty, self.mail = self.there.slack, self.there.pagerduty, self.there.mail
        self.config = self.there.config
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="stand-ins", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self.there.open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self.there.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns that runs where they run."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def look(self, at: Callable[[], T]) -> T:
        """What `at` finds, or does, while nothing else changes anything."""

        async def found() -> T:
            return at()

        return self.run(found())

    def messages(self) -> list[Message]:
        """What stands in #ops."""
        return self.look(lambda: list(self.slack.messages("ops")))

    def incidents(self) -> list[Incident]:
        """What PagerDuty shows."""
        return self.look(lambda: list(self.pagerduty.incidents))

    def mails(self) -> list[Mail]:
        """What the mail server took."""
        return self.look(lambda: list(self.mail.mails))

    def wait(self, holds: Callable[[], bool], what: str, timeout: float = 15.0) -> None:
        """Wait until it holds."""
        wait_until(lambda: self.look(holds), timeout, what)


def receiver(
    name: str = "team", *, slack: bool = True, pager: bool = True, mail: bool = True
) -> dict[str, Any]:
    """A receiver that tells these of them, by the configuration's secrets; ends as well."""
    told: dict[str, Any] = {"name": name}
    if slack:
        told["slack_configs"] = [{"channel": "#ops", "send_resolved": True}]
    if pager:
        told["pagerduty_configs"] = [{"send_resolved": True}]
    if mail:
        told["email_configs"] = [{"to": "ops@example.com", "send_resolved": True}]
    return told
