from dataclasses import replace
from pathlib import Path

from responder.core.guardrules import Allowed, GuardRules
from responder.core.model import HOUR, SECOND
from responder.document.tree import Problems
from responder.ruleset.secrets import Reading
from responder.ruleset.settingssource import settings_source, stored_settings
from responder.settings import Intake, Overrides, Pagerduty, RunbookTimers, Settings, Slack, Smtp, Timers
from responder.settings.values import Cluster, Prometheus

EVERYTHING = Settings(
    compatibility="alertmanager",
    intake=Intake(12 * HOUR),
    slack=Slack(bot_token_file=Path('a "quoted" name'), api_url="http://127.0.0.1:9096/slack/api/"),
    pagerduty=Pagerduty("https://events.eu.pagerduty.com/v2/enqueue", Path("/run/key")),
    smtp=Smtp(
        smarthost="[2001:db8::1]:25",
        sender="Jürgen <j@example.com>",
        hello="us",
        auth_username="true",
        auth_identity="- 1",
        auth_password_file=Path("p"),
        require_tls=False,
        implicit_tls=True,
        ca_file=Path("c"),
    ),
    kubernetes=(Cluster("one"), Cluster('a "quoted" name')),
    prometheus=Prometheus(""),
    guards=GuardRules(allow=(Allowed("kubernetes.rollout_undo", "one"),), min_age=0),
    overrides=Overrides(Timers(SECOND, None, HOUR), runbooks=RunbookTimers(0, SECOND)),
)


def test_what_is_kept_reads_back_the_same() -> None:
    problems = Problems()
    text = settings_source(EVERYTHING, Reading(missing={"smtp.ca_file", "slack.bot_token_file"}))
    assert stored_settings(text, Settings(), problems) == (
        EVERYTHING,
        {"slack.bot_token_file", "smtp.ca_file"},
    )
    assert problems.listed() == []


def test_what_is_kept_wins_over_what_is_configured_now() -> None:
    text = settings_source(Settings(), Reading())
    assert text == "compatibility: responder\nstale_after: 1d\n"
    assert stored_settings(text, replace(EVERYTHING, hosts=("a",)), Problems()) == (
        Settings(hosts=("a",)),
        set(),
    )


def test_what_no_rule_depends_on_is_not_kept() -> None:
    one = replace(EVERYTHING, slack=Slack(signing_secret_file=Path("s"), app_token_file=Path("t")))
    one = replace(
        one, kubernetes=(Cluster("a", Path("k"), "c"),), prometheus=Prometheus("http://p", Path("t"))
    )
    other = replace(EVERYTHING, slack=Slack(), kubernetes=(Cluster("a"),))
    assert settings_source(one, Reading()) == settings_source(other, Reading())
