"""The state as rows: what several decisions changed, written at once, loads as the same State."""

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from responder.core.ledger import OpenRow, Told, View
from responder.core.matcherparse import Triple
from responder.core.model import HOUR, MINUTE, SECOND, Alert, labels_from
from responder.core.rules import Ruleset
from responder.core.silence import Silence
from responder.core.state import Changes, ClosedRow, DeadRow, Group, LedgerRow, State
from responder.store import outbox, records
from responder.store.database import Writer, migrate
from responder.store.records import Batch
from responder.store.vocabulary import Vocabulary
from tests.clock import MONDAY
from tests.core.invariants import consistent, difference
from tests.core.words import inhibit, rules


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path(":memory:"))
    yield connection
    connection.close()


def alert(number: int, *groups: int, **fields: Any) -> Alert:
    """An alert in some groups."""
    labels = labels_from({"alertname": "A\u00e9\n" + str(number % 3), "instance": str(number)})
    times = {"starts_at": MONDAY, "ends_at": 0, "updated_at": MONDAY + SECOND} | fields
    return Alert(number, labels, labels_from({"summary": "\U0001f525"}), groups=groups, **times)


def group(number: int, **fields: Any) -> Group:
    """A group of the root route."""
    return Group(number, "0", labels_from({"g": str(number)}), MONDAY, MONDAY + 30 * SECOND, **fields)


def row(number: int, of: int = 1, integration: str = "team", *firing: int) -> LedgerRow:
    """A ledger row."""
    key = "{}:{g=" + str(of) + "}"
    return LedgerRow(
        number, of, key, "team", integration, MONDAY, "first_notification", list(firing), [8], [9]
    )


def view(*firing: int) -> View:
    """A view of firing alerts."""
    return View(dict.fromkeys(firing, 1), {8: 2}, {9: 1}, MONDAY)


def pending(number: int, *firing: int) -> OpenRow:
    """An open row."""
    return OpenRow(number, "first_notification", view(*firing))


def ids(changes: Changes, alerts: int, groups: int, rows: int) -> Changes:
    """The changes with the next ids after them."""
    changes.next_alert, changes.next_group, changes.next_row = alerts, groups, rows
    return changes


FIRST = ids(
    Changes(
        alerts={1: alert(1, 1, 2), 2: alert(2, 1), 3: alert(3)},
        groups={1: group(1), 2: group(2, wake_at=MONDAY + 5, muted={1: "inhibition rule"})},
        told={(1, "team"): Told(head=pending(1, 1, 2))},
        opened=[row(1, 1, "team", 1, 2)],
        rules="rules",
        collect_at=MONDAY + HOUR,
    ),
    4,
    3,
    2,
)
SECOND_ONE = ids(
    Changes(
        alerts={2: alert(2, 1, ends_at=MONDAY + MINUTE, episode=3, stale=True, source="api"), 4: alert(4, 2)},
        dropped=[3],
        told={
            (1, "team"): Told(head=pending(1, 1, 2), behind=pending(2, 2), hidden={1: 1}),
            (2, "team"): Told(view(4), view(4), {}, {4: 1}, view(1), pending(3, 4), pending(4)),
            (2, "other"): Told(owed=view(1)),
        },
        opened=[row(2, 1, "team", 2), row(3, 2, "team", 4), row(4, 2)],
    ),
    5,
    3,
    5,
)
THIRD = ids(
    Changes(
        groups={2: group(2)},
        told={(2, "team"): Told(view(4), head=pending(4, 1))},
        revised=[row(4, 2, "team", 1)],
        closed=[ClosedRow(3, "dead", "server_error", "HTTP 500", "", 7)],
        dead={3: DeadRow(2, "team", 2)},
    ),
    5,
    3,
    5,
)


def loaded(connection: sqlite3.Connection, ruleset: Ruleset) -> State:
    return records.load(connection, ruleset, Vocabulary.read(connection))


def check(
    connection: sqlite3.Connection, ruleset: Ruleset, decisions: Sequence[Changes], every: int
) -> State:
    """Apply the decisions, write them `every` so many at a time, load: the same."""
    state = State(ruleset)
    writer = Writer(connection)
    batch, waiting = Batch(), 0
    for number, changes in enumerate(decisions):
        state.apply(changes)
        batch.add(changes, MONDAY + number)
        waiting += 1
        if waiting == every or number == len(decisions) - 1:
            batch.encode(Vocabulary.read(connection))
            batch.write(writer)
            batch, waiting = Batch(), 0
    consistent(state)
    assert difference(state, loaded(connection, ruleset)) == []
    return state


def deliveries(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """What is kept of each ledger row once it is closed."""
    query = (
        "SELECT id, reason, content, state, closed_at, close_reason, detail, closed_by, listed"
        " FROM deliveries ORDER BY id"
    )
    return connection.execute(query).fetchall()


CONTENT = b'{"firing":[%b],"resolved":[8],"stale":[9]}'


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_loaded_state_equals_the_one_in_memory(connection: sqlite3.Connection, every: int) -> None:
    state = check(connection, rules(), [FIRST, SECOND_ONE, THIRD], every)
    assert state.rows == {1: (1, "team"), 2: (1, "team"), 4: (2, "team")}
    assert state.dead == {3: DeadRow(2, "team", 2)}
    assert (state.next_alert, state.next_group, state.next_row) == (5, 3, 5)
    first = "first_notification"
    assert deliveries(connection) == [
        (1, first, CONTENT % b"1,2", "pending", 0, "", "", "", 0),
        (2, first, CONTENT % b"2", "pending", 0, "", "", "", 0),
        (3, first, CONTENT % b"4", "dead", MONDAY + 2, "server_error", "HTTP 500", "", 2),
        (4, first, CONTENT % b"1", "pending", 0, "", "", "", 0),
    ]
    assert dict(connection.execute("SELECT name, value FROM sums")) == {"owed": 4, "closed.dead": 1}
    assert outbox.sums(connection).problems == ()


def test_an_empty_database_is_an_empty_state(connection: sqlite3.Connection) -> None:
    assert difference(State(rules()), loaded(connection, rules())) == []


def test_strings_of_a_loaded_state_are_shared(connection: sqlite3.Connection) -> None:
    """They repeat in thousands of alerts."""
    Batch().write(Writer(connection))
    state = check(connection, rules(), [FIRST], 1)
    assert state.by_id[1].annotations == state.by_id[2].annotations
    again = loaded(connection, rules())
    assert again.by_id[1].annotations[0] is again.by_id[2].annotations[0]


def test_the_inhibition_index_is_built_again(connection: sqlite3.Connection) -> None:
    ruleset = rules(inhibits=[inhibit('instance="1"', 'instance="2"', name="one over two")])
    check(connection, ruleset, [FIRST], 1)
    again = loaded(connection, ruleset)
    target = alert(2).labels
    memory = State(ruleset)
    memory.apply(FIRST)
    verdict = memory.inhibitor.inhibited_by(target, MONDAY)
    assert verdict
    assert again.inhibitor.inhibited_by(target, MONDAY) == verdict


@pytest.mark.parametrize("every", [1, 3])
def test_a_closed_group_takes_its_told_rows_along(connection: sqlite3.Connection, every: int) -> None:
    close = Changes(
        alerts={1: alert(1, 1), 4: alert(4)},
        closed=[
            ClosedRow(3, "superseded", "superseded", by="row 9"),
            ClosedRow(4, "suppressed", "no_change"),
        ],
        closed_groups=[2],
    )
    check(connection, rules(), [FIRST, SECOND_ONE, close], every)
    assert connection.execute("SELECT id FROM groups").fetchall() == [(1,)]
    assert connection.execute("SELECT group_id, integration FROM told").fetchall() == [(1, "team")]
    ends = {number: (state, by) for number, *_, state, _, _, _, by, _ in deliveries(connection)}
    assert ends[3] == ("superseded", "row 9")
    assert ends[4] == ("suppressed", "")
    kept = dict(connection.execute("SELECT name, value FROM sums"))
    assert kept == {"owed": 4, "closed.superseded": 1, "closed.suppressed": 1}


def test_what_was_told_in_the_decision_that_closes_the_group_is_not_kept(
    connection: sqlite3.Connection,
) -> None:
    close = Changes(
        alerts={1: alert(1, 2)},
        told={(1, "team"): Told(view(1))},
        closed=[ClosedRow(1, "delivered", "first_notification")],
        closed_groups=[1],
    )
    close.alerts[2] = alert(2)
    check(connection, rules(), [FIRST, close], 1)
    assert connection.execute("SELECT count(*) FROM told").fetchone() == (0,)


def test_a_row_that_is_opened_and_closed_in_one_commit(connection: sqlite3.Connection) -> None:
    close = Changes(told={(1, "team"): Told()}, closed=[ClosedRow(1, "dead", "unsupported", "no pager", "a")])
    close.dead[1] = DeadRow(1, "team")
    check(connection, rules(), [FIRST, close], 2)
    (only,) = deliveries(connection)
    assert only[3:] == ("dead", MONDAY + 1, "unsupported", "no pager", "a", 1)
    assert outbox.sums(connection).problems == ()


def test_a_row_keeps_the_labels_of_its_route(connection: sqlite3.Connection) -> None:
    labels = (("team", "{{ .Status }}"), ("where", ""))
    labelled = ids(
        Changes(
            told={(2, "team"): Told(head=msgspec.structs.replace(pending(2, 1), labels=labels))},
            opened=[msgspec.structs.replace(row(2, 2, "team", 1), labels=labels)],
        ),
        4,
        3,
        3,
    )
    check(connection, rules(), [FIRST, labelled], 1)
    kept = [msgspec.json.decode(content).get("labels") for _, _, content, *_ in deliveries(connection)]
    assert kept == [None, [["team", "{{ .Status }}"], ["where", ""]]]


def test_a_row_that_was_opened_before_routes_had_labels(connection: sqlite3.Connection) -> None:
    check(connection, rules(), [FIRST], 1)
    ((body,),) = connection.execute("SELECT body FROM told").fetchall()
    told = msgspec.json.decode(body)
    assert told[5].pop() == []
    connection.execute("UPDATE told SET body = ?", (msgspec.json.encode(told),))
    assert loaded(connection, rules()).told_to(1, "team") == Told(head=pending(1, 1, 2))


@pytest.mark.parametrize("every", [1, 2, 3, 4])
def test_a_newer_dead_row_takes_the_place_of_an_older_one(connection: sqlite3.Connection, every: int) -> None:
    """And one that is dealt with leaves the list, whenever that is written."""
    newer = Changes(
        told={(2, "team"): Told(view(4))},
        closed=[ClosedRow(4, "dead", "timeout")],
        dead={4: DeadRow(2, "team", 3)},
        unlisted=[3],
    )
    state = check(connection, rules(), [FIRST, SECOND_ONE, THIRD, newer], every)
    assert state.dead == {4: DeadRow(2, "team", 3)}
    assert [(number, listed) for number, *_, listed in deliveries(connection)] == [
        (1, 0),
        (2, 0),
        (3, 0),
        (4, 3),
    ]
    gone = Changes(unlisted=[4])
    state.apply(gone)
    batch = Batch()
    batch.add(gone, MONDAY)
    batch.encode(Vocabulary.read(connection))
    batch.write(Writer(connection))
    assert difference(state, loaded(connection, rules())) == []
    assert state.dead_of == {}


def test_a_dead_row_that_is_unlisted_in_the_same_commit(connection: sqlite3.Connection) -> None:
    gone = Changes(unlisted=[3])
    state = check(connection, rules(), [FIRST, SECOND_ONE, THIRD, gone], 4)
    assert state.dead == {}
    assert [listed for *_, listed in deliveries(connection)] == [0, 0, 0, 0]


def test_how_often_a_closed_row_was_sent_is_kept(connection: sqlite3.Connection) -> None:
    check(connection, rules(), [FIRST, SECOND_ONE, THIRD], 1)
    attempts = connection.execute("SELECT id, attempts FROM deliveries ORDER BY id").fetchall()
    assert attempts == [(1, 0), (2, 0), (3, 7), (4, 0)]


def test_a_row_that_a_decision_alone_closes_keeps_the_count_of_its_attempts(
    connection: sqlite3.Connection,
) -> None:
    writer, batch = Writer(connection), Batch()
    batch.add(FIRST, MONDAY)
    batch.encode(Vocabulary.read(connection))
    batch.write(writer)
    (row,) = [opened.id for opened in FIRST.opened][:1]
    writer.execute("UPDATE deliveries SET attempts = 4 WHERE id = ?", (row,))
    batch = Batch()
    batch.add(Changes(closed=[ClosedRow(row, "superseded", "superseded", by="rules_loaded")]), MONDAY)
    batch.encode(Vocabulary.read(connection))
    batch.write(writer)
    query = "SELECT state, attempts FROM deliveries WHERE id = ?"
    assert connection.execute(query, (row,)).fetchone() == ("superseded", 4)


def test_rows_are_claimed_in_the_commit_that_opens_them_or_in_a_later_one(
    connection: sqlite3.Connection,
) -> None:
    query = "SELECT id, claimed_at FROM deliveries ORDER BY id"
    vocabulary = Vocabulary()
    batch = Batch(claimed={1}, claimed_at=MONDAY)
    batch.add(FIRST, MONDAY)
    batch.encode(vocabulary)
    batch.write(Writer(connection))
    batch = Batch()
    batch.add(SECOND_ONE, MONDAY + 1)
    batch.encode(vocabulary)
    batch.write(Writer(connection))
    assert connection.execute(query).fetchall() == [(1, MONDAY), (2, 0), (3, 0), (4, 0)]
    Batch(claimed={4}, claimed_at=MONDAY + 2).write(Writer(connection))
    assert connection.execute(query).fetchall() == [(1, MONDAY), (2, 0), (3, 0), (4, MONDAY + 2)]


def test_many_changes_at_once(connection: sqlite3.Connection) -> None:
    """More than one statement takes, of each kind."""
    count = 300
    every = range(1, count + 1)
    opened = Changes(
        alerts={n: alert(n, n) for n in every},
        groups={n: group(n) for n in every},
        told={(n, "team"): Told(head=pending(n, n)) for n in every},
        opened=[row(n, n, "team", n) for n in every],
    )
    closed = Changes(
        alerts={n: alert(n) for n in every if n % 2},
        told={(n, "team"): Told(view(n)) for n in every},
        closed=[ClosedRow(n, "delivered", "first_notification") for n in every],
        closed_groups=[n for n in every if n % 2],
    )
    dropped = Changes(dropped=[n for n in every if n % 2])
    top = count + 1
    decisions = [ids(opened, top, top, top), ids(closed, top, top, top), ids(dropped, top, top, top)]
    state = check(connection, rules(), decisions, 1)
    assert len(state.by_id) == len(state.groups) == len(state.told) == count // 2
    assert outbox.sums(connection) == outbox.Sums(
        count, {"delivered": count, "suppressed": 0, "superseded": 0, "dead": 0}, 0, {}, ()
    )


def test_single_values(connection: sqlite3.Connection) -> None:
    batch = Batch()
    batch.add(FIRST, MONDAY)
    batch.meta["consumed"] = "7"
    batch.encode(Vocabulary.read(connection))
    batch.write(Writer(connection))
    assert records.read_meta(connection) == {
        "rules": "rules",
        "collect_at": str(MONDAY + HOUR),
        "next_ids": "4 3 2 0",
        "consumed": "7",
    }


# -- silences ---------------------------------------------------------------------------------


def test_silences_are_kept_replaced_and_forgotten(connection: sqlite3.Connection) -> None:
    ruleset = rules()

    def silence(name: str, comment: str = "why", **fields: Any) -> Silence:
        matchers: tuple[Triple, ...] = (("a", "=", "\u00e9\n"), ("b", "!~", "c|"))
        notes = labels_from({"ticket": "7"})
        return Silence(
            name, matchers, MONDAY, MONDAY + HOUR, "boss", "alice", comment, MONDAY, notes, **fields
        )

    def write(*steps: Changes) -> dict[str, Silence]:
        batch = Batch()
        for step in steps:
            batch.add(step, MONDAY)
        batch.encode(Vocabulary.read(connection))
        batch.write(Writer(connection))
        return loaded(connection, ruleset).silences.all

    kept = {name: silence(name) for name in ("s", "t", "u")}
    assert write(Changes(silences=kept)) == kept
    changed = {"s": silence("s", "still"), "t": silence("t", ended=True)}
    assert write(Changes(silences=changed), Changes(forgotten_silences=["u"])) == changed
    again = Changes(silences={"u": silence("u")})
    assert write(again, Changes(forgotten_silences=["u", "t"])) == {"s": changed["s"]}
