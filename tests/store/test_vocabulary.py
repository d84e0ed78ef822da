"""What the rows of many alerts have in common, kept once."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.model import Alert, labels_from
from responder.errors import StorageError
from responder.store import vocabulary as module
from responder.store.database import Writer, migrate
from responder.store.records import Batch
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY


@pytest.fixture
def connection() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("responder.db"))
    return connection


def alert(number: int, labels: dict[str, str], url: str = "http://prometheus/graph") -> Alert:
    notes = labels_from({"summary": "It is full", "value": f"{number} %"})
    return Alert(number, labels_from(labels), notes, MONDAY, 0, MONDAY, url, 2, "api", True, False, (4, 5))


def only(vocabulary: Vocabulary, body: bytes) -> Alert:
    (one,) = vocabulary.alerts([body])
    return one


def stored(vocabulary: Vocabulary) -> list[tuple[int, object]]:
    return [(number, msgspec.json.decode(body)) for number, body in vocabulary.fresh()]


def test_what_two_alerts_share_is_written_once() -> None:
    vocabulary = Vocabulary()
    first = vocabulary.written(alert(1, {"alertname": "Full", "pod": "a"}))
    second = vocabulary.written(alert(2, {"alertname": "Full", "pod": "b"}))
    assert msgspec.json.decode(first)[1:3] == [[1, 2], [3, 4]]
    assert msgspec.json.decode(second)[1:3] == [[1, 6], [3, 7]]
    assert msgspec.json.decode(first)[6] == msgspec.json.decode(second)[6] == 5
    assert stored(vocabulary) == [
        (1, ["alertname", "Full"]),
        (2, ["pod", "a"]),
        (3, ["summary", "It is full"]),
        (4, ["value", "1 %"]),
        (5, "http://prometheus/graph"),
        (6, ["pod", "b"]),
        (7, ["value", "2 %"]),
    ]
    assert stored(vocabulary) == []


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=4)


@given(
    st.lists(
        st.tuples(st.dictionaries(TEXTS, TEXTS, min_size=1, max_size=4), st.text(max_size=3)), max_size=6
    )
)
def test_every_alert_comes_back_from_a_database_as_it_was(alerts: list[tuple[dict[str, str], str]]) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path("responder.db"))
    vocabulary, rows = Vocabulary(), list[tuple[Alert, bytes]]()
    for number, (labels, url) in enumerate(alerts, start=1):
        one = alert(number, labels, url)
        rows.append((one, vocabulary.written(one)))
        Writer(connection).insert("vocabulary", ("id", "body"), vocabulary.fresh())
        if number == 3:  # a process that begins here goes on where that one ended
            vocabulary = Vocabulary.read(connection)
    again = Vocabulary.read(connection)
    assert again.alerts([body for _, body in rows]) == [one for one, _ in rows]


def test_a_row_of_before_there_was_a_vocabulary_is_read() -> None:
    one = alert(1, {"alertname": "Full"})
    assert only(Vocabulary(), msgspec.json.encode(one)) == one


def test_a_name_with_too_many_values_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_VALUES_MOST", 2)
    vocabulary = Vocabulary()
    pods = [
        msgspec.json.decode(vocabulary.written(alert(1, {"pod": pod})))[1] for pod in ("a", "b", "c", "a")
    ]
    assert pods == [[1], [5], [["pod", "c"]], [1]]


def test_a_full_vocabulary_and_long_texts_are_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    monkeypatch.setattr(module, "_LONGEST", 5)
    vocabulary = Vocabulary()
    one = alert(1, {"a": "12345", "b": "123456", "c": "1"}, "123456")
    body = vocabulary.written(one)
    row = msgspec.json.decode(body)
    assert row[1] == [1, ["b", "123456"], 2]
    assert row[2] == [["summary", "It is full"], 3]
    assert row[6] == "123456"
    assert only(vocabulary, body) == one


def test_new_names_take_up_nothing_once_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    vocabulary = Vocabulary()
    vocabulary.written(alert(1, {"a": "1"}))
    before = len(vocabulary._full), len(vocabulary._counts), len(vocabulary._numbers)
    vocabulary.written(alert(1, {f"name {number}": "1" for number in range(50)}))
    assert (len(vocabulary._full), len(vocabulary._counts), len(vocabulary._numbers)) == before == (0, 3, 3)


def test_annotations_of_many_alerts_are_one_object_and_few_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_ANNOTATED_MOST", 2)
    vocabulary = Vocabulary()
    given = [alert(number % 3, {"alertname": "Full", "pod": str(number)}) for number in range(9)]
    rows = [vocabulary.written(one) for one in given]
    assert vocabulary.alerts(rows) == given
    first, again = only(vocabulary, rows[0]), only(vocabulary, rows[3])
    assert first.annotations is again.annotations
    assert len(vocabulary._annotated) <= 2


def test_rows_that_are_made_a_second_time_keep_the_entries_of_the_first(
    connection: sqlite3.Connection,
) -> None:
    """A job is run again when another in its transaction fails."""
    vocabulary, given = Vocabulary(), alert(1, {"alertname": "Full"})
    batch = Batch(alerts={1: given})
    batch.encode(vocabulary)
    batch.encode(vocabulary)
    batch.write(Writer(connection))
    (row,) = connection.execute("SELECT body FROM alerts").fetchone()
    assert only(Vocabulary.read(connection), row) == given


def test_an_entry_that_is_not_there_is_named() -> None:
    row = Vocabulary().written(alert(7, {"a": "b"}))
    with pytest.raises(StorageError, match=r"^alert 7 names entry 1 of the vocabulary, which is not there$"):
        only(Vocabulary(), row)


def test_pairs_that_were_read_are_shared_with_what_comes_in(connection: sqlite3.Connection) -> None:
    vocabulary = Vocabulary()
    one = alert(1, {"a name that no other test uses": "Full"})
    row = vocabulary.written(one)
    Writer(connection).insert("vocabulary", ("id", "body"), vocabulary.fresh())
    assert only(Vocabulary.read(connection), row).labels[0] is one.labels[0]
