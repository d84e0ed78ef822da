"""The loop that decides: one input or timer at a time, committed in slices, then told.

`engine` is its front. Everything that a commit makes true (orders, replies, log lines) is let out
after it and not before, but for orders that an idle engine made of alerts for those who are told under a
key: they are let out when the alerts are durable. When a commit fails, memory is thrown away and built from
the store.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

import msgspec
from msgspec.structs import replace

from responder import __version__
from responder.clock import Clock
from responder.core.decide import (
    decide,
    decide_timer,
    decide_timer_undecidable,
    decide_undecidable,
    orders_again,
)
from responder.core.draft import Decision
from responder.core.messages import (
    Act,
    AlertsReceived,
    Body,
    BreakerTurned,
    DeliveryEnded,
    Input,
    Lagging,
    Resumed,
    RulesLoaded,
    Started,
    kind_of,
)
from responder.core.model import MILLISECOND, SECOND, Nanoseconds
from responder.core.orders import KEYED, Earlier, Ending, Order
from responder.core.rules import Ruleset
from responder.core.state import State
from responder.core.tracecontext import TraceContext
from responder.engine.backlog import Backlog
from responder.engine.causes import Causes, names_of
from responder.engine.hearing import Hearing
from responder.engine.slice import Slice
from responder.engine.stored import Stored, read_stored
from responder.engine.told import tell
from responder.errors import Overloaded, StorageError
from responder.settings.values import Limits
from responder.store import journal, traces
from responder.store.database import Database, Writer
from responder.store.inputs import InputsLog
from responder.store.vocabulary import Vocabulary
from responder.telemetry import Metrics, logger
from responder.tracing import Tracing


class _Turn(NamedTuple):
    """How long deciding may go on before accepting gets its turn.

    `alerts`: after how many received ones a commit is large enough; an append that comes while it is
    written has to wait for it.
    """

    within: Nanoseconds
    alerts: int


_BRIEF: Final = _Turn(MILLISECOND, 512)
_LONG: Final = _Turn(32 * MILLISECOND, 1_024)
_CATCH_UP: Final = SECOND // 2
"""Briefly, so that a burst is accepted fast, unless what is accepted waits for longer than `_CATCH_UP`;
then for long enough that more is decided than comes in meanwhile."""

_FIRST: Final = _Turn(5 * MILLISECOND, 512)
_FEW: Final = 16
"""What an idle engine decides at once: all that follows from one request, if that has few alerts."""

_BREATH: Final = 0.001

_BATCH: Final = 512
"""Decisions in one commit at the most."""

_REBUILD_WAITS: Final = (50 * MILLISECOND, 200 * MILLISECOND, SECOND, 2 * SECOND)

Suspect: TypeAlias = int | tuple[str, int]
"""What could not be decided once: an input's seq, or a timer."""

log = logger("engine")


class Delivers(Protocol):
    """What the engine needs of delivery."""

    def start_now(self, orders: list[Order]) -> set[int]:
        """Rows that it does not have and would send at once: the decision's own commit claims them."""
        ...

    def prepare(self, orders: list[Order]) -> None:
        """Orders that will be handed over, claimed, if what is being written succeeds."""
        ...

    def hand(self, orders: list[Order]) -> None:
        """Take over committed orders."""
        ...

    def succeed(self, row: int) -> None:
        """A newer row waits behind this one."""
        ...

    def distrust(self, destinations: Collection[str]) -> None:
        """These were down when an earlier process ended: ask one carefully before it is told much."""
        ...


class Acts(Protocol):
    """What the engine needs of those who carry runs out."""

    def take(self, acts: Sequence[Act]) -> None:
        """Take over committed orders. What it has already, by run and lap, it ignores."""
        ...


class NoActs:
    """Carries nothing out: without clusters no run gets as far as that."""

    def take(self, acts: Sequence[Act]) -> None:
        """Nobody answers; the core's own patience ends such runs."""


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[list[Order]], None], orders: list[Order]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is gone
        loop.call_soon_threadsafe(what, orders)


class Pending(msgspec.Struct, frozen=True):
    """A command was accepted and is not decided yet: where to look for what comes of it."""

    seq: int


class Engine:
    """One per process. `start` before anything else, `stop` last."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ruleset: Ruleset,
        limits: Limits,
        metrics: Metrics,
        recompile: Callable[[Mapping[str, str], Ruleset], Ruleset | None],
        tracing: Tracing | None = None,
    ) -> None:
        """`recompile` makes a ruleset again from the sources that were stored, and secrets of a live one.

        `tracing` None: nothing is traced.
        """
        self._database = database
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._recompile = recompile
        self._head_file = journal.HeadFile(database.path)
        self._rulesets = {ruleset.hash: ruleset}
        self._wanted = ruleset
        self.ruleset = ruleset
        self.state = State(ruleset)
        self.log = InputsLog(database, clock, 0, 0)
        self._hearing = Hearing(clock, limits, self.log, self.lag, lambda: None)
        self._chain = journal.Chain(journal.Head())
        self._backlog = Backlog()
        self._vocabulary = Vocabulary()
        self.consumed = 0
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._slice = Slice()
        self._commit: asyncio.Future[None] | None = None
        self._committing: Slice | None = None
        self._commit_began = 0
        self._by_body: dict[int, asyncio.Future[object]] = {}
        self._waiters: dict[int, asyncio.Future[object]] = {}
        self._suspects: set[Suspect] = set()
        self._unapplied: dict[Suspect, str] = {}
        self._attempted: dict[int, Earlier] = {}
        self._unrecorded: Nanoseconds = 0
        self._told_early: set[int] = set()
        self._caught_up_at = 0
        self._early: list[Order] = []
        self._idle = False
        self._turn = _BRIEF
        self._void = False
        self._rebuilding = False
        self._lost_at: Nanoseconds = 0
        self._lost_bytes = 0
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self._delivery: Delivers | None = None
        self._acts: Acts = NoActs()
        self._causes = Causes(tracing) if tracing else None
        self.deciding = False
        self.head = journal.Head()

    # -- start and stop -------------------------------------------------------------------

    async def start(self, delivery: Delivers, acts: Acts | None = None) -> None:
        """Load the state, append `Started`, begin to decide. Raises StorageError."""
        self._delivery = delivery
        self._acts = acts or self._acts
        stored = await self._load()
        self._attempted = stored.attempted
        appended = [given for given in stored.undecided if given.at == stored.undecided[0].at]
        if any(isinstance(given.body, AlertsReceived) for given in appended):
            self._unrecorded = appended[0].at
        delivery.distrust(self.state.down)
        self.log = InputsLog(self._database, self._clock, stored.last_seq, stored.last_at)
        self.log.on_stamped = self._stamped
        self.log.on_appended = self._appended
        self.log.on_failed = self._failed
        anchor = self._head_file.read()
        restored = anchor is not None and (
            anchor.n > self.head.n or (anchor.n == self.head.n and anchor.hash != self.head.hash)
        )
        if restored:
            log.error("journal_older_than_anchor", anchor=str(anchor), head=str(self.head))
        if self._causes is None:
            await asyncio.gather(self._database.submit(traces.forget_all), self._keep_source(self._wanted))
        else:
            await self._keep_source(self._wanted)
        started = Started(
            rules=self._wanted.hash,
            heard_at=stored.last_at,
            attempted=tuple(sorted(stored.attempted)),
            restored=restored,
            version=__version__,
            begun=tuple(sorted(stored.begun)),
            unrecorded=self._unrecorded,
        )
        await self.log.append("responder", [started])
        self._hearing = Hearing(self._clock, self._limits, self.log, self.lag, self._wake.set)
        self._task = asyncio.create_task(self._run(), name="engine")

    async def stop(self) -> None:
        """Decide what is queued, commit, stop."""
        if self._task is None:
            return
        task, self._task = self._task, None
        self._wake.set()
        try:
            await asyncio.wait_for(asyncio.shield(task), 5)
        except TimeoutError:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        with contextlib.suppress(StorageError):  # behind what the last commit does once it is made
            await self._database.submit(lambda writer: None)
        self._head_file.close()

    # -- putting in -----------------------------------------------------------------------

    async def accept(self, actor: str, bodies: list[Body]) -> None:
        """Make inputs durable; they are decided soon. Raises Overloaded: nothing was accepted."""
        self._refuse_overload()
        try:
            await self._listen()
            await self.log.append(actor, bodies)
        except StorageError as error:
            self._hearing.lose("storage")
            raise Overloaded(str(error)) from error

    def accept_then(
        self, actor: str, bodies: list[Body], then: Callable[[StorageError | None], None]
    ) -> bool:
        """As `accept` for one who does not wait; False: nothing was done, and `accept` says why."""
        if self._task is None or self._rebuilding:
            return False
        self._hearing.notice_a_pause()
        if self._hearing.lost or self._overloaded():
            return False

        def appended(_: Nanoseconds, error: StorageError | None) -> None:
            if error is not None:
                self._hearing.lose("storage")
            then(error)

        self.log.append_then(actor, bodies, appended)
        return True

    async def command(self, actor: str, body: Body, wait: float = 2.5) -> object:
        """Accept a command and wait for what it came to: Accepted, Declined or (too long) Pending."""
        waiter: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._by_body[id(body)] = waiter
        try:
            await self.accept(actor, [body])
        finally:
            self._by_body.pop(id(body), None)
        try:
            return await asyncio.wait_for(asyncio.shield(waiter), wait)
        except TimeoutError:
            if waiter.done():
                return waiter.result()
            seq = next(seq for seq, known in self._waiters.items() if known is waiter)
            del self._waiters[seq]
            return Pending(seq)

    async def report(self, ending: Ending) -> None:
        """Delivery is done with a row. Raises StorageError: say it again."""
        body = DeliveryEnded(
            ending.row,
            ending.state,
            ending.reason,
            ending.detail,
            ending.attempts,
            ending.maybe_told,
            ending.receipt,
        )
        await self._listen()
        await self.log.append("delivery", [body])

    async def answer(self, body: Body) -> None:
        """What became of something that `actions` was asked. Raises StorageError: say it again."""
        await self._listen()
        await self.log.append("actions", [body])

    async def breaker_turned(self, turned: BreakerTurned) -> None:
        """A destination began or ceased to answer."""
        await self._listen()
        await self.log.append("delivery", [turned])

    async def load_rules(self, actor: str, ruleset: Ruleset) -> object:
        """Put another ruleset in force."""
        await self._keep_source(ruleset)
        self._rulesets[ruleset.hash] = ruleset
        self._wanted = ruleset
        return await self.command(actor, RulesLoaded(ruleset.hash))

    async def caught_up(self, wait: float = 1.0) -> bool:
        """Wait until everything accepted before this call is decided; False after `wait` seconds."""
        target = self.log.last_seq
        deadline = asyncio.get_running_loop().time() + wait
        while self.consumed < target:
            self._progress.clear()
            left = deadline - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._progress.wait(), max(left, 0))
            except TimeoutError:
                return False
        return True

    # -- flow control ---------------------------------------------------------------------

    def lag(self) -> Nanoseconds:
        """Age of the oldest input that is accepted and not decided."""
        committing, front, lost_at = self._committing, self._backlog.front, self._lost_at
        if committing is not None and committing.inputs:  # they came first, those in the slice next
            oldest = committing.at
        elif self._slice.inputs:
            oldest = self._slice.at
        elif front is not None:
            oldest = front.at
        else:
            oldest = lost_at
        if lost_at:
            oldest = min(oldest, lost_at)
        return max(self.log.now() - oldest, 0) if oldest else 0

    def backlog(self) -> int:
        """Bytes accepted and not decided."""
        committing = self._committing.bytes if self._committing else 0
        return (
            self._backlog.bytes + self._slice.bytes + committing + self._lost_bytes + self.log.waiting_bytes
        )

    @property
    def undecided_alerts(self) -> int:
        """Alerts accepted and not decided."""
        return self._backlog.alerts

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be decided or committed, and no timer is due."""
        if self._rebuilding:
            return True
        due = self.state.next_due()
        return not (
            self._backlog or self._commit or self._slice.decisions or (due and due[0] <= self.log.now())
        )

    def _overloaded(self) -> bool:
        return self.lag() > self._limits.lag or self.backlog() > self._limits.backlog

    def _refuse_overload(self) -> None:
        if not self._overloaded():
            return
        lag = self.lag()
        if not self._hearing.lost:
            self._hearing.lose("lag")
            log.error("lagging", lag_seconds=lag / SECOND, backlog=self.backlog())
            self._spawn_append("responder", Lagging(lag))
        raise Overloaded("deciding is behind what was accepted; try again")

    def _spawn_append(self, actor: str, body: Body) -> None:
        async def append() -> None:
            with contextlib.suppress(StorageError):  # the log itself cannot commit: told by 503
                await self.log.append(actor, [body])

        self._background = asyncio.create_task(append())

    async def _listen(self) -> None:
        """After a time of 503, or a pause, `Resumed` comes before all else. Raises StorageError: not yet."""
        if self._task and not self._rebuilding:
            self._hearing.notice_a_pause()
        if self._hearing.lost and not await self._hearing.again():
            raise StorageError("accepting has not resumed yet")

    # -- the loop -------------------------------------------------------------------------

    def _stamped(self, inputs: list[Input]) -> None:
        """Inputs on their way into the log. An idle engine decides a few of them at once.

        Alerts are decided while the disk is at work on their append, and who is told under a key
        is told as soon as that is durable: the decision follows from what is durable then, and its
        commit comes after it. Everything else is answered when it is decided: its decision follows
        the append into the same transaction, or is refused with it.
        """
        beside = self._idle and any(isinstance(given.body, AlertsReceived) for given in inputs)
        if beside:
            self._database.hand_over()  # it takes the writer a while to wake up
        for given in inputs:
            waiter = self._by_body.pop(id(given.body), None)
            if waiter is not None:
                self._waiters[given.seq] = waiter
            self._backlog.put(given)
        self._wake.set()
        if self._idle and self._backlog.alerts <= _FEW and not self._hearing.lost:
            self._idle = False
            if beside:
                self._database.let_begin()
            with contextlib.suppress(StorageError):  # the loop meets it again, and rebuilds
                self._decide_some(_FIRST)
                if self._slice.decisions:
                    self._begin_commit(beside=beside)

    def _appended(self, inputs: list[Input]) -> None:
        early, self._early = self._early, []
        if early:
            assert self._committing is not None
            assert self._delivery is not None
            self._told_early |= {order.row for order in early}
            self._delivery.hand(early)
        self._metrics.inputs_accepted.inc(len(inputs))

    def _failed(self, seq: int) -> None:
        self._early = []
        if self._committing is not None and self._committing.consumed >= seq:
            self._committing.refused = True  # its number is given out again, perhaps before it is written
        self._backlog.drop_from(seq)
        for gone in [known for known in self._waiters if known >= seq]:
            del self._waiters[gone]
        self._void = self._void or self._slice.consumed >= seq
        self._wake.set()

    async def _run(self) -> None:
        self.deciding = True
        try:
            while True:
                self._wake.clear()
                self._hearing.notice_a_pause()
                try:
                    if self._commit is not None and self._commit.done():
                        await self._end_commit()
                    if self._void:
                        raise StorageError("inputs that were decided on did not get into the log")
                    if self._backlog.alerts > _FEW and not self.log.in_flight and self.lag() < _CATCH_UP:
                        # Senders that were just answered send again: deciding beside their append
                        # costs them nothing, deciding before it would make them wait.
                        await asyncio.sleep(_BREATH)
                    worked = self._decide_some(_LONG if self.lag() > _CATCH_UP else _BRIEF)
                    if self._commit is None and self._slice.decisions:
                        self._begin_commit()
                    elif self._commit is not None and (not worked or self._slice_is_full):
                        await self._end_commit()
                        continue
                except StorageError as error:
                    await self._rebuild(error)
                    continue
                if worked:
                    await asyncio.sleep(0)
                elif self._commit is None:
                    if self._task is None:
                        return
                    await self._wait()
        except asyncio.CancelledError:
            raise
        finally:
            self.deciding = False

    async def _wait(self) -> None:
        """Until something is accepted or the next timer is due, on the monotonic clock."""
        if self._hearing.lost:
            if not await self._hearing.again() and not self._backlog:
                self._wake.clear()  # set by the append that has just failed
                await self._sleep_or_wake(SECOND // 4)
            return
        due = self.state.next_due()
        self._idle = True
        if due is None:
            await self._wake.wait()
            self._idle = False
            return
        # At least a turn of the event loop: what is due may have to wait for an append under way,
        # whose end wakes. A second at the most: the clock may be set ahead, and timers go with it.
        left = due[0] - self.log.now()
        await self._sleep_or_wake(min(max(left, MILLISECOND), SECOND))
        self._idle = False

    async def _sleep_or_wake(self, duration: Nanoseconds) -> None:
        async def ring() -> None:
            await self._clock.sleep(duration)
            self._wake.set()

        alarm = asyncio.create_task(ring())
        try:
            await self._wake.wait()
        finally:
            alarm.cancel()

    def _decide_some(self, turn: _Turn) -> bool:
        """Take a turn; whether anything was decided."""
        self._turn = turn
        until = self._clock.monotonic() + turn.within
        worked = False
        while not self._slice_is_full:
            head = self._backlog.front
            due = self.state.next_due()
            if due is not None and due[0] <= self._time_known(head):
                decided = self._decide_timer(*due)
            elif head is not None:
                decided = self._decide_input(head)
            else:
                break
            if not decided:  # a suspect: what was decided before it is committed first
                return worked or not (self._slice.decisions or self._commit)
            worked = True
            if self._clock.monotonic() >= until:
                break
        return worked

    @property
    def _slice_is_full(self) -> bool:
        return self._slice.decisions >= _BATCH or self._slice.alerts >= self._turn.alerts

    def _time_known(self, head: Input | None) -> Nanoseconds:
        """Timers up to here may fire: nothing earlier can still come."""
        if head is not None:
            # What came due in a time in which nothing was heard fires after it, at its time.
            return head.body.heard_at if isinstance(head.body, Started | Resumed) else head.at
        return 0 if self._hearing.lost else self.log.horizon()

    def _decide_input(self, given: Input) -> bool:
        """Decide the input at the front; False when it must first be alone in its commit."""
        if given.seq in self._suspects and (self._slice.decisions or self._commit):
            return False
        if isinstance(given.body, RulesLoaded):
            self._switch_rules(given.body.hash)
        elif isinstance(given.body, Started):
            self._switch_rules(given.body.rules)
        began = self._clock.now() if self._causes is not None else 0
        try:
            self._refuse_unapplied(given.seq)
            decision = decide(self.state, self.ruleset, given)
        except Exception as error:  # decide is total: a bug must not stop what is behind it
            if given.seq not in self._suspects:
                self._suspects.add(given.seq)
                return False
            log.exception("undecidable", seq=given.seq, kind=kind_of(given.body), **names_of(given))
            self._metrics.undecidable.inc()
            text = f"{type(error).__name__}: {error}"[:500]
            decision = decide_undecidable(self.state, self.ruleset, given, text)
        self._take(decision, given.at, given, given.seq, began)
        self._backlog.take()
        if given.seq in self._waiters:
            self._slice.replies[given.seq] = decision.reply
        return True

    def _decide_timer(self, at: Nanoseconds, group: int) -> bool:
        suspect = "timer", group
        if suspect in self._suspects and (self._slice.decisions or self._commit):
            return False
        began = self._clock.now() if self._causes is not None else 0
        try:
            self._refuse_unapplied(suspect)
            decision = decide_timer(self.state, self.ruleset, group, at)
        except Exception as error:  # as for inputs
            if suspect not in self._suspects:
                self._suspects.add(suspect)
                return False
            log.exception("undecidable", group=group)
            self._metrics.undecidable.inc()
            text = f"{type(error).__name__}: {error}"[:500]
            decision = decide_timer_undecidable(self.state, self.ruleset, group, at, text)
        self._take(decision, at, None, suspect, began)
        return True

    def _refuse_unapplied(self, suspect: Suspect) -> None:
        if suspect in self._unapplied:
            raise ValueError(f"what was decided could not be applied: {self._unapplied[suspect]}")

    def _switch_rules(self, digest: str) -> None:
        known = self._rulesets.get(digest)
        if known is None:  # accepted by an earlier process, replaced since
            known = self._wanted
        self.ruleset = known

    def _take(
        self,
        decision: Decision,
        at: Nanoseconds,
        given: Input | None,
        suspect: Suspect,
        began: Nanoseconds,
    ) -> None:
        """Apply a decision and put it into the slice. A failure here means a rebuild.

        The second failure in a row closes what was decided on as undecidable after that.
        """
        rules = self.state.rules
        try:
            self.state.apply(decision.changes)
        except Exception as error:
            if suspect in self._suspects:
                self._unapplied[suspect] = repr(error)[:500]
            self._suspects.add(suspect)
            self._void = True  # the memory holds half of it
            raise StorageError(f"a decision could not be applied: {error!r}") from error
        self._suspects.discard(suspect)
        self._unapplied.pop(suspect, None)
        if self.state.rules != rules:
            self.state.replace_rules(self.ruleset)
        self._slice.take(decision, at, given)
        if self._causes is not None:
            self._follow(self._causes, decision, at, given, began)

    def _follow(
        self, causes: Causes, decision: Decision, at: Nanoseconds, given: Input | None, began: Nanoseconds
    ) -> None:
        try:
            causes.follow(self._slice.trail, decision, at, given, began, self.state)
        except Exception:  # a bug in tracing ends tracing, and nothing else
            log.exception("tracing_failed")
            self._causes = None

    def _trace_of(self, row: int) -> TraceContext | None:
        return self._causes.of_row(row) if self._causes is not None else None

    def trace_of_run(self, run: int) -> TraceContext | None:
        """The span in which a run was proposed, if it is traced."""
        return self._causes.of_run(run) if self._causes is not None else None

    # -- commit ---------------------------------------------------------------------------

    def _begin_commit(self, *, beside: bool = False) -> None:
        """Hand the slice to the writer. `beside`: once the append that is under way has ended."""
        piece, self._slice = self._slice, Slice()
        piece.make_orders(self._attempted, self._trace_of, self._unrecorded)
        assert self._delivery is not None
        known = self._told_early & {order.row for order in piece.orders}
        fresh = [o for o in piece.orders if not (o.claimed or o.row in piece.superseded or o.row in known)]
        claims = known | self._delivery.start_now(fresh)
        piece.orders = [replace(o, claimed=True) if o.row in claims else o for o in piece.orders]
        now = piece.began = self._clock.now()
        if piece.consumed:
            piece.batch.meta["consumed"] = str(piece.consumed)
        piece.batch.claimed |= claims
        piece.batch.claimed_at = now
        piece.batch.meta["clock"] = str(self.log.now())
        claimed = [order for order in piece.orders if order.claimed and not order.notification.update]
        prepare, loop = self._delivery.prepare, asyncio.get_running_loop()
        vocabulary, chain = self._vocabulary, self._chain
        if not beside:
            self._encode(piece)

        def job(writer: Writer) -> None:
            piece.began, self._commit_began = self._clock.now(), self._clock.monotonic()
            seq = piece.consumed
            if piece.refused or (seq and not writer.query("SELECT 1 FROM inputs WHERE seq = ?", (seq,))):
                raise StorageError(f"input {seq} did not get into the log")
            if beside:  # it is little, and the event loop has people to tell
                piece.encode(vocabulary, chain)
            piece.batch.write(writer)
            if piece.trail.changes:
                traces.write(writer, piece.trail.changes)
            journal.append(writer, piece.journal)
            if claimed and not beside:  # while the disk flushes, the event loop is free to get ready for them
                writer.before_commit.append(lambda: _call(loop, prepare, claimed))
            writer.after_commit.append(lambda: self._head_file.write(piece.head))

        self._committing = piece
        self._commit_began = self._clock.monotonic()
        self._commit = self._database.submit(job, rows=piece.alerts + len(piece.orders), held=beside)
        self._commit.add_done_callback(self._committed)
        if beside:
            self._early = [o for o in claimed if o.integration.kind in KEYED and o.row not in known]
            prepare(self._early)

    def _encode(self, piece: Slice) -> None:
        try:
            piece.encode(self._vocabulary, self._chain)
        except Exception as error:  # a bug: what was decided goes with the memory that it is in
            self._slice, self._void = piece, True
            raise StorageError(f"what was decided cannot be written: {error!r}") from error

    def _committed(self, commit: "asyncio.Future[None]") -> None:
        """The commit under way has ended: if it is durable, the world hears of it, unless it has already."""
        self._wake.set()
        piece = self._committing
        if self._rebuilding or commit is not self._commit or piece is None or commit.exception() is not None:
            return
        assert self._delivery is not None
        self._commit = self._committing = None
        self.head = piece.head
        self._failures = self._lost_at = 0
        if piece.consumed:
            self.consumed = piece.consumed
        gone = self._told_early | self._ended()
        self._delivery.hand([order for order in piece.orders if order.row not in gone])
        self._told_early.difference_update(piece.batch.opened, piece.batch.revised)
        for row in piece.superseded:
            self._delivery.succeed(row)
        if piece.acts:
            self._acts.take(piece.acts)
        for seq, reply in piece.replies.items():
            waiter = self._waiters.pop(seq, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(reply)
        self._progress.set()
        # What is counted and logged can wait for what is on its way to people.
        took = self._clock.monotonic() - self._commit_began
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, tell, piece, took, self._metrics)

    async def _end_commit(self) -> None:
        """Wait for the commit under way. Raises StorageError if it failed."""
        commit, piece = self._commit, self._committing
        assert commit is not None
        assert piece is not None
        if not commit.done():
            await asyncio.wait({commit})
        error = commit.exception()
        if error is None:
            self._committed(commit)
            return
        self._commit = self._committing = None
        self._lose(piece)
        raise error if isinstance(error, StorageError) else StorageError(repr(error))

    # -- after a failure ------------------------------------------------------------------

    async def _rebuild(self, error: StorageError) -> None:
        """Throw the memory away and build it from the store; decide again what was not committed."""
        self._metrics.commit_failures.inc()
        log.error("commit_failed", error=str(error))
        self.deciding = False
        if self._committing:
            self._lose(self._committing)
        self._lose(self._slice)
        self._slice, self._void, self._rebuilding = Slice(), False, True
        while True:
            if self._commit is not None:
                await asyncio.wait({self._commit})
                self._commit = self._committing = None
            # What was decided of an append that is under way is in neither place until it has ended.
            await self.log.settled()
            await self._clock.sleep(_REBUILD_WAITS[min(self._failures, len(_REBUILD_WAITS) - 1)])
            self._failures += 1
            try:
                await self._load()
                break
            except StorageError as again:
                log.error("rebuild_failed", error=str(again))
        self._lost_bytes, self._rebuilding = 0, False
        self._hand_again()
        self.deciding = True

    def _lose(self, piece: Slice) -> None:
        """Remember for how long what is thrown away has waited, until a commit succeeds."""
        if piece.inputs:
            self._lost_at = min(self._lost_at or piece.at, piece.at)
            self._lost_bytes += piece.bytes

    def _hand_again(self) -> None:
        """A commit that failed may have been durable: delivery gets what it does not have."""
        assert self._delivery is not None
        again = Slice(effects=orders_again(self.state, self.ruleset, self.log.now()))
        again.make_orders({}, self._trace_of, self._unrecorded)
        self._told_early.difference_update(self.state.rows)
        ended = self._ended()
        self._delivery.hand([order for order in again.orders if order.row not in ended])
        for row in again.superseded - ended:
            self._delivery.succeed(row)
        self._acts.take(again.acts)

    def _ended(self) -> set[int]:
        """Rows of before a start or a failure whose end is in the log, and not committed yet."""
        if self.consumed >= self._caught_up_at:
            return set()
        return self._backlog.ended_rows() | self._slice.batch.closed.keys()

    async def _load(self) -> Stored:
        """Take state, journal head and undecided inputs from the database."""
        limits = self._limits
        stored = await self._database.read(lambda c: read_stored(c, limits, self._ruleset_for))
        self.state, self.ruleset = stored.state, stored.ruleset
        self._chain = journal.Chain(stored.head)
        self._vocabulary = stored.vocabulary
        self.head = stored.head
        self._slice = Slice()
        self.consumed = stored.consumed
        self._backlog.refill(stored.consumed, stored.undecided)
        self._caught_up_at = max(stored.last_seq, self.log.last_seq)
        if self._causes is not None:
            self._causes.load(stored.traces, stored.state)
        return stored

    def _ruleset_for(self, connection: sqlite3.Connection, digest: str, needed: bool) -> Ruleset:
        """The ruleset that the stored state was decided under, as far as it can still be had."""
        known = self._rulesets.get(digest)
        if known is None and digest and needed:
            row = connection.execute("SELECT source FROM rulesets WHERE hash = ?", (digest,)).fetchone()
            known = self._recompile(msgspec.json.decode(row[0]), self._wanted) if row else None
        return known or self._wanted

    async def _keep_source(self, ruleset: Ruleset) -> None:
        source = msgspec.json.encode(dict(ruleset.source))
        now = self._clock.now()

        def job(writer: Writer) -> None:
            writer.execute(
                "INSERT INTO rulesets (hash, at, source) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
                (ruleset.hash, now, source),
            )

        await self._database.submit(job)
