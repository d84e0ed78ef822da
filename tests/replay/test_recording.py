"""A record: where it begins, what is known there, which rules were in force."""

import sqlite3
import zlib
from pathlib import Path

import msgspec
import pytest

from responder.core.messages import AlertsReceived, CreateSilence, ReceivedAlert, Unreadable
from responder.core.model import HOUR, Alert
from responder.core.silence import Silence
from responder.errors import FileError
from responder.replay.recording import Beginning
from responder.store.retention import Snapshot
from tests.clock import MONDAY
from tests.core.words import labels_of
from tests.replay.recorded import ROUTING, Record, moment_of, opened, rules

RULES = rules()


def snapshot() -> bytes:
    """An alert of each kind, and a silence that is over beside one that is not."""
    end = moment_of("6h")

    def alert(number: int, name: str, source: str, ends_at: int = 0, stale: bool = False) -> msgspec.Raw:
        found = Alert(number, labels_of(name), (), MONDAY, ends_at, end, source=source, stale=stale)  # type: ignore[arg-type]
        return msgspec.Raw(msgspec.json.encode(found))

    def silence(name: str, ends_at: int) -> msgspec.Raw:
        matchers = (("a", "=", "b"),)
        found = Silence(name, matchers, MONDAY, ends_at, "claimed", "me", "why", MONDAY)  # type: ignore[arg-type]
        return msgspec.Raw(msgspec.json.encode(found))

    body = Snapshot(
        {"rules": RULES.hash, "consumed": "3"},
        [
            (1, alert(1, "Webhook", "webhook")),
            (2, alert(2, "Api", "api", moment_of("8h"))),
            (3, alert(3, "Over", "api", moment_of("1h"))),
            (4, alert(4, "Stale", "webhook", stale=True)),
            (5, alert(5, "ResponderLagging", "responder")),
        ],
        [],
        [],
        silences=[silence("over", moment_of("1h")), silence("lasting", moment_of("9h"))],
    )
    return zlib.compress(msgspec.json.encode(body))


def pruned(directory: Path) -> Path:
    """Two inputs are gone, and a snapshot after the third, at six hours, is in their place."""
    record = Record(directory, RULES)
    record.alerts("1h", "A")
    record.alerts("2h", "B")
    record.alerts("7h", "C")
    record.alerts("8h", "D")
    record.execute("INSERT INTO snapshots (seq, at, body) VALUES (3, ?, ?)", moment_of("6h"), snapshot())
    record.execute("DELETE FROM inputs WHERE seq <= 3")
    return record.close()


def test_a_whole_record_begins_with_nothing_known(tmp_path: Path) -> None:
    record = Record(tmp_path, RULES)
    record.alerts("1h", "A")
    record.alerts("3h", "B")
    with opened(record.close()) as found:
        assert (found.begins, found.ends) == (MONDAY, MONDAY + 3 * HOUR)
        assert found.beginning(MONDAY) == Beginning(0, MONDAY, rules=RULES.hash)
        assert found.count(0, MONDAY + 2 * HOUR) == 2
        assert [given.seq for given in found.inputs(1, MONDAY + 2 * HOUR)] == [2]
        assert [given.seq for given in found.inputs(0, found.ends)] == [1, 2, 3]


def test_where_inputs_were_pruned_what_fired_then_is_received_again(tmp_path: Path) -> None:
    with opened(pruned(tmp_path)) as found:
        beginning = found.beginning(MONDAY)
        assert [given.seq for given in found.inputs(beginning.after, found.ends)] == [4, 5]
    webhook = ReceivedAlert(labels_of("Webhook"), (), MONDAY, 0, "", False)
    api = ReceivedAlert(labels_of("Api"), (), MONDAY, moment_of("8h"), "", False)
    assert beginning == Beginning(
        3,
        moment_of("6h"),
        True,
        RULES.hash,
        (
            CreateSilence("lasting", (("a", "=", "b"),), MONDAY, moment_of("9h"), "claimed", "why"),
            AlertsReceived("webhook", b"", (webhook,)),
            AlertsReceived("api", b"", (api,)),
        ),
        2,
    )


def test_a_replay_begins_at_the_latest_snapshot_that_is_early_enough(tmp_path: Path) -> None:
    record = Record(tmp_path, RULES)
    record.alerts("7h", "C")
    record.execute("INSERT INTO snapshots (seq, at, body) VALUES (1, ?, ?)", moment_of("6h"), snapshot())
    with opened(record.close()) as found:
        assert found.beginning(moment_of("6h")).after == 1
        assert found.beginning(moment_of("6h") - 1).after == 0


def test_a_snapshot_of_a_release_without_a_vocabulary_is_played(tmp_path: Path) -> None:
    """As that release left it: nothing has brought the schema up to date."""
    path = pruned(tmp_path)
    with opened(path) as found:
        now = found.beginning(moment_of("7h"))
    record = sqlite3.connect(path)
    with record:
        record.execute("DROP TABLE vocabulary")
    record.close()
    with opened(path) as found:
        assert found.beginning(moment_of("7h")) == now
    assert now.firing


def test_a_replay_never_begins_after_the_next_input(tmp_path: Path) -> None:
    record = Record(tmp_path, RULES)
    record.alerts("5h", "C")
    record.execute("INSERT INTO snapshots (seq, at, body) VALUES (1, ?, ?)", moment_of("6h"), snapshot())
    with opened(record.close()) as found:
        assert found.beginning(moment_of("6h")).at == moment_of("5h")


def test_a_record_with_a_hole_cannot_be_played(tmp_path: Path) -> None:
    path = pruned(tmp_path)
    record = sqlite3.connect(path)
    with record:
        record.execute("DELETE FROM snapshots")
    record.close()
    with opened(path) as found, pytest.raises(FileError) as raised:
        found.beginning(MONDAY)
    assert str(raised.value) == (
        "the oldest inputs are gone and no snapshot of the state is in their place: "
        "the record cannot be played"
    )


def test_an_empty_log_is_no_record(tmp_path: Path) -> None:
    record = Record(tmp_path, RULES)
    record.execute("DELETE FROM inputs")
    path = record.close()
    with pytest.raises(FileError) as raised, opened(path):
        pass
    assert str(raised.value) == "nothing was recorded yet: the inputs log is empty"


def test_rules_that_were_in_force_are_compiled_from_what_was_kept(tmp_path: Path) -> None:
    other = rules(ROUTING.replace("#team", "#other"))
    record = Record(tmp_path, RULES)
    record.reload("1h", other)
    with opened(record.close()) as found:
        assert [found.ruleset(each.hash).hash for each in (RULES, other)] == [RULES.hash, other.hash]
        assert found.ruleset(other.hash) is found.ruleset(other.hash)
        with pytest.raises(FileError) as raised:
            found.ruleset("0123456789abcdef")
        assert (
            str(raised.value)
            == "what the rules 0123456789ab said is not in the record: compare with a file instead"
        )
        with pytest.raises(FileError) as raised:
            found.ruleset("")
        assert str(raised.value) == (
            "which rules were in force at first is not in the record: compare with a file instead"
        )


def test_what_a_later_version_recorded_is_named_and_not_understood(tmp_path: Path) -> None:
    record = Record(tmp_path, RULES)
    record.raw(MONDAY + HOUR, "some_later_kind", b'{"type": "some_later_kind"}')
    with opened(record.close()) as found:
        (_, given) = found.inputs(0, found.ends)
    assert isinstance(given.body, Unreadable)
    assert given.body.kind == "some_later_kind"
