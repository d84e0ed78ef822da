from pathlib import Path

import pytest

from responder.ruleset.kinds import KINDS, SERVED
from tests.ruleset.reading import integrations, problems


def test_every_kind_has_a_name_of_its_own() -> None:
    assert sorted({kind.name for kind in KINDS}) == sorted(kind.name for kind in KINDS)


LEAST = {
    "webhook": "url: http://a/",
    "slack": "channel: '#a', app_token_file: k",
    "pagerduty": "routing_key_file: k",
    "email": "to: a@example.com, from: b@example.com, smarthost: 'mail:25'",
    "opsgenie": "api_key_file: k",
    "victorops": "routing_key: k",
    "pushover": "user_key_file: k, token_file: t",
    "telegram": "bot_token_file: k, chat_id: -100",
    "discord": "webhook_url_file: k",
    "webex": "room_id: k",
    "msteams": "webhook_url_file: k",
    "msteamsv2": "webhook_url_file: k",
    "jira": "project: p, issue_type: t",
    "rocketchat": "token_file: k",
    "mattermost": "webhook_url_file: k",
    "sns": "topic_arn: arn",
    "incidentio": "url: http://a/, alert_source_token_file: k",
    "wechat": "corp_id: c",
}
SEND_RESOLVED_FALSE = {"slack", "email", "rocketchat", "wechat"}


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_loads_and_says_whether_we_deliver_it(kind: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_text("secret")
    (found,) = integrations(f"  {kind}_configs: [{{{LEAST[kind]}}}]\n", tmp_path)
    assert (found.kind, found.supported, found.send_resolved) == (
        kind,
        kind in SERVED,
        kind not in SEND_RESOLVED_FALSE,
    )
    errors = [
        line.partition(";")[0]
        for line in problems(f"  {kind}_configs: [{{{LEAST[kind]}, nosuchkey: x}}]\n", tmp_path)
        if " error: " in line
    ]
    column = len(f"  {kind}_configs: [{{{LEAST[kind]}, ") + 1
    assert errors == [f'4:{column}: error: unknown key "nosuchkey" in {kind}_configs']


def test_what_alertmanager_demands_of_other_kinds(tmp_path: Path) -> None:
    found = problems(
        """  pagerduty_configs: [{severity: x}, {service_key: a, service_key_file: b}]
  email_configs: [{from: x, headers: [a]}]
  pushover_configs: [{user_key_file: a}]
  slack_configs: [{fields: [{title: a, short: maybe}], actions: [{txt: a}], http_config: {proxy: x}}]
  sns_configs: [{sigv4: {regio: x}}]
""",
        tmp_path,
    )
    assert [line for line in found if " error: " in line] == [
        (
            "4:55: error: service_key_file: service_key is set already; at most one of service_key, "
            "service_key_file"
        ),
        "5:19: error: email_configs needs to",
        "5:26: error: from: 'x' is not an address such as ops@example.com",
        "5:38: error: headers: must be a mapping, not a list",
        "6:22: error: pushover_configs needs token or token_file",
        "7:19: error: slack_configs needs channel",
        "7:47: error: short: 'maybe' is not true or false (without quotes)",
        '7:67: error: unknown key "txt" in slack_configs.actions; did you mean "text"?',
        '7:91: error: unknown key "proxy" in http_config; did you mean "no_proxy"?',
        "8:17: error: sns_configs needs topic_arn or phone_number or target_arn",
        '8:26: error: unknown key "regio" in sns_configs.sigv4; did you mean "region"?',
    ]
