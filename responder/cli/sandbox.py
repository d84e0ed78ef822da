"""`responder sandbox`: the service with stand-ins on loopback, telling itself a short story.

`make run` calls it. It wires the sandbox's parts to a Service in one process; what is shown comes
from them. It never listens anywhere but on loopback.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from responder.cli.journalcheck import verify_storage
from responder.cli.serve import run_on_loop, run_until_told
from responder.clock import SystemClock
from responder.errors import ResponderError, UsageError
from responder.sandbox.alertmanager import Alertmanager
from responder.sandbox.client import Client
from responder.sandbox.clusterview import crash_line
from responder.sandbox.kubernetes import kubeconfig
from responder.sandbox.kubernetes.platform import furnish
from responder.sandbox.newcomer import (
    BADGE,
    NEWCOMER,
    draw_keys,
    make_badges,
    make_people,
    write_keys,
)
from responder.sandbox.page import PAGES
from responder.sandbox.places import Places, places_of
from responder.sandbox.site import Site
from responder.sandbox.stage import Stage
from responder.sandbox.standins import StandIns
from responder.sandbox.story import Story, tell_the_proof
from responder.sandbox.terminal import Terminal
from responder.settings import Settings, load_settings
from responder.telemetry import configure_logging

if TYPE_CHECKING:
    from responder.service import Service

_ALERT: Final = '[{"labels": {"alertname": "MyFirstAlert", "severity": "critical", "service": "shop"}}]'
_DIRECTORY: Final = Path("var/sandbox")


@click.command(
    "sandbox",
    help="Run the service with stand-ins for Slack, PagerDuty and a mail server on loopback, telling itself "
    "a short story; then stay up. This is what `make run` does.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config/sandbox.yaml"),
    show_default=True,
    help="A configuration with `sandbox: true`; it also says where the stand-ins listen.",
)
@click.option("--story/--no-story", default=True, help="Tell the story first, or only stay up.")
def sandbox(config: Path, story: bool) -> None:
    """Read where everything is to be, and run it."""
    configure_logging(json=False, level="warning")
    with contextlib.suppress(AttributeError):  # not every standard output is a text file
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.exit(run_on_loop(_prepare(config).run(story=story)))


def _prepare(config: Path) -> "_House":
    """What is to be run. Raises UsageError, FileError, ProblemsError."""
    make_people(_DIRECTORY)
    settings = load_settings(config, os.environ)
    if not settings.sandbox or settings.auth is None:
        wants = "the sandbox needs `sandbox: true` and auth.tokens_file"
        raise UsageError(f"{config}: {wants}; other configurations are for `responder serve`")
    return _House(settings, settings.auth.tokens_file, places_of(settings, config), config)


class _House:
    """Everything that runs, and what is said of it."""

    def __init__(self, settings: Settings, tokens_file: Path, places: Places, config: Path) -> None:
        self._settings = settings
        self._tokens_file = tokens_file
        self._places = places
        self._config = config
        self._clock = SystemClock()
        self._terminal = Terminal()
        self._keys = draw_keys()
        service = self._url if places.signing_secret_file else ""
        self._standins = StandIns(self._keys, places.smtp, self._clock, service)
        self._standins.on_arrival = self._terminal.arrival
        self._site = Site(places.site, self._standins, self._curl)
        self._service: Service | None = None

    async def run(self, *, story: bool) -> None:
        """Until told to stop."""
        await run_until_told(self._play(story=story), self._reload)

    async def _reload(self, actor: str) -> None:
        if self._service:
            await self._service.reload(actor)

    async def _play(self, *, story: bool) -> None:
        from responder.service import Service

        tell = self._terminal.tell
        async with contextlib.AsyncExitStack() as stack:
            for one in (self._site, self._standins.mail):
                await one.start()
                stack.push_async_callback(one.stop)
            if self._places.kubeconfig is not None:
                await stack.enter_async_context(self._standins.cluster)
                furnish(self._standins.cluster)
            # Only now that the addresses are ours: the files are those of a sandbox that runs already.
            badges = make_badges(self._tokens_file, [person.name for person in self._settings.people])
            write_keys(
                self._keys,
                self._places.bot_token_file,
                self._places.routing_key_file,
                self._places.signing_secret_file,
            )
            if self._places.kubeconfig is not None:
                kubeconfig.write(self._places.kubeconfig, self._standins.cluster)
            service = Service(load_settings(self._config, os.environ), self._clock)
            await service.start()
            stack.push_async_callback(service.stop)
            stack.callback(tell, "heading", "Stopping.")
            self._service = service
            tell("heading", f"Responder is listening on {self._url}.")
            tell(
                "said",
                f"In a browser, {self._site.url} shows Slack, PagerDuty, mail, the cluster: all stand-ins.",
            )
            async with Client(self._url, badges, self._clock) as client, asyncio.TaskGroup() as tasks:
                told = Alertmanager(
                    self._standins.prometheus, client, self._clock, lambda text: tell("said", text)
                )
                tasks.create_task(told.run())
                if story:
                    await self._tell_the_story(client)
                self._say_where_to_look()
                await asyncio.Event().wait()

    async def _tell_the_story(self, client: Client) -> None:
        stage = Stage(client, self._standins, self._clock, self._terminal.tell, self._command)
        open_alerts = self._tokens_file.with_name("story.json")
        try:
            await Story(stage, open_alerts, runs=self._places.kubeconfig is not None).run()
            await tell_the_proof(stage, self._verify)
        except ResponderError as error:
            self._terminal.tell("bad", f"The story stops here: {error}")

    async def _verify(self) -> tuple[bool, str]:
        checked = await asyncio.to_thread(verify_storage, self._settings.storage.path, None)
        return not checked.broken, checked.lines()[0]

    @property
    def _url(self) -> str:
        return f"http://{self._settings.listen}"

    @property
    def _curl(self) -> str:
        return (
            f"curl {self._url}/api/v2/alerts -H 'Content-Type: application/json' "
            f'-H "Authorization: Bearer {self._token}" '
            f"-d '{_ALERT}'"
        )

    @property
    def _token(self) -> str:
        return f"$(cat {self._token_file})"

    @property
    def _token_file(self) -> Path:
        return self._tokens_file.with_name(BADGE)

    def _command(self, arguments: str) -> str:
        """A line that asks the service, as the newcomer."""
        return f'RESPONDER_TOKEN="{self._token}" {_program()} {arguments} --url {self._url}'

    def _say_where_to_look(self) -> None:
        tell, program, site = self._terminal.tell, _program(), self._site.url
        tell("heading", f"Now yours. You are {NEWCOMER}; your token is in {self._token_file}.")
        tell("said", "In a browser, what arrived, as people see it, and the cluster:")
        for path in PAGES:
            tell("paste", f"{site}{path}")
        tell(
            "said",
            "Send a critical alert of your own. It is told after 2 s, every minute, and is over after 5:",
        )
        tell("paste", self._curl)
        tell("said", "In Slack, type under a channel:")
        tell("paste", "/ack MyFirstAlert")
        tell("paste", "/runbook list")
        if self._places.kubeconfig is not None:
            tell("paste", "/runbook run pod-restarts namespace=shop deployment=cart")
            tell(
                "said", "Let pods crash. The run waits for your yes, unless one of the last minute's helped:"
            )
            tell("paste", crash_line(self._standins.cluster))
            tell("paste", self._command("runs"))
            tell("paste", f"{program} runbook list")
        tell(
            "said", "Ask why it was told, what was owed to whom, what was decided, and whether that is whole:"
        )
        tell("paste", self._command("explain alertname=MyFirstAlert severity=critical service=shop"))
        for command in ("ledger", "audit list --limit 10", "audit verify", "doctor"):
            tell("paste", f"{program} {command} --config {self._config}")
        tell("said", "What arrives is shown here. Ctrl-C stops.")


def _program() -> str:
    name = sys.argv[0]
    return name if Path(name).name == "responder" and not Path(name).is_absolute() else "responder"
