"""`responder doctor`, as a person or a program calls it."""

import asyncio
import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from responder.cli.doctor import _print
from responder.cli.main import main
from responder.finding import Finding
from tests.notify.doctor.test_slack import serving as serving_slack
from tests.notify.pager import KEY, closed_port, serving_pagerduty

RULES = "route: {receiver: r}\nreceivers: [{name: r}]\n"


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *arguments])


def configure() -> None:
    Path("routing.yaml").write_text(RULES)
    Path("responder.yaml").write_text("rules: routing.yaml\n")


def test_help_is_complete() -> None:
    text = " ".join(doctor("--help").stdout.split())
    for words in (
        "[slack|pagerduty|smtp|kubernetes|prometheus]",
        "--config",
        "--send",
        "--output [text|json]",
        "Exit status: 0",
    ):
        assert words in text


def test_there_is_nothing_to_read() -> None:
    result = doctor()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "config/responder.yaml is not here: give --config FILE\n"
    result = doctor("--config", "none.yaml")
    assert (result.exit_code, result.stderr) == (
        2,
        "none.yaml cannot be read: No such file or directory\n",
    )
    assert doctor("pigeon").exit_code == 2


def test_nothing_is_configured() -> None:
    configure()
    advice = "name a receiver with slack_configs, pagerduty_configs or email_configs in the rules"
    result = doctor("--config", "responder.yaml")
    assert (result.exit_code, result.stdout) == (
        0,
        f"warning  destinations: nothing is configured\n         -> {advice}\n0 problems, 1 warning, 0 ok\n",
    )
    for kind in ("slack", "pagerduty", "smtp"):
        result = doctor(kind, "--config", "responder.yaml", "--output", "json")
        finding = {"level": "warning", "about": kind, "found": "nothing is configured", "advice": advice}
        assert (result.exit_code, json.loads(result.stdout)) == (0, {"ok": True, "findings": [finding]})


def test_what_cannot_be_used_is_a_problem() -> None:
    configure()
    lacking = "sns_configs: [{topic_arn: a}], telegram_configs: [{chat_id: 1}]"
    Path("routing.yaml").write_text(f"route: {{receiver: r}}\nreceivers: [{{name: r, {lacking}}}]\n")
    result = doctor("--config", "responder.yaml")
    assert (result.exit_code, result.stdout) == (
        1,
        "problem  sns r: it cannot be used as it stands: what is owed to it ends as unsupported\n"
        "         -> `responder check` says why, with its place\n"
        "problem  telegram r: it cannot be used as it stands: what is owed to it ends as unsupported\n"
        "         -> `responder check` says why, with its place\n"
        "2 problems, 0 warnings, 0 ok\n",
    )
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["routing.yaml"] * 2
    assert doctor("slack", "--config", "responder.yaml").exit_code == 0


def test_a_secret_that_is_missing_is_a_problem() -> None:
    configure_everything("https://slack.invalid/api/", "https://pager.invalid/v2/enqueue", 25)
    Path("key").unlink()
    result = doctor("pagerduty", "--config", "responder.yaml", "--output", "json")
    assert result.exit_code == 1
    assert [each["about"] for each in json.loads(result.stdout)["findings"]] == ["pagerduty all"]
    assert "responder.yaml:3:" in result.stderr


def test_what_is_found_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _print(
        [
            Finding("ok", "slack #ops", "it exists, and the bot is a member [bold]"),
            Finding("problem", "smtp mx:25", "EHLO: 550 \x1b[31mno", "ask\nwhy"),
        ]
    )
    assert capsys.readouterr().out == (
        "ok       slack #ops: it exists, and the bot is a member [bold]\n"
        "problem  smtp mx:25: EHLO: 550 \\x1b[31mno\n"
        "         -> ask\\nwhy\n"
        "1 problem, 0 warnings, 1 ok\n"
    )


def configure_everything(slack: str, pager: str, port: int) -> None:
    secrets = {"bot": "xoxb-1234-canary\n", "key": f"{KEY}\n", "password": "canary\n"}
    for name, text in secrets.items():
        Path(name).write_text(text)
    Path("responder.yaml").write_text(
        "rules: routing.yaml\n"
        f"slack: {{bot_token_file: bot, api_url: '{slack}'}}\n"
        f"pagerduty: {{events_url: '{pager}', routing_key_file: key}}\n"
        f"smtp: {{smarthost: '127.0.0.1:{port}', from: r@example.com, auth_username: r,"
        " auth_password_file: password}\n"
    )
    Path("routing.yaml").write_text(
        "route: {receiver: all}\n"
        "receivers:\n"
        "  - name: all\n"
        "    slack_configs: [{channel: '#ops'}]\n"
        "    pagerduty_configs: [{severity: critical}]\n"
        "    email_configs: [{to: ops@example.com}]\n"
    )


async def test_every_kind_from_a_file_of_settings_and_rules() -> None:
    port = closed_port()
    async with serving_pagerduty() as pager, serving_slack() as slack:
        configure_everything(slack.url, pager.url, port)
        result = await asyncio.to_thread(doctor, "--config", "responder.yaml", "--send")
    assert (result.exit_code, result.stdout.splitlines()) == (
        1,
        [
            "ok       slack 127.0.0.1: the token is valid: responder in the workspace Platform",
            "ok       slack 127.0.0.1: the scope chat:write is granted",
            "ok       slack #ops: it exists, and the bot is a member",
            "ok       slack #ops: a test message was posted",
            "ok       pagerduty all: the integration key has the right form",
            "ok       pagerduty all: 127.0.0.1 answers, without TLS",
            "ok       pagerduty all: a test incident was opened and resolved: the key exists",
            f"problem  smtp 127.0.0.1:{port}: connecting: connection refused",
            "         -> check host and port: nothing listens there, or a firewall refuses"
            " (looked at 127.0.0.1)",
            "1 problem, 0 warnings, 7 ok",
        ],
    )
    assert "canary" not in result.output
    assert KEY not in result.output


def test_the_least_roles_are_printed_for_kubectl() -> None:
    Path("routing.yaml").write_text(RULES)
    Path("responder.yaml").write_text(
        "rules: routing.yaml\n"
        "kubernetes: [{cluster: prod, kubeconfig: k}, {cluster: lab, kubeconfig: k}]\n"
        "guards: {allow: [{action: kubernetes.rollout_restart, cluster: prod, namespace: shop}]}\n"
    )
    given = ("kubernetes", "--config", "responder.yaml", "--rbac")
    result = doctor(*given, "--cluster", "prod", "--service-account", "ops/robot")
    assert result.exit_code == 0
    role, binding = yaml.safe_load_all(result.stdout)
    assert (role["kind"], role["metadata"]["namespace"]) == ("Role", "shop")
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "robot", "namespace": "ops"}]
    for wrong, words in (
        (given, "--cluster NAME: one of the clusters that are configured (prod, lab)"),
        ((*given, "--cluster", "x"), "--cluster NAME: one of the clusters that are configured (prod, lab)"),
        ((*given, "--cluster", "prod", "--service-account", "x"), "--service-account NAMESPACE/NAME"),
        (("--config", "responder.yaml", "--rbac"), "--rbac is for `responder doctor kubernetes`"),
    ):
        result = doctor(*wrong)
        assert (result.exit_code, result.stdout) == (2, "")
        assert words in result.stderr


def test_clusters_and_prometheus_are_looked_at() -> None:
    Path("routing.yaml").write_text(RULES)
    Path("responder.yaml").write_text(
        "rules: routing.yaml\n"
        "kubernetes: [{cluster: prod, kubeconfig: none}]\n"
        f"prometheus: {{url: 'http://127.0.0.1:{closed_port()}'}}\n"
    )
    result = doctor("--config", "responder.yaml")
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.stdout.splitlines() if line.startswith("problem")] == [
        "problem  kubernetes prod",
        "problem  prometheus",
    ]
    result = doctor("prometheus", "--config", "responder.yaml", "--output", "json")
    assert [finding["about"] for finding in json.loads(result.stdout)["findings"]] == ["prometheus"]
    configure()
    for kind in ("kubernetes", "prometheus"):
        result = doctor(kind, "--config", "responder.yaml")
        assert result.stdout.splitlines()[0] == f"warning  {kind}: nothing is configured"
