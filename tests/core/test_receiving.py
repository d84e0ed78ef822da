"""Bytes to alerts: nothing but EnvelopeError, and one unusable alert costs no other."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.messages import AlertsReceived, ReceivedAlert
from responder.core.model import FAR_FUTURE, SECOND, labels_from, parse_time
from responder.core.receiving import (
    REJECTED_TEXT,
    EnvelopeError,
    Limits,
    merge,
    parse_api,
    parse_lines,
    parse_webhook,
    select,
    split,
)
from responder.core.tracecontext import TraceContext, Traced

LIMITS = Limits()
AT = "2026-01-05T08:00:00Z"


def alert(name: str = "A", **more: Any) -> dict[str, Any]:
    return {"labels": {"alertname": name}, **more}


def envelope(*alerts: Any, **more: Any) -> bytes:
    return json.dumps(
        {"version": "4", "alerts": [{"status": "firing", **a} for a in alerts], **more}
    ).encode()


def received(name: str = "A", **more: Any) -> ReceivedAlert:
    values: dict[str, Any] = {
        "annotations": (),
        "starts_at": 0,
        "ends_at": 0,
        "generator_url": "",
        "resolved": False,
    }
    return ReceivedAlert(labels=labels_from({"alertname": name}), **values | more)


def why(body: object, *, webhook: bool = False, limits: Limits = LIMITS) -> list[str]:
    """Why alerts are rejected."""
    raw = json.dumps(body).encode()
    _, rejected = parse_webhook(raw, limits) if webhook else parse_api(raw, limits)
    return [one.reason for one in rejected]


# -- what is read -----------------------------------------------------------------------------


def test_an_alert_from_the_api() -> None:
    body = json.dumps(
        [
            {
                "labels": {"z": "1", "alertname": "A", "empty": ""},
                "annotations": {"summary": "x", "none": ""},
                "startsAt": AT,
                "endsAt": "2026-01-05T10:00:00+01:00",
                "generatorURL": "http://p/graph",
                "unknown": [1],
            }
        ]
    ).encode()
    one = ReceivedAlert(
        (("alertname", "A"), ("z", "1")),
        (("summary", "x"),),
        parse_time(AT),
        parse_time(AT) + 3600 * SECOND,
        "http://p/graph",
        resolved=False,
    )
    assert parse_api(body, LIMITS) == ((one,), ())


def test_an_alert_from_a_webhook_is_judged_by_its_own_status() -> None:
    body = json.dumps(
        {
            "version": "4",
            "receiver": "web\\.hook",
            "status": "firing",
            "alerts": [
                alert("A", status="firing", startsAt=AT, endsAt="0001-01-01T00:00:00Z", fingerprint="f"),
                alert("B", status="resolved", startsAt=AT, endsAt=AT),
            ],
            "groupLabels": {},
            "truncatedAlerts": 3,
            "notification_reason": "first_notification",
        }
    ).encode()
    at = parse_time(AT)
    assert parse_webhook(body, LIMITS) == (
        (received("A", starts_at=at), received("B", starts_at=at, ends_at=at, resolved=True)),
        (),
    )


def test_s109_a_webhook_needs_no_more_than_its_alerts() -> None:
    assert parse_webhook(b'{"alerts": []}', LIMITS) == ((), ())
    assert parse_webhook(b'{"alerts": [{"status": "firing", "labels": {"alertname": "A"}}]}', LIMITS) == (
        (received(),),
        (),
    )


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("0001-01-01T00:00:00Z", 0),
        ("0001-01-01T01:00:00+01:00", 0),
        ("", 0),
        (None, 0),
        ("9999-12-31T23:59:59Z", FAR_FUTURE),
        ("2026-01-05T08:00:00.123456789Z", parse_time(AT) + 123_456_789),
    ],
)
def test_s107_zero_and_far_times(text: str | None, at: int) -> None:
    (got,), rejected = parse_api(json.dumps([alert(endsAt=text)]).encode(), LIMITS)
    assert (got.ends_at, rejected) == (at, ())


def test_newlines_markup_and_emoji_are_values_like_any_other() -> None:
    values = ["a\nb", "<b>&amp;</b>", "🔥 ünïcode", "\u2028", "\x00", '"\\']
    body = json.dumps([{"labels": {"alertname": "A", "v": v}} for v in values]).encode()
    got, rejected = parse_api(body, LIMITS)
    assert ([dict(one.labels)["v"] for one in got], rejected) == (values, ())


# -- one bad among many -----------------------------------------------------------------------

BAD: list[tuple[object, str]] = [
    (7, "Expected `object`, got `int`"),
    ({}, "Object missing required field `labels`"),
    ({"labels": {}}, "labels: at least one label with a value is needed"),
    ({"labels": {"a": ""}}, "labels: at least one label with a value is needed"),
    ({"labels": {"": "x", "a": "b"}}, "labels: a label needs a name"),
    ({"labels": {"a": 1}}, "Expected `str`, got `int` - at `$.labels[...]`"),
    (
        alert(startsAt="yesterday"),
        "startsAt: 'yesterday' is not an RFC 3339 time such as 2026-01-05T08:00:00Z",
    ),
    (alert(endsAt="1969-01-01T00:00:00Z"), "endsAt: '1969-01-01T00:00:00Z' lies before 1970"),
    (alert(startsAt=AT, endsAt="2026-01-05T07:59:59Z"), "endsAt: lies before startsAt"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_one_unusable_alert_among_a_hundred_is_rejected_alone(bad: object, reason: str) -> None:
    body: list[object] = [alert(f"A{n}") for n in range(100)]
    body[41] = bad
    got, rejected = parse_api(json.dumps(body).encode(), LIMITS)
    assert [one.labels for one in got] == [received(f"A{n}").labels for n in range(100) if n != 41]
    ((index, text),) = [(one.index, one.reason) for one in rejected]
    assert (index, text) == (41, reason)
    assert json.loads(rejected[0].text) is not None


def test_a_status_that_is_neither_is_rejected() -> None:
    body = {"alerts": [alert(status="pending"), alert(status="firing"), alert()]}
    assert why(body, webhook=True) == [
        "status: 'pending' is neither 'firing' nor 'resolved'",
        "status: 'None' is neither 'firing' nor 'resolved'",
    ]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ({str(n): "x" for n in range(65)}, "labels: 65 of them, at most 64 are taken"),
        ({str(n): "x" for n in range(64)}, ""),
        ({"a": "x" * 4097}, "labels.a: 4097 characters, at most 4096 are taken"),
        ({"a": "x" * 4096}, ""),
        ({str(n): "x" * 4096 for n in range(60)}, ""),
        ({"n" * 1025: "x"}, "labels: a name of 1025 characters, at most 1024 are taken"),
        ({"n" * 1000: "x", "m" * 1000: "y"}, ""),
    ],
)
def test_the_limits_of_one_alert(labels: dict[str, str], reason: str) -> None:
    assert why([{"labels": labels}]) == ([reason] if reason else [])


def test_the_limit_of_annotations_counts_all_of_them() -> None:
    tight = Limits(annotations=10)
    assert why([alert(annotations={"a": "x" * 5, "b": "y" * 5})], limits=tight) == []
    assert why([alert(annotations={"a": "x" * 6, "b": "y" * 5})], limits=tight) == [
        "annotations: over 10 characters in all"
    ]


def test_of_a_rejected_alert_the_start_of_its_text_is_kept() -> None:
    (rejected,) = parse_api(json.dumps([{"labels": 5, "x": "y" * 9_999}]).encode(), LIMITS)[1]
    assert len(rejected.text) == REJECTED_TEXT
    assert rejected.text.startswith('{"labels": 5, "x": "yyy')


def test_bytes_that_are_not_utf8_cost_only_their_alert() -> None:
    body = b'[{"labels":{"alertname":"A"}},{"labels":{"alertname":"\xff"}}]'
    got, rejected = parse_api(body, LIMITS)
    assert (got, [one.index for one in rejected]) == ((received(),), [1])


# -- what is no envelope ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON: Input data was truncated"),
        (b'[{"labels":{"a":"b"}', "the body is not JSON: Input data was truncated"),
        (b"{}", "the body must be a JSON list of alerts: Expected `array`, got `object`"),
        (b"null", "the body must be a JSON list of alerts: Expected `array`, got `null`"),
        (
            b"[" * 100_000,
            "the body is not JSON: maximum recursion depth exceeded while deserializing an object",
        ),
    ],
)
def test_what_is_not_a_list_of_alerts(body: bytes, message: str) -> None:
    with pytest.raises(EnvelopeError) as raised:
        parse_api(body, LIMITS)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not JSON: Input data was truncated"),
        (b'{"version": "4"}', "Object missing required field `alerts`"),
        (b'{"version": "5", "alerts": []}', "version is '5'; this entrance reads version \"4\""),
        (b'{"version": "3", "alerts": [7]}', "version is '3'; this entrance reads version \"4\""),
        (b'{"version": 4, "alerts": []}', "Expected `str | null`, got `int` - at `$.version`"),
        (b'{"alerts": {}}', "Expected `array`, got `object` - at `$.alerts`"),
        (b"[]", "Expected `object`, got `array`"),
    ],
)
def test_what_is_not_a_webhook(body: bytes, message: str) -> None:
    with pytest.raises(EnvelopeError) as raised:
        parse_webhook(body, LIMITS)
    text = str(raised.value)
    assert text in (
        message,
        f'the body must be an Alertmanager webhook, {{"version": "4", "alerts": [...]}}: {message}',
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["alerts", "version", "labels", "annotations", "startsAt", "endsAt", "status", "x"]
            )
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps({"alerts": [value]}).encode())
    | JSON.map(lambda value: json.dumps([{"labels": {"a": "b"}, "startsAt": value}]).encode()),
    st.integers(0, 200),
)
def test_nothing_but_an_envelope_error_comes_of_any_bytes(body: bytes, cut: int) -> None:
    for text in (body, body[:cut], body + b"]"):
        for parse in (parse_api, parse_webhook):
            try:
                got, rejected = parse(text, LIMITS)
            except EnvelopeError:
                continue
            assert all(one.labels and all(value for _, value in one.labels) for one in got)
            assert all(one.reason for one in rejected)


# -- the same in pieces -----------------------------------------------------------------------

ALERTS = st.lists(
    st.one_of(
        st.builds(alert, st.text(min_size=1, max_size=3), startsAt=st.sampled_from([AT, None])),
        st.sampled_from([bad for bad, _ in BAD]),
    ),
    max_size=25,
)


@given(ALERTS, st.integers(1, 10), st.booleans())
def test_a_request_in_pieces_has_the_same_alerts(alerts: list[Any], size: int, webhook: bool) -> None:
    wrapped = [{"status": "firing", **a} if isinstance(a, dict) else a for a in alerts]
    body = json.dumps({"version": "4", "alerts": wrapped} if webhook else alerts).encode()
    parse = parse_webhook if webhook else parse_api
    usable, rejected = parse(body, LIMITS)
    pieces = split(body, size, webhook=webhook)
    assert len(pieces) == -(-len(alerts) // size)
    parts = [parse(piece, LIMITS) for piece in pieces]
    assert tuple(one for part, _ in parts for one in part) == usable
    shifted = [
        (number * size + one.index, one.reason) for number, (_, part) in enumerate(parts) for one in part
    ]
    assert shifted == [(one.index, one.reason) for one in rejected]


@given(ALERTS, st.sets(st.integers(0, 24)), st.booleans())
def test_a_selection_has_the_alerts_that_were_selected(
    alerts: list[Any], indexes: set[int], webhook: bool
) -> None:
    wrapped = [{"status": "firing", **a} if isinstance(a, dict) else a for a in alerts]
    body = json.dumps({"version": "4", "alerts": wrapped} if webhook else alerts).encode()
    parse = parse_webhook if webhook else parse_api
    chosen = [one for index, one in enumerate(wrapped if webhook else alerts) if index in indexes]
    again = json.dumps({"alerts": chosen} if webhook else chosen).encode()
    usable, rejected = parse(select(body, indexes, webhook=webhook), LIMITS)
    assert usable == parse(again, LIMITS)[0]
    assert [one.reason for one in rejected] == [one.reason for one in parse(again, LIMITS)[1]]


@given(st.lists(st.lists(st.builds(alert, st.text(max_size=3)), max_size=4), min_size=1, max_size=4))
def test_requests_made_one_are_read_back_as_they_were(bodies: list[list[Any]]) -> None:
    requests = [
        AlertsReceived("api", raw, parse_api(raw, LIMITS)[0])
        for raw in (json.dumps(body, indent=1).encode() for body in bodies)
        if not parse_api(raw, LIMITS)[1]
    ]
    if not requests:
        return
    merged = merge(requests)
    if len(requests) == 1:
        assert merged is requests[0]
    else:
        assert merged.lines
        assert parse_lines(merged.raw, "api", LIMITS) == (merged.alerts, ())
    assert merged.alerts == tuple(one for request in requests for one in request.alerts)


def test_requests_made_one_are_still_told_apart_by_their_traces() -> None:
    def request(*names: str, traced: str = "") -> AlertsReceived:
        raw = json.dumps([alert(name) for name in names]).encode()
        traces = (Traced(TraceContext(traced * 32, "b" * 16), 0, len(names)),) if traced else ()
        return AlertsReceived("api", raw, parse_api(raw, LIMITS)[0], traces=traces)

    merged = merge([request("A", traced="1"), request("B", "C"), request("D", "E", traced="2"), request("F")])
    assert [(one.context.trace[0], one.first, one.count) for one in merged.traces] == [
        ("1", 0, 1),
        ("2", 3, 2),
    ]
    assert merge([request("A"), request("B")]).traces == ()


def test_alerts_that_tighter_limits_reject_today_are_not_dropped_in_silence() -> None:
    requests = [
        AlertsReceived("webhook", raw, parse_webhook(raw, LIMITS)[0])
        for raw in (envelope(alert("AAA")), envelope(alert("B")))
    ]
    usable, rejected = parse_lines(merge(requests).raw, "webhook", Limits(label_value=2))
    assert (usable, len(rejected)) == ((received("B"),), 1)
