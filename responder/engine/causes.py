"""Which traced requests brought about what is still to be told or done.

`engine.engine` shows it every decision that was applied, where tracing is on; what it learns is written in
the decision's own transaction, so that a trace goes on after a timer, and after a crash. It changes nothing
that is decided, and its spans are recorded only once their commit is durable.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from responder.core.draft import Decision
from responder.core.messages import (
    AlertsFired,
    AlertsLeft,
    AlertsReceived,
    AlertsResolved,
    Closed,
    Event,
    GroupClosed,
    Input,
    Owed,
    RunMoved,
    StepEnded,
    StepIntended,
)
from responder.core.model import Nanoseconds
from responder.core.state import State
from responder.core.tracecontext import TraceContext
from responder.store.traces import Body, Key, RowTrace, Traces
from responder.tracing import Span, Tracing

_MOST: Final = 8
"""Requests that are remembered for one alert that waits to be told: the newest."""

_WIDEST: Final = 1_000
"""Alerts that wait to be told in one group and are remembered: the first. A row has the requests of all."""


class Trail(msgspec.Struct):
    """What tracing knows of one commit: spans to record after it, entries to write with it.

    `of_event`: the context of an event, by its identity, for its log line.
    """

    spans: list[Span] = msgspec.field(default_factory=list)
    changes: dict[Key, Body | None] = msgspec.field(default_factory=dict)
    of_event: dict[int, TraceContext] = msgspec.field(default_factory=dict)


class Causes:
    """The memory of it. It is as of the last decision that was applied, as the State is."""

    def __init__(self, tracing: Tracing) -> None:
        """Nothing is traced yet."""
        self._tracing = tracing
        self._told: dict[int, dict[int, tuple[TraceContext, ...]]] = {}
        self._rows: dict[int, RowTrace] = {}
        self._runs: dict[int, TraceContext] = {}
        self._names: dict[str, int] = {}

    def load(self, stored: Traces, state: State) -> None:
        """Begin again with what the store holds."""
        self._told, self._rows, self._runs = {}, dict(stored.rows), dict(stored.runs)
        for (group, alert), contexts in stored.told.items():
            self._told.setdefault(group, {})[alert] = contexts
        self._names = {state.runs[run].id: run for run in self._runs if run in state.runs}

    def of_row(self, row: int) -> TraceContext | None:
        """The span that a ledger row was opened in."""
        known = self._rows.get(row)
        return known.context if known else None

    def of_run(self, run: int) -> TraceContext | None:
        """The span that a run was proposed in."""
        return self._runs.get(run)

    # -- a decision -----------------------------------------------------------------------

    def follow(
        self,
        trail: Trail,
        decision: Decision,
        at: Nanoseconds,
        given: Input | None,
        began: Nanoseconds,
        state: State,
    ) -> None:
        """What was decided at `at`, by a decision that began at `began` (wall clock), is in `state`."""
        traced = given.body.traces if given and isinstance(given.body, AlertsReceived) else ()
        if not (traced or self._told or self._rows or self._runs):
            return
        now, before = self._tracing.now(), len(trail.spans)
        heard: dict[int, TraceContext] = {}
        if given is not None and traced:
            heard = self._hear(trail, given, state, began, now)
        for event in decision.events:
            self._note(trail, event, heard, state, began, now)
        if heard:
            self._join(trail, heard, state)
        if self._told or self._runs:
            self._note_runs(trail, decision, at, began, now)
        made = trail.spans[before:]
        if made and all(span.context.trace == made[0].context.trace for span in made):
            for event in decision.events:  # whatever else it did, it did in this trace
                trail.of_event.setdefault(id(event), made[0].context)

    def _hear(
        self, trail: Trail, given: Input, state: State, began: Nanoseconds, now: Nanoseconds
    ) -> dict[int, TraceContext]:
        """A span for each traced request of an input; which alerts came in it."""
        assert isinstance(given.body, AlertsReceived)
        trail.changes[Key("input", given.seq)] = None
        heard: dict[int, TraceContext] = {}
        for one in given.body.traces:
            span = self._tracing.follow("decide", one.context, began)
            span.attributes |= {"responder.seq": given.seq, "responder.alerts": one.count}
            _ended(trail, span, now)
            for received in given.body.alerts[one.first : one.first + one.count]:
                alert = state.alerts.get(received.labels)
                if alert is not None:
                    heard[alert.id] = span.context
        return heard

    def _note(
        self,
        trail: Trail,
        event: Event,
        heard: dict[int, TraceContext],
        state: State,
        began: Nanoseconds,
        now: Nanoseconds,
    ) -> None:
        match event:
            case AlertsFired() if heard:
                for alert, _, groups in event.alerts:
                    self._await(trail, heard.get(alert), alert, groups)
            case AlertsResolved() if heard:
                for alert in event.alerts:
                    known = state.by_id.get(alert)
                    self._await(trail, heard.get(alert), alert, known.groups if known else ())
            case Owed():
                self._owe(trail, event, began, now)
            case Closed() if event.row in self._rows:
                row = self._rows.pop(event.row)
                trail.of_event[id(event)] = row.context
                trail.changes[Key("row", event.row)] = None
                if event.state == "delivered":
                    self._told_of(trail, row)
            case AlertsLeft():
                self._forget(trail, event.group, event.alerts)
            case GroupClosed():
                self._forget(trail, event.group, tuple(self._told.get(event.group, ())))
            case _:
                pass

    # -- alerts that wait to be told ------------------------------------------------------

    def _await(self, trail: Trail, context: TraceContext | None, alert: int, groups: Iterable[int]) -> None:
        """An alert is news in these groups, because of a request with this context."""
        for group in groups if context is not None else ():
            assert context is not None
            waiting = self._told.setdefault(group, {})
            if alert not in waiting and len(waiting) >= _WIDEST:
                continue
            waiting[alert] = (*waiting.get(alert, ()), context)[-_MOST:]
            trail.changes[Key("told", group, alert)] = waiting[alert]

    def _join(self, trail: Trail, heard: dict[int, TraceContext], state: State) -> None:
        """Who renews an alert of which nobody was told yet has a part in its being told."""
        for alert, context in heard.items():
            known = state.by_id.get(alert)
            for group in known.groups if known else ():
                if alert in self._told.get(group, ()):
                    continue
                tolds = state.told.get(group, {}).values()
                if not any(alert in told.newest.firing for told in tolds):
                    self._await(trail, context, alert, (group,))

    def _told_of(self, trail: Trail, row: RowTrace) -> None:
        """Somebody was told what the row says, and not what has come since it was opened."""
        waiting, said = self._told.get(row.group, {}), frozenset(row.causes)
        for alert in row.alerts:
            since = tuple(context for context in waiting.get(alert, ()) if context not in said)
            if not since:
                self._forget(trail, row.group, (alert,))
            elif since != waiting[alert]:
                waiting[alert] = since
                trail.changes[Key("told", row.group, alert)] = since

    def _forget(self, trail: Trail, group: int, alerts: Iterable[int]) -> None:
        waiting = self._told.get(group)
        if waiting is None:
            return
        for alert in alerts:
            if waiting.pop(alert, None) is not None:
                trail.changes[Key("told", group, alert)] = None
        if not waiting:
            del self._told[group]

    # -- rows and runs --------------------------------------------------------------------

    def _owe(self, trail: Trail, event: Owed, began: Nanoseconds, now: Nanoseconds) -> None:
        waiting = self._told.get(event.group)
        if waiting is None:
            return
        alerts = tuple(a for a in (*event.firing, *event.resolved, *event.stale) if a in waiting)
        if not alerts:
            return
        causes = _distinct(context for alert in alerts for context in waiting[alert])
        span = self._tracing.gather("flush", causes, began)
        span.attributes |= {
            "responder.row": event.row,
            "responder.group": event.group,
            "responder.receiver": event.receiver,
            "responder.reason": event.reason,
        }
        _ended(trail, span, now)
        row = RowTrace(span.context, event.group, alerts, causes)
        self._rows[event.row] = row
        trail.changes[Key("row", event.row)] = row
        trail.of_event[id(event)] = span.context

    def _note_runs(
        self, trail: Trail, decision: Decision, at: Nanoseconds, began: Nanoseconds, now: Nanoseconds
    ) -> None:
        for run in decision.changes.runs.values():
            if run.created_at != at or not run.open or run.number in self._runs:
                continue
            found = [
                self._told.get(group, {}).get(one.alert, ()) for one in run.episodes for group in run.groups
            ]
            causes = _distinct(context for contexts in found for context in contexts)
            if causes:
                span = self._tracing.gather("propose", causes, began)
                span.attributes |= {"responder.run": run.id, "responder.runbook": run.runbook}
                _ended(trail, span, now)
                self._runs[run.number] = span.context
                self._names[run.id] = run.number
                trail.changes[Key("run", run.number)] = (span.context,)
        for event in decision.events:
            if isinstance(event, RunMoved | StepIntended | StepEnded) and event.run in self._names:
                trail.of_event[id(event)] = self._runs[self._names[event.run]]
        for run in decision.changes.runs.values():
            if not run.open and self._runs.pop(run.number, None) is not None:
                del self._names[run.id]
                trail.changes[Key("run", run.number)] = None


def names_of(given: Input) -> dict[str, str]:
    """What a log line about an input says of its trace; of the first, if several requests are in it."""
    traces = given.body.traces if isinstance(given.body, AlertsReceived) else ()
    return traces[0].context.names if traces else {}


def _distinct(contexts: Iterable[TraceContext]) -> tuple[TraceContext, ...]:
    return tuple(dict.fromkeys(contexts))


def _ended(trail: Trail, span: Span, now: Nanoseconds) -> None:
    """It is over, and is recorded when what it did is durable."""
    span.ended = now
    trail.spans.append(span)
