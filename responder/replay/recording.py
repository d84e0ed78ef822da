"""What a service recorded: its inputs, the rules that were in force, and where the record begins.

`replay.backtest` plays it again. The storage is read, beside a running service or without one, and
never written; what cannot be played again is left out and counted by whoever plays it.
"""

import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from responder.core.messages import AlertsReceived, Body, CreateSilence, Input, ReceivedAlert, Started
from responder.core.model import Alert, Labels, Nanoseconds, Source, labels_from
from responder.core.receiving import Limits
from responder.core.rules import Ruleset
from responder.core.silence import Silence
from responder.errors import FileError
from responder.ruleset import compile_ruleset
from responder.settings import Settings
from responder.store.inputs import read_inputs
from responder.store.retention import Snapshot
from responder.store.vocabulary import Vocabulary

_SILENCE = msgspec.json.Decoder(Silence)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where a replay begins: after input `after`, at `at`, with what was known then given as inputs.

    `cut`: there were inputs before, or they are not played. `rules`: the hash of those in force, ""
    if none were yet. `firing`: how many alerts fired then.
    """

    after: int
    at: Nanoseconds
    cut: bool = False
    rules: str = ""
    known: tuple[Body, ...] = ()
    firing: int = 0


class Recording:
    """The inputs log of one storage, on one consistent view."""

    def __init__(self, connection: sqlite3.Connection, settings: Settings, limits: Limits) -> None:
        """Raises FileError if nothing was recorded. `settings`: for what was not stored with old rules."""
        self._connection = connection
        self._settings = settings
        self._limits = limits
        self._rulesets: dict[str, Ruleset] = {}
        self._incidents: dict[int, frozenset[Labels]] | None = None
        first, self.last, begins, ends = connection.execute(
            "SELECT min(seq), max(seq), min(at), max(at) FROM inputs"
        ).fetchone()
        if first is None:
            raise FileError("nothing was recorded yet: the inputs log is empty")
        self.first: int = first
        self.begins: Nanoseconds = begins
        """The time of the oldest input that is left."""
        self.ends: Nanoseconds = ends
        """The time of the newest input."""

    def beginning(self, before: Nanoseconds) -> Beginning:
        """The latest place at or before a time from which the record can be played, else the first one.

        Raises FileError if the oldest inputs were pruned and no snapshot of the state is in their place.
        """
        row = self._connection.execute(
            "SELECT seq, at, body FROM snapshots WHERE at <= ? AND seq >= ? ORDER BY seq DESC LIMIT 1",
            (before, self.first - 1),
        ).fetchone()
        if row is None and self.first > 1:
            row = self._connection.execute(
                "SELECT seq, at, body FROM snapshots WHERE seq >= ? ORDER BY seq LIMIT 1", (self.first - 1,)
            ).fetchone()
            if row is None:
                raise FileError(
                    "the oldest inputs are gone and no snapshot of the state is in their place: "
                    "the record cannot be played"
                )
        if row is None:
            return Beginning(0, self.begins, rules=self._first_rules())
        seq, at, body = row
        (following,) = self._connection.execute("SELECT min(at) FROM inputs WHERE seq > ?", (seq,)).fetchone()
        return self._from_snapshot(seq, min(at, following or at), body)

    def _from_snapshot(self, seq: int, at: Nanoseconds, body: bytes) -> Beginning:
        snapshot = _SNAPSHOT.decode(zlib.decompress(body))
        vocabulary = self._vocabulary()
        alerts = vocabulary.alerts([raw for _, raw in snapshot.alerts])
        firing = [alert for alert in alerts if alert.source != "responder" and alert.firing_at(at)]
        silences = [_SILENCE.decode(raw) for raw in snapshot.silences]
        known: list[Body] = [_made_again(silence) for silence in silences if silence.phase(at) != "expired"]
        known += _received_again(firing)
        return Beginning(seq, at, True, snapshot.meta.get("rules", ""), tuple(known), len(firing))

    def _vocabulary(self) -> Vocabulary:
        """What the snapshot's rows name by number; rows of a release that had none need none."""
        try:
            return Vocabulary.read(self._connection)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return Vocabulary()

    def _first_rules(self) -> str:
        row = self._connection.execute(
            "SELECT body FROM inputs WHERE kind = 'started' ORDER BY seq LIMIT 1"
        ).fetchone()
        return msgspec.json.decode(row[0], type=Started).rules if row else ""

    def incidents(self, seq: int) -> frozenset[Labels]:
        """The alerts of the incidents that somebody took on, or gave back, by an input; none if unknown.

        An input says the incidents' ids, which only mean something under the rules of that day.
        """
        if self._incidents is None:
            self._incidents = self._read_incidents()
        return self._incidents.get(seq, frozenset())

    def _read_incidents(self) -> dict[int, frozenset[Labels]]:
        """From the journal: which alerts each group had when it was taken on or given back."""
        rows = self._connection.execute(
            "SELECT seq, body FROM journal WHERE instr(body, '\"alerts_fired\"')"
            " OR instr(body, '\"incident_acknowledged\"') OR instr(body, '\"acknowledgement_ended\"')"
            " OR instr(body, '\"group_closed\"') ORDER BY n"
        )
        members: dict[int, set[Labels]] = {}
        found: dict[int, frozenset[Labels]] = {}
        for seq, body in rows:
            for event in msgspec.json.decode(body)["events"]:
                match event:
                    case {"type": "alerts_fired", "alerts": alerts}:
                        for _, labels, groups in alerts:
                            for group in groups:
                                members.setdefault(group, set()).add(labels_from(labels))
                    case {"type": "incident_acknowledged" | "acknowledgement_ended", "incidents": those}:
                        named = (members.get(group, set()) for group, _ in those)
                        found[seq] = found.get(seq, frozenset()).union(*named)
                    case {"type": "group_closed", "group": group}:
                        members.pop(group, None)
                    case _:
                        pass
        return found

    def count(self, after: int, until: Nanoseconds) -> int:
        """How many inputs there are after a place, up to a time."""
        query = "SELECT count(*) FROM inputs WHERE seq > ? AND at <= ?"
        (count,) = self._connection.execute(query, (after, until)).fetchone()
        return int(count)

    def inputs(self, after: int, until: Nanoseconds) -> Iterator[Input]:
        """Them, in order."""
        for given in read_inputs(self._connection, after, self._limits):
            if given.at > until:
                return
            yield given

    def ruleset(self, digest: str) -> Ruleset:
        """Rules that were in force. Raises FileError if they were not kept."""
        if digest not in self._rulesets:
            row = self._connection.execute("SELECT source FROM rulesets WHERE hash = ?", (digest,)).fetchone()
            if row is None:
                which = (
                    f"what the rules {digest[:12]} said" if digest else "which rules were in force at first"
                )
                raise FileError(f"{which} is not in the record: compare with a file instead")
            source = msgspec.json.decode(row[0], type=dict[str, str])
            self._rulesets[digest] = compile_ruleset(source, self._settings).ruleset
        return self._rulesets[digest]


def _made_again(silence: Silence) -> CreateSilence:
    return CreateSilence(
        silence.id,
        silence.matchers,
        silence.starts_at,
        silence.ends_at,
        silence.created_by,
        silence.comment,
        silence.annotations,
    )


def _received_again(alerts: list[Alert]) -> Iterator[AlertsReceived]:
    """Alerts as their senders would say them again."""
    by_source: dict[Source, list[ReceivedAlert]] = {}
    for alert in alerts:
        received = ReceivedAlert(
            alert.labels, alert.annotations, alert.starts_at, alert.ends_at, alert.generator_url, False
        )
        by_source.setdefault(alert.source, []).append(received)
    for source, received_again in by_source.items():
        yield AlertsReceived(source, b"", tuple(received_again))
