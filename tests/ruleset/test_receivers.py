from pathlib import Path

import pytest

from responder.core.rules import Receiver
from tests.ruleset.reading import integrations, load, warned, wrong

URL = "http://127.0.0.1:9096/hooks/a"

# -- identity -----------------------------------------------------------------------------------


def ids(text: str, directory: Path) -> list[str]:
    ruleset = load(text, directory, read_files=False).ruleset
    return [each.id for receiver in ruleset.receivers.values() for each in receiver.integrations]


def test_an_id_is_the_destinations_not_the_places(tmp_path: Path) -> None:
    before = """
route: {receiver: r}
receivers:
- name: r
  webhook_configs: [{url: http://a/}, {url: http://b/}]
  slack_configs: [{channel: '#x', api_url: https://hooks.slack.com/services/1}]
  pagerduty_configs: [{routing_key: k1}, {routing_key_file: k2}]
  email_configs: [{to: ops@example.com}]
"""
    after = """
global: {slack_api_url: https://hooks.slack.com/services/1}
route: {receiver: renamed}
receivers:
- name: renamed
  email_configs: [{to: ops@example.com, send_resolved: true, html: x}]
  pagerduty_configs: [{routing_key_file: k2, severity: x}, {routing_key: k1}]
  slack_configs: [{channel: '#x', title: other}]
  webhook_configs: [{url: http://b/, timeout: 1s}, {url: http://a/, max_alerts: 1}]
"""
    first, second = ids(before, tmp_path), ids(after, tmp_path)
    assert len(set(first)) == 6
    assert sorted(first) == sorted(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("webhook_configs: [{url: http://a/x}]", "webhook_configs: [{url: http://a/y}]"),
        ("webhook_configs: [{url_file: a}]", "webhook_configs: [{url_file: b}]"),
        ("slack_configs: [{channel: a}]", "slack_configs: [{channel: b}]"),
        ("slack_configs: [{channel: a, api_url: http://x/}]", "slack_configs: [{channel: a}]"),
        ("pagerduty_configs: [{routing_key: a}]", "pagerduty_configs: [{routing_key: b}]"),
        ("email_configs: [{to: a@x}]", "email_configs: [{to: b@x}]"),
        ("opsgenie_configs: [{api_key: a}]", "opsgenie_configs: [{api_key: b}]"),
        ("telegram_configs: [{chat_id: -1}]", "telegram_configs: [{chat_id: -2}]"),
    ],
)
def test_other_destinations_have_other_ids(one: str, other: str, tmp_path: Path) -> None:
    (first,) = integrations(f"  {one}\n", tmp_path, read_files=False)
    (second,) = integrations(f"  {other}\n", tmp_path, read_files=False)
    assert first.id != second.id


def test_the_same_destination_twice_in_one_receiver(tmp_path: Path) -> None:
    found = integrations(
        f"  webhook_configs: [{{url: '{URL}'}}, {{url: '{URL}'}}, {{url: '{URL}'}}]\n", tmp_path
    )
    base = found[0].id
    assert [each.id for each in found] == [base, f"{base}#2", f"{base}#3"]


# -- names --------------------------------------------------------------------------------------


def test_receivers_need_names_of_their_own(tmp_path: Path) -> None:
    assert wrong(
        """
route: {receiver: a}
receivers:
- name: a
- name: a
- webhook_configs: []
- {name: "", slack_config: []}
- a
""",
        tmp_path,
    ) == [
        "routing.yaml:5:9: error: name: 'a' is given twice: first at routing.yaml:4:9",
        "routing.yaml:6:3: error: a receiver needs name",
        "routing.yaml:7:10: error: name: cannot be empty",
        'routing.yaml:7:14: error: unknown key "slack_config" in a receiver; did you mean "slack_configs"?',
        "routing.yaml:8:3: error: a receiver must be a mapping, not a text",
    ]


# -- fallbacks ----------------------------------------------------------------------------------


def test_a_receiver_may_name_another_that_stands_in(tmp_path: Path) -> None:
    loaded = load(
        """
route: {receiver: a}
receivers:
- {name: a, fallback_receiver: b}
- {name: b, fallback_receiver: c}
- {name: c}
- {name: d, fallback_receiver: e}
- {name: e}
""",
        tmp_path,
    )
    assert loaded.ruleset.receivers == {
        "a": Receiver("a", (), "b"),
        "b": Receiver("b", (), "c"),
        "c": Receiver("c"),
        "d": Receiver("d", (), "e"),
        "e": Receiver("e"),
    }
    assert warned(loaded, tmp_path) == [
        'routing.yaml:7:10: warning: no route names the receiver "d"',
        'routing.yaml:8:10: warning: no route names the receiver "e"',
    ]


def test_fallbacks_that_cannot_be(tmp_path: Path) -> None:
    assert wrong(
        """
route: {receiver: a}
receivers:
- {name: a, fallback_receiver: a}
- {name: b, fallback_receiver: c}
- {name: c, fallback_receiver: d}
- {name: d, fallback_receiver: b}
- {name: e, fallback_receiver: b}
- {name: slack, fallback_receiver: slak}
- {name: f, fallback_receiver: ''}
- {name: g, fallback_receiver: [a]}
""",
        tmp_path,
    ) == [
        "routing.yaml:4:32: error: fallback_receiver: a receiver cannot stand in for itself",
        "routing.yaml:5:32: error: fallback_receiver: a circle: b -> c -> d -> b",
        'routing.yaml:9:36: error: fallback_receiver: there is no receiver "slak"; did you mean "slack"?',
        "routing.yaml:10:32: error: fallback_receiver: cannot be empty",
        "routing.yaml:11:32: error: fallback_receiver: must be a text, not a list",
    ]


def test_ids_of_webhooks_are_those_of_earlier_versions(tmp_path: Path) -> None:
    (found,) = integrations(f"  webhook_configs: [{{url: '{URL}'}}]\n", tmp_path)
    assert found.id == "webhook:378c38ad7115"
