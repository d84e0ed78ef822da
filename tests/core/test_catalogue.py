import copy
import pickle
import traceback

import msgspec
import pytest

from responder.core.catalogue import MASK, BasicAuth, Secret, WebhookSettings

CANARY = "canary-4f1d"


def test_reveal_gives_the_text() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_it_shows_as_a_mask_everywhere() -> None:
    secret = Secret(CANARY)
    settings = WebhookSettings(url=secret, basic_auth=BasicAuth("u", secret), headers=(("X-Key", secret),))
    shown = [
        str(secret),
        repr(secret),
        f"{secret}",
        f"{secret!s:>10}",
        "%s" % secret,  # noqa: UP031 - this form too
        repr(settings),
        repr(msgspec.structs.asdict(settings)),
        repr({secret}),
    ]
    assert [text for text in shown if CANARY in text] == []
    assert str(secret) == MASK


def test_a_traceback_does_not_show_it() -> None:
    def fail(secret: Secret) -> None:
        raise ValueError(secret)

    with pytest.raises(ValueError, match="<secret>") as caught:
        fail(Secret(CANARY))
    lines = list(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert any("secret = <secret>" in line for line in lines)
    assert CANARY not in "".join(lines)


def test_it_is_compared_by_value_and_true_when_not_empty() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert [bool(Secret("")), bool(Secret("a"))] == [False, True]


def test_it_does_not_change() -> None:
    secret = Secret("a")
    with pytest.raises(AttributeError):
        secret._value = "b"
    assert secret.reveal() == "a"


def test_copies_keep_the_value_and_pickle_is_refused() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) == secret
    assert copy.deepcopy(secret) == secret
    with pytest.raises(TypeError):
        pickle.dumps(secret)
