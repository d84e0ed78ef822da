"""Signatures, held to Slack's own example and to its own library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from responder.core.catalogue import Secret
from responder.core.model import SECOND
from responder.web.slack.signature import fault, sign

SECRET = Secret("8f742231b10e8888abcd99yyyzzz85a5")
NOW = 1_531_420_618 * SECOND
BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"


def test_slacks_own_example() -> None:
    assert sign(SECRET, "1531420618", BODY) == SIGNATURE
    assert fault("1531420618", SIGNATURE, BODY, [Secret("other"), SECRET], NOW) == ""
    assert fault("1531420618", SIGNATURE, BODY, [Secret("other")], NOW) == "wrong_signature"


def test_nobody_signs_with_nothing() -> None:
    nothing = Secret("")
    assert fault("1531420618", sign(nothing, "1531420618", BODY), BODY, [nothing], NOW) == "wrong_signature"
    assert fault("1531420618", SIGNATURE, BODY, [], NOW) == "wrong_signature"


class At(Clock):
    def now(self) -> float:
        return NOW / SECOND


@given(st.text(max_size=80), st.text(max_size=80), st.binary(max_size=40))
def test_it_never_raises_and_never_takes_what_slacks_library_does_not(
    timestamp: str, signature: str, body: bytes
) -> None:
    assert fault(timestamp, signature, body, [SECRET], NOW) != ""


@given(st.integers(-400, 400), st.text(max_size=60).map(str.encode))
def test_it_agrees_with_slacks_library(apart: int, body: bytes) -> None:
    timestamp = str(NOW // SECOND + apart)
    signature = sign(SECRET, timestamp, body)
    theirs = SignatureVerifier(SECRET.reveal(), At()).is_valid(body, timestamp, signature)
    assert (fault(timestamp, signature, body, [SECRET], NOW) == "") is theirs


@pytest.mark.parametrize(("timestamp", "signature"), [(None, SIGNATURE), ("1531420618", None), (None, None)])
def test_what_is_missing(timestamp: str | None, signature: str | None) -> None:
    assert fault(timestamp, signature, BODY, [SECRET], NOW) == "unsigned"
