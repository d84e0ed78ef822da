from pathlib import Path

from tests.ruleset.reading import load, warned, wrong


def test_incoming_webhooks_and_the_web_api(tmp_path: Path) -> None:
    loaded = load(
        """
route: {receiver: r}
receivers:
- name: r
  slack_configs:
    - {channel: a, api_url: https://hooks.slack.com/services/T/B/x}
    - {channel: b, api_url: https://slack.com/api/chat.postMessage}
    - {channel: c}
""",
        tmp_path,
    )
    assert warned(loaded, tmp_path) == [
        (
            "routing.yaml:6:29: warning: api_url: an incoming-webhook URL can only post: no updates, "
            "threads or "
            "buttons; leave it out and set slack.bot_token_file in responder.yaml"
        ),
        (
            "routing.yaml:6:29: warning: api_url: an inline secret; put it in a file and name that in "
            "api_url_file"
        ),
    ]


def test_templates_are_found_wherever_they_stand(tmp_path: Path) -> None:
    loaded = load(
        """
route: {receiver: r}
receivers:
- name: r
  slack_configs: [{channel: '#channel', mrkdwn_in: [a, '{{ .x }}'], fields: [{title: '{{ .x }}', value: b}]}]
  jira_configs: [{project: p, issue_type: t, fields: {a: [{b: '{{ .x }}'}]}, labels: ['{{ .x }}']}]
  opsgenie_configs: [{api_key_file: f, details: {a: '{{ .x }}', b: plain}}]
  discord_configs: [{webhook_url: 'https://discord.example/{{ .x }}'}]
""",
        tmp_path,
    )
    template = "a Go template; Responder's own text is used instead"
    unused = "not used; Responder's own form is sent instead"
    assert warned(loaded, tmp_path) == [
        f"routing.yaml:5:41: warning: mrkdwn_in: {unused}",
        f"routing.yaml:5:56: warning: mrkdwn_in: {template}",
        f"routing.yaml:5:69: warning: fields: {unused}",
        f"routing.yaml:5:86: warning: title: {template}",
        f"routing.yaml:6:63: warning: fields: a: b: {template}",
        f"routing.yaml:6:87: warning: labels: {template}",
        f"routing.yaml:7:53: warning: details: a: {template}",
        "routing.yaml:8:35: warning: webhook_url: an inline secret; put it in a file and name that in "
        "webhook_url_file",
    ]


def test_whole_numbers_may_be_negative_where_alertmanager_has_them(tmp_path: Path) -> None:
    load("route: {receiver: r}\nreceivers: [{name: r, telegram_configs: [{chat_id: -100123}]}]\n", tmp_path)


def test_the_mail_server_of_global_has_a_port_whether_or_not_anybody_uses_it(tmp_path: Path) -> None:
    text = "global: {smtp_smarthost: %s}\nroute: {receiver: r}\nreceivers: [{name: r%s}]\n"
    said = "error: smarthost: 'mail' is not a server and its port, such as mail.example.com:587"
    mail = ", email_configs: [{to: a@example.com, from: b@example.com}]"
    assert wrong(text % ("mail", ""), tmp_path) == [f"routing.yaml:1:26: {said}"]
    assert wrong(text % ("mail", mail), tmp_path) == [f"routing.yaml:1:26: {said}"]
    load(text % ("mail:25", ""), tmp_path)
    load(text % ("''", ""), tmp_path)
