import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from responder.cli.main import main
from tests.replay.scenes import ROUTING


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yml").write_text(ROUTING)


def entry(at: str, name: str, severity: str = "warning", **more: str) -> str:
    return json.dumps({"at": at, "alerts": [{"labels": {"alertname": name, "severity": severity}} | more]})


def silence(at: str, **more: str) -> str:
    matchers = [{"name": "alertname", "value": "A|B", "isRegex": True}]
    return json.dumps({"at": at, "silence": {"matchers": matchers, "endsAt": "1h"} | more})


def simulate(*script: str, until: str = "1h", more: tuple[str, ...] = ()) -> Result:
    arguments = ["simulate", "--rules", "rules.yml", "--input", "-", "--until", until, *more]
    return CliRunner().invoke(main, arguments, input="\n".join(script))


def lines(result: Result) -> list[tuple[float, str, str, str, int, int]]:
    assert (result.exit_code, result.stderr) == (0, "")
    return [
        (
            line["at"],
            line["type"],
            line["receiver"],
            line["reason"],
            len(line["firing"]),
            len(line["resolved"]),
        )
        for line in map(json.loads, result.stdout.splitlines())
    ]


def as_json(*script: str, until: str = "1h", more: tuple[str, ...] = ()) -> list[Any]:
    return lines(simulate(*script, until=until, more=("--output", "json", *more)))


def test_a_notification_says_who_what_and_why() -> None:
    result = simulate(entry("0s", "A"), until="30s", more=("--output", "json"))
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    kind, _, digest = found.pop("integration").partition(":")
    assert (kind, len(digest)) == ("webhook", 12)
    assert found == {
        "at": 30,
        "type": "notification",
        "receiver": "team",
        "group_key": '{}:{alertname="A"}',
        "reason": "first_notification",
        "status": "firing",
        "firing": [{"alertname": "A", "severity": "warning"}],
        "resolved": [],
    }


def test_text_is_a_timeline_for_people() -> None:
    result = simulate(
        entry("0s", "A", "critical"), entry("10s", "A"), entry("1m500ms", "B", endsAt="61s"), until="5m"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        '      30s  pager (pagerduty) is told: first_notification  {}/{severity="critical"}:{alertname="A"}',
        '           + A {severity="critical"}',
        '      30s  pager (opsgenie) is not told: unsupported  {}/{severity="critical"}:{alertname="A"}',
        '           + A {severity="critical"}',
        '      40s  team (webhook) is not told: inhibition rules.yml:12 alert 1  {}:{alertname="A"}',
        '           + A {severity="warning"}',
        '1m30s500ms  team (webhook) is not told: resolved_before_told  {}:{alertname="B"}',
        '           - B {severity="warning"}',
    ]


def test_labels_of_the_route_are_expanded_as_they_would_be_told() -> None:
    labels = "labels: {where: '{{ .CommonLabels.alertname }}', team: ops}"
    Path("rules.yml").write_text(ROUTING.replace("  receiver: team\n", f"  receiver: team\n  {labels}\n", 1))
    as_text = simulate(entry("0s", "A"), until="30s").stdout.splitlines()
    found = json.loads(simulate(entry("0s", "A"), until="30s", more=("--output", "json")).stdout)
    assert found["route_labels"] == {"team": "ops", "where": "A"}
    assert as_text[1:] == [
        '           route labels {team="ops", where="A"}',
        '           + A {severity="warning"}',
    ]


def test_what_is_hidden_is_told_when_nothing_hides_it_any_more() -> None:
    script = (entry("0s", "A", "critical"), entry("0s", "A"), entry("7m", "A", "critical", endsAt="7m"))
    assert [line for line in as_json(*script) if line[2] == "team"] == [
        (30, "suppressed", "team", "inhibition", 1, 0),
        (450, "notification", "team", "unmuted", 1, 0),
    ]
    assert [
        line for line in as_json(*script, more=("--compatibility", "alertmanager")) if line[2] == "team"
    ] == [
        (30, "suppressed", "team", "inhibition", 1, 0),
        (630, "notification", "team", "first_notification", 1, 0),
    ]


def test_without_a_resolve_timeout_an_alert_lives_until_an_entry_ends_it() -> None:
    script = (entry("0s", "A"), entry("5d", "A", endsAt="5d"))
    found = as_json(*script, until="6d")
    assert [line[3] for line in found] == ["first_notification", *["repeat"] * 29, "all_resolved"]
    assert found[-1][0] == 5 * 86_400 + 30


def test_with_a_resolve_timeout_it_ends_by_itself() -> None:
    assert as_json(entry("0s", "A"), more=("--resolve-timeout", "7m")) == [
        (30, "notification", "team", "first_notification", 1, 0),
        (630, "notification", "team", "all_resolved", 0, 1),
    ]


def test_each_time_an_alert_comes_and_goes_unheard_is_said() -> None:
    """The second alert keeps the group; the first was told once, and comes back between two looks."""
    other = json.dumps({"at": "0s", "alerts": [{"labels": {"alertname": "A", "pod": "2"}}]})
    script = (entry("0s", "A"), other, entry("2m", "A", endsAt="2m"), entry("6m", "A", endsAt="7m"))
    assert as_json(*script, until="30m") == [
        (30, "notification", "team", "first_notification", 2, 0),
        (330, "notification", "team", "some_resolved", 1, 1),
        (630, "suppressed", "team", "resolved_before_told", 0, 1),
    ]


def test_intervals_see_the_start() -> None:
    script = (entry("0s", "A", "night"), entry("9h", "A", "night", endsAt="9h"))
    assert as_json(*script, until="12h") == [
        (30, "suppressed", "quiet", "mute_time_interval", 1, 0),
        (28_800, "notification", "quiet", "unmuted", 1, 0),
        (32_430, "suppressed", "quiet", "send_resolved_false", 0, 1),
    ]
    assert as_json(*script, until="12h", more=("--start", "2026-01-05T08:00:00Z"))[0] == (
        30,
        "notification",
        "quiet",
        "first_notification",
        1,
        0,
    )


def test_a_silence_hides_until_its_end() -> None:
    script = (silence("0s"), entry("1m", "A"), entry("1m", "C"), entry("2h", "A", endsAt="2h"))
    found = [line for line in as_json(*script, until="3h") if line[0] != 90 or line[1] == "suppressed"]
    assert found == [
        (90, "suppressed", "team", "silence", 1, 0),
        (3_600, "notification", "team", "unmuted", 1, 0),
        (7_290, "notification", "team", "all_resolved", 0, 1),
    ]


def test_a_silence_can_be_ended_by_another_entry() -> None:
    script = (silence("0s", id="x"), entry("1m", "A"), silence("10m", id="x", startsAt="0s", endsAt="10m"))
    assert as_json(*script, until="20m") == [
        (90, "suppressed", "team", "silence", 1, 0),
        (600, "notification", "team", "unmuted", 1, 0),
    ]


def test_an_integration_counts_as_reachable_without_its_settings() -> None:
    (line,) = as_json(entry("0s", "A", "night"), until="1m", more=("--start", "2026-01-05T12:00:00Z"))
    assert line[1:3] == ("notification", "quiet")


def test_entries_after_the_end_are_counted() -> None:
    result = simulate(entry("0s", "A"), entry("2m", "B"), until="1m")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert result.stderr == "1 of 2 entries come after --until and were left out\n"


def test_stats_say_how_fast_it_was() -> None:
    result = simulate(entry("0s", "A"), until="1d", more=("--stats",))
    assert result.exit_code == 0
    assert " times faster than real time; " in result.stderr


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("{", "<stdin>:1: not JSON: "),
        ('{"at": "1s", "silence": {}}', "<stdin>:1: silence.endsAt: is missing"),
        (
            silence("2h", endsAt="1h", startsAt="0s"),
            "<stdin>:1: Failed to create silence: end time can't be ",
        ),
    ],
)
def test_a_script_that_cannot_be_read_is_2(script: str, error: str) -> None:
    result = simulate(script, until="3h")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(error)


def test_rules_that_are_wrong_are_2_with_every_problem() -> None:
    Path("rules.yml").write_text("route: {receiver: a, group_wiat: 1s}\nreceivers: [{name: b}]\n")
    result = simulate(entry("0s", "A"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert len(result.stderr.splitlines()) == 2
    assert all(line.startswith("rules.yml:1:") for line in result.stderr.splitlines())


def test_a_script_that_is_no_text_is_2(tmp_path: Path) -> None:
    Path("script").write_bytes(b'{"at": "\xff"}')
    result = CliRunner().invoke(
        main, ["simulate", "--rules", "rules.yml", "--input", "script", "--until", "1h"]
    )
    assert (result.exit_code, result.stderr) == (2, "script: not UTF-8: invalid start byte\n")


@pytest.mark.parametrize(
    "more", [("--until", "soon"), ("--start", "monday"), ("--start", ""), ("--resolve-timeout", "x")]
)
def test_wrong_words_are_2(more: tuple[str, ...]) -> None:
    result = simulate(entry("0s", "A"), more=more)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_maintenance_window_hides_and_lets_out() -> None:
    directory = Path("rules")
    directory.mkdir()
    (directory / "routing.yaml").write_text(ROUTING)
    (directory / "suppression.yaml").write_text(
        "maintenance:\n- {name: backup, matchers: [alertname=A], time_intervals: [nights], owner: ops,"
        " reason: backups, until: 2026-12-31}\n"
    )
    arguments = ["simulate", "--rules", "rules", "--input", "-", "--until", "9h", "--output", "json"]
    result = CliRunner().invoke(main, arguments, input=entry("0s", "A"))
    assert lines(result) == [
        (30, "suppressed", "team", "maintenance", 1, 0),
        (8 * 3600, "notification", "team", "unmuted", 1, 0),
    ]
    assert json.loads(result.stdout.splitlines()[0])["by"] == "backup"
