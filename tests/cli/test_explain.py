"""`responder explain`: against rules alone, and what is asked of a service."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from responder.core.guards import GUARDS
from responder.core.model import SECOND, format_time, parse_time
from responder.errors import ResponderError
from tests.cli.service import Service
from tests.cli.story import run

ROUTING = """
route:
  receiver: team
  group_by: [alertname]
  routes:
    - receiver: pager
      matchers: ['severity="critical"']
      active_time_intervals: [never]
receivers:
  - name: team
    webhook_configs: [{url: 'http://127.0.0.1:1/secret', send_resolved: true}]
  - name: pager
time_intervals:
  - name: never
    time_intervals: [{years: ['2001']}]
inhibit_rules:
  - name: critical-over-warning
    source_matchers: ['severity="critical"']
    target_matchers: ['severity="warning"']
    equal: [alertname]
"""

CRITICAL = '{alertname="Boom", severity="critical"}'
NO_TARGET = 'not a target: severity="warning" does not hold: severity is "critical"'


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "routing.yaml"
    path.write_text(ROUTING)
    return path


def explain(rules: Path, *what: str) -> Any:
    result = run("explain", "--rules", rules, "--output", "json", *what)
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_every_stage_for_programs(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=warning")
    assert told["labels"] == {"alertname": "Boom", "severity": "warning"}
    assert told["alert"] is None
    assert [(step["depth"], step["matched"]) for step in told["route"]] == [(0, True), (1, False)]
    assert [finding["rule"] for finding in told["inhibition"]] == ["critical-over-warning"]
    assert [group["receiver"] for group in told["groups"]] == ["team"]


def test_every_stage_in_words(rules: Path) -> None:
    output = run("explain", "--rules", rules, "alertname=Boom", "severity=critical", "note=\x1b[2J").output
    lines = [line for line in output.splitlines() if "looked at 2" not in line]
    at = lines.index("next, if it fired now, and went on")
    assert [line.partition("Z  ")[2] for line in lines[at + 1 : at + 3]] == [
        "its group is looked at: it is hidden (active_time_interval never)",
        "it counts as stale, unless its sender renews it",
    ]
    assert lines[at + 3 :] == [
        "what you could do",
        "  change active_time_intervals never of the route at routing.yaml:6",
        "  look, or repeat, more or less often: group_interval 5m, repeat_interval 4h, "
        "of the route at routing.yaml:6",
    ]
    assert lines[:at] == [
        '{alertname="Boom", note="\\x1b[2J", severity="critical"}',
        "  not known here: this is what would happen if it fired",
        "route",
        "  + {}: it has no matchers, so it takes everything",
        '    + {}/{severity="critical"}/0: every matcher holds',
        "inhibition",
        f"  critical-over-warning: not hidden: {NO_TARGET}",
        "silences",
        "  none is about such an alert",
        "receiver pager: a group that does not exist yet",
        '  key {}/{severity="critical"}:{alertname="Boom"}',
        "  group_wait 30s, group_interval 5m, repeat_interval 4h",
        "  HIDDEN by active_time_interval never",
        "  nobody: this receiver has no integration",
        "runbooks",
        "  none is about such an alert",
    ]


def test_labels_of_the_route_are_shown_as_they_are_written(tmp_path: Path) -> None:
    rules = tmp_path / "routing.yaml"
    labels = "{team: '{{ .CommonLabels.team }}', page: 'yes'}"
    rules.write_text(f"route: {{receiver: a, labels: {labels}}}\nreceivers: [{{name: a}}]\n")
    (group,) = explain(rules, "team=x")["groups"]
    assert group["route_labels"] == {"page": "yes", "team": "{{ .CommonLabels.team }}"}
    output = run("explain", "--rules", rules, "team=x").output.splitlines()
    assert '  route labels {page="yes", team="{{ .CommonLabels.team }}"}, as the rules write them' in output


def test_a_service_is_asked(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=warning")
    with Service(told) as service:
        by_labels = run("explain", "alertname=Boom", "a=b=c d", "--url", service.url)
        by_fingerprint = run("explain", "0123456789ABCDEF", "--url", service.url)
        from_environment = run("explain", "alertname=Boom", env={"RESPONDER_URL": service.url})
    assert {result.exit_code for result in (by_labels, by_fingerprint, from_environment)} == {0}
    assert by_labels.output == by_fingerprint.output
    assert [path for _, path, _ in service.asked] == [
        "/api/v1/explain?label=alertname%3DBoom&label=a%3Db%3Dc+d",
        "/api/v1/explain?fingerprint=0123456789abcdef",
        "/api/v1/explain?label=alertname%3DBoom",
    ]


def test_who_silenced_it_why_and_until_when(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=warning")
    made = {
        "silence": "s",
        "matchers": '{alertname="Boom"}',
        "author": "alice",
        "comment": "deploying\x1b[2J",
    }
    times = {"startsAt": "2026-01-05T00:00:00Z", "endsAt": "2026-01-05T01:00:00Z"}
    told["silences"] = [
        {**made, **times, "state": "active", "createdBy": "the boss"},
        {**made, **times, "silence": "t", "state": "pending", "createdBy": "alice"},
    ]
    with Service(told) as service:
        lines = run("explain", "0123456789abcdef", "--url", service.url).output.splitlines()
    at = lines.index("silences")
    assert lines[at : at + 4] == [
        "silences",
        "  s: HIDDEN until 2026-01-05T01:00:00Z, by alice, as the boss: deploying\\x1b[2J; "
        '{alertname="Boom"}',
        "  t: not hidden: pending, 2026-01-05T00:00:00Z to 2026-01-05T01:00:00Z, by alice: "
        'deploying\\x1b[2J; {alertname="Boom"}',
        "receiver team: a group that does not exist yet",
    ]


def test_an_alert_that_a_service_knows(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=warning")
    told["alert"] = {
        "id": 1,
        "status": "firing",
        "startsAt": "2026-01-05T00:00:00.5Z",
        "endsAt": None,
        "renewedAt": "2026-01-05T00:01:00Z",
        "annotations": {},
        "source": "webhook",
    }
    told |= {"next": [], "choices": []}
    told["inhibition"][0]["inhibited_by"] = {"alertname": "Boom", "severity": "critical"}
    told["inhibition"][0]["why"] = "a source with equal labels fires"
    group = told["groups"][0]
    group |= {"group": 7, "next_look": "2026-01-05T00:02:00Z"}
    group["fallbacks"] = ["mail"]
    waiting = {"row": 8, "reason": "new_alerts", "at": "2026-01-05T00:00:30Z", "waits_for": "breaker_open"}
    rows = [waiting, waiting | {"row": 9, "reason": "repeat", "waits_for": ""}]
    group["integrations"][0] |= {"told": "firing", "last_told": "2026-01-05T00:00:30Z", "open_rows": rows}
    with Service(told) as service:
        lines = run("explain", "alertname=Boom", "--url", service.url).output.splitlines()
    integration = group["integrations"][0]["integration"]
    assert [lines[2], *lines[6:]] == [
        "  firing since 2026-01-05T00:00:00Z; last renewed 2026-01-05T00:01:00Z by way of webhook",
        "inhibition",
        f"  critical-over-warning: HIDDEN by {CRITICAL}: a source with equal labels fires",
        "silences",
        "  none is about such an alert",
        "receiver team: group 7",
        "  mail is told as well: another receiver could not be reached",
        '  key {}:{alertname="Boom"}',
        "  group_wait 30s, group_interval 5m, repeat_interval 4h; next look 2026-01-05T00:02:00Z",
        "  no time interval hides it now",
        f"  {integration}: was told firing; last told 2026-01-05T00:00:30Z; on its way:"
        " row 8 (new_alerts, waits for breaker_open), row 9 (repeat)",
        "runbooks",
        "  none is about such an alert",
    ]


def test_secret_files_stay_unread(rules: Path) -> None:
    rules.write_text(ROUTING.replace("url: 'http://127.0.0.1:1/secret'", "url_file: /does/not/exist"))
    assert [group["receiver"] for group in explain(rules, "alertname=Boom")["groups"]] == ["team"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (["Boom"], "'Boom' is neither LABEL=VALUE nor a fingerprint of 16 hex digits"),
        (["=Boom"], "'=Boom' is neither LABEL=VALUE nor a fingerprint of 16 hex digits"),
        (["a=1", "a=2"], "a is given twice: an alert has one value for each label"),
        (
            ["0123456789abcdef"],
            "rules alone know no alert 0123456789abcdef: give its labels, or ask a service with --url",
        ),
    ],
)
def test_what_cannot_be_asked(rules: Path, what: list[str], message: str) -> None:
    result = run("explain", "--rules", rules, *what)
    assert (result.exit_code, result.output) == (2, f"{message}\n")


def test_rules_that_are_not_there(tmp_path: Path) -> None:
    result = run("explain", "--rules", tmp_path / "none.yaml", "alertname=Boom")
    assert result.exit_code == 2
    assert "none.yaml cannot be read" in result.output


def test_a_maintenance_window_says_whose_it_is_and_when(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=warning")
    window = {
        "maintenance": "backup",
        "place": "suppression.yaml:2",
        "owner": "platform",
        "reason": "nightly backup",
        "time_intervals": ["nights"],
        "until": "2027-01-01T00:00:00Z",
    }
    told["maintenance"] = [
        {**window, "state": "open", "next_change": "2026-01-05T06:00:00Z"},
        {**window, "state": "closed", "next_change": "2026-01-05T22:00:00Z"},
        {**window, "state": "closed", "next_change": None},
        {**window, "state": "over", "next_change": None},
    ]
    with Service(told) as service:
        lines = run("explain", "0123456789abcdef", "--url", service.url).output.splitlines()
    at = lines.index("maintenance")
    whose = "by platform: nightly backup; in nights until 2027-01-01T00:00:00Z"
    assert lines[at + 1 : at + 5] == [
        f"  backup (suppression.yaml:2): HIDDEN until 2026-01-05T06:00:00Z, {whose}",
        f"  backup (suppression.yaml:2): not hidden: next open 2026-01-05T22:00:00Z, {whose}",
        f"  backup (suppression.yaml:2): not hidden: it does not open within a year, {whose}",
        f"  backup (suppression.yaml:2): not hidden: over, {whose}",
    ]


def test_what_comes_next_and_what_could_be_done(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=warning")
    assert [(one["what"], one["group"], one["detail"]) for one in told["next"]] == [
        ("look", None, "its group is looked at: team is told (first_notification)"),
        ("look", None, "team is told (repeat)"),
        ("stale", None, "it counts as stale, unless its sender renews it"),
    ]
    assert told["next"][0]["at"] == format_time(parse_time(told["at"]) + 30 * SECOND)
    assert [one["command"] for one in told["choices"]] == [
        None,
        "responder silence add MATCHER... --comment WHY",
    ]
    told["alert"] = dict.fromkeys(("startsAt", "renewedAt"), "2026-01-05T00:00:00Z") | {
        "status": "firing",
        "endsAt": None,
        "source": "webhook",
    }
    told["next"] = [
        {"at": "2026-01-05T00:05:30Z", "what": "look", "group": 7, "detail": "team is told (unmuted)"},
        {"at": "2026-01-06T00:00:00Z", "what": "stale", "group": None, "detail": "it counts as stale"},
    ]
    told["choices"] = [
        {"do": "end silence s", "command": "responder silence expire s"},
        {"do": "change the\x1b[2J rule", "command": None},
    ]
    with Service(told) as service:
        lines = run("explain", "0123456789abcdef", "--url", service.url).output.splitlines()
    assert lines[lines.index("next, if every sender goes on as it does now") :] == [
        "next, if every sender goes on as it does now",
        "  2026-01-05T00:05:30Z  team is told (unmuted) (group 7)",
        "  2026-01-06T00:00:00Z  it counts as stale",
        "what you could do",
        "  end silence s: responder silence expire s",
        "  change the\\x1b[2J rule",
    ]


def test_an_inherited_interval_names_its_place(tmp_path: Path) -> None:
    path = tmp_path / "routing.yaml"
    path.write_text(
        """
route:
  receiver: team
  routes:
    - matchers: ['env="prod"']
      inherit_mutes: true
      active_time_intervals: [never]
      routes: [{matchers: ['team="a"']}]
receivers: [{name: team}]
time_intervals: [{name: never, time_intervals: []}]
"""
    )
    result = run("explain", "--rules", path, "env=prod", "team=a")
    assert "  HIDDEN by active_time_interval never (inherited: routing.yaml:5)" in result.output.splitlines()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    command=st.sampled_from([("explain",), ("route", "test")]),
    arguments=st.lists(
        st.text(max_size=6)
        | st.sampled_from(["a=b", "a=", "=b", 'a="b', "a=~(", "0123456789abcdef", "-", "--", "-x"]),
        max_size=3,
    ),
)
def test_whatever_is_typed_is_answered_or_refused_in_words(
    rules: Path, command: tuple[str, ...], arguments: list[str]
) -> None:
    result = run(*command, "--rules", rules, *arguments)
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit | ResponderError)
    assert "Traceback" not in result.output


def test_who_took_it_on_and_what_keeps_somebody_from_hearing(rules: Path) -> None:
    told = explain(rules, "alertname=Boom", "severity=critical")
    mark = {"by": "alice", "at": "2026-01-05T00:00:00Z", "until": None, "note": "looking"}
    held = {"receivers": ["pager", "mail"], "by": "held run r1", "until": "2026-01-05T00:05:00Z"}
    told["groups"][0] |= {"acknowledged": mark, "held": [held]}
    with Service(told) as service:
        lines = run("explain", "0123456789abcdef", "--url", service.url).output.splitlines()
    at = lines.index("  HIDDEN by active_time_interval never")
    assert lines[at + 1 : at + 3] == [
        "  acknowledged by alice, repeats are not told until it resolves: looking",
        "  pager, mail: held run r1 until 2026-01-05T00:05:00Z",
    ]


SHIPPED = Path(__file__).parents[2] / "rules"


def test_the_run_that_would_begin_is_judged_by_every_guard() -> None:
    labels = ["alertname=PodRestartsHigh", "severity=critical", "namespace=shop", "deployment=checkout"]
    lines = run("explain", "--rules", SHIPPED, *labels, "cluster=prod").output.splitlines()
    at = lines.index("runbooks")
    assert lines[at + 1 : at + 5] == [
        "  pod-restarts: a run would begin for prod/shop/Deployment/checkout",
        "    mode approve (nobody has signed the page as it is now), risk medium; "
        "with namespace=shop deployment=checkout cluster=prod",
        "    freeze: allow: nothing is frozen here",
        "    mode: allow: the mode is approve: nobody has signed the page as it is now",
    ]
    after = next(number for number, line in enumerate(lines) if line.startswith("next, "))
    guards = [line.split(":")[0].strip() for line in lines[at + 3 : after]]
    assert guards == list(GUARDS)
    assert "    target: open: cannot tell: what would be done: there is no plan" in lines


def test_what_lacks_a_label_would_be_refused() -> None:
    lines = run(
        "explain", "--rules", SHIPPED, "alertname=PodRestartsHigh", "namespace=shop"
    ).output.splitlines()
    assert lines[lines.index("runbooks") + 1] == (
        "  pod-restarts: a run would be refused: deployment: the label deployment is missing"
    )


def test_a_page_for_people_is_named_and_begins_nothing() -> None:
    lines = run(
        "explain", "--rules", SHIPPED, "alertname=HighCPUUsage", "severity=warning"
    ).output.splitlines()
    next_heading = lines.index("next, if it fired now, and went on")
    assert lines[lines.index("runbooks") + 1 : next_heading] == [
        "  high-cpu: nothing by itself: a page for people, The pods have no CPU left"
    ]
    assert [line for line in lines[next_heading:] if "run" in line.split()] == []


@pytest.mark.parametrize(
    ("would", "words"),
    [
        ("join", "it would join run r1, denied (mode), for prod/a"),
        ("nothing", "run r1 answers it, denied (mode), for prod/a"),
    ],
)
def test_a_run_that_is_there_is_named(rules: Path, would: str, words: str) -> None:
    told = explain(rules, "alertname=Boom")
    told["runbooks"] = [
        {
            "runbook": "restart",
            "would": would,
            "target": "prod/a",
            "parameters": {},
            "problem": None,
            "run": {"id": "r1", "state": "denied", "open": False, "reason": "mode"},
            "mode": "auto",
            "why_mode": "the page says so",
            "risk": "low",
            "verdicts": [{"guard": "mode", "verdict": "deny", "reason": "no\x1b[2J"}],
        }
    ]
    with Service(told) as service:
        lines = run("explain", "0123456789abcdef", "--url", service.url).output.splitlines()
    assert lines[lines.index("runbooks") + 1 : lines.index("next, if it fired now, and went on")] == [
        f"  restart: {words}",
        "    mode auto (the page says so), risk low",
        "    mode: deny: no\\x1b[2J",
    ]


def test_rules_alone_do_not_say_that_nobody_can_be_reached() -> None:
    told = explain(SHIPPED, "alertname=Boom", "severity=critical")
    integrations = [one for group in told["groups"] for one in group["integrations"]]
    assert [one["integration"].split(":")[0] for one in integrations] == ["email", "pagerduty", "slack"]
    assert {one["supported"] for one in integrations} == {True}
