"""A timeline: what happens when, and who is told what in answer, to the instant and in full.

Tests write one as `at("0s").post(...)` and `at("30s").expect(...)` and run it. Whatever arrives
that was not expected fails it, and so does a ledger that does not balance or a broken journal.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from responder.core.matching import parse_matchers
from responder.core.messages import Accepted, CreateSilence, ExpireSilence
from responder.core.model import Nanoseconds, format_time, parse_duration
from responder.core.rules import Ruleset
from responder.delivery.dispatch import unpaced
from responder.settings.values import Pace
from responder.store import journal, outbox
from responder.store.database import reading
from tests.acceptance.timeline.clock import TimelineClock
from tests.acceptance.timeline.sink import Mood, Sink, Told
from tests.acceptance.timeline.world import World
from tests.peers.payloads import ZERO, webhook_alert, webhook_payload
from tests.peers.standins import Place, StandIns

Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """What a sender says of an alert; the timeline fills in the times."""

    name: str
    status: str
    labels: Labels


def firing(name: str, **labels: str) -> Said:
    """It fires, since now or since it was first said to."""
    return Said(name, "firing", labels)


def resolved(name: str, **labels: str) -> Said:
    """It is over, since now."""
    return Said(name, "resolved", labels)


@dataclass
class Ledger:
    """The ledger's totals in words: how many rows were owed, and how each was closed."""

    owed: int
    closed: dict[str, int]


@dataclass
class Timeline:
    """One story on a virtual clock that begins on a Monday at midnight UTC.

    `rules` makes the ruleset when it is known where the sinks listen. `patient`: while a sink hangs,
    time passes; else it stands still until the integration's timeout, which is real, has passed.
    `clock_jumps`: the engine looks at the clock every second, as it does in earnest. `pace`: how fast
    each kind of integration may be told. `people`: who listens beside the sinks.
    """

    directory: Path
    rules: Callable[[Mapping[str, str]], Ruleset]
    sink_names: tuple[str, ...] = ("main",)
    patient: bool = True
    clock_jumps: bool = False
    pace: Callable[[str], Pace | None] = unpaced
    people: StandIns | None = None
    clock: TimelineClock = field(default_factory=TimelineClock)
    sinks: dict[str, Sink] = field(default_factory=dict)
    expected: list[Told] = field(default_factory=list)
    silences: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._began = self.clock.monotonic()
        self._steps: list[tuple[Nanoseconds, Callable[[], Awaitable[None]]]] = []
        self._started: dict[tuple[tuple[str, str], ...], str] = {}
        self._ran = False
        self.path = self.directory / "responder.db"
        self.sinks = {name: Sink(self.elapsed) for name in self.sink_names}

    def elapsed(self) -> Nanoseconds:
        """Virtual time since the beginning, whatever was done to the wall clock."""
        return self.clock.monotonic() - self._began

    def at(self, when: str) -> "Moment":
        """The moment so long after the beginning, such as `1h30m`."""
        return Moment(self, parse_duration(when))

    def add(self, when: Nanoseconds, step: Callable[[], Awaitable[None]]) -> None:
        """Do something at a moment, after whatever is due then."""
        self._steps.append((when, step))

    async def run(self, until: str) -> None:
        """Let time pass; then everything must have been as expected."""
        await self.let_pass(until)
        told = Counter(one for sink in self.sinks.values() for one in sink.told)
        expected = Counter(self.expected)
        if told != expected:
            lines = [f"  not expected: {one}" for one in sorted((told - expected).elements())]
            lines += [f"  missing:      {one}" for one in sorted((expected - told).elements())]
            raise AssertionError("\n".join(["what was told differs", *lines]))
        twice = [key for sink in self.sinks.values() for key, count in sink.keys.items() if count > 1]
        if twice:
            raise AssertionError(f"told twice under the same key: {twice}")

    async def let_pass(self, until: str) -> None:
        """Do every step in order of time and stop the process at the end."""
        # Debug mode keeps a traceback of every task: most of the time that a whole day would take.
        asyncio.get_running_loop().set_debug(False)
        async with AsyncExitStack() as stack:
            for sink in self.sinks.values():
                await sink.up()
                stack.push_async_callback(sink.down)
            if self.people:
                await self.people.open()
                stack.push_async_callback(self.people.close)
            self.ruleset = self.rules({name: f"http://127.0.0.1:{s.port}" for name, s in self.sinks.items()})
            await self.start()
            stack.push_async_callback(self.stop)
            for when, step in sorted(self._steps, key=lambda entry: entry[0]):
                await self._advance_to(when)
                await step()
                await self.clock.settle()
            await self._advance_to(parse_duration(until))
        self._check_journal()

    def ledger(self) -> Ledger:
        """How the ledger stands, which must balance: closed as `delivered`, `suppressed(inhibition)`..."""
        with reading(self.path) as connection:
            sums = outbox.sums(connection)
        if not sums.balanced:
            raise AssertionError(f"the ledger does not balance: {sums.problems}")
        plain = {state: sums.closed[state] for state in ("delivered", "superseded")}
        closed = {**plain, "pending": sums.pending, **sums.reasons}
        return Ledger(sums.owed, {name: count for name, count in closed.items() if count})

    async def _advance_to(self, when: Nanoseconds) -> None:
        await self.clock.advance(when - self.elapsed())

    def _check_journal(self) -> None:
        with reading(self.path) as connection:
            anchor = journal.HeadFile(self.path).read()
            found = journal.verify(journal.checkpoint(connection), journal.entries(connection), anchor)
        if found.broken or found.head != anchor:
            raise AssertionError(f"the journal is broken: {found}, anchor {anchor}")

    # -- steps ----------------------------------------------------------------------------

    async def post(self, *said: Said, webhook: bool) -> None:
        """Send alerts in one request."""
        alerts = [self._alert(one) for one in said]
        if webhook:
            body = msgspec.json.encode(webhook_payload(alerts))
        else:
            for alert in alerts:
                over = alert.pop("status") == "resolved"
                if not over:
                    del alert["startsAt"], alert["endsAt"]
            body = msgspec.json.encode(alerts)
        await self.world.post(body, webhook=webhook)

    async def silence(self, name: str, what: str, lasts: Nanoseconds, replaces: str) -> None:
        """Make a silence that begins now, or change an earlier one."""
        triples = tuple((one.name, one.op, one.value) for one in parse_matchers(what).matchers)
        now, earlier = self.clock.now(), self.silences.get(replaces, "")
        asked = CreateSilence(name, triples, now, now + lasts, "somebody", "a test", replaces=earlier)
        self.silences[name] = await self._command(asked)

    async def expire(self, name: str) -> None:
        """End a silence."""
        await self._command(ExpireSilence(self.silences[name]))

    async def _command(self, body: CreateSilence | ExpireSilence) -> str:
        reply = await self.world.engine.command("somebody", body)
        assert isinstance(reply, Accepted), reply
        return reply.detail

    def _alert(self, said: Said) -> dict[str, Any]:
        now = format_time(self.clock.now())
        key = (("alertname", said.name), *sorted(said.labels.items()))
        if said.status == "resolved":
            starts_at, ends_at = self._started.pop(key, now), now
        else:
            starts_at, ends_at = self._started.setdefault(key, now), ZERO
        return webhook_alert(
            said.name, status=said.status, starts_at=starts_at, ends_at=ends_at, **said.labels
        )

    async def stop(self) -> None:
        """The process ends."""
        await self.world.stop()

    async def start(self) -> None:
        """The process starts on what an earlier one left."""
        naps = not self.clock_jumps
        self.world = World(self.path, self.ruleset, self.clock, self._hanging, naps=naps, pace=self.pace)
        await self.world.start()

    def _hanging(self) -> int:
        return sum(sink.hanging for sink in self.sinks.values()) if self.patient else 0


@dataclass(frozen=True)
class Moment:
    """What happens, or must happen, at one instant."""

    line: Timeline
    when: Nanoseconds

    def post(self, *said: Said) -> "Moment":
        """Alertmanager calls the webhook with these alerts."""
        return self._do(lambda: self.line.post(*said, webhook=True))

    def post_api(self, *said: Said) -> "Moment":
        """Somebody posts these alerts to the API, with no times for those that fire."""
        return self._do(lambda: self.line.post(*said, webhook=False))

    def expect(
        self,
        receiver: str,
        reason: str,
        *,
        firing: tuple[str, ...] | list[str] = (),
        resolved: tuple[str, ...] | list[str] = (),
        stale: tuple[str, ...] | list[str] = (),
    ) -> "Moment":
        """A receiver is told exactly this, at this instant."""
        told = Told(self.when, receiver, reason, tuple(firing), tuple(resolved), tuple(stale))
        self.line.expected.append(told)
        return self

    def silence(self, name: str, what: str, *, lasts: str, replaces: str = "") -> "Moment":
        """Somebody silences what matches for so long; the test calls the silence by `name`."""
        return self._do(lambda: self.line.silence(name, what, parse_duration(lasts), replaces))

    def expire(self, name: str) -> "Moment":
        """Somebody ends a silence."""
        return self._do(lambda: self.line.expire(name))

    def sink_down(self, name: str = "main") -> "Moment":
        """The sink refuses connections."""
        return self._do(self.line.sinks[name].down)

    def sink_up(self, name: str = "main") -> "Moment":
        """The sink listens again."""
        return self._do(self.line.sinks[name].up)

    def down(self, place: Place) -> "Moment":
        """Slack, PagerDuty or the mail server refuses connections."""
        assert self.line.people
        people = self.line.people
        return self._do(lambda: people.down(place))

    def up(self, place: Place) -> "Moment":
        """It listens again."""
        assert self.line.people
        people = self.line.people
        return self._do(lambda: people.up(place))

    def sink(self, mood: Mood, name: str = "main", *, times: int = 0, retry_after: int = 0) -> "Moment":
        """The sink answers so from now on, or the next `times` requests."""

        async def behave() -> None:
            self.line.sinks[name].behave(mood, times=times, retry_after=retry_after)

        return self._do(behave)

    def set_clock(self, *, ahead: str = "0", back: str = "0") -> "Moment":
        """Somebody sets the wall clock."""

        async def jump() -> None:
            self.line.clock.jump(parse_duration(ahead) - parse_duration(back))

        return self._do(jump)

    def stop(self) -> "Moment":
        """The process ends."""
        return self._do(self.line.stop)

    def start(self) -> "Moment":
        """The process starts on what an earlier one left."""
        return self._do(self.line.start)

    def _do(self, step: Callable[[], Awaitable[None]]) -> "Moment":
        self.line.add(self.when, step)
        return self
