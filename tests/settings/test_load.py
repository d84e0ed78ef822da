import re
from dataclasses import fields as dataclass_fields
from pathlib import Path

import pytest

from responder.core.model import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from responder.errors import FileError, ProblemsError
from responder.settings import (
    Address,
    Auth,
    Breaker,
    Delivery,
    Intake,
    Limits,
    Pace,
    Pagerduty,
    Reload,
    Retention,
    RunbookTimers,
    Settings,
    Slack,
    Smtp,
    Storage,
    Timers,
    load_settings,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str) -> Settings:
    path = Path("r.yaml")
    path.write_text(text)
    return load_settings(path, {})


def wrong(text: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text)
    return str(caught.value).splitlines()


def test_defaults_are_the_documented_ones() -> None:
    settings = load("")
    assert settings == Settings(
        listen=Address("127.0.0.1", 9095),
        external_url="http://127.0.0.1:9095",
        storage=Storage(Path("var/responder.db"), "sqlite"),
        rules=Path("rules"),
        compatibility="responder",
        auth=None,
        intake=Intake(stale_after=24 * HOUR),
        limits=Limits(
            body=32 << 20,
            alerts_per_request=50_000,
            labels=64,
            label_value=4 << 10,
            annotations=64 << 10,
            active_alerts=250_000,
            alerts_per_name=50_000,
            lag=10 * SECOND,
            backlog=256 << 20,
        ),
        delivery=Delivery(
            first_retry=500 * MILLISECOND,
            factor=1.5,
            jitter=0.5,
            max_retry=60 * SECOND,
            timeout=10 * SECOND,
            breaker=Breaker(after=10, probe=5 * SECOND, max_probe=60 * SECOND),
            pace={"slack": Pace(1, 1), "pagerduty": Pace(1.8, 12)},
        ),
        slack=None,
        pagerduty=Pagerduty("https://events.pagerduty.com/v2/enqueue"),
        smtp=None,
        reload=Reload(watch=5 * SECOND),
        retention=Retention(
            inputs=7 * DAY, deliveries=30 * DAY, journal=400 * DAY, rejected=7 * DAY, max_size=10 << 30
        ),
        sandbox=False,
        overrides=None,
    )
    assert load_settings(None, {}) == settings


def test_the_documented_spelling_of_every_section() -> None:
    settings = load("""
listen: '[::1]:80'
external_url: https://responder.example.com/
hosts: [Responder.Example.com, alerts.internal:9095]
storage: sqlite:////srv/r.db
rules: other.yml
secrets_dir: /run/secrets
compatibility: alertmanager
intake: {stale_after: 12h}
limits: {body: 1MiB, labels: 8, lag: 5s}
delivery:
  first_retry: 0.25s
  factor: 2
  jitter: 10%
  max_retry: 2m
  timeout: 1.5s
  breaker: {after: 3 failures in a row, probe: 1s, max_probe: 10s}
  pace: {slack: {rate: 0.5}, email: {rate: 10, burst: 20}}
retention: {journal: 1y, max_size: 1GiB}
""")
    assert settings.listen == Address("::1", 80)
    assert str(settings.listen) == "[::1]:80"
    assert settings.external_url == "https://responder.example.com"
    assert settings.hosts == ("responder.example.com", "alerts.internal:9095")
    assert settings.storage.path == Path("/srv/r.db")
    assert (settings.rules, settings.secrets_dir) == (Path("other.yml"), Path("/run/secrets"))
    assert settings.compatibility == "alertmanager"
    assert settings.intake.stale_after == 12 * HOUR
    assert settings.limits == Limits(body=1 << 20, labels=8, lag=5 * SECOND)
    assert settings.delivery == Delivery(
        250 * MILLISECOND,
        2.0,
        0.1,
        2 * MINUTE,
        1500 * MILLISECOND,
        Breaker(3, SECOND, 10 * SECOND),
        {"slack": Pace(0.5, 1), "pagerduty": Pace(1.8, 12), "email": Pace(10, 20)},
    )
    assert settings.retention == Retention(journal=365 * DAY, max_size=1 << 30)


def test_the_external_url_follows_the_listen_address() -> None:
    assert load("listen: 127.0.0.1:8080").external_url == "http://127.0.0.1:8080"


def test_every_problem_at_once_with_its_place() -> None:
    assert wrong("""listen: localhost
external_url: responder.example.com
storage: postgresql://db/responder
compatibility: prometheus
lisen: 127.0.0.1:1
intake: {stale_after: 0s, other: 1}
limits: {body: 32MB, labels: many}
delivery: {first_retry: soon, factor: 0.5, jitter: half, breaker: {after: 0}}
retention: [7d]
sandbox: 'true'
heartbeat: {url: nowhere, every: 0s, host: x}
kubernetes: [{cluster: a, konfig: b}]
""") == [
        "r.yaml:1:9: error: listen: 'localhost' is not an address such as 127.0.0.1:9095",
        "r.yaml:2:15: error: external_url: not a URL such as https://example.com/path",
        "r.yaml:3:10: error: storage: PostgreSQL comes with a later version; write sqlite:///var/responder.db",
        "r.yaml:4:16: error: compatibility: 'prometheus' is not one of responder, alertmanager",
        'r.yaml:5:1: error: unknown key "lisen" in the settings; did you mean "listen"?',
        "r.yaml:6:23: error: stale_after: cannot be zero",
        'r.yaml:6:27: error: unknown key "other" in intake; it may have stale_after',
        "r.yaml:7:16: error: body: '32MB' is not a size such as 4KiB, 32MiB or 10GiB",
        "r.yaml:7:30: error: labels: 'many' is not a whole number such as 100",
        "r.yaml:8:25: error: first_retry: 'soon' is not a duration such as 30s, 5m, 1h30m or 4d",
        "r.yaml:8:39: error: factor: '0.5' is not a number from 1 to 100, such as 1.5",
        "r.yaml:8:52: error: jitter: 'half' is not a percentage from 0% to 100%",
        "r.yaml:8:75: error: after: '0' is not a number of failures such as 10",
        "r.yaml:9:12: error: retention must be a mapping, not a list",
        "r.yaml:10:10: error: sandbox: 'true' is not true or false (without quotes)",
        "r.yaml:11:1: warning: heartbeat: not used by this version",
        "r.yaml:11:18: error: url: not a URL such as https://example.com/path",
        "r.yaml:11:34: error: every: cannot be zero",
        'r.yaml:11:38: error: unknown key "host" in heartbeat; it may have every, url',
        'r.yaml:12:27: error: unknown key "konfig" in kubernetes; did you mean "kubeconfig"?',
    ]


def test_paces_that_are_none() -> None:
    assert wrong("""delivery:
  pace:
    slack: {rate: 0}
    email: {burst: 5}
    webhook: {rate: fast, burst: 0}
    pagerduty: 5
    opsgenie: {rate: 1}
""") == [
        "r.yaml:3:19: error: rate: '0' is not a number a second from 0.001 to 10000, such as 1",
        "r.yaml:4:12: error: pace.email needs rate",
        "r.yaml:5:21: error: rate: 'fast' is not a number a second from 0.001 to 10000, such as 1",
        "r.yaml:5:34: error: burst: '0' is not a number from 1 to 10000, such as 10",
        "r.yaml:6:16: error: pace.pagerduty must be a mapping, not a text",
        'r.yaml:7:5: error: unknown key "opsgenie" in pace; it may have email, pagerduty, slack, webhook',
    ]


@pytest.mark.parametrize(
    "storage",
    ["sqlite://var/r.db", "sqlite:///", "sqlite:///:memory:", "/var/r.db", "mysql://x/y"],
)
def test_storage_urls_that_mean_nothing(storage: str) -> None:
    assert wrong(f"storage: '{storage}'") == [
        (
            "r.yaml:1:10: error: storage: must be sqlite:///PATH (from the working directory) or sqlite:////PATH"
            " (from the root), such as sqlite:///var/responder.db"
        )
    ]


def test_what_is_not_a_mapping_and_what_is_not_yaml() -> None:
    assert wrong("- a\n") == [
        "r.yaml:1:1: error: the settings must be a mapping such as 'listen: 127.0.0.1:9095'"
    ]
    assert wrong("a:\n\tb: 1\n") == ["r.yaml:2:1: error: not YAML: a tab; indent with spaces"]


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(FileError, match=r"^no\.yaml cannot be read: No such file or directory$"):
        load_settings(Path("no.yaml"), {})


# -- reach --------------------------------------------------------------------------------------


@pytest.mark.parametrize("listen", ["0.0.0.0:9095", "'[::]:9095'", "192.0.2.1:9095", "responder:9095"])
def test_others_may_reach_it_only_with_auth(listen: str) -> None:
    shown = listen.strip("'")
    assert wrong(f"listen: {listen}") == [
        (
            f"r.yaml:1:9: error: listen: other machines can reach {shown}, and nobody needs a token: "
            "set auth.tokens_file, or listen on 127.0.0.1"
        )
    ]
    Path("tokens.yaml").write_text("")
    assert load(f"listen: {listen}\nauth: {{tokens_file: tokens.yaml}}").auth == Auth(Path("tokens.yaml"))


def test_a_port_alone_means_every_address() -> None:
    assert wrong("listen: :9095") == [
        (
            "r.yaml:1:9: error: listen: other machines can reach 0.0.0.0:9095, and nobody needs a token: "
            "set auth.tokens_file, or listen on 127.0.0.1"
        )
    ]


@pytest.mark.parametrize("listen", ["localhost:0", "127.8.8.8:1", "'[::1]:65535'"])
def test_loopback_needs_none(listen: str) -> None:
    assert load(f"listen: {listen}").listen.loopback


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:x"])
def test_addresses_that_are_none(listen: str) -> None:
    assert wrong(f"listen: '{listen}'") == [
        f"r.yaml:1:9: error: listen: {listen!r} is not an address such as 127.0.0.1:9095"
    ]


def test_overrides_are_for_the_sandbox_on_loopback() -> None:
    Path("tokens.yaml").write_text("")
    text = "overrides: {timers: {group_wait: 1s}}\n"
    assert wrong(text) == ["r.yaml:1:1: error: overrides: only with sandbox: true"]
    assert wrong(f"listen: :1\nauth: {{tokens_file: tokens.yaml}}\nsandbox: true\n{text}") == [
        "r.yaml:1:9: error: listen: the sandbox and its overrides are for 127.0.0.1 only"
    ]


def test_overrides_keep_their_places() -> None:
    settings = load("""sandbox: true
overrides:
  timers: {group_wait: 0s, repeat_interval: 1m}
  receivers:
    pager: {webhook_configs: [{url: "http://127.0.0.1:9096/"}]}
    nobody: {}
  runbooks: {cooldown: 0s, settle: 2s, every: 1s}
""")
    assert settings.overrides is not None
    assert settings.overrides.timers == Timers(0, None, MINUTE)
    assert settings.overrides.runbooks == RunbookTimers(cooldown=0, settle=2 * SECOND, every=SECOND)
    assert {name: node.place.line for name, node in settings.overrides.receivers.items()} == {
        "pager": 5,
        "nobody": 6,
    }
    assert wrong("""sandbox: true
overrides: {timers: {group_interval: 0s}, reciever: {}, receivers: {a: , b: []}, runbooks: {settle: 0s}}
""") == [
        "r.yaml:2:38: error: group_interval: cannot be zero",
        'r.yaml:2:43: error: unknown key "reciever" in overrides; did you mean "receivers"?',
        "r.yaml:2:72: error: a: must be a mapping such as {webhook_configs: [...]}",
        "r.yaml:2:77: error: b: must be a mapping such as {webhook_configs: [...]}",
        "r.yaml:2:101: error: settle: cannot be zero",
    ]


# -- later versions -----------------------------------------------------------------------------


def test_settings_of_later_versions_are_checked_and_kept() -> None:
    settings = load("""
heartbeat: {url: "https://hc.example/x", every: 60s}
""")
    assert [str(warning) for warning in settings.warnings] == [
        "r.yaml:2:1: warning: heartbeat: not used by this version",
    ]
    assert settings.unused["heartbeat"] == {"url": "https://hc.example/x", "every": "60s"}


def test_a_repr_shows_no_capability_url() -> None:
    assert "canary" not in repr(load('heartbeat: {url: "https://hc.example/canary"}'))


# -- the shipped files --------------------------------------------------------------------------


def shipped(name: str) -> str:
    return (ROOT / "config" / name).read_text()


def test_the_shipped_default_says_the_defaults() -> None:
    # Where the shipped rules lead has no default.
    assert load(shipped("responder.yaml")) == Settings(
        slack=Slack(bot_token_file=Path("/etc/responder/secrets/slack-bot-token")),
        pagerduty=Pagerduty(routing_key_file=Path("/etc/responder/secrets/pagerduty-routing-key")),
        smtp=Smtp("mail.machinenativeops.com:587", "Responder <responder@machinenativeops.com>"),
    )


def test_the_shipped_default_shows_every_key() -> None:
    # A key that is commented out follows the mark at once or two spaces after it; prose follows one.
    text = re.sub(r"^#(?=[a-z_]+:|  )", "", shipped("responder.yaml"), flags=re.MULTILINE)
    Path("config").mkdir()
    Path("config/people.yaml").write_text("[]")
    Path("config/tokens.yaml").write_text("[]")
    settings = load(text)
    assert {field.name for field in dataclass_fields(settings)} - set(_top_level(text)) == {
        "unused",  # heartbeat
        "places",
        "warnings",
        "overrides",  # the sandbox's
        "sandbox",
    }
    assert set(settings.unused) == {"heartbeat"}
    # Every key of these is there: none has its default.
    sections = (
        settings.slack,
        settings.pagerduty,
        settings.smtp,
        settings.prometheus,
        settings.tracing,
        *settings.kubernetes,
    )
    assert len(sections) == 6
    for section in sections:
        assert section is not None
        shown = {name for name in section.__struct_fields__ if getattr(section, name) is None}
        assert shown == set()
    assert {warning.message for warning in settings.warnings if ".yaml" not in warning.message} == {
        "pagerduty.webhook_secret_file: not used by this version",
        *(f"{name}: not used by this version" for name in settings.unused),
    }


def _top_level(text: str) -> list[str]:
    return [line.split(":")[0] for line in text.splitlines() if line and line[0].isalpha()]


def test_the_shipped_sandbox_loads() -> None:
    settings = load(shipped("sandbox.yaml"))
    assert (settings.sandbox, settings.listen) == (True, Address("127.0.0.1", 9095))
    assert settings.storage.path == Path("var/responder.db")
    assert settings.rules == Path("rules")
    assert settings.auth == Auth(Path("var/sandbox/tokens.yaml"))
    assert settings.slack == Slack(
        bot_token_file=Path("var/sandbox/slack-bot-token"),
        signing_secret_file=Path("var/sandbox/slack-signing-secret"),
        api_url="http://127.0.0.1:9096/slack/api/",
    )
    assert settings.overrides is not None
    assert [(warning.file, warning.severity, warning.message) for warning in settings.warnings] == [
        (
            "r.yaml",
            "warning",
            "tokens_file: var/sandbox/tokens.yaml does not exist yet; the sandbox makes it",
        ),
        ("r.yaml", "warning", "people: var/sandbox/people.yaml does not exist yet; the sandbox makes it"),
    ]


def test_files_are_watched_unless_that_is_off() -> None:
    assert load("reload: {watch: 30s}\n").reload == Reload(30 * SECOND)
    assert load("reload: {watch: off}\n").reload == Reload(0)
    assert load_settings(None, {"RESPONDER__RELOAD__WATCH": "off"}).reload == Reload(0)
    assert wrong("reload: {watch: 0s}\n") == [
        "r.yaml:1:17: error: watch: cannot be zero (write off to look at no file)"
    ]
