"""Which destinations the doctor looks at."""

from pathlib import Path
from typing import Any

import pytest

from responder.cli import destinations
from responder.core.catalogue import EmailSettings, PagerdutySettings, Secret, SlackSettings, Tls
from responder.core.model import MINUTE
from responder.core.routing import Router
from responder.core.rules import Integration, Receiver, Ruleset
from responder.errors import FileError
from responder.settings import Settings
from responder.settings.values import Pagerduty, Slack, Smtp

BOT = SlackSettings("#ops", Secret("xoxb-1"))
KEY = PagerdutySettings(Secret("k"))
MAIL = EmailSettings(("a@x",), "b@x", "mx", 25)


_KINDS: dict[type, str] = {SlackSettings: "slack", PagerdutySettings: "pagerduty", EmailSettings: "email"}


def ruleset(**receivers: Any) -> Ruleset:
    made = {
        name: Receiver(name, (Integration(name, _KINDS.get(type(settings), "sns"), True, "there", settings),))
        for name, settings in receivers.items()
    }
    return Ruleset("hash", Router.__new__(Router), made, resolve_timeout=MINUTE)


def test_those_of_the_rules_with_the_receivers_that_have_them() -> None:
    rules = ruleset(chat=BOT, page=KEY, mail=MAIL, unsupported=None, chat2=BOT)
    settings = Settings(slack=Slack(Path("unread")), smtp=Smtp("unread:25"))
    assert destinations.slack(settings, rules) == [("chat", BOT), ("chat2", BOT)]
    assert destinations.pagerduty(settings, rules) == [("page", KEY)]
    assert destinations.smtp(settings, rules) == [("mail", MAIL)]
    assert destinations.unusable(rules, None) == [("unsupported", "sns")]
    assert destinations.unusable(rules, "slack") == []


def test_what_the_settings_name_where_the_rules_name_nothing(tmp_path: Path) -> None:
    secret, ca = tmp_path / "secret", tmp_path / "ca"
    secret.write_text("canary\n")
    ca.write_text("PEM")
    settings = Settings(
        slack=Slack(secret, api_url="http://slack/api/"),
        pagerduty=Pagerduty("http://pager/v2/enqueue", secret),
        smtp=Smtp("[::1]:587", "r@x", "me", "user", "id", secret, False, True, ca),
    )
    canary = Secret("canary")
    assert destinations.slack(settings, ruleset()) == [
        ("slack", SlackSettings("", canary, "http://slack/api/"))
    ]
    assert destinations.pagerduty(settings, ruleset()) == [
        ("pagerduty", PagerdutySettings(canary, "http://pager/v2/enqueue"))
    ]
    expected = EmailSettings((), "r@x", "::1", 587, "me", "user", canary, "id", False, True, Tls(ca="PEM"))
    assert destinations.smtp(settings, ruleset()) == [("smtp", expected)]


def test_nothing_is_configured() -> None:
    settings = Settings(slack=Slack(), smtp=Smtp())
    for look in (destinations.slack, destinations.pagerduty, destinations.smtp):
        assert look(settings, ruleset()) == []


def test_a_secret_that_cannot_be_read(tmp_path: Path) -> None:
    settings = Settings(slack=Slack(tmp_path / "none"))
    with pytest.raises(FileError, match=r"^slack\.bot_token_file: .*/none cannot be read: No such file"):
        destinations.slack(settings, ruleset())
    (tmp_path / "binary").write_bytes(b"\xff")
    settings = Settings(pagerduty=Pagerduty(routing_key_file=tmp_path / "binary"))
    with pytest.raises(FileError, match=r"is not a text$"):
        destinations.pagerduty(settings, ruleset())
