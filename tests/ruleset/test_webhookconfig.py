from hashlib import sha256
from pathlib import Path

from responder.core.catalogue import Secret, WebhookSettings
from responder.core.model import SECOND
from responder.core.rules import Integration
from tests.ruleset.reading import integrations, load, problems, shown, warned

URL = "http://127.0.0.1:9096/hooks/a"


def test_a_webhook_with_its_defaults(tmp_path: Path) -> None:
    (found,) = integrations(f"  webhook_configs: [{{url: '{URL}'}}]\n", tmp_path)
    digest = sha256(URL.encode()).hexdigest()[:12]
    assert found == Integration(
        id="webhook:" + sha256(f"webhook url={digest}".encode()).hexdigest()[:12],
        kind="webhook",
        send_resolved=True,
        destination="webhook http://127.0.0.1:9096",
        settings=WebhookSettings(url=Secret(URL)),
        max_alerts=0,
        supported=True,
    )


def test_a_webhook_that_says_everything(tmp_path: Path) -> None:
    (found,) = integrations(
        """
  webhook_configs:
    - url: https://example.com/x
      send_resolved: no
      max_alerts: 5
      timeout: 1m30s
      http_config: {follow_redirects: false}
""",
        tmp_path,
    )
    assert (found.send_resolved, found.max_alerts) == (False, 5)
    assert found.destination == "webhook https://example.com:443"
    assert found.settings == WebhookSettings(
        url=Secret("https://example.com/x"), timeout=90 * SECOND, follow_redirects=False
    )


def test_a_url_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hook.example:8443/canary\n")
    (found,) = integrations("  webhook_configs: [{url_file: url}]\n", tmp_path)
    assert found.settings == WebhookSettings(url=Secret("https://hook.example:8443/canary"))
    assert found.destination == "webhook https://hook.example:8443"


def test_files_may_be_left_alone(tmp_path: Path) -> None:
    (found,) = integrations("  webhook_configs: [{url_file: not-there}]\n", tmp_path, read_files=False)
    assert (found.settings, found.destination, found.supported) == (None, "webhook not-there", True)


def test_webhooks_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "noturl").write_text("hunter2")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert problems(
        """  webhook_configs:
    - {}
    - {url: 'ftp://hunter2@h/'}
    - {url: http://a/, url_file: x}
    - {url_file: not-there}
    - {url_file: empty}
    - {url_file: noturl}
    - {url_file: binary}
    - {url: [http://a/]}
    - {url: http://a/, max_alerts: "5", timeout: 1d, send_resolved: "true"}
    - {url: http://a/, urls: http://b/}
    - http://a/
    -
""",
        tmp_path,
    ) == [
        "5:7: error: webhook_configs needs url or url_file",
        "6:13: error: url: not a URL such as https://example.com/path",
        "7:24: error: url_file: url is set already; at most one of url, url_file",
        "8:18: error: url_file: not-there cannot be read: No such file or directory",
        "9:18: error: url_file: empty is empty",
        "10:18: error: url_file: the content is not a URL such as https://example.com/path",
        "11:18: error: url_file: binary is not UTF-8 text",
        "12:13: error: url: must be a text, not a list",
        "13:36: error: max_alerts: '5' is not a whole number such as 100",
        "13:50: error: timeout: '1d' is not a duration such as 10s or 1m30s",
        "13:69: error: send_resolved: 'true' is not true or false (without quotes)",
        '14:24: error: unknown key "urls" in webhook_configs; did you mean "url"?',
        "15:7: error: webhook_configs must be a mapping, not a text",
        "16:6: error: webhook_configs must be a mapping, not nothing",
    ]


def test_what_a_webhook_may_have_elsewhere_and_not_here(tmp_path: Path) -> None:
    loaded = load(
        """
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
    - {url: 'https://hook/{{ .GroupLabels.team }}'}
    - {url: 'https://hook/', payload: {text: '{{ .Status }}'}}
    - {url: 'https://user:canary@hook/?key=canary'}
""",
        tmp_path,
    )
    templated, payload, secret = loaded.ruleset.receivers["r"].integrations
    assert [each.supported for each in (templated, payload, secret)] == [False, True, True]
    assert warned(loaded, tmp_path) == [
        "routing.yaml:7:39: warning: payload: not used; Alertmanager's own body is sent",
        "routing.yaml:7:46: warning: payload: text: a Go template; Responder's own text is used instead",
        "routing.yaml:8:13: warning: url: an inline secret; put it in a file and name that in url_file",
    ]
    assert shown([str(problem) for problem in loaded.unsupported], tmp_path) == [
        "routing.yaml:6:13: warning: url: a Go template; this version needs a plain URL"
    ]


def test_a_webhooks_path_is_never_kept(tmp_path: Path) -> None:
    for url in (
        "http://a/api/canary",
        "https://slack.com/api/canary",
        "http://a/x?canary",
        "http://c:canary@a/",
    ):
        text = f"route: {{receiver: r}}\nreceivers: [{{name: r, webhook_configs: [{{url: '{url}'}}]}}]\n"
        assert "canary" not in str(load(text, tmp_path).ruleset.source)
