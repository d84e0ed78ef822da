import re
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.catalogue import Secret, WebhookSettings
from responder.core.guardrules import GuardRules
from responder.core.model import HOUR, MINUTE, SECOND, labels_from
from responder.core.rules import Ruleset
from responder.errors import FileError, ProblemsError
from responder.ruleset import compile_ruleset, load_ruleset
from responder.settings import Intake, Overrides, Settings, Timers, load_settings
from responder.settings.values import Cluster, Prometheus
from tests.ruleset.reading import BASE, load, shown, warned, wrong

ROOT = Path(__file__).parents[2]
FIELD = Path(__file__).with_name("alertmanager.yml")
"""An alertmanager.yml as it is found in the field."""


OWED = "what is owed here ends as unsupported"


# -- files and directories ----------------------------------------------------------------------


def test_a_directory_and_what_lies_beside_the_routing(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_text(BASE)
    for name in ("runbooks", "prometheus", "tests", "other", "..2026_data"):
        (tmp_path / name).mkdir()
    for name in ("suppression.yaml", "notes.txt", ".gitkeep"):
        (tmp_path / name).write_text("")
    loaded = load_ruleset(tmp_path, Settings())
    assert list(loaded.ruleset.receivers) == ["r"]
    assert warned(loaded, tmp_path) == [
        (
            "notes.txt: warning: not read: rules are routing.yaml, suppression.yaml, runbooks/, "
            "prometheus/ and "
            "tests/"
        ),
        (
            "other: warning: not read: rules are routing.yaml, suppression.yaml, runbooks/, prometheus/ "
            "and tests/"
        ),
    ]


def with_pages(directory: Path, **pages: str) -> Path:
    """A rules directory with pages by name."""
    (directory / "runbooks").mkdir(parents=True)
    (directory / "routing.yaml").write_text(BASE)
    for name, text in pages.items():
        (directory / "runbooks" / f"{name}.md").write_text(text)
    return directory


PAGE = "---\nrunbook: {}\ntitle: T\n---\nprose\n"


def test_runbooks_are_part_of_the_rules_and_broken_ones_are_not(tmp_path: Path) -> None:
    rules = with_pages(
        tmp_path, good=PAGE.format("good"), other=PAGE.format("other") + "```step\n```\n", bad="x"
    )
    (rules / "runbooks" / "note.txt").write_text("")
    loaded = load_ruleset(rules, Settings())
    assert list(loaded.ruleset.runbooks) == ["good"]
    assert list(loaded.ruleset.source) == ["routing.yaml", "(settings)", "runbooks/good.md"]
    assert warned(loaded, tmp_path) == ["runbooks/note.txt: warning: not read: a runbook is a file NAME.md"]
    assert shown([str(problem) for problem in loaded.broken], tmp_path) == [
        "runbooks/bad.md:1:1: error: a runbook begins with its front matter: ---, YAML, and --- again",
        "runbooks/other.md:6:1: error: step: the block is empty",
    ]
    alone = load_ruleset(with_pages(tmp_path / "alone", good=PAGE.format("good")), Settings()).ruleset
    changed = load_ruleset(
        with_pages(tmp_path / "changed", good=PAGE.format("good") + "."), Settings()
    ).ruleset
    assert len({alone.hash, changed.hash, loaded.ruleset.hash}) == 2
    assert alone.hash == loaded.ruleset.hash


def test_what_is_wrong_with_runbooks_is_said_even_if_the_routing_is_wrong(tmp_path: Path) -> None:
    rules = with_pages(tmp_path, bad="---\nrunbook: bad\nhold: {receivers: [nobody]}\n---\n")
    (rules / "routing.yaml").write_text("receivers: []")
    with pytest.raises(ProblemsError) as caught:
        load_ruleset(rules, Settings())
    assert shown(str(caught.value).splitlines(), tmp_path) == [
        "routing.yaml:1:1: error: the file needs route",
        "runbooks/bad.md:2:1: error: the front matter needs title",
        "runbooks/bad.md:3:7: error: hold needs for",
    ]


def test_runbooks_and_what_they_depend_on_are_compiled_again_from_the_source(tmp_path: Path) -> None:
    rules = with_pages(tmp_path, good=PAGE.format("good"))
    clusters, guards = (Cluster("one"), Cluster("two")), GuardRules(min_age=0)
    settings = Settings(kubernetes=clusters, prometheus=Prometheus("http://p"), guards=guards)
    ruleset = load_ruleset(rules, settings).ruleset
    assert (ruleset.clusters, ruleset.asks_prometheus, ruleset.guards) == (("one", "two"), True, guards)
    again = compile_ruleset(ruleset.source, Settings())
    assert again.broken == ()
    for name in ("hash", "source", "runbooks", "clusters", "asks_prometheus", "guards"):
        assert getattr(again.ruleset, name) == getattr(ruleset, name)


def test_a_single_file_of_routing_has_no_runbooks(tmp_path: Path) -> None:
    rules = with_pages(tmp_path, good=PAGE.format("good"))
    assert load_ruleset(rules / "routing.yaml", Settings()).ruleset.runbooks == {}


def test_the_runbooks_that_are_shipped_have_nothing_wrong() -> None:
    loaded = load_ruleset(ROOT / "rules", Settings(), read_files=False)
    assert (loaded.broken, loaded.warnings) == ((), ())
    pages = sorted(path.stem for path in (ROOT / "rules" / "runbooks").glob("*.md"))
    assert (sorted(loaded.ruleset.runbooks), len(pages)) == (pages, 25)
    assert [name for name, runbook in loaded.ruleset.runbooks.items() if runbook.mode == "auto"] == [
        "pod-restarts"
    ]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FileError) as caught:
        load_ruleset(tmp_path, Settings())
    assert str(caught.value) == f"{tmp_path}/routing.yaml cannot be read: No such file or directory"
    with pytest.raises(FileError) as caught:
        load_ruleset(tmp_path / "no.yml", Settings())
    assert str(caught.value) == f"{tmp_path}/no.yml cannot be read: No such file or directory"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", ["1:1: error: the rules must be a mapping with route and receivers, as an alertmanager.yml is"]),
        (
            "- a",
            ["1:1: error: the rules must be a mapping with route and receivers, as an alertmanager.yml is"],
        ),
        ("receivers: []", ["1:1: error: the file needs route"]),
        ("route:\nreceivers: []", ["1:1: error: the file needs route"]),
        (
            "route: []",
            ["1:8: error: a route must be a mapping, not a list"],
        ),
        ("route:\n\treceiver: a", ["2:1: error: not YAML: a tab; indent with spaces"]),
        (
            "route: {receiver: r}\nreceivers: [{name: r}]\nroute: {}\n",
            ['3:1: error: duplicate key "route": first at routing.yaml:1:1'],
        ),
        (
            "route: {receiver: r}\nreceivers: [{name: r}]\nrecievers: []\n",
            ['3:1: error: unknown key "recievers" in the file; did you mean "receivers"?'],
        ),
    ],
)
def test_files_that_are_no_rules(text: str, lines: list[str], tmp_path: Path) -> None:
    assert wrong(text, tmp_path) == [f"routing.yaml:{line}" for line in lines]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "routing.yaml").write_bytes(b"route: \xff\n")
    with pytest.raises(ProblemsError) as caught:
        load_ruleset(tmp_path, Settings())
    assert shown([str(caught.value)], tmp_path) == ["routing.yaml:1:8: error: not UTF-8 text"]


def test_problems_of_every_section_come_together(tmp_path: Path) -> None:
    assert wrong(
        """
global: {resolve_timeout: soon, smtp_port: 25}
route: {receiver: nobody}
receivers: [{name: r, webhook_configs: [{}]}]
inhibit_rules: [{equals: [a]}]
time_intervals: [{name: t, time_intervals: [{weekdays: [x]}]}]
templates: [a]
tracing: {endpoint: x}
event_recorder: {}
""",
        tmp_path,
    ) == [
        "routing.yaml:2:27: error: resolve_timeout: 'soon' is not a duration such as 30s, 5m, 1h30m or 4d",
        'routing.yaml:2:33: error: unknown key "smtp_port" in global; did you mean "smtp_from"?',
        'routing.yaml:3:19: error: receiver: there is no receiver "nobody"',
        "routing.yaml:4:41: error: webhook_configs needs url or url_file",
        "routing.yaml:5:17: warning: an inhibit rule without matchers inhibits nothing",
        'routing.yaml:5:18: error: unknown key "equals" in an inhibit rule; did you mean "equal"?',
        "routing.yaml:6:57: error: weekdays: 'x' is not a day of the week such as monday",
        "routing.yaml:7:1: warning: templates: not used by this version",
        "routing.yaml:8:1: warning: tracing: not used by this version",
        "routing.yaml:9:1: warning: event_recorder: not used by this version",
    ]


def test_empty_sections_say_nothing(tmp_path: Path) -> None:
    loaded = load(
        BASE + "global:\ntemplates: []\ninhibit_rules:\ntime_intervals: []\nmute_time_intervals:\n", tmp_path
    )
    assert loaded.warnings == ()
    assert loaded.ruleset.resolve_timeout == 5 * MINUTE


# -- unsupported --------------------------------------------------------------------------------


def test_what_this_version_lacks_is_an_error_only_where_it_is_not_allowed(tmp_path: Path) -> None:
    text = "route: {receiver: r}\nreceivers: [{name: r, webex_configs: [{room_id: a}]}]\n"
    loaded = load(text, tmp_path)
    line = "routing.yaml:2:39: %s: webex_configs: not delivered by this version: " + OWED
    assert loaded.warnings == ()
    assert shown([str(problem) for problem in loaded.unsupported], tmp_path) == [line % "warning"]
    with pytest.raises(ProblemsError) as caught:
        load(text, tmp_path, allow_unsupported=False)
    assert shown(str(caught.value).splitlines(), tmp_path) == [line % "error"]


# -- what it comes to ---------------------------------------------------------------------------


def test_settings_reach_the_ruleset(tmp_path: Path) -> None:
    settings = Settings(compatibility="alertmanager", intake=Intake(12 * HOUR))
    ruleset = load(BASE + "global: {resolve_timeout: 1m}\n", tmp_path, settings).ruleset
    assert (ruleset.compatibility, ruleset.stale_after, ruleset.resolve_timeout) == (
        "alertmanager",
        12 * HOUR,
        MINUTE,
    )


def test_the_hash_follows_the_text_and_the_settings_and_nothing_else(tmp_path: Path) -> None:
    base = load(BASE, tmp_path).ruleset.hash
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert load(BASE, elsewhere).ruleset.hash == base
    assert load(BASE, tmp_path, Settings(hosts=("a",))).ruleset.hash == base
    others = {
        load(BASE + "# more\n", tmp_path).ruleset.hash,
        load(BASE, tmp_path, Settings(compatibility="alertmanager")).ruleset.hash,
        load(BASE, tmp_path, Settings(intake=Intake(HOUR))).ruleset.hash,
        load(BASE, tmp_path, Settings(overrides=Overrides(Timers(SECOND)))).ruleset.hash,
        load(BASE, tmp_path, Settings(guards=GuardRules(min_age=0))).ruleset.hash,
    }
    assert len(others | {base}) == 6


def test_a_ruleset_is_compiled_again_from_its_source() -> None:
    ruleset = load_ruleset(FIELD, Settings(compatibility="alertmanager", intake=Intake(HOUR))).ruleset
    # What was stored with the rules wins over what is configured now.
    again = compile_ruleset(ruleset.source, Settings()).ruleset
    assert again.source == ruleset.source
    assert again.hash == ruleset.hash
    assert (again.compatibility, again.stale_after) == ("alertmanager", HOUR)
    assert [vars_of(route) for route in again.router.routes] == [
        vars_of(route) for route in ruleset.router.routes
    ]
    assert again.inhibit_rules == ruleset.inhibit_rules
    assert again.time_intervals == ruleset.time_intervals
    for name, receiver in ruleset.receivers.items():
        assert again.receivers[name] == replace(
            receiver, integrations=tuple(replace(each, settings=None) for each in receiver.integrations)
        )


def vars_of(route: object) -> dict[str, object]:
    return {name: getattr(route, name) for name in route.__slots__ if name != "children"}  # type: ignore[attr-defined]


def test_secrets_come_from_the_rules_in_force() -> None:
    ruleset = load_ruleset(FIELD, Settings()).ruleset
    again = compile_ruleset(ruleset.source, Settings(), live=ruleset).ruleset
    assert again.receivers == ruleset.receivers
    (webhook,) = (each for each in again.receivers["team-x-pager"].integrations if each.kind == "webhook")
    assert isinstance(webhook.settings, WebhookSettings)
    assert webhook.settings.url == Secret("https://hooks.example.org/canary-path?token=canary-query")


def test_no_secret_is_kept_or_shown() -> None:
    loaded = load_ruleset(FIELD, Settings())
    secrets = set(re.findall(r"canary[-a-z]*", FIELD.read_text()))
    assert len(secrets) == 10
    everything = "\n".join(
        [repr(loaded), *loaded.ruleset.source.values(), *map(str, (*loaded.warnings, *loaded.unsupported))]
    )
    assert [secret for secret in secrets if secret in everything] == []


# -- overrides ----------------------------------------------------------------------------------

OVERRIDES = """sandbox: true
overrides:
  timers: {group_wait: 1s, group_interval: 2s}
  receivers:
    r:
      webhook_configs: [{url: http://127.0.0.1:9096/canary, send_resolved: yes, max_alerts: 5}]
"""


def sandboxed(text: str, directory: Path) -> Settings:
    path = directory / "sandbox.yaml"
    path.write_text(text)
    return load_settings(path, {})


def test_overrides_replace_timers_and_integrations(tmp_path: Path) -> None:
    settings = sandboxed(OVERRIDES, tmp_path)
    loaded = load(
        """
global: {http_config: {authorization: {credentials_file: not-there}}}
route:
  receiver: r
  group_wait: 1m
  routes: [{matchers: [a=b], group_interval: 1h, repeat_interval: 2h}, {receiver: s}]
receivers:
- {name: r, slack_configs: [{channel: a, api_url: https://hooks.slack.com/services/canary}]}
- {name: s}
""",
        tmp_path,
        settings,
    )
    assert [
        (route.group_wait, route.group_interval, route.repeat_interval)
        for route in loaded.ruleset.router.routes
    ] == [(SECOND, 2 * SECOND, 4 * HOUR), (SECOND, 2 * SECOND, 2 * HOUR), (SECOND, 2 * SECOND, 4 * HOUR)]
    (found,) = loaded.ruleset.receivers["r"].integrations
    assert found.settings == WebhookSettings(url=Secret("http://127.0.0.1:9096/canary"))
    assert (loaded.warnings, loaded.unsupported) == ((), ())
    assert "kept-secret" not in str(loaded.ruleset.source)
    again = compile_ruleset(loaded.ruleset.source, Settings(), live=loaded.ruleset).ruleset
    assert (again.hash, again.receivers) == (loaded.ruleset.hash, loaded.ruleset.receivers)
    assert again.router.root.group_wait == SECOND


def test_overrides_replace_the_times_that_pages_ask_for(tmp_path: Path) -> None:
    settings = sandboxed(
        "sandbox: true\noverrides: {runbooks: {cooldown: 3s, settle: 2s, every: 1s}}\n", tmp_path
    )
    shipped, hurried = (
        load_ruleset(ROOT / "rules", one).ruleset.runbooks["pod-restarts"] for one in (Settings(), settings)
    )
    (asked,), (counts,) = shipped.verify, hurried.verify
    assert (shipped.guards.cooldown, asked.settle, asked.every) == (HOUR, MINUTE, 15 * SECOND)
    assert hurried.guards == replace(shipped.guards, cooldown=3 * SECOND)
    assert counts == replace(asked, settle=2 * SECOND, every=SECOND)
    assert hurried == replace(shipped, guards=hurried.guards, verify=hurried.verify)


def test_problems_of_overrides_stand_in_the_settings(tmp_path: Path) -> None:
    settings = sandboxed(
        """sandbox: true
overrides:
  receivers:
    r: {webhook_configs: [{url: nowhere}], name: r}
    pager: {webhook_configs: []}
""",
        tmp_path,
    )
    assert wrong(
        "route: {receiver: r}\nreceivers: [{name: r, slack_configs: [{chanel: a}]}, {name: pagers}]",
        tmp_path,
        settings,
    ) == [
        "routing.yaml:2:39: error: slack_configs needs channel",
        'routing.yaml:2:40: error: unknown key "chanel" in slack_configs; did you mean "channel"?',
        "sandbox.yaml:4:33: error: url: not a URL such as https://example.com/path",
        'sandbox.yaml:4:44: error: unknown key "name" in a receiver',
        'sandbox.yaml:5:12: error: overrides: the rules have no receiver "pager"; did you mean "pagers"?',
    ]


# -- the shipped rules --------------------------------------------------------------------------


def shipped() -> Settings:
    return Settings(rules=ROOT / "rules")


def test_the_shipped_rules_load_without_their_secrets() -> None:
    loaded = load_ruleset(ROOT / "rules", shipped())
    assert loaded.warnings == ()
    assert {problem.message.partition(":")[0] for problem in loaded.unsupported} == {
        "slack_configs",
        "pagerduty_configs",
        "email_configs",
    }
    for receiver in loaded.ruleset.receivers.values():
        assert all(each.send_resolved for each in receiver.integrations)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        (
            {"alertname": "HighErrorRate", "severity": "critical"},
            ["mail-ops", "pagerduty-critical", "slack-critical"],
        ),
        ({"alertname": "HighLatency", "severity": "warning"}, ["mail-ops", "slack-warnings"]),
        (
            {"alertname": "PodRestartsHigh", "severity": "critical", "service": "machine-native-ops"},
            ["slack-machine-native-ops", "mail-ops", "pagerduty-critical", "slack-critical"],
        ),
        (
            {"alertname": "HighCPUUsage", "severity": "warning", "service": "machine-native-ops"},
            ["slack-machine-native-ops", "mail-ops", "slack-warnings"],
        ),
        (
            {"alertname": "Note", "severity": "info", "service": "machine-native-ops"},
            ["slack-machine-native-ops"],
        ),
        ({"alertname": "Note", "severity": "info"}, ["slack-warnings"]),
        ({"alertname": "Watchdog", "severity": "none"}, ["nobody"]),
        (
            {"alertname": "ResponderDeliveryFailing", "severity": "critical", "service": "responder"},
            ["mail-ops", "pagerduty-critical", "slack-critical"],
        ),
        (
            {"alertname": "ResponderBadAlert", "severity": "warning", "service": "responder"},
            ["mail-ops", "slack-warnings"],
        ),
    ],
)
def test_who_hears_by_the_shipped_rules(labels: dict[str, str], receivers: list[str]) -> None:
    router = load_ruleset(ROOT / "rules", shipped()).ruleset.router
    assert [route.receiver for route in router.match(labels_from(labels))] == receivers


def test_what_the_sandbox_tells_stays_on_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("var/sandbox").mkdir(parents=True)
    Path("var/sandbox/slack-bot-token").write_text("xoxb-kept-secret")
    Path("var/sandbox/pagerduty-routing-key").write_text("kept-secret-key")
    Path("var/sandbox/slack-signing-secret").write_text("kept-secret")
    settings = load_settings(ROOT / "config/sandbox.yaml", {})
    loaded = load_ruleset(ROOT / "rules", settings, allow_unsupported=False)
    assert (loaded.warnings, loaded.unsupported) == ((), ())
    told = {
        name: [(each.destination, each.settings is not None) for each in receiver.integrations]
        for name, receiver in loaded.ruleset.receivers.items()
    }
    key = sha256(b"var/sandbox/pagerduty-routing-key").hexdigest()[:8]
    assert told == {
        "slack-critical": [("slack 127.0.0.1:9096 #critical-alerts", True)],
        "slack-warnings": [("slack 127.0.0.1:9096 #alerts", True)],
        "slack-machine-native-ops": [("slack 127.0.0.1:9096 #machine-native-ops", True)],
        "pagerduty-critical": [(f"pagerduty 127.0.0.1:9096 {key}", True)],
        "mail-ops": [("email 127.0.0.1:9025", True)],
        "nobody": [],
    }
    assert "kept-secret" not in str(loaded.ruleset.source)


def test_the_shipped_rules_and_settings_load_where_the_secrets_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    settings = load_settings(Path("config/responder.yaml"), {})
    loaded = load_ruleset(settings.rules, settings, allow_unsupported=False)
    assert loaded.unsupported == ()
    assert [problem.message for problem in loaded.warnings] == [
        "slack.bot_token_file: there is no /etc/responder/secrets/slack-bot-token; what needs it ends as "
        "unsupported",
        "pagerduty.routing_key_file: there is no /etc/responder/secrets/pagerduty-routing-key; what needs it "
        "ends as unsupported",
    ]
    supported = {
        name: [each.supported for each in receiver.integrations]
        for name, receiver in loaded.ruleset.receivers.items()
    }
    assert supported == {
        "slack-critical": [False],
        "slack-warnings": [False],
        "slack-machine-native-ops": [False],
        "pagerduty-critical": [False],
        "mail-ops": [True],
        "nobody": [],
    }


# -- a file from the field ----------------------------------------------------------------------


def test_a_file_from_the_field_loads_with_warnings_only() -> None:
    loaded = load_ruleset(FIELD, Settings())
    lines = [str(problem).removeprefix(f"{FIELD}:") for problem in (*loaded.warnings, *loaded.unsupported)]
    inline = "an inline secret; put it in a file and name that in"
    webhook = (
        "an incoming-webhook URL can only post: no updates, threads or buttons; leave it out and set "
        "slack.bot_token_file in responder.yaml"
    )
    template = "a Go template; Responder's own text is used instead"
    lacks = "not delivered by this version: what is owed here ends as unsupported"
    unused = "not used; Responder's own form is sent instead"
    assert lines == [
        f"8:23: warning: smtp_auth_password: {inline} smtp_auth_password_file",
        f"10:18: warning: slack_api_url: {webhook}",
        f"10:18: warning: slack_api_url: {inline} slack_api_url_file",
        f"11:21: warning: opsgenie_api_key: {inline} opsgenie_api_key_file",
        "14:16: warning: proxy_url: an inline secret; keep this file from others",
        "16:1: warning: templates: not used by this version",
        "26:7: warning: match is deprecated; write matchers: ['alertname=\"Watchdog\"']",
        "30:7: warning: match_re is deprecated; write matchers: ['service=~\"^(?:^(foo1|foo2|baz)$)$\"']",
        "34:11: warning: match is deprecated; write matchers: ['severity=\"critical\"']",
        "49:5: warning: source_match is deprecated; write source_matchers: ['severity=\"critical\"']",
        (
            "50:5: warning: target_match_re is deprecated; write target_matchers: "
            "['severity=~\"^(?:warning|info)$\"']"
        ),
        "56:1: warning: mute_time_intervals is deprecated; write time_intervals",
        f"83:20: warning: headers: Subject: {template}",
        f"84:15: warning: html: {template}",
        f"91:16: warning: title: {template}",
        f"92:15: warning: text: {template}",
        f"96:9: warning: actions: {unused}",
        f"99:18: warning: url: {template}",
        f"102:18: warning: api_url: {webhook}",
        f"102:18: warning: api_url: {inline} api_url_file",
        f"105:22: warning: service_key: {inline} service_key_file",
        f"106:22: warning: description: {template}",
        f"107:27: warning: details: firing: {template}",
        f"109:14: warning: url: {inline} url_file",
        f"112:48: warning: password: {inline} password_file",
        f"117:19: warning: priority: {template}",
        f"119:19: warning: api_key: {inline} api_key_file",
        (
            "105:22: warning: service_key: PagerDuty's Events API v1 is not delivered to: create an "
            "integration of type Events API v2 and set routing_key_file"
        ),
        f"116:9: warning: opsgenie_configs: {lacks}",
        f"119:9: warning: victorops_configs: {lacks}",
    ]
    assert loaded.ruleset.resolve_timeout == 10 * MINUTE
    assert [route.key for route in loaded.ruleset.router.routes] == [
        "{}",
        '{}/{alertname="Watchdog"}',
        '{}/{service=~"^(?:^(foo1|foo2|baz)$)$"}',
        '{}/{service=~"^(?:^(foo1|foo2|baz)$)$"}/{severity="critical"}',
        '{}/{service=~"^(?:^(foo1|foo2|baz)$)$"}/{severity=~"warning|critical",team!=""}',
        '{}/{env=~"prod.*",owner="team-y"}',
        "{}/{}",
    ]
    assert loaded.ruleset.time_intervals["out of hours"][0].times == ((17 * 60, 24 * 60), (0, 9 * 60))


@given(
    start=st.integers(0, len(FIELD.read_text())),
    length=st.integers(0, 40),
    put=st.sampled_from(
        ["", "x", "[", "{}", "~", "- ", ": ", "'", "*night", "&a ", "\n", "\t", "{{", "0", "<<: "]
    ),
)
@hypothesis_settings(max_examples=100)
def test_a_damaged_file_loads_or_says_why(start: int, length: int, put: str) -> None:
    text = FIELD.read_text()
    damaged = text[:start] + put + text[start + length :]
    try:
        loaded = compile_ruleset({"a.yml": damaged}, Settings())
    except ProblemsError as error:
        severities = {problem.severity for problem in error.problems}
    else:
        severities = {"error"}
        again = compile_ruleset(loaded.ruleset.source, Settings())
        assert again.ruleset.hash == loaded.ruleset.hash
        assert _decisive(again.ruleset) == _decisive(loaded.ruleset)
    assert "error" in severities


def _decisive(ruleset: Ruleset) -> list[list[tuple[object, ...]]]:
    """All of the integrations that a decision depends on."""
    return [
        [(each.id, each.kind, each.destination, each.send_resolved, each.supported) for each in integrations]
        for integrations in (receiver.integrations for receiver in ruleset.receivers.values())
    ]
