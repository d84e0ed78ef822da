"""`responder ledger`, read from a storage."""

import json
import sqlite3
from pathlib import Path

import pytest

from tests.acceptance.timeline.rules import route, rules
from tests.acceptance.timeline.timeline import Timeline
from tests.cli.story import configure, run, tell_story


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tell_story(tmp_path_factory.mktemp("story"))


def test_the_sums_in_words(config: Path) -> None:
    result = run("ledger", "--config", config)
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "owed        4",
        "delivered   2",
        "suppressed  1   inhibition 1",
        "superseded  0",
        "dead        1   unsupported 1",
        "pending     0",
        "balanced: 4 = 2 + 1 + 0 + 1 + 0",
    ]


def test_the_sums_for_programs(config: Path) -> None:
    assert json.loads(run("ledger", "--config", config, "--output", "json").output) == {
        "balanced": True,
        "owed": 4,
        "closed": {"delivered": 2, "suppressed": 1, "superseded": 0, "dead": 1},
        "pending": 0,
        "reasons": {"dead(unsupported)": 1, "suppressed(inhibition)": 1},
        "problems": [],
    }


def test_a_row_that_is_gone_is_noticed(tmp_path: Path) -> None:
    config = tell_story(tmp_path)
    with sqlite3.connect(tmp_path / "responder.db") as connection:
        connection.execute("DELETE FROM deliveries WHERE state = 'delivered' AND id = 1")
    connection.close()
    result = run("ledger", "--config", config)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "NOT BALANCED: delivered: 2 closed, but 1 rows kept or pruned"
    assert json.loads(run("ledger", "--config", config, "--output", "json").output)["balanced"] is False


async def test_nothing_was_owed_yet(tmp_path: Path) -> None:
    await Timeline(tmp_path, rules(route("team"))).let_pass("1s")
    result = run("ledger", "--config", configure(tmp_path))
    assert (result.exit_code, result.output) == (0, "nothing was owed yet\n")


def test_no_storage_yet(tmp_path: Path) -> None:
    result = run("ledger", "--config", configure(tmp_path))
    assert (result.exit_code, result.output) == (
        2,
        f"{tmp_path / 'responder.db'}: no database there; has this service run yet?\n",
    )


def test_not_a_storage(tmp_path: Path) -> None:
    (tmp_path / "responder.db").write_text("something else " * 100)
    result = run("ledger", "--config", configure(tmp_path))
    assert (result.exit_code, result.output) == (2, f"{tmp_path / 'responder.db'}: file is not a database\n")


def test_neither_configuration_nor_service_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("ledger")
    assert (result.exit_code, result.output) == (
        2,
        "config/responder.yaml is not here: give --config FILE, or --url of a running service\n",
    )


def test_both_are_named(config: Path) -> None:
    result = run("ledger", "--config", config, "--url", "http://127.0.0.1:1")
    assert (result.exit_code, result.output) == (
        2,
        "--config reads the storage and --url asks a service: give one of them\n",
    )


def test_a_configuration_wins_over_the_environment(config: Path) -> None:
    result = run("ledger", "--config", config, env={"RESPONDER_URL": "http://127.0.0.1:1"})
    assert result.exit_code == 0
