from pathlib import Path

import pytest

from responder.ruleset.kinds import KINDS, SERVED
from tests.ruleset.reading import load, wrong

HEAD = "route: {receiver: r}\nreceivers:\n- name: r\n"


def problems(receiver: str, directory: Path) -> list[str]:
    return [line.removeprefix("routing.yaml:") for line in wrong(HEAD + receiver, directory)]


def test_every_kind_has_a_name_of_its_own() -> None:
    assert sorted({kind.name for kind in KINDS}) == sorted(kind.name for kind in KINDS)


LEAST = {
    "webhook": "url: http://a/",
    "slack": "channel: '#a'",
    "pagerduty": "routing_key_file: k",
    "email": "to: a@example.com",
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
    (found,) = (
        load(f"{HEAD}  {kind}_configs: [{{{LEAST[kind]}}}]\n", tmp_path).ruleset.receivers["r"].integrations
    )
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
        """  pagerduty_configs: [{severity: x}, {routing_key: a, routing_key_file: b}]
  email_configs: [{from: x, headers: [a]}]
  pushover_configs: [{user_key_file: a}]
  slack_configs: [{fields: [{title: a, short: maybe}], actions: [{txt: a}], http_config: {proxy: x}}]
  sns_configs: [{sigv4: {regio: x}}]
""",
        tmp_path,
    )
    assert [line for line in found if "not delivered" not in line] == [
        (
            "4:23: error: pagerduty_configs needs routing_key or routing_key_file or service_key or "
            "service_key_file"
        ),
        "4:52: warning: routing_key: an inline secret; put it in a file and name that in routing_key_file",
        (
            "4:55: error: routing_key_file: routing_key is set already; at most one of routing_key, "
            "routing_key_file"
        ),
        "5:19: error: email_configs needs to",
        "5:38: error: headers: must be a mapping, not a list",
        "6:22: error: pushover_configs needs token or token_file",
        "7:47: error: short: 'maybe' is not true or false (without quotes)",
        '7:67: error: unknown key "txt" in slack_configs.actions; did you mean "text"?',
        '7:91: error: unknown key "proxy" in http_config; did you mean "no_proxy"?',
        "8:17: error: sns_configs needs topic_arn or phone_number or target_arn",
        '8:26: error: unknown key "regio" in sns_configs.sigv4; did you mean "region"?',
    ]
