"""`responder backtest`, on records that the real engine wrote and on ones written row by row."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from responder.core.messages import Accepted, Acknowledge
from responder.core.model import MINUTE, SECOND
from responder.core.rules import Ruleset
from responder.ruleset import load_ruleset
from responder.settings import Settings
from tests.acceptance.timeline.timeline import Timeline, firing, resolved
from tests.cli.story import configure, run
from tests.replay.recorded import ROUTING, Record, rules

WEBHOOK = """\
route:
  receiver: main
  group_by: [alertname]
  routes: [{matchers: ['severity="none"'], receiver: nobody}]
receivers:
  - {name: main, webhook_configs: [{url: 'URL'}]}
  - {name: nobody}
inhibit_rules:
  - {name: worse, source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"']}
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Timeline:
    """What the engine did for some hours, with a restart, a silence and somebody who took an incident on."""
    directory = tmp_path_factory.mktemp("story")

    def build(urls: Mapping[str, str]) -> Ruleset:
        path = directory / "routing.yaml"
        path.write_text(WEBHOOK.replace("URL", f"{urls['main']}/hooks/main"))
        return load_ruleset(path, Settings()).ruleset

    line = Timeline(directory, build)
    line.at("1m").post(firing("A", severity="warning"), firing("B", severity="warning", pod="1"))
    line.at("2m").post(firing("Heartbeat", severity="none"))
    line.at("7m").post(firing("B", severity="warning", pod="2"), firing("C", severity="critical"))
    line.at("20m").silence("s", "alertname=D", lasts="1h")
    line.at("21m").post(firing("D", severity="critical"))
    line.at("30m").post(resolved("A", severity="warning"), resolved("C", severity="critical"))
    line.at("40m").stop()
    line.at("50m").start()
    line.at("3h").post(resolved("B", severity="warning", pod="1"), resolved("D", severity="critical"))
    line.at("4h").post(firing("Long", severity="warning"))
    line.at("5h").post(firing("Taken", severity="warning"))

    async def take_on() -> None:
        groups = line.world.engine.state.groups.values()
        (incident,) = [group.incident for group in groups if ("alertname", "Taken") in group.labels]
        reply = await line.world.engine.command("somebody", Acknowledge((incident,)))
        assert isinstance(reply, Accepted), reply

    line.add(330 * MINUTE, take_on)
    line.at("10h").post(firing("Last", severity="none"))
    asyncio.run(line.let_pass("10h1m"))
    configure(directory)
    return line


def backtest(directory: Path, *arguments: str | Path) -> Any:
    result = run(
        "backtest", "--config", directory / "responder.yaml", "--output", "json", *map(str, arguments)
    )
    assert (result.exit_code, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_what_was_recorded_played_again_is_what_people_were_told(story: Timeline) -> None:
    """The engine and a real sink on one side, the replay on the other."""
    (sink,) = story.sinks.values()
    found = backtest(story.directory, "--rules", "recorded")
    assert found["totals"] == {"webhook": {"against": len(sink.told), "rules": len(sink.told)}}
    assert len(sink.told) > 5
    sections = ("unheard", "newly_heard", "other_receivers", "other_times")
    assert [found[section] for section in sections] == [[]] * 4
    assert found["left_out"] == {"delivery_ended": len(sink.told)}
    repeated = {name for told in sink.told if told.reason == "repeat" for name in told.firing}
    assert repeated == {"B", "Long"}  # what was taken on is not


def test_what_was_taken_on_is_taken_on_under_other_rules_too(story: Timeline, tmp_path: Path) -> None:
    """There the incident has another number; where others fire in it as well, nobody took it on."""
    rules, (sink,) = (story.directory / "routing.yaml").read_text(), story.sinks.values()
    other = tmp_path / "other.yaml"
    other.write_text(rules.replace("routes: [", "routes: [{matchers: [alertname=X], receiver: nobody}, "))
    found = backtest(story.directory, "--rules", other)
    assert found["totals"] == {"webhook": {"against": len(sink.told), "rules": len(sink.told)}}
    together = tmp_path / "together.yaml"
    together.write_text(rules.replace("group_by: [alertname]", "group_by: [severity]"))
    found = backtest(story.directory, "--rules", together)
    assert found["left_out"] == {"delivery_ended": len(sink.told)}


def test_each_firing_was_first_heard_of_when_it_was_told(story: Timeline, tmp_path: Path) -> None:
    """Compared with rules that tell nobody anything, every time that somebody was told first is listed."""
    deaf = tmp_path / "deaf.yaml"
    deaf.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    (sink,) = story.sinks.values()
    found = backtest(story.directory, "--rules", deaf)
    first: dict[str, int] = {}
    for told in sink.told:
        for name in told.firing:
            first.setdefault(name.partition("{")[0].partition("/")[0], told.at)
    heard: dict[str, str] = {}
    for change in found["unheard"]:
        heard.setdefault(change["labels"]["alertname"], change["against"]["main"])
    assert heard == {name: _time(at) for name, at in first.items()}
    assert {why for change in found["unheard"] for why in change["why_not"]} == {
        "goes to nobody, which tells nobody"
    }


def _time(at: int) -> str:
    minutes, seconds = divmod(at // SECOND, 60)
    return f"2026-01-05T{minutes // 60:02}:{minutes % 60:02}:{seconds:02}Z"


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a record, the rules that were in force, and others."""
    monkeypatch.chdir(tmp_path)
    record = Record(tmp_path, rules())
    record.alerts("1h", "A", severity="critical", ends="2h")
    record.alerts("2h", "B", "C", severity="warning", pod="\x1b[2J", ends="3h")
    record.alerts("4h", "B", "C", severity="warning", pod="\x1b[2J", ends="5h")
    record.alerts("6h", "Last", severity="info")
    record.raw(record_time("6h"), "some_later_kind", b"{}")
    record.close()
    Path("same.yaml").write_text(ROUTING)
    Path("quiet.yaml").write_text(ROUTING.replace('severity="info"', 'severity=~"info|warning"'))
    Path("loud.yaml").write_text(
        ROUTING.replace('severity="critical"', 'severity=~"critical|warning"').replace(
            '["severity=\\"info\\""]', "[]"
        )
    )
    configure(tmp_path)
    return tmp_path


def record_time(text: str) -> int:
    from tests.replay.recorded import moment_of

    return moment_of(text)


def text(*arguments: str) -> list[str]:
    result = run("backtest", "--config", "responder.yaml", *arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout.splitlines()


@pytest.mark.usefixtures("record")
def test_a_difference_in_words() -> None:
    assert text("--rules", "quiet.yaml") == [
        "2026-01-05T00:00:00Z to 2026-01-05T06:00:00Z: 6 alerts; 5 inputs played",
        "Left out: some_later_kind 1.",
        "quiet.yaml, compared with the rules that were in force:",
        "",
        "  -8 Slack messages, 4 incidents nobody would hear of",
        "",
        "                           before     after",
        "  pager  pages                  1         1",
        "  team   Slack messages        10         2       -8",
        "",
        "Nobody would hear of: 4 alerts",
        "  2026-01-05T02:00:00Z to 2026-01-05T04:00:00Z  B, 2 times: was told to team; "
        "now: goes to nobody, which tells nobody",
        "  2026-01-05T02:00:00Z to 2026-01-05T04:00:00Z  C, 2 times: was told to team; "
        "now: goes to nobody, which tells nobody",
    ]


WINDOW = (
    "maintenance: [{name: w, matchers: [alertname=A], time_intervals: [nights], "
    "owner: o, reason: r, until: 2030-01-01}]\n"
)
NIGHT = "{start_time: '22:00', end_time: '06:00'}"
NIGHTS = f"time_intervals: [{{name: nights, time_intervals: [{{times: [{NIGHT}]}}]}}]\n"


def test_maintenance_windows_count_as_recorded_and_as_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, window in (("with", WINDOW), ("without", "")):
        Path(name).mkdir()
        Path(name, "routing.yaml").write_text(ROUTING + NIGHTS)
        Path(name, "suppression.yaml").write_text(window)
    record = Record(tmp_path, load_ruleset(Path("with"), Settings(), read_files=False).ruleset)
    record.alerts("1h", "A", severity="critical", ends="2h")
    record.alerts("3h", "Last", severity="info")
    record.close()
    configure(tmp_path)
    same, without = (backtest(tmp_path, "--rules", name) for name in ("with", "without"))
    assert (same["newly_heard"], same["unheard"]) == ([], [])
    assert [change["labels"]["alertname"] for change in without["newly_heard"]] == ["A"]
    other = backtest(tmp_path, "--rules", "with", "--against", "without")
    assert [change["why_not"] for change in other["unheard"]] == [["maintenance w"]]


@pytest.mark.usefixtures("record")
def test_more_pages_and_who_would_get_them() -> None:
    assert text("--rules", "loud.yaml", "--limit", "1")[3:] == [
        "",
        "  +4 pages, 4 alerts others would hear of",
        "",
        "                           before     after",
        "  pager  pages                  1         5       +4",
        "  team   Slack messages        10        10",
        "",
        "Others would hear of: 4 alerts",
        "  2026-01-05T02:00:00Z to 2026-01-05T04:00:00Z  B, 2 times: +pager",
        "  and 1 more (--limit)",
    ]


@pytest.mark.usefixtures("record")
def test_what_an_alert_brings_cannot_steer_the_terminal() -> None:
    lines = text("--rules", "quiet.yaml", "--last", "4h", "--to", "2026-01-05T02:30:00Z")
    assert lines[-2:] == [
        '  2026-01-05T02:00:00Z  B {pod="\\x1b[2J", severity="warning"}: was told to team; '
        "now: goes to nobody, which tells nobody",
        '  2026-01-05T02:00:00Z  C {pod="\\x1b[2J", severity="warning"}: was told to team; '
        "now: goes to nobody, which tells nobody",
    ]


def test_every_alert_has_its_times_for_programs(record: Path) -> None:
    found = backtest(record, "--rules", "quiet.yaml", "--last", "3h")
    assert found.pop("unheard") == [
        {
            "labels": {"alertname": name, "pod": "\x1b[2J", "severity": "warning"},
            "since": "2026-01-05T04:00:00Z",
            "until": "2026-01-05T05:00:00Z",
            "against": {"team": "2026-01-05T04:00:30Z"},
            "rules": {},
            "why_not": ["goes to nobody, which tells nobody"],
        }
        for name in "BC"
    ]
    assert found == {
        "rules": "quiet.yaml",
        "against": "recorded",
        "from": "2026-01-05T03:00:00Z",
        "to": "2026-01-05T06:00:00Z",
        "played_from": "2026-01-05T00:00:00Z",
        "cut": False,
        "firing_at_cut": 0,
        "played": {"alerts_received": 4, "started": 1},
        "left_out": {"some_later_kind": 1},
        "alerts": 3,
        "totals": {"slack": {"against": 6, "rules": 0}},
        "receivers": [{"receiver": "team", "kind": "slack", "against": 6, "rules": 0}],
        "unheard_incidents": 2,
        "newly_heard_incidents": 0,
        "newly_heard": [],
        "other_receivers": [],
        "other_times": [],
    }


@pytest.mark.usefixtures("record")
def test_no_difference() -> None:
    assert text("--rules", "same.yaml")[4] == "  no difference"
    assert text("--rules", "same.yaml", "--against", "same.yaml")[2] == "same.yaml, compared with same.yaml:"


@pytest.mark.usefixtures("record")
def test_a_part_of_the_record() -> None:
    lines = text("--rules", "quiet.yaml", "--from", "2026-01-05T02:30:00Z", "--to", "2026-01-05T05:00:00Z")
    assert lines[:2] == [
        "2026-01-05T02:30:00Z to 2026-01-05T05:00:00Z: 2 alerts; 4 inputs played",
        "Played from 2026-01-05T00:00:00Z on, to get there.",
    ]
    assert text("--rules", "quiet.yaml", "--last", "3h30m")[0].startswith(
        "2026-01-05T02:30:00Z to 2026-01-05T06:00:00Z"
    )


def test_a_pruned_record_says_from_when_it_is_played(record: Path) -> None:
    import sqlite3

    from tests.replay.test_recording import snapshot

    connection = sqlite3.connect(record / "responder.db")
    with connection:
        connection.execute(
            "INSERT INTO snapshots (seq, at, body) VALUES (3, ?, ?)", (record_time("150m"), snapshot())
        )
        connection.execute("DELETE FROM inputs WHERE seq <= 3")
    connection.close()
    lines = text("--rules", "quiet.yaml", "--against", "same.yaml")
    assert lines[:2] == [
        "2026-01-05T02:30:00Z to 2026-01-05T06:00:00Z: 5 alerts; 2 inputs played",
        "The record begins at 2026-01-05T02:30:00Z; 2 alerts that fired then count as new.",
    ]


@pytest.mark.usefixtures("record")
def test_check_fails_if_an_incident_would_go_unheard() -> None:
    arguments = ("backtest", "--config", "responder.yaml", "--check", "--rules")
    assert [run(*arguments, name).exit_code for name in ("quiet.yaml", "loud.yaml")] == [1, 0]


@pytest.mark.usefixtures("record")
@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (
            ("--last", "1h", "--from", "2026-01-05T00:00:00Z"),
            2,
            "--last and --from exclude each other: both say where it begins\n",
        ),
        (
            ("--to", "2026-01-04T23:59:59Z"),
            2,
            "there is nothing between --from and --to: the record goes from 2026-01-05T00:00:00Z to "
            "2026-01-05T06:00:00Z\n",
        ),
        (
            ("--from", "2026-01-05T06:00:01Z"),
            2,
            "there is nothing between --from and --to: the record goes from 2026-01-05T00:00:00Z to "
            "2026-01-05T06:00:00Z\n",
        ),
        (("--rules", "none.yaml"), 2, "none.yaml cannot be read: No such file or directory\n"),
        (("--rules", "bad.yaml"), 1, 'bad.yaml:1:19: error: receiver: there is no receiver "a"\n'),
    ],
)
def test_what_cannot_be_played_is_said(arguments: tuple[str, ...], status: int, message: str) -> None:
    Path("bad.yaml").write_text("route: {receiver: a}\n")
    result = run("backtest", "--config", "responder.yaml", *arguments)
    assert (result.exit_code, result.stderr) == (status, message)


def test_there_is_no_record_where_there_is_no_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("backtest")
    assert (result.exit_code, result.stderr) == (2, "config/responder.yaml is not here: give --config FILE\n")
    result = run("backtest", "--config", configure(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == f"{tmp_path}/responder.db: no database there; has this service run yet?\n"
