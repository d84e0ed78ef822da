"""Which request brought about which row: decisions of the core, watched by what they say of themselves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from responder.clock import SystemClock
from responder.core.decide import decide, decide_timer
from responder.core.messages import AlertsReceived, Deliver, DeliveryEnded, Input, ReceivedAlert
from responder.core.model import HOUR, MILLISECOND, SECOND
from responder.core.rules import Ruleset
from responder.core.state import State
from responder.core.tracecontext import TraceContext, Traced
from responder.engine.causes import Causes, Trail, names_of
from responder.settings.values import Tracing as Settings
from responder.store.traces import Key, Traces
from responder.telemetry import Metrics
from responder.tracing import Tracing
from tests.clock import MONDAY
from tests.core.words import firing, resolved, route, rules

ONE: Final = TraceContext("1" * 32, "a" * 16)
TWO: Final = TraceContext("2" * 32, "b" * 16)


@dataclass
class Watched:
    """A state, its rules, and what is known of traces. Time is the test's."""

    ruleset: Ruleset
    causes: Causes
    state: State
    at: int = MONDAY
    seq: int = 0
    trail: Trail = field(default_factory=Trail)

    def hear(self, *alerts: ReceivedAlert, trace: TraceContext | None = None) -> None:
        traces = (Traced(trace, 0, len(alerts)),) if trace else ()
        self.decide(AlertsReceived("webhook", b"", alerts, traces=traces))

    def decide(self, body: Any) -> None:
        self.seq += 1
        given = Input(self.seq, self.at, "am", body)
        decision = decide(self.state, self.ruleset, given)
        self.state.apply(decision.changes)
        self.trail = Trail()
        self.causes.follow(self.trail, decision, self.at, given, self.at, self.state)

    def look(self) -> list[int]:
        """Let the next group be due; the rows that were handed to delivery."""
        due = self.state.next_due()
        assert due is not None
        self.at = max(self.at, due[0])
        decision = decide_timer(self.state, self.ruleset, due[1], self.at)
        self.state.apply(decision.changes)
        self.trail = Trail()
        self.causes.follow(self.trail, decision, self.at, None, self.at, self.state)
        return [one.notification.row for one in decision.effects if isinstance(one, Deliver)]

    def told(self, row: int) -> None:
        self.at += SECOND
        self.decide(DeliveryEnded(row, "delivered"))

    def spans(self) -> list[tuple[str, str, str, int]]:
        """Of the last decision: name, the digit of the trace, the parent, how many links."""
        return [(one.name, one.context.trace[0], one.parent, len(one.links)) for one in self.trail.spans]


@pytest.fixture
async def tracing() -> AsyncIterator[Tracing]:
    settings = Settings("http://127.0.0.1:9/v1/traces", every=HOUR, stop_within=MILLISECOND)
    made = Tracing(settings, {}, SystemClock(), Metrics())
    yield made
    await made.stop()


def watched(tracing: Tracing, ruleset: Ruleset) -> Watched:
    return Watched(ruleset, Causes(tracing), State(ruleset))


def test_a_row_is_in_the_trace_of_the_only_request_that_brought_it_about(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"), firing("B"), trace=ONE)
    [decided] = there.trail.spans
    assert there.spans() == [("decide", "1", ONE.span, 0)]
    assert decided.attributes == {"responder.seq": 1, "responder.alerts": 2}
    assert set(there.trail.of_event.values()) == {decided.context}
    assert there.trail.changes == {
        Key("input", 1): None,
        Key("told", 1, 1): (decided.context,),
        Key("told", 1, 2): (decided.context,),
    }
    [row] = there.look()
    assert there.spans() == [("flush", "1", decided.context.span, 0)]
    context = there.causes.of_row(row)
    assert context == there.trail.spans[0].context
    assert set(there.trail.of_event.values()) == {context}
    there.told(row)
    assert there.spans() == []
    assert there.trail.changes == {Key("row", row): None, Key("told", 1, 1): None, Key("told", 1, 2): None}
    assert (list(there.trail.of_event.values()), there.causes.of_row(row)) == ([context], None)


def test_several_requests_are_links_of_a_trace_of_its_own(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"), trace=ONE)
    there.hear(firing("B"), trace=TWO)
    there.hear(firing("C"))
    there.look()
    [flush] = there.trail.spans
    assert [link.trace for link in flush.links] == [ONE.trace, TWO.trace]
    assert flush.parent == ""
    assert flush.context.trace not in (ONE.trace, TWO.trace)


def test_what_nobody_traces_has_no_span(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"))
    [row] = there.look()
    assert (there.spans(), there.trail.changes, there.causes.of_row(row)) == ([], {}, None)


def test_an_alert_in_two_groups_is_told_in_its_trace_in_both(tracing: Tracing) -> None:
    both = route("alertname=A", go_on=True, by=["alertname"], wait="10s"), route("alertname=A", wait="60s")
    there = watched(tracing, rules(*both))
    there.hear(firing("A"), trace=ONE)
    [decided] = there.trail.spans
    flush = [("flush", "1", decided.context.span, 0)]
    for row in (1, 2):
        assert (there.look(), there.spans()) == ([row], flush)
        there.told(row)


def test_who_renews_what_nobody_was_told_has_a_part_in_it_and_later_none(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"))
    there.hear(firing("A"), trace=ONE)
    [row] = there.look()
    assert [span[:2] for span in there.spans()] == [("flush", "1")]
    there.hear(firing("A"), trace=TWO)  # a row is open that tells it
    assert there.trail.changes == {Key("input", 3): None}
    there.told(row)
    there.hear(firing("A"), trace=TWO)
    assert there.trail.changes == {Key("input", 5): None}
    there.at += 5 * HOUR
    assert [there.look(), there.spans()] == [[2], []]  # a repeat


def test_what_comes_while_a_row_is_under_way_is_still_to_be_told(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"), trace=ONE)
    [row] = there.look()
    there.hear(resolved("A"), trace=TWO)
    [ended] = there.trail.spans
    there.told(row)
    assert there.trail.changes == {Key("row", row): None, Key("told", 1, 1): (ended.context,)}
    [row] = there.look()
    assert there.spans() == [("flush", "2", ended.context.span, 0)]
    there.told(row)
    assert Key("told", 1, 1) in there.trail.changes


def test_what_was_not_told_is_linked_by_the_row_that_tells_it_instead(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"), trace=ONE)
    [first] = there.look()
    there.hear(firing("B"), trace=TWO)
    assert there.look() == []  # it waits behind
    assert [len(span.links) for span in there.trail.spans] == [2]
    there.decide(DeliveryEnded(first, "superseded"))
    assert there.trail.changes == {Key("row", first): None}
    assert there.causes.of_row(first) is None
    assert there.causes.of_row(first + 1) is not None


def test_requests_that_share_an_input_are_told_apart(tracing: Tracing) -> None:
    there = watched(tracing, rules(by=["alertname"]))
    traces = (Traced(ONE, 0, 1), Traced(TWO, 2, 1))
    there.decide(AlertsReceived("webhook", b"", (firing("A"), firing("B"), firing("C")), traces=traces))
    assert [span[:3] for span in there.spans()] == [("decide", "1", ONE.span), ("decide", "2", TWO.span)]
    told = []
    for _ in range(3):
        there.look()
        told.append([span[:2] for span in there.spans()])
    assert told == [[("flush", "1")], [], [("flush", "2")]]


def test_it_goes_on_with_what_was_kept(tracing: Tracing) -> None:
    there = watched(tracing, rules())
    there.hear(firing("A"), trace=ONE)
    [decided] = there.trail.spans
    there.causes = Causes(tracing)
    there.causes.load(Traces({(1, 1): (decided.context,)}, {}, {}), there.state)
    [row] = there.look()
    kept = there.trail.changes[Key("row", row)]
    assert there.spans() == [("flush", "1", decided.context.span, 0)]
    there.causes = Causes(tracing)
    there.causes.load(Traces({(1, 1): (decided.context,)}, {row: kept}, {}), there.state)  # type: ignore[dict-item]
    assert there.causes.of_row(row) is not None
    there.told(row)
    assert there.trail.changes == {Key("row", row): None, Key("told", 1, 1): None}
    [closed] = there.trail.of_event.values()
    assert closed.trace == ONE.trace


def test_a_log_line_about_an_input_names_its_trace() -> None:
    body = AlertsReceived("webhook", b"", (firing("A"),), traces=(Traced(ONE, 0, 1),))
    assert names_of(Input(1, MONDAY, "am", body)) == {"trace_id": ONE.trace, "span_id": ONE.span}
    assert names_of(Input(1, MONDAY, "am", AlertsReceived("webhook", b"", ()))) == {}
    assert names_of(Input(1, MONDAY, "am", DeliveryEnded(1, "delivered"))) == {}


def test_no_decision_depends_on_it() -> None:
    ruleset = rules()
    plain = AlertsReceived("webhook", b"", (firing("A"), resolved("B")))
    traced = AlertsReceived("webhook", b"", plain.alerts, traces=(Traced(ONE, 0, 2),))
    made = [decide(State(ruleset), ruleset, Input(1, MONDAY, "am", body)) for body in (plain, traced)]
    assert made[0] == made[1]
