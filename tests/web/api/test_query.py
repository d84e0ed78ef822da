"""A query string, read strictly."""

from collections.abc import Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from responder.errors import UsageError
from responder.web.api.query import flag, known, some_of


def asked(query: str) -> web.Request:
    return make_mocked_request("GET", f"/?{query}")


def test_what_is_asked_for() -> None:
    request = asked("all=1&state=a&state=b")
    assert (flag(request, "all"), flag(request, "dead")) == (True, False)
    assert some_of(request, "state", ("a", "b", "c")) == {"a", "b"}
    assert some_of(request, "x", ()) == frozenset()
    known(request, "all", "state")


@pytest.mark.parametrize(
    ("query", "read", "says"),
    [
        ("all=yes", lambda r: flag(r, "all"), "all: 'yes' is neither 1 nor 0"),
        ("state=z", lambda r: some_of(r, "state", ("a", "b")), "state: 'z' is none of a, b"),
        ("stat=a", lambda r: known(r, "state"), "'stat' is not asked for here; known: state"),
        ("x=1", known, "'x' is not asked for here; known: nothing"),
    ],
)
def test_what_means_nothing_is_refused(query: str, read: Callable[..., object], says: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(asked(query))
    assert str(refused.value) == says
