"""Contexts in and out, in each form, and which requests are traced."""

from collections.abc import Mapping
from typing import Final

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from responder.core.tracecontext import TraceContext
from responder.settings.values import Propagator
from responder.tracing.propagation import Propagation

TRACE: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER: Final = "00f067aa0ba902b7"
SHORT: Final = "a3ce929d0e0e4736"

W3C: Final = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1,other=2"}
B3: Final = {"b3": f"{TRACE}-{CALLER}-1-05e3ac9a4f6e3b90"}
B3_MULTI: Final = {"x-b3-traceid": TRACE, "x-b3-spanid": CALLER, "x-b3-sampled": "1"}
JAEGER: Final = {"uber-trace-id": f"{TRACE}:{CALLER}:0:1"}


NAMES: Final = (*W3C, "b3", *B3_MULTI, "x-b3-flags", *JAEGER)
WORDS: Final = (*W3C.values(), *B3.values(), *B3_MULTI.values(), *JAEGER.values(), "-", ":", "0", "\udcff")


def propagation(*names: Propagator, ratio: float = 0) -> Propagation:
    return Propagation(names or ("tracecontext", "b3", "jaeger"), ratio)


@pytest.mark.parametrize(
    ("headers", "flags", "state"),
    [
        (W3C, 1, "vendor=1,other=2"),
        ({"traceparent": f"00-{TRACE}-{CALLER}-03"}, 3, ""),
        (B3, 1, ""),
        ({"b3": f"{TRACE}-{CALLER}-d"}, 1, ""),
        (B3_MULTI, 1, ""),
        ({**B3_MULTI, "x-b3-sampled": "0", "x-b3-flags": "1"}, 1, ""),
        (JAEGER, 1, ""),
        ({"uber-trace-id": f"{TRACE}:{CALLER}:0:3"}, 1, ""),
    ],
)
def test_a_sampled_context_is_continued_whatever_the_ratio(
    headers: Mapping[str, str], flags: int, state: str
) -> None:
    found = propagation().begin(headers)
    assert found is not None
    assert (found.context.trace, found.parent) == (TRACE, CALLER)
    assert (found.context.flags, found.context.state) == (flags, state)
    assert len(found.context.span) == 16
    assert found.context.span != CALLER


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": f"00-{TRACE}-{CALLER}-00"},
        {"b3": f"{TRACE}-{CALLER}-0"},
        {**B3_MULTI, "x-b3-sampled": "0"},
        {"uber-trace-id": f"{TRACE}:{CALLER}:0:0"},
    ],
)
def test_what_its_sender_does_not_sample_is_not_sampled(headers: Mapping[str, str]) -> None:
    assert propagation(ratio=1).begin(headers) is None


def test_a_short_id_is_made_long() -> None:
    found = propagation().begin({"b3": f"{SHORT}-{CALLER}-1"})
    assert found is not None
    assert found.context.trace == SHORT.rjust(32, "0")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"traceparent": ""},
        {"traceparent": f"00-{'0' * 32}-{CALLER}-01"},
        {"traceparent": f"ff-{TRACE}-{CALLER}-01"},
        {"traceparent": "x" * 10_000},
        {"b3": "1"},
        {"b3": "0"},
        {"b3": f"{TRACE}-{CALLER}-1-2-3-4-5-6"},
        {"b3": f"{'g' * 32}-{CALLER}-1"},
        {"x-b3-traceid": TRACE},
        {"uber-trace-id": f"{'f' * 40}:{CALLER}:0:1"},
        {"uber-trace-id": f"-1:{CALLER}:0:1"},
        {"uber-trace-id": "a:b"},
        {"uber-trace-id": f"{TRACE}:{CALLER}:0:\udcff"},
    ],
)
def test_what_cannot_be_read_counts_as_absent(headers: Mapping[str, str]) -> None:
    assert propagation(ratio=0).begin(headers) is None
    found = propagation(ratio=1).begin(headers)
    assert found is not None
    assert (found.parent, found.context.flags, found.context.state) == ("", 1, "")
    assert found.context.trace != TRACE


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=80) | st.sampled_from(WORDS)))
def test_nothing_that_is_sent_is_too_much_for_it(headers: dict[str, str]) -> None:
    with structlog.testing.capture_logs() as said:
        assert propagation(ratio=1).begin(headers) is not None or headers
    assert said == []


def test_the_first_form_that_is_there_wins() -> None:
    other = {"b3": f"{'1' * 32}-{CALLER}-1"}
    for names, trace in [(("tracecontext", "b3"), TRACE), (("b3", "tracecontext"), "1" * 32)]:
        found = Propagation(names, 0).begin({**W3C, **other})  # type: ignore[arg-type]
        assert found is not None
        assert found.context.trace == trace


def test_a_form_that_is_not_configured_is_not_read() -> None:
    assert propagation("tracecontext").begin({**B3, **JAEGER}) is None
    assert propagation("jaeger").begin(W3C) is None


def test_a_tracestate_that_is_too_long_is_left_out() -> None:
    headers = {**W3C, "tracestate": ",".join(f"k{number}={'v' * 40}" for number in range(20))}
    found = propagation().begin(headers)
    assert found is not None
    assert (found.context.trace, found.context.state) == (TRACE, "")


def test_of_the_rest_the_ratio_is_sampled() -> None:
    tenth = propagation(ratio=0.1)
    begun = [found for _ in range(20_000) if (found := tenth.begin({})) is not None]
    assert 1_500 < len(begun) < 2_500  # twelve standard deviations
    assert len({found.context.trace for found in begun}) == len(begun)
    assert sum(propagation(ratio=1).begin({}) is not None for _ in range(100)) == 100


def test_it_is_passed_on_in_every_form_that_is_configured() -> None:
    context = TraceContext(TRACE, CALLER, 1, "vendor=1")
    assert propagation("tracecontext").headers(context) == {
        "traceparent": f"00-{TRACE}-{CALLER}-01",
        "tracestate": "vendor=1",
    }
    assert propagation("b3").headers(context) == {"b3": f"{TRACE}-{CALLER}-1"}
    assert propagation("b3multi").headers(context) == B3_MULTI
    assert propagation("jaeger").headers(context) == {
        "uber-trace-id": f"{TRACE}:{CALLER}:0000000000000000:03"
    }
    assert propagation("tracecontext", "b3", "jaeger").headers(context).keys() == {
        "traceparent",
        "tracestate",
        "b3",
        "uber-trace-id",
    }
