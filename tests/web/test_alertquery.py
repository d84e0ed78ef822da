"""What a GET of Alertmanager's API asks for."""

from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from responder.core.matcherparse import Triple
from responder.core.matching import parse_matcher
from responder.core.model import labels_from
from responder.core.silence import Silence
from responder.web.alertquery import AlertQuery, filters, flag, has_matchers, receiver
from responder.web.answer import Answered


def asked(query: str) -> Any:
    return make_mocked_request("GET", f"/api/v2/alerts?{query}", CIMultiDict())


@pytest.mark.parametrize(
    ("query", "on"),
    [
        ("", True),
        ("active=", True),
        ("active=true", True),
        ("active=YES", True),
        ("active=false", False),
        ("active=0", False),
        ("active=true&active=no", False),
        ("other=false", True),
    ],
)
def test_a_flag_is_on_unless_it_is_said_to_be_off(query: str, on: bool) -> None:
    assert flag(asked(query), "active") == on


def refusal(error: Answered) -> tuple[int, Any]:
    return error.answer.status, msgspec.json.decode(error.answer.body)


def test_what_is_neither_true_nor_false_is_refused() -> None:
    with pytest.raises(Answered) as caught:
        flag(asked("active=maybe"), "active")
    message = "active in query must be of type boolean: 'maybe'"
    assert refusal(caught.value) == (422, {"code": 601, "message": message})


def test_every_filter_is_one_matcher() -> None:
    assert filters(asked("filter=a%3Db&filter=c!~%22d%22")) == (parse_matcher("a=b"), parse_matcher('c!~"d"'))
    assert filters(asked("")) == ()
    with pytest.raises(Answered) as caught:
        filters(asked("filter=a%3Db&filter=%7Bc%3Dd%7D"))
    message = "bad matcher format: '{c=d}': write one matcher without braces, such as foo=\"bar\""
    assert refusal(caught.value) == (400, message)


def test_a_receiver_is_a_pattern_for_a_whole_name() -> None:
    query = AlertQuery.of(asked("receiver=te.m"))
    assert [query.wants_receiver(names) for names in (["x", "team"], ["teams"], [])] == [True, False, False]
    assert AlertQuery.of(asked("receiver=")).wants_receiver([])
    with pytest.raises(Answered) as caught:
        receiver(asked("receiver=("))
    assert caught.value.answer.status == 400


def test_labels_must_match_every_filter() -> None:
    query = AlertQuery.of(asked("filter=a%3Db&filter=c%3D"))
    wanted = [{"a": "b"}, {"a": "b", "c": "d"}, {"c": ""}]
    assert [query.wants_labels(labels_from(labels)) for labels in wanted] == [True, False, False]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["active", "silenced", "inhibited", "both"]),
        ("active=false", ["silenced", "inhibited", "both"]),
        ("silenced=false", ["active", "inhibited"]),
        ("inhibited=false", ["active", "silenced"]),
        ("silenced=false&inhibited=false", ["active"]),
    ],
)
def test_states_are_left_out_by_flags(query: str, wanted: list[str]) -> None:
    states = {
        "active": (False, False),
        "silenced": (True, False),
        "inhibited": (False, True),
        "both": (True, True),
    }
    query_ = AlertQuery.of(asked(query))
    found = [
        name
        for name, (silenced, inhibited) in states.items()
        if query_.wants_status(silenced=silenced, inhibited=inhibited)
    ]
    assert found == wanted


@pytest.mark.parametrize(
    ("wanted", "has"),
    [([], True), (["a=b"], True), (["a=b", 'c=~"d.*"'], True), (["a=~b"], False), (["c=dx"], False)],
)
def test_s64_filters_of_silences_compare_texts(wanted: list[str], has: bool) -> None:
    matchers: tuple[Triple, ...] = (("a", "=", "b"), ("c", "=~", "d.*"))
    silence = Silence("s", matchers, 1, 2, "me", "me", "why", 1)
    assert has_matchers(silence, map(parse_matcher, wanted)) == has
