from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from responder.core.catalogue import Secret, SlackSettings, Template, Tls
from responder.core.model import SECOND
from responder.core.rules import Integration
from responder.document.tree import Place
from responder.ruleset import compile_ruleset
from responder.settings import Settings, Slack
from tests.ruleset.reading import HEAD, integrations, load, problems, shown, told

WEBHOOK = "https://hooks.slack.com/services/T/B/canary"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "token").write_text("xoxb-settings\n")
    return Settings(slack=Slack(bot_token_file=tmp_path / "token"))


def one(receiver: str, directory: Path, settings: Settings | None = None) -> Integration:
    (found,) = integrations(receiver, directory, settings)
    return found


def of(identity: str) -> str:
    return "slack:" + sha256(f"slack {identity}".encode()).hexdigest()[:12]


# -- by whom Slack is reached -------------------------------------------------------------------


def test_a_channel_alone_uses_the_settings(tmp_path: Path, settings: Settings) -> None:
    found = one("  slack_configs: [{channel: '#ops'}]\n", tmp_path, settings)
    assert found == Integration(
        id=of("channel=#ops"),
        kind="slack",
        send_resolved=False,
        destination="slack slack.com #ops",
        settings=SlackSettings(channel="#ops", token=Secret("xoxb-settings")),
        shows=True,
    )


def test_what_the_rules_say_wins(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "own").write_text("xoxb-own")
    (tmp_path / "global").write_text("xoxb-global")
    (tmp_path / "hook").write_text(WEBHOOK)
    head = "global: {slack_app_token_file: global, slack_app_url: 'https://proxy.example/api/chat.postMessage'}\n"
    receiver = """  slack_configs:
    - {channel: a, app_token_file: own, app_url: 'https://eu.example/api/'}
    - {channel: a}
    - {channel: a, api_url_file: hook}
"""
    loaded = load(head + HEAD + receiver, tmp_path, settings)
    own, general, hook = loaded.ruleset.receivers["r"].integrations
    assert own.settings == SlackSettings(
        channel="a", token=Secret("xoxb-own"), api_url="https://eu.example/api/"
    )
    assert general.settings == SlackSettings(
        channel="a", token=Secret("xoxb-global"), api_url="https://proxy.example/api/"
    )
    assert hook.settings == SlackSettings(channel="a", webhook_url=Secret(WEBHOOK))
    digit = sha256(b"hook").hexdigest()[:8]
    assert [each.destination for each in (own, general, hook)] == [
        "slack eu.example a",
        "slack proxy.example a",
        f"slack {digit} a",
    ]


def test_an_incoming_webhook_knows_its_channel(tmp_path: Path, settings: Settings) -> None:
    found = one(f"  slack_configs: [{{api_url: '{WEBHOOK}'}}]\n", tmp_path, settings)
    digit = sha256(WEBHOOK.encode()).hexdigest()
    assert found.settings == SlackSettings(channel="", webhook_url=Secret(WEBHOOK))
    assert found.destination == f"slack hooks.slack.com {digit[:8]}"
    assert found.id == of(f"api_url={digit[:12]}")


def test_a_bot_token_as_alertmanagers_users_sent_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb-am\n")
    receiver = """  slack_configs:
    - channel: C1
      api_url: https://slack.com/api/chat.postMessage
      http_config: {authorization: {credentials_file: token}, proxy_url: http://proxy:3128}
"""
    found = one(receiver, tmp_path)
    assert found.settings == SlackSettings(
        channel="C1", token=Secret("xoxb-am"), proxy_url=Secret("http://proxy:3128")
    )
    # The same as with the token in the settings: nobody is told again because it moved.
    assert (found.id, found.destination) == (of("channel=C1"), "slack slack.com C1")


def test_moving_the_token_does_not_change_the_id(tmp_path: Path, settings: Settings) -> None:
    ways = (
        "{channel: '#ops', app_token: xoxb-inline}",
        "{channel: '#ops', app_token_file: token}",
        "{channel: '#ops', title: other, send_resolved: true}",
        "{channel: '#ops', api_url: 'https://slack.com/api/chat.postMessage'}",
    )
    assert {one(f"  slack_configs: [{way}]\n", tmp_path, settings).id for way in ways} == {of("channel=#ops")}
    elsewhere = replace(settings, slack=Slack(tmp_path / "token", api_url="http://127.0.0.1:9096/slack/api/"))
    found = one("  slack_configs: [{channel: '#ops'}]\n", tmp_path, elsewhere)
    assert found.id != of("channel=#ops")
    assert found.destination == "slack 127.0.0.1:9096 #ops"


# -- what lacks ---------------------------------------------------------------------------------


def test_nothing_says_how(tmp_path: Path) -> None:
    receiver = "  slack_configs: [{channel: a}]\n"
    assert told(receiver, tmp_path) == [
        "4:19: warning: slack_configs: no token: set slack.bot_token_file in responder.yaml, or "
        "app_token_file or api_url_file here, or slack_app_token_file or slack_api_url_file in global"
    ]
    found = one(receiver, tmp_path)
    assert (found.supported, found.settings) == (False, None)


def test_the_settings_token_goes_to_their_own_host_alone(tmp_path: Path, settings: Settings) -> None:
    receiver = "  slack_configs: [{channel: a, app_url: 'https://evil.example/api/'}]\n"
    assert told(receiver, tmp_path, settings) == [
        "4:19: warning: slack_configs: no token for evil.example: slack.bot_token_file is for slack.com "
        "alone; set app_token_file"
    ]
    assert one(receiver, tmp_path, settings).settings is None


def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "no"
    settings = Settings(
        slack=Slack(bot_token_file=path), places={"slack.bot_token_file": Place("r.yaml", 7, 3)}
    )
    loaded = load(f"{HEAD}  slack_configs: [{{channel: a}}]\n", tmp_path, settings, allow_unsupported=False)
    assert [str(problem) for problem in loaded.warnings] == [
        f"r.yaml:7:3: warning: slack.bot_token_file: there is no {path}; what needs it ends as unsupported"
    ]
    (found,) = loaded.ruleset.receivers["r"].integrations
    assert (found.supported, found.settings) == (False, None)
    again = compile_ruleset(loaded.ruleset.source, Settings()).ruleset
    assert (again.hash, again.receivers) == (loaded.ruleset.hash, loaded.ruleset.receivers)
    # It is read at each reload anew.
    path.write_text("xoxb-late")
    later = load(f"{HEAD}  slack_configs: [{{channel: a}}]\n", tmp_path, settings).ruleset
    (found,) = later.receivers["r"].integrations
    assert (found.supported, found.settings) == (True, SlackSettings("a", Secret("xoxb-late")))
    assert later.hash != loaded.ruleset.hash


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("\n", "token is empty"),
        (b"\xff", "token is not UTF-8 text"),
        (None, "token cannot be read: Is a directory"),
        ("xoxb-canary xoxb-canary", "must be one word of ASCII"),
        ("\ufeffxoxb-canary", "must be one word of ASCII"),
    ],
)
def test_a_token_file_that_cannot_be_used(content: str | bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "token"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    settings = Settings(
        slack=Slack(bot_token_file=path), places={"slack.bot_token_file": Place("r.yaml", 7, 3)}
    )
    assert problems("  slack_configs: [{channel: a}]\n", tmp_path, settings) == [
        f"r.yaml:7:3: error: slack.bot_token_file: {said}"
    ]


def test_targets_are_no_templates(tmp_path: Path, settings: Settings) -> None:
    receiver = """  slack_configs:
    - {channel: '#{{ .GroupLabels.team }}'}
    - {channel: a, api_url: 'https://hooks.slack.com/{{ .x }}'}
"""
    assert [line.partition(" warning: ")[2] for line in told(receiver, tmp_path, settings)] == [
        "api_url: an inline secret; put it in a file and name that in api_url_file",
        "channel: a Go template; this version needs a plain value",
        "api_url: a Go template; this version needs a plain URL",
    ]
    found = integrations(receiver, tmp_path, settings)
    assert [(each.supported, each.settings) for each in found] == [(False, None)] * 2


def test_what_cannot_be(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "noturl").write_text("hunter2")
    receiver = """  slack_configs:
    - {}
    - {channel: ''}
    - {channel: a, app_url: https://slack.com/other, app_token_file: token}
    - {channel: a, api_url_file: noturl}
    - {channel: a, timeout: soon}
    - {channel: "a\\nb"}
    - {channel: a, app_token: "two words"}
"""
    found = problems(receiver, tmp_path, settings)
    assert [line for line in found if " error: " in line] == [
        "5:7: error: slack_configs needs channel",
        "6:17: error: channel: cannot be empty",
        "7:29: error: app_url: must end in /api/ or /api/chat.postMessage",
        "8:34: error: api_url_file: the content is not a URL such as https://example.com/path",
        "9:29: error: timeout: 'soon' is not a duration such as 10s or 1m30s",
        "10:17: error: channel: must be one line of text",
        "11:7: error: app_token: must be one word of ASCII",
    ]


# -- what is said -------------------------------------------------------------------------------


def test_texts_and_looks(tmp_path: Path, settings: Settings) -> None:
    receiver = """  slack_configs:
    - channel: a
      title: Plain title
      text: '{{ .Alerts }}'
      username: Alerts
      icon_emoji: ':fire:'
      icon_url: '{{ .x }}'
      color: danger
      timeout: 5s
      template: {text: '{{ common_annotations.summary }}'}
      http_config: {tls_config: {server_name: other}, basic_auth: {username: u}, follow_redirects: true}
"""
    found = one(receiver, tmp_path, settings)
    assert found.settings == SlackSettings(
        channel="a",
        token=Secret("xoxb-settings"),
        username="Alerts",
        icon_emoji=":fire:",
        templates={
            "title": Template("Plain title", plain=True, place=f"{tmp_path}/routing.yaml:6:14"),
            "text": Template("{{ common_annotations.summary }}", place=f"{tmp_path}/routing.yaml:13:24"),
        },
        timeout=5 * SECOND,
        tls=Tls(server_name="other"),
    )
    assert told(receiver, tmp_path, settings) == [
        "7:13: warning: text: a Go template; Responder's own text is used instead",
        "10:17: warning: icon_url: a Go template; Responder's own text is used instead",
        "11:7: warning: color: not used; Responder's own form is sent instead",
        "14:55: warning: basic_auth: not used by slack_configs",
        "14:82: warning: follow_redirects: not used by slack_configs",
    ]


# -- what is kept -------------------------------------------------------------------------------


def test_the_same_from_what_was_kept(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "hook").write_text(WEBHOOK)
    receiver = f"""  slack_configs:
    - {{channel: a}}
    - {{channel: b, app_token: xoxb-canary}}
    - {{channel: c, api_url: '{WEBHOOK}'}}
    - {{channel: d, api_url_file: hook}}
    - {{channel: e, api_url: 'https://slack.com/api/chat.postMessage'}}
    - {{channel: e, app_url: 'https://evil.example/api/'}}
    - {{channel: e, api_url: 'https://other.example/x/api/', http_config: {{bearer_token: xoxb-canary}}}}
"""
    ruleset = load(HEAD + receiver, tmp_path, settings).ruleset
    assert "canary" not in str(ruleset.source)
    assert "xoxb" not in str(ruleset.source)
    again = compile_ruleset(ruleset.source, Settings()).ruleset
    assert again.hash == ruleset.hash
    assert again.receivers["r"].integrations == tuple(
        msgspec.structs.replace(each, settings=None) for each in ruleset.receivers["r"].integrations
    )
    assert compile_ruleset(ruleset.source, Settings(), live=ruleset).ruleset.receivers == ruleset.receivers


def test_a_webhooks_url_is_shown_nowhere(tmp_path: Path) -> None:
    loaded = load(f"{HEAD}  slack_configs: [{{api_url: '{WEBHOOK}'}}]\n", tmp_path)
    assert "canary" not in repr(loaded)
    assert shown([str(problem) for problem in loaded.warnings], tmp_path) == [
        "routing.yaml:4:29: warning: api_url: an incoming-webhook URL can only post: no updates, threads or "
        "buttons; leave it out and set slack.bot_token_file in responder.yaml",
        "routing.yaml:4:29: warning: api_url: an inline secret; put it in a file and name that in "
        "api_url_file",
    ]
