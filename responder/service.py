"""The composition root: builds every part, starts them in order, stops them in reverse.

`cli.serve` and the sandbox run a Service. Wake-ups between parts are plain callables wired here;
no part looks another one up. Nothing is decided here.
"""

import asyncio
import contextlib
import errno
import gc
import os
import random
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from responder import __version__
from responder.actions.waiting import Waiting
from responder.clock import Clock, SystemClock
from responder.core.catalogue import Secret
from responder.core.messages import BreakerTurned
from responder.core.model import MINUTE, SECOND
from responder.core.orders import Ending
from responder.core.rules import Ruleset
from responder.delivery import Delivery
from responder.delivery.orders import DeliverySettings
from responder.engine import Engine
from responder.engine.reload import Reload
from responder.errors import ResponderError, UsageError
from responder.notify.integration import Senders, needed
from responder.settings.tracing import read_secrets
from responder.settings.values import Settings
from responder.store.database import Database, size_of
from responder.store.executions import ExecutionStore
from responder.store.outbox import OutboxStore, difference
from responder.store.retention import prune
from responder.telemetry import Metrics, logger
from responder.tracing import Tracing
from responder.web.access import Access, Identity, KnownToken, own_hosts, own_origins
from responder.web.connection import Connections
from responder.web.exposition import Exposition
from responder.web.health import Health
from responder.web.intake import Intake

if TYPE_CHECKING:
    from responder.actions.worker import Acts

log = logger("service")

_PRUNE_EVERY = 10 * MINUTE
_COUNTED_AT_ONCE = 4_096
"""Alerts that are counted for the metrics before the event loop goes on: a page must not wait for 100,000."""


class Service:
    """One running Responder."""

    def __init__(
        self, settings: Settings, clock: Clock | None = None, *, writer_cpus: Collection[int] = ()
    ) -> None:
        """Build nothing yet: `start` does, and raises what is wrong.

        `writer_cpus`: where the database is written, if that is not left to the operating system.
        """
        self._writer_cpus = writer_cpus
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metrics = Metrics()
        self._slack_token: Secret | None = None
        self._stopping = False
        self._running = contextlib.AsyncExitStack()
        self._reported: dict[tuple[str, str, str], int] = {}

    # -- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the rules, open the storage, decide, listen: ready. Then tell people, and serve the rest.

        Raises ProblemsError, StorageError, UsageError (the port is taken). Whoever wants it to stop
        meanwhile cancels it; what was started is stopped then.
        """
        settings = self.settings
        self.rules = Reload(settings, self.clock, self.metrics)
        ruleset = self.rules.first()
        if settings.slack is not None and settings.slack.app_token_file:
            self._slack_token = _secret(settings.slack.app_token_file, "slack.app_token_file")
        self.tracing = self._make_tracing()
        self.database = Database(settings.storage.path)
        self.database.open(self._writer_cpus)
        async with contextlib.AsyncExitStack() as undo:
            if self.tracing is not None:
                undo.push_async_callback(self.tracing.stop)
            undo.push_async_callback(self.database.close)
            self.engine = Engine(
                self.database,
                self.clock,
                ruleset,
                settings.limits,
                self.metrics,
                self.rules.recompile,
                self.tracing,
            )
            self.senders = Senders(
                settings.external_url,
                ruleset.mends,
                self.clock,
                pressable=settings.slack is not None and settings.slack.heard,
            )
            undo.push_async_callback(self.senders.close)
            self.delivery = Delivery(
                _delivery_settings(settings),
                self.clock,
                self.senders,
                random.random,
                OutboxStore(self.database, self.clock),
                self._report,
                self._breaker_turned,
                settings.delivery.pace.get,
                self._observe,
                self.tracing,
            )
            self.delivery.pause()
            acting = Waiting() if settings.kubernetes else None
            await self.engine.start(self.delivery, acting)
            undo.push_async_callback(self.engine.stop)
            undo.push_async_callback(self.delivery.stop)
            later = await undo.enter_async_context(contextlib.AsyncExitStack())
            connections = await self._listen(undo)
            for name, work in (
                ("housekeeping", self._keep_house()),
                ("watching the rules", self.rules.watch(self._put_in_force)),
            ):
                undo.push_async_callback(_cancel, asyncio.create_task(work, name=name))
            self._running = undo.pop_all()
        log.info(
            "listening",
            address=str(settings.listen),
            version=__version__,
            rules=str(settings.rules),
            anonymous=settings.auth is None,
        )
        if settings.auth is None:
            log.warning(
                "anonymous", meaning="no `auth:` is configured: whoever reaches this port may post and read"
            )
        _spare_the_collector()
        try:
            await self._complete(ruleset, connections, acting, later)
        except BaseException:
            await self.stop()
            raise
        _spare_the_collector()

    async def stop(self) -> None:
        """503 from now on; finish what is under way, flush, close. Done within 10 s."""
        if self._stopping:
            return
        self._stopping = True
        log.info("stopping")
        await self._running.aclose()
        log.info("stopped")

    async def _listen(self, undo: contextlib.AsyncExitStack) -> Connections:
        settings = self.settings
        hosts = own_hosts(str(settings.listen), settings.external_url, settings.hosts)
        self.access = Access(_tokens(settings), hosts, own_origins(hosts, settings.external_url))
        self.health = Health(self._why_not_ready, self._stops)
        public = settings.auth is None or settings.auth.metrics == "open"
        self.exposition = Exposition(self.access, self.metrics.registry, self._refresh, public=public)
        self.intake = Intake(
            self.engine, self.database, settings.limits, self.clock, self.metrics, self.tracing
        )
        connections = Connections(
            self.intake,
            self.access,
            self.health,
            self.exposition,
            self.metrics.answered,
            settings.limits.body,
            self._stops,
            self.clock,
        )
        undo.push_async_callback(connections.stop)
        host, port = settings.listen.host, settings.listen.port
        try:
            server = await asyncio.get_running_loop().create_server(connections, host, port, backlog=1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise UsageError(
                    f"listen: {settings.listen} is in use by another program; choose another address"
                ) from None
            raise UsageError(f"listen: {settings.listen}: {error.strerror}") from None
        undo.callback(server.close)
        return connections

    async def _complete(
        self,
        ruleset: Ruleset,
        connections: Connections,
        acting: Waiting | None,
        undo: contextlib.AsyncExitStack,
    ) -> None:
        """Import beside the event loop, and build, who tells people, what aiohttp serves, and who acts."""
        # Those of before are in force until what was accepted under them is decided.
        await _imported({*needed(self.engine.ruleset), *needed(ruleset)})
        self.delivery.resume()
        await _imported(["responder.notify.slacksocket"] if self._slack_token else [])
        await _imported(["responder.web.general"])
        from responder.web.general import Parts, open_general

        parts = Parts(
            settings=self.settings,
            clock=self.clock,
            metrics=self.metrics,
            engine=self.engine,
            database=self.database,
            rules=self.rules,
            access=self.access,
            health=self.health,
            exposition=self.exposition,
            intake=self.intake,
            slack_token=self._slack_token,
            reload=self.reload,
            stopping=self._stops,
        )
        connections.hand_over_to(await open_general(parts, undo))
        if acting is not None:
            await _imported(["responder.actions.worker"])
            acts = self._acts()
            undo.push_async_callback(acts.stop)
            acts.start()
            acting.pass_to(acts)

    def _acts(self) -> "Acts":
        """Who carries runs out, where there are clusters; without one it is not even imported."""
        from responder.actions.worker import Acts

        return Acts(
            self.settings,
            self.clock,
            ExecutionStore(self.database),
            self.engine.answer,
            tracing=self.tracing,
            trace_of=self.engine.trace_of_run,
        )

    def _make_tracing(self) -> Tracing | None:
        """Who records spans, where that is configured; without it OpenTelemetry is not even imported."""
        given = self.settings.tracing
        if given is None:
            return None
        return Tracing(given, read_secrets(given, os.environ), self.clock, self.metrics)

    # -- rules ----------------------------------------------------------------------------

    async def reload(self, actor: str) -> None:
        """Read the rules again. Raises ProblemsError or FileError: the old ones stay in force."""
        await self.rules.again(actor, self._put_in_force)

    async def _put_in_force(self, actor: str, ruleset: Ruleset) -> object:
        await _imported(needed(ruleset))
        # First, so that nothing that is decided under them is sent with a secret of yesterday.
        self.senders.renew(ruleset)
        return await self.engine.load_rules(actor, ruleset)

    # -- wiring ---------------------------------------------------------------------------

    async def _report(self, ending: Ending) -> None:
        await self.engine.report(ending)

    def _observe(self, kind: str, seconds: float, names: Mapping[str, str] | None) -> None:
        self.metrics.delivery_seconds.labels(kind).observe(seconds, dict(names) if names else None)

    async def _breaker_turned(self, turned: BreakerTurned) -> None:
        await self.engine.breaker_turned(turned)

    def _stops(self) -> bool:
        return self._stopping

    def _why_not_ready(self) -> str:
        if not self.engine.deciding:
            return "the engine does not decide"
        lag = self.engine.lag()
        if lag > self.settings.limits.lag:
            return f"deciding is {lag / SECOND:.1f} s behind"
        return ""

    async def _refresh(self) -> None:
        metrics, now = self.metrics, self.engine.log.now()
        resolved = stale = 0
        alerts = list(self.engine.state.by_id.values())
        for start in range(0, len(alerts), _COUNTED_AT_ONCE):
            for alert in alerts[start : start + _COUNTED_AT_ONCE]:
                resolved += alert.resolved_at(now)
                stale += alert.stale
            await asyncio.sleep(0)
        state = self.engine.state
        metrics.answered.publish()
        metrics.received.publish()
        metrics.alerts.labels("active").set(len(alerts) - resolved - stale)
        metrics.alerts.labels("resolved").set(resolved)
        metrics.alerts.labels("stale").set(stale)
        phases = Counter(silence.phase(now) for silence in state.silences.all.values())
        for phase in ("pending", "active", "expired"):
            metrics.silences.labels(phase).set(phases[phase])
        metrics.groups.set(len(state.groups))
        metrics.lag.set(self.engine.lag() / SECOND)
        metrics.backlog.set(self.engine.backlog())
        metrics.pending.set(len(state.rows))
        metrics.journal_head.set(self.engine.head.n)
        metrics.storage_bytes.set(size_of(self.database.path))
        with contextlib.suppress(ResponderError):  # the other figures are worth having
            metrics.ledger_difference.set(await self.database.read(difference))
        snapshot = self.delivery.snapshot()
        metrics.announced.set(snapshot.announced)
        metrics.breakers.set(sum(1 for d in snapshot.destinations if d.breaker != "closed"))
        for key, count in snapshot.outcomes.items():
            more = count - self._reported.get(key, 0)
            if more:
                metrics.attempts.labels(*key).inc(more)
                self._reported[key] = count

    async def _keep_house(self) -> None:
        while True:
            await self.clock.sleep(_PRUNE_EVERY)
            try:
                gone = await prune(self.database, self.settings.retention, self.clock.now())
            except ResponderError as error:
                log.error("pruning_failed", error=str(error))
                continue
            if any(gone.values()):
                log.info("pruned", **gone)


def _spare_the_collector() -> None:
    """What there is lives for good and is never looked at; of garbage there will be little."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    # The writer thread gives up the interpreter's lock at each statement; the event loop, which
    # is busy in a storm, must not keep it for the default 5 ms each time.
    sys.setswitchinterval(0.0001)


async def _imported(modules: Iterable[str]) -> None:
    """Import what is slow to import, while the event loop goes on."""
    for module in modules:
        await asyncio.to_thread(import_module, module)


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _tokens(settings: Settings) -> list[KnownToken] | None:
    if settings.auth is None:
        return None
    known = []
    for token in settings.auth.tokens:
        roles: set[str] = set(token.roles)
        if "respond" in roles:
            roles |= {"acknowledge", "silence"}
        known.append(KnownToken(token.sha256, Identity(token.name, frozenset(roles), token.person or "")))
    return known


def _secret(path: Path, key: str) -> Secret:
    """The secret in a file. Raises UsageError."""
    try:
        words = path.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UsageError(f"{key}: {path} cannot be read: {why}") from None
    if len(words) != 1:
        raise UsageError(f"{key}: {path} must hold one secret")
    return Secret(words[0])


def _delivery_settings(settings: Settings) -> DeliverySettings:
    given = settings.delivery
    return DeliverySettings(
        first_retry=given.first_retry,
        factor=given.factor,
        jitter=given.jitter,
        max_retry=given.max_retry,
        breaker_after=given.breaker.after,
        breaker_probe=given.breaker.probe,
        breaker_max_probe=given.breaker.max_probe,
        timeout=given.timeout,
    )
