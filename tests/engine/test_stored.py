"""What a database holds for an engine that starts."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from responder.core.messages import Input, Lagging, RulesLoaded
from responder.core.model import labels_from
from responder.core.orders import Earlier
from responder.core.rules import Ruleset
from responder.core.state import Changes, Group, LedgerRow
from responder.engine.stored import Stored, alert_limits, read_stored
from responder.settings.values import Limits
from responder.store import journal
from responder.store.database import Writer, migrate
from responder.store.journal import Chain, Head
from responder.store.records import Batch
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY
from tests.core.invariants import difference
from tests.core.words import rules

RULES = rules()


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path(":memory:"))
    yield connection
    connection.close()


def stored(connection: sqlite3.Connection) -> tuple[Stored, list[tuple[str, bool]]]:
    """What is read, and which rulesets were asked for."""
    asked: list[tuple[str, bool]] = []

    def ruleset_for(given: sqlite3.Connection, digest: str, needed: bool) -> Ruleset:
        assert given is connection
        asked.append((digest, needed))
        return RULES

    return read_stored(connection, Limits(), ruleset_for), asked


def put_inputs(connection: sqlite3.Connection, *seqs: int) -> None:
    """Inputs in the log."""
    rows = [(n, MONDAY + n, "lagging", "a", msgspec.json.encode(Lagging(n))) for n in seqs]
    Writer(connection).insert("inputs", ("seq", "at", "kind", "actor", "body"), rows)


def put_meta(connection: sqlite3.Connection, **values: str) -> None:
    """Single values."""
    Writer(connection).upsert("meta", ("name",), ("name", "value"), list(values.items()))


def test_a_new_database(connection: sqlite3.Connection) -> None:
    found, asked = stored(connection)
    assert (found.consumed, found.undecided, found.head) == (0, [], Head())
    assert (found.last_seq, found.last_at, found.attempted) == (0, 0, {})
    assert found.ruleset is RULES
    assert asked == [("", False)]


def test_what_is_undecided(connection: sqlite3.Connection) -> None:
    put_inputs(connection, 1, 2, 3, 4)
    put_meta(connection, consumed="2", rules="then", clock=str(MONDAY))
    found, asked = stored(connection)
    assert found.consumed == 2
    assert found.undecided == [Input(n, MONDAY + n, "a", Lagging(n)) for n in (3, 4)]
    assert (found.last_seq, found.last_at) == (4, MONDAY + 4)
    # They are to be decided as they would have been: under the rules of their time.
    assert asked == [("then", True)]


def test_a_log_that_was_pruned_gives_no_seq_out_again(connection: sqlite3.Connection) -> None:
    put_meta(connection, consumed="17", rules="then", clock=str(MONDAY + 5))
    found, asked = stored(connection)
    assert (found.last_seq, found.last_at, found.undecided) == (17, MONDAY + 5, [])
    assert asked == [("then", False)]


def test_time_goes_on_after_the_last_input_and_the_last_decision(connection: sqlite3.Connection) -> None:
    put_inputs(connection, 1)
    put_meta(connection, consumed="1", clock=str(MONDAY + 9))
    assert stored(connection)[0].last_at == MONDAY + 9
    put_inputs(connection, 20)
    assert stored(connection)[0].last_at == MONDAY + 20


def test_state_journal_and_claims(connection: sqlite3.Connection) -> None:
    changes = Changes(
        groups={1: Group(1, "0", labels_from({"g": "1"}), MONDAY, MONDAY)},
        opened=[LedgerRow(n, 1, "g", "team", "team", MONDAY, "repeat", [], [], []) for n in (1, 2, 3)],
    )
    changes.next_alert, changes.next_group, changes.next_row = 1, 2, 4
    batch = Batch()
    batch.add(changes, MONDAY)
    writer = Writer(connection)
    batch.encode(Vocabulary.read(connection))
    batch.write(writer)
    writer.execute("UPDATE deliveries SET claimed_at = 5, attempts = 4 WHERE id = 2")
    writer.execute("UPDATE deliveries SET claimed_at = 5 WHERE id = 3")
    chain = Chain(Head())
    journal.append(writer, [chain.next_row(MONDAY, n, {}) for n in (1, 2)])
    found, _ = stored(connection)
    assert list(found.state.groups) == [1]
    assert found.state.next_row == 4
    assert found.head == chain.head == Head(2, chain.head.hash)
    assert found.attempted == {2: Earlier(4), 3: Earlier(1)}
    assert difference(found.state, stored(connection)[0].state) == []


def test_a_ruleset_in_the_log_is_read_as_an_input(connection: sqlite3.Connection) -> None:
    row = (1, MONDAY, "rules_loaded", "admin", msgspec.json.encode(RulesLoaded("new")))
    Writer(connection).insert("inputs", ("seq", "at", "kind", "actor", "body"), [row])
    assert stored(connection)[0].undecided == [Input(1, MONDAY, "admin", RulesLoaded("new"))]


def test_the_limits_of_one_alert() -> None:
    limits = alert_limits(Limits(labels=3, label_value=5, annotations=7))
    assert (limits.labels, limits.label_value, limits.annotations) == (3, 5, 7)
