"""`responder audit`, on a storage that the real engine wrote."""

import asyncio
import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from responder.store.journal import Head, HeadFile
from tests.acceptance.timeline.rules import route, rules
from tests.acceptance.timeline.timeline import Timeline
from tests.cli.story import configure, run, tell_story
from tests.web.api.office import ASKED, office


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tell_story(tmp_path_factory.mktemp("story")).parent


@pytest.fixture
def story(told: Path, tmp_path: Path) -> Path:
    """The directory of a copy that a test may damage."""
    directory = tmp_path / "story"
    shutil.copytree(told, directory)
    configure(directory)
    return directory


def change(story: Path, statement: str) -> None:
    connection = sqlite3.connect(story / "responder.db")
    with connection:
        connection.execute(statement)
    connection.close()


def head(story: Path) -> Head:
    found = HeadFile(story / "responder.db").read()
    assert found is not None
    return found


# -- list -------------------------------------------------------------------------------------


def plain(output: str) -> str:
    """Without the numbers of rows and inputs."""
    return re.sub(r"\(input \d+\)", "(input)", re.sub(r"^ +\d+  ", "", output, flags=re.MULTILINE))


def numbers(config: Path, *arguments: str) -> list[int]:
    output = run("audit", "list", "--config", config, "--output", "json", *arguments).output
    return [row["n"] for row in json.loads(output)]


def test_everything_about_an_alert_in_words(told: Path) -> None:
    result = run("audit", "list", "--config", told / "responder.yaml", "--alert", "DiskFull")
    assert plain(result.output) == (
        "2026-01-05T00:01:00Z  alerts_received  by alertmanager  (input)\n"
        '        group 3 opens for pager: {}/{severity="page"}:{alertname="DiskFull"}\n'
        '        fires: DiskFull{path="\\x1b[2J", severity="page"}\n'
        "2026-01-05T00:01:30Z  timer\n"
        "        row 3: pager is to be told (first_notification): "
        'firing DiskFull{path="\\x1b[2J", severity="page"}\n'
        "        row 3: dead (unsupported): opsgenie\n"
        "2026-01-05T00:06:30Z  timer\n"
        '        left group 3: DiskFull{path="\\x1b[2J", severity="page"}; '
        'nobody was told of DiskFull{path="\\x1b[2J", severity="page"}\n'
        "        group 3 closes: nobody is left in it\n"
    )


def test_kinds_of_inputs_and_of_events(told: Path) -> None:
    result = run(
        "audit", "list", "--config", told / "responder.yaml", "--kind", "started", "--kind", "alerts_muted"
    )
    assert plain(re.sub("rules [0-9a-f]+", "rules", result.output)) == (
        "2026-01-05T00:00:00Z  started  by responder  (input)\n"
        "        started: version 0.1.0, rules\n"
        "2026-01-05T00:00:30Z  timer\n"
        "        hidden in group 2 (inhibition by critical-over-warning alert 1): "
        'HighErrorRate{severity="warning"}\n'
        "        row 2: warning is to be told (first_notification): "
        'firing HighErrorRate{severity="warning"}\n'
        "        row 2: suppressed (inhibition) by critical-over-warning alert 1\n"
    )


def test_the_newest_or_the_first_from_a_row_on(told: Path) -> None:
    config, last = told / "responder.yaml", head(told).n
    assert numbers(config) == list(range(1, last + 1))
    assert numbers(config, "--limit", "2") == [last - 1, last]
    assert numbers(config, "--since", "2", "--limit", "3") == [2, 3, 4]
    assert numbers(config, "--since", str(last + 1)) == []
    result = run("audit", "list", "--config", config, "--since", "2", "--limit", "1")
    assert result.stderr == "there are more: --since 3\n"
    assert run("audit", "list", "--config", config, "--alert", "Nobody").output == "no row matches\n"


def test_names_are_known_from_rows_before_those_that_are_shown(told: Path) -> None:
    result = run("audit", "list", "--config", told / "responder.yaml", "--limit", "1")
    assert plain(result.output).splitlines()[1:] == [
        "        row 4: delivered (all_resolved)",
        '        left group 1: HighErrorRate{severity="critical"}',
        "        group 1 closes: nobody is left in it",
    ]


def test_a_kind_that_does_not_exist(told: Path) -> None:
    result = run("audit", "list", "--config", told / "responder.yaml", "--kind", "fired")
    assert (result.exit_code, result.output.partition(":")[0]) == (2, "--kind 'fired' is none of")


# -- verify -----------------------------------------------------------------------------------


def verify(*arguments: str | Path) -> tuple[int, Any]:
    result = run("audit", "verify", "--output", "json", *arguments)
    return result.exit_code, json.loads(result.output)


def verified(story: Path, *arguments: str) -> tuple[int, str]:
    status, found = verify("--config", story / "responder.yaml", *arguments)
    return status, found["broken"]


def test_whole(story: Path) -> None:
    newest = head(story)
    assert verify("--config", story / "responder.yaml") == (
        0,
        {"ok": True, "rows": newest.n, "first": 1, "head": str(newest), "broken": "", "note": ""},
    )
    words = run("audit", "verify", "--config", story / "responder.yaml").output
    assert words == f"whole: rows 1 to {newest.n}\n{newest}\n"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body = CAST(replace(body, 'critical', 'nobody') AS BLOB) WHERE n = 3",
        "UPDATE journal SET at = at + 1 WHERE n = 3",
        f"UPDATE journal SET hash = '{'0' * 64}' WHERE n = 3",
    ],
)
def test_a_row_that_was_changed(story: Path, statement: str) -> None:
    change(story, statement)
    assert verified(story) == (1, "row 3 is broken: its hash does not follow from its content")
    words = run("audit", "verify", "--config", story / "responder.yaml").output.splitlines()
    assert words[0] == "broken: row 3 is broken: its hash does not follow from its content"


def test_a_row_that_was_removed(story: Path) -> None:
    change(story, "DELETE FROM journal WHERE n = 4")
    assert verified(story) == (1, "row 4 is missing: after 3 comes 5")


def test_rows_that_were_cut_off(story: Path) -> None:
    newest = head(story).n
    change(story, f"DELETE FROM journal WHERE n > {newest - 2}")
    beside = story / "responder.db.head"
    older = f"the head is row {newest - 2}, older than row {newest} in {story / 'responder.db'}.head"
    assert verified(story) == (1, f"{older}: a backup was restored, or rows were cut off")
    beside.unlink()
    assert verified(story) == (0, "")


def test_an_anchor(story: Path) -> None:
    newest = head(story)
    assert verified(story, "--anchor", str(newest)) == (0, "")
    assert verified(story, "--anchor", f"{newest.hash}@{newest.n + 3}") == (
        1,
        f"the head is row {newest.n}, older than the anchor's row {newest.n + 3}",
    )
    assert verified(story, "--anchor", f"{'0' * 64}@2") == (
        1,
        "row 2 differs from the anchor: history was rewritten",
    )
    result = run("audit", "verify", "--config", story / "responder.yaml", "--anchor", "12")
    assert result.exit_code == 2
    assert result.output.startswith("--anchor: '12' is not an anchor such as")


def prune(story: Path, upto: int) -> None:
    """As retention does."""
    change(story, f"INSERT INTO checkpoints (n, at, hash) SELECT n, at, hash FROM journal WHERE n = {upto}")
    change(story, f"DELETE FROM journal WHERE n <= {upto}")


def test_what_was_pruned_is_no_gap(story: Path) -> None:
    first = verify("--config", story / "responder.yaml", "--anchor", str(head(story)))
    prune(story, 3)
    status, found = verify("--config", story / "responder.yaml")
    assert (status, found["first"], found["head"]) == (0, 4, first[1]["head"])
    anchor = f"{'1' * 64}@2"
    status, found = verify("--config", story / "responder.yaml", "--anchor", anchor)
    assert (status, found["note"]) == (0, "the anchor's row 2 is no longer kept: rows up to 3 were pruned")
    assert verified(story, "--anchor", f"{'1' * 64}@3") == (
        1,
        "row 3, the last before the first that is kept, differs from the anchor: history was rewritten",
    )


async def test_nothing_was_decided_yet(tmp_path: Path) -> None:
    await Timeline(tmp_path, rules(route("team"))).let_pass("1s")
    change_config = configure(tmp_path)
    connection = sqlite3.connect(tmp_path / "responder.db")
    with connection:
        connection.execute("DELETE FROM journal")
    connection.close()
    (tmp_path / "responder.db.head").unlink()
    assert run("audit", "verify", "--config", change_config).output == "whole: there is no row yet\n"
    assert run("audit", "list", "--config", change_config).output == "nothing was decided yet\n"
    assert run("audit", "export", "--config", change_config).stderr == "nothing was decided yet\n"


# -- export -----------------------------------------------------------------------------------


@pytest.fixture
def export(story: Path, tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    result = run("audit", "export", "--config", story / "responder.yaml", "--out", path)
    newest = head(story)
    assert (result.exit_code, result.stderr) == (0, f"{newest.n} rows, the newest: {newest}\n")
    return path


def test_an_export_verifies_by_itself(story: Path, export: Path) -> None:
    assert verify(export) == verify("--config", story / "responder.yaml")
    assert run("audit", "export", "--config", story / "responder.yaml").stdout == export.read_text()
    assert sorted(path.name for path in export.parent.iterdir()) == ["journal.jsonl", "story"]


def test_a_line_that_was_changed(export: Path) -> None:
    export.write_text(export.read_text().replace("HighErrorRate", "Nothing"))
    status, found = verify(export)
    assert (status, found["broken"]) == (1, "row 2 is broken: its hash does not follow from its content")


def test_a_line_that_is_none(export: Path) -> None:
    lines = export.read_text().splitlines()
    export.write_text("\n".join([*lines[:3], lines[3][:40], *lines[4:]]))
    status, found = verify(export)
    assert (status, found["rows"], found["broken"].partition(": ")[0]) == (1, 3, "line 4")


def test_a_beginning_that_is_missing(story: Path, export: Path) -> None:
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[2:]))
    status, found = verify(export)
    assert (status, found["broken"]) == (1, "row 1 is missing: after 0 comes 3")
    anchor = f"{json.loads(lines[1])['hash']}@2"
    assert verify(export, "--anchor", anchor)[0] == 0


def test_an_export_after_pruning(story: Path, tmp_path: Path) -> None:
    prune(story, 3)
    path = tmp_path / "journal.jsonl"
    assert run("audit", "export", "--config", story / "responder.yaml", "--out", path).exit_code == 0
    assert json.loads(path.read_text().splitlines()[0])["body"] is None
    status, found = verify(path)
    assert (status, found["first"], found["head"]) == (0, 4, str(head(story)))


def test_another_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    assert run("audit", "verify", path).exit_code == 2
    path.write_text("")
    result = run("audit", "verify", path)
    assert (result.exit_code, result.output) == (2, f"{path}: no journal entry in it\n")


def test_where_nothing_can_be_written(story: Path, tmp_path: Path) -> None:
    path = tmp_path / "no" / "journal.jsonl"
    result = run("audit", "export", "--config", story / "responder.yaml", "--out", path)
    assert (result.exit_code, result.output) == (2, f"{path} cannot be written: No such file or directory\n")


# -- runs -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A storage with runs for an alert and by a person, an acknowledgement and a freeze; the runs' ids."""
    directory = tmp_path_factory.mktemp("runs")

    async def story() -> list[str]:
        async with office(directory) as api:
            await api.fire("PodRestartsHigh", namespace="shop", deployment="checkout")
            await api.fire("Other")
            await api.do("alice", "incidents/2-695aff00/ack")
            asked = await api.do("operator", "runs", {**ASKED, "parameters": {"namespace": "web"}})
            run_ids = [next(iter(api.service.engine.state.runs.values())).id, asked["id"]]
            await api.look(run_ids[1])
            await api.do("alice", f"runs/{run_ids[1]}/deny", {"reason": "not now"})
            await api.do("alice", "freezes", {"scope": "global", "reason": "moving", "for": "1h"})
            return run_ids

    return directory, asyncio.run(story())


def kinds(directory: Path, *arguments: str) -> list[str]:
    config = directory / "responder.yaml"
    output = run("audit", "list", "--config", config, "--output", "json", *arguments).output
    return [row["body"]["kind"] for row in json.loads(output)]


def test_everything_about_a_run_in_words(runs: tuple[Path, list[str]]) -> None:
    directory, (_, run_id) = runs
    result = run("audit", "list", "--config", directory / "responder.yaml", "--run", run_id)
    said = re.sub("plan [0-9a-f]{12}", "plan (hash)", plain(result.output))
    assert re.sub("asks: .*", "asks: (why)", said) == (
        "2026-01-05T00:00:00Z  start_run  by operator  (input)\n"
        f"        run {run_id} is proposed: pod-restarts for prod/web/Deployment/checkout, by operator\n"
        "2026-01-05T00:00:00Z  facts_gathered  by actions  (input)\n"
        f"        run {run_id} has the plan (hash): "
        "kubernetes.rollout_restart prod/web/Deployment/checkout\n"
        f"        run {run_id} is judged (proposal): approval asks\n"
        "          approval asks: (why)\n"
        f"        run {run_id}: proposed -> awaiting_approval: waits for a person\n"
        "2026-01-05T00:00:00Z  deny_run  by alice-laptop  (input)\n"
        f"        run {run_id}: awaiting_approval -> denied (approval): not now, by alice\n"
    )


def test_what_concerns_a_runbook_or_an_incident(runs: tuple[Path, list[str]]) -> None:
    directory, (by_alert, by_person) = runs
    assert kinds(directory, "--runbook", "pod-restarts") == [
        "alerts_received",
        "start_run",
        "facts_gathered",
        "deny_run",
    ]
    assert kinds(directory, "--run", by_alert, "--run", by_person) == kinds(
        directory, "--runbook", "pod-restarts"
    )
    assert kinds(directory, "--run", by_alert) == ["alerts_received"]
    assert kinds(directory, "--incident", "1-695aff00") == ["alerts_received"]
    assert kinds(directory, "--incident", "2-695aff00") == ["alerts_received", "acknowledge"]
    assert kinds(directory, "--incident", "2-695aff00", "--kind", "acknowledge") == ["acknowledge"]
    assert kinds(directory, "--run", "r9-1") == kinds(directory, "--runbook", "nosuch") == []


def test_what_is_no_incident_is_refused(runs: tuple[Path, list[str]]) -> None:
    result = run("audit", "list", "--config", runs[0] / "responder.yaml", "--incident", "HighCPU")
    assert (result.exit_code, result.stderr) == (
        2,
        "--incident 'HighCPU' is no incident's ID, such as 12-695b0a00\n",
    )
