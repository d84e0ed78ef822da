from pathlib import Path

import pytest

from responder.document.tree import Place
from responder.errors import ProblemsError
from responder.settings import Pagerduty, Settings, Slack, Smtp, load_settings


def load(text: str, directory: Path, env: dict[str, str] | None = None) -> Settings:
    path = directory / "r.yaml"
    path.write_text(text)
    return load_settings(path, env or {})


def wrong(text: str, directory: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text, directory)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


def test_all_three(tmp_path: Path) -> None:
    settings = load(
        """
slack: {bot_token_file: a, api_url: "http://127.0.0.1:9096/slack/api/"}
pagerduty: {events_url: "https://events.eu.pagerduty.com/v2/enqueue", routing_key_file: b}
smtp:
  smarthost: mail.example.com:587
  from: Responder <r@example.com>
  hello: us
  auth_username: u
  auth_identity: i
  auth_password_file: c
  require_tls: false
  implicit_tls: true
  ca_file: d
""",
        tmp_path,
    )
    assert settings.slack == Slack(bot_token_file=Path("a"), api_url="http://127.0.0.1:9096/slack/api/")
    assert settings.pagerduty == Pagerduty("https://events.eu.pagerduty.com/v2/enqueue", Path("b"))
    assert settings.smtp == Smtp(
        smarthost="mail.example.com:587",
        sender="Responder <r@example.com>",
        hello="us",
        auth_username="u",
        auth_identity="i",
        auth_password_file=Path("c"),
        require_tls=False,
        implicit_tls=True,
        ca_file=Path("d"),
    )
    # No file is read with the settings: the rules that need it do.
    file = str(tmp_path / "r.yaml")
    assert settings.places == {
        "slack.bot_token_file": Place(file, 2, 25),
        "pagerduty.routing_key_file": Place(file, 3, 89),
        "smtp.auth_password_file": Place(file, 10, 23),
        "smtp.ca_file": Place(file, 13, 12),
    }
    assert settings.warnings == ()


def test_none_of_them(tmp_path: Path) -> None:
    settings = load("", tmp_path)
    assert (settings.slack, settings.pagerduty, settings.smtp) == (None, Pagerduty(), None)


def test_what_cannot_be(tmp_path: Path) -> None:
    assert wrong(
        """slack: {bot_token: x, bot_token_file: '', api_url: https://slack.com/api}
pagerduty: {events_url: events.pagerduty.com}
smtp: {smarthost: mail, from: nobody, sender: x, require_tls: 'no', hello: ''}
""",
        tmp_path,
    ) == [
        'r.yaml:1:9: error: unknown key "bot_token" in slack; did you mean "bot_token_file"?',
        "r.yaml:1:39: error: bot_token_file: cannot be empty",
        "r.yaml:1:52: error: api_url: must be the base of a Web API and end in /api/, such as "
        "https://slack.com/api/",
        "r.yaml:2:25: error: events_url: not a URL such as https://example.com/path",
        "r.yaml:3:19: error: smarthost: 'mail' is not a server and its port, such as mail.example.com:587",
        "r.yaml:3:31: error: from: 'nobody' is not an address such as ops@example.com",
        'r.yaml:3:39: error: unknown key "sender" in smtp',
        "r.yaml:3:63: error: require_tls: 'no' is not true or false (without quotes)",
        "r.yaml:3:76: error: hello: '' is not the name of a host such as responder.example.com",
    ]


def test_what_no_version_reads_yet_is_said(tmp_path: Path) -> None:
    settings = load(
        "slack: {signing_secret_file: a, app_token_file: b}\npagerduty: {webhook_secret_file: c}\n", tmp_path
    )
    assert [warning.message for warning in settings.warnings] == [
        "pagerduty.webhook_secret_file: not used by this version",
    ]


def test_the_environment_wins(tmp_path: Path) -> None:
    settings = load(
        "slack: {bot_token_file: a, api_url: https://slack.com/api/}",
        tmp_path,
        {
            "RESPONDER__SLACK__API_URL": "http://127.0.0.1:1/api/",
            "RESPONDER__SMTP__FROM": "r@example.com",
            "RESPONDER__PAGERDUTY__ROUTING_KEY_FILE": "/run/key",
        },
    )
    assert settings.slack == Slack(bot_token_file=Path("a"), api_url="http://127.0.0.1:1/api/")
    assert settings.smtp == Smtp(sender="r@example.com")
    assert settings.pagerduty.routing_key_file == Path("/run/key")
    assert settings.places["pagerduty.routing_key_file"] == Place(
        "RESPONDER__PAGERDUTY__ROUTING_KEY_FILE", 0, 0
    )
