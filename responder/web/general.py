"""The general way in: everything that aiohttp serves, and what hears of Slack.

`service` imports this beside the event loop once it is ready, because it takes as long to import as all the
rest, and opens it then. It listens nowhere: `connection` hands it what it does not serve itself.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from aiohttp import web

from responder.clock import Clock
from responder.core.catalogue import Secret
from responder.engine import Engine
from responder.engine.reload import Reload
from responder.settings.values import Settings
from responder.store.database import Database
from responder.telemetry import Metrics
from responder.web.access import Access
from responder.web.alertmanager import AlertmanagerApi
from responder.web.api import Api
from responder.web.app import Management, build
from responder.web.entrances import Entrances
from responder.web.exposition import Exposition
from responder.web.health import Health
from responder.web.intake import Intake
from responder.web.slack import Desk, Envelopes, SlackEntrance


@dataclass(frozen=True, slots=True)
class Parts:
    """What of the service it is made of. `slack_token`: that of Socket Mode, if it is used."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    engine: Engine
    database: Database
    rules: Reload
    access: Access
    health: Health
    exposition: Exposition
    intake: Intake
    slack_token: Secret | None
    reload: Callable[[str], Awaitable[None]]
    stopping: Callable[[], bool]


async def open_general(parts: Parts, undo: AsyncExitStack) -> Callable[[], asyncio.BaseProtocol]:
    """What makes a protocol for a connection; what is to be closed is put on `undo`."""
    settings, access = parts.settings, parts.access
    app = build(
        Management(access, parts.health, parts.exposition, parts.reload),
        Entrances(parts.intake, access, settings.limits.body),
        Api(parts.engine, parts.database, access, parts.rules.shown),
        AlertmanagerApi(parts.engine, access, parts.clock.now(), settings.external_url),
        parts.stopping,
        parts.metrics.answered,
        _slack(parts, undo),
    )
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2)
    await runner.setup()
    undo.push_async_callback(runner.cleanup)
    assert runner.server is not None
    return runner.server


def _slack(parts: Parts, undo: AsyncExitStack) -> SlackEntrance | None:
    """What hears of Slack's commands and buttons: our connection, the paths that it calls, or nothing."""
    slack = parts.settings.slack
    if slack is None or not slack.heard:
        return None
    desk = Desk(parts.engine, parts.clock, slack.api_url, lambda: parts.settings.people)
    undo.push_async_callback(desk.stop)
    if parts.slack_token is not None:
        from responder.notify.slacksocket import Socket

        envelopes = Envelopes(desk, parts.database, parts.clock, parts.metrics)
        socket = Socket(parts.slack_token, slack.api_url, parts.clock, envelopes.take)
        undo.push_async_callback(socket.stop)
        socket.start()
    if not slack.signing_secret_file:
        return None
    return SlackEntrance(desk, parts.database, parts.clock, parts.metrics, parts.rules.signing_secrets)
