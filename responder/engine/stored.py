"""What the database holds for an engine that starts, or begins again after a failure.

`engine.engine` reads it beside the writer, on one consistent view. Nothing here writes.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace

from responder.core import receiving
from responder.core.messages import AlertsReceived, Input
from responder.core.model import Nanoseconds
from responder.core.orders import Earlier
from responder.core.rules import Ruleset
from responder.core.state import State
from responder.settings.values import Limits
from responder.store import executions, journal, outbox, records, traces
from responder.store.inputs import read_inputs
from responder.store.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Stored:
    """State and ruleset as of `consumed`, what is undecided, and where the logs end.

    `attempted`: open rows that were claimed, and what came of it. `begun`: steps that were claimed, by key.
    `traces`: where in a trace things belong that are not over.
    """

    state: State
    ruleset: Ruleset
    consumed: int
    undecided: list[Input]
    head: journal.Head
    last_seq: int
    last_at: Nanoseconds
    attempted: dict[int, Earlier]
    begun: dict[str, executions.Claimed]
    traces: traces.Traces
    vocabulary: Vocabulary


def read_stored(
    connection: sqlite3.Connection,
    limits: Limits,
    ruleset_for: Callable[[sqlite3.Connection, str, bool], Ruleset],
) -> Stored:
    """Read everything. `ruleset_for(connection, hash, needed)` finds the ruleset of that hash."""
    meta = records.read_meta(connection)
    consumed = int(meta.get("consumed", "0"))
    undecided = _traced(connection, consumed, list(read_inputs(connection, consumed, alert_limits(limits))))
    ruleset = ruleset_for(connection, meta.get("rules", ""), bool(undecided))
    vocabulary = Vocabulary.read(connection)
    last_seq, last_at = connection.execute("SELECT max(seq), max(at) FROM inputs").fetchone()
    return Stored(
        records.load(connection, ruleset, vocabulary),
        ruleset,
        consumed,
        undecided,
        journal.newest(connection),
        max(last_seq or 0, consumed),
        max(last_at or 0, int(meta.get("clock", "0"))),
        outbox.claimed(connection),
        executions.claimed(connection),
        traces.read(connection),
        vocabulary,
    )


def _traced(connection: sqlite3.Connection, consumed: int, inputs: list[Input]) -> list[Input]:
    """The inputs with the trace contexts that were accepted with them."""
    found = traces.of_inputs(connection, consumed) if inputs else {}
    return [
        Input(given.seq, given.at, given.actor, replace(given.body, traces=found[given.seq]))
        if given.seq in found and isinstance(given.body, AlertsReceived)
        else given
        for given in inputs
    ]


def alert_limits(limits: Limits) -> receiving.Limits:
    """The part of the limits that concerns one alert."""
    return receiving.Limits(limits.labels, limits.label_value, limits.annotations)
