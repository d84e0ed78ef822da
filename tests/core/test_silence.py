"""One silence: what makes a sound one, when it is in force, which edits it survives, its wire form."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.matcherparse import Triple
from responder.core.messages import CreateSilence
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.silence import (
    BadSilence,
    Silence,
    WireMatcher,
    fault,
    keeps_id,
    read_silence,
    shown,
    wire_matcher,
)
from tests.clock import MONDAY

A: Triple = ("alertname", "=", "A")
B: Triple = ("job", "=~", "b.*")


def asked(
    *matchers: Triple, starts: int = MONDAY, ends: int = MONDAY + HOUR, comment: str = "why"
) -> CreateSilence:
    return CreateSilence("new", matchers, starts, ends, "me", comment)


def silence(*matchers: Triple, starts: int = MONDAY, ends: int = MONDAY + HOUR) -> Silence:
    return Silence("s", matchers, starts, ends, "me", "token", "why", MONDAY)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (asked(A), ""),
        (asked(A, ("b", "=", "")), ""),
        (asked(("foo", "!=", "bar")), ""),
        (asked(("foo", "!~", ".*")), ""),
        (asked(("a", "=~", ".+")), ""),
        (asked(("a b", "=", "c"), ("\u4e16", "=", "x")), ""),
        (asked(), "silence invalid: at least one matcher required"),
        (
            asked(("a", "=", ""), ("b", "=~", ".*")),
            "silence invalid: at least one matcher must not match the empty string",
        ),
        (
            asked(("a", "=~", "x|")),
            "silence invalid: at least one matcher must not match the empty string",
        ),
        (asked(A, starts=MONDAY + HOUR), "Failed to create silence: start time must be before end time"),
        (asked(A, starts=MONDAY + HOUR + 1), "Failed to create silence: start time must be before end time"),
        (asked(A, ends=0), "Failed to create silence: start time must be before end time"),
        (asked(A, starts=0), "silence invalid: invalid zero start timestamp"),
        (
            asked(A, ("", "=", "x")),
            "silence invalid: invalid label matcher 1: "
            'a matcher needs a label name before =, such as foo="bar"',
        ),
    ],
)
def test_what_is_wrong_is_said_as_alertmanager_says_it(given: CreateSilence, problem: str) -> None:
    assert fault(given) == problem


def test_s58_at_least_one_matcher_must_not_match_the_empty_value_and_a_negative_one_passes() -> None:
    wrong = "silence invalid: at least one matcher must not match the empty string"
    assert fault(asked(("a", "=", ""), ("b", "=~", ".*"))) == wrong
    assert fault(asked(("a", "=", ""), ("b", "=~", ".+"))) == ""
    assert fault(asked(("foo", "!=", "bar"))) == ""


@pytest.mark.parametrize("pattern", ["(", "(?=x)", r"(a)\1"])
def test_a_pattern_that_go_refuses_is_refused(pattern: str) -> None:
    assert fault(asked(A, ("b", "=~", pattern))).startswith(
        "silence invalid: invalid label matcher 1: the regular expression"
    )


def test_it_is_in_force_from_its_start_until_before_its_end() -> None:
    one = silence(A)
    times = (MONDAY - 1, MONDAY, MONDAY + HOUR - 1, MONDAY + HOUR)
    assert [one.phase(at) for at in times] == ["pending", "active", "active", "expired"]


@pytest.mark.parametrize(
    ("edit", "at", "kept"),
    [
        # active
        (asked(A, B), MONDAY, True),
        (asked(A, B, comment="another", ends=MONDAY + 9 * HOUR), MONDAY, True),
        (asked(A, B, starts=MONDAY + SECOND - 1), MONDAY + MINUTE, True),
        (asked(A, B, starts=MONDAY + SECOND), MONDAY + MINUTE, False),
        (asked(A, B, ends=MONDAY + MINUTE), MONDAY + MINUTE, True),
        (asked(A, B, ends=MONDAY + MINUTE - 1), MONDAY + MINUTE, False),
        (asked(B, A), MONDAY, False),
        (asked(A), MONDAY, False),
        (asked(A, ("job", "=~", "b.+")), MONDAY, False),
        # pending
        (asked(A, B, starts=MONDAY - MINUTE), MONDAY - HOUR, True),
        (asked(A, B, starts=MONDAY - HOUR), MONDAY - HOUR, True),
        (asked(A, B, starts=MONDAY - HOUR - 1), MONDAY - HOUR, False),
        (asked(A), MONDAY - HOUR, False),
        # expired
        (asked(A, B), MONDAY + HOUR, False),
    ],
)
def test_an_edit_that_changes_nothing_of_the_past_keeps_the_id(
    edit: CreateSilence, at: int, kept: bool
) -> None:
    assert keeps_id(silence(A, B), edit, at) == kept


def test_its_matchers_are_shown_as_people_write_them() -> None:
    assert shown((A, ("job", "!~", 'a"b'))) == r'{alertname="A", job!~"a\"b"}'


# -- the wire form ----------------------------------------------------------------------------

BODY = {
    "matchers": [
        {"name": "a", "value": "1", "isRegex": False},
        {"name": "b", "value": "2", "isRegex": True, "isEqual": True},
        {"name": "c", "value": "3", "isRegex": False, "isEqual": False},
        {"name": "d", "value": "4", "isRegex": True, "isEqual": False},
    ],
    "startsAt": "2026-01-05T00:00:00.000Z",
    "endsAt": "2026-01-05T02:00:00.25+01:00",
    "createdBy": "me",
    "comment": "why",
}


def test_a_body_is_read() -> None:
    more = BODY | {"id": "old", "annotations": {"ticket": "7", "none": ""}, "unknown": [1]}
    assert read_silence(msgspec.json.encode(more), "new") == CreateSilence(
        "new",
        (("a", "=", "1"), ("b", "=~", "2"), ("c", "!=", "3"), ("d", "!~", "4")),
        MONDAY,
        MONDAY + HOUR + SECOND // 4,
        "me",
        "why",
        (("ticket", "7"),),
        "old",
    )
    nulls = BODY | {"id": None, "annotations": None}
    assert read_silence(msgspec.json.encode(nulls), "new") == read_silence(msgspec.json.encode(BODY), "new")


@pytest.mark.parametrize(
    ("body", "schema", "says"),
    [
        (b"", False, "the body is not JSON: Input data was truncated"),
        (b"{", False, "the body is not JSON: Input data was truncated"),
        (b"[]", True, "Expected `object`, got `array`"),
        (b"{}", True, "Object missing required field `matchers`"),
        (
            b'{"matchers": [{"name": "a", "value": 1}]}',
            True,
            "Expected `str`, got `int` - at `$.matchers[0].value`",
        ),
        (
            msgspec.json.encode(BODY | {"startsAt": "now"}),
            False,
            "startsAt: 'now' is not an RFC 3339 time such as 2026-01-05T08:00:00Z",
        ),
    ],
)
def test_what_is_no_silence_is_refused_with_its_place(body: bytes, schema: bool, says: str) -> None:
    with pytest.raises(BadSilence) as caught:
        read_silence(body, "new")
    assert (caught.value.schema, str(caught.value)) == (schema, says)


@given(st.sampled_from(["=", "!=", "=~", "!~"]), st.text(), st.text())
def test_a_matcher_comes_back_from_the_wire_as_it_was(op: str, name: str, value: str) -> None:
    triple: Triple = (name, op, value)  # type: ignore[assignment] # drawn from the four operators
    wire = msgspec.json.decode(msgspec.json.encode(wire_matcher(triple)), type=WireMatcher)
    assert wire.triple() == triple
