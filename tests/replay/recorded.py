"""A storage with a record in it, written row by row: what was received when, under which rules."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from responder.core.messages import Command, RulesLoaded, Started
from responder.core.model import Nanoseconds, format_time, parse_duration
from responder.core.receiving import Limits
from responder.core.rules import Ruleset
from responder.replay.recording import Recording
from responder.ruleset import load_ruleset
from responder.settings import Settings
from responder.store.database import migrate, reading
from tests.clock import MONDAY

LIMITS = Limits(64, 4096, 65536)

ROUTING = """\
route:
  receiver: team
  group_by: [alertname]
  routes:
    - {matchers: ['severity="critical"'], receiver: pager, continue: true}
    - {matchers: ['severity="info"'], receiver: nobody}
    - {matchers: ['severity=~".+"'], receiver: team}
receivers:
  - {name: team, slack_configs: [{channel: '#team', send_resolved: true}]}
  - {name: pager, pagerduty_configs: [{routing_key: k}]}
  - {name: nobody}
"""


def rules(text: str = ROUTING) -> Ruleset:
    """Rules from their text."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as directory:
        path = Path(directory) / "routing.yaml"
        path.write_text(text)
        return load_ruleset(path, Settings(), read_files=False).ruleset


class Record:
    """Writes a record that begins on a Monday at midnight; times count from there."""

    def __init__(self, directory: Path, ruleset: Ruleset) -> None:
        self.path = directory / "responder.db"
        self._connection = sqlite3.connect(self.path, isolation_level=None)
        migrate(self._connection, self.path)
        self._seq = 0
        self.command("0s", Started(ruleset.hash, 0))
        self.keep(ruleset)

    def close(self) -> Path:
        """Nothing more is recorded; the database."""
        self._connection.close()
        return self.path

    def keep(self, ruleset: Ruleset) -> None:
        """Rules as the service keeps them that were in force."""
        self._connection.execute(
            "INSERT INTO rulesets (hash, at, source) VALUES (?, ?, ?)",
            (ruleset.hash, MONDAY, msgspec.json.encode(dict(ruleset.source))),
        )

    def reload(self, at: str, ruleset: Ruleset) -> None:
        """Other rules are put in force."""
        self.keep(ruleset)
        self.command(at, RulesLoaded(ruleset.hash))

    def alerts(self, at: str, *names: str, ends: str = "", **labels: str) -> None:
        """Alerts arrive by the API: they have just begun and fire for a day, or until `ends`."""
        moment, end = moment_of(at), moment_of(ends or "1d")
        sent = [
            {
                "labels": {"alertname": name, **labels},
                "startsAt": format_time(min(moment, end)),
                "endsAt": format_time(end),
            }
            for name in names
        ]
        self.raw(moment, "alerts_api", msgspec.json.encode(sent))

    def command(self, at: str, body: Command) -> None:
        """Anything else."""
        kind = type(body).__struct_config__.tag
        self.raw(moment_of(at), str(kind), msgspec.json.encode(body))

    def raw(self, at: Nanoseconds, kind: str, body: bytes) -> None:
        """An input as it is stored."""
        self._seq += 1
        self._connection.execute(
            "INSERT INTO inputs (seq, at, kind, actor, body) VALUES (?, ?, ?, 'somebody', ?)",
            (self._seq, at, kind, body),
        )

    def execute(self, statement: str, *values: object) -> None:
        """Change what is recorded."""
        self._connection.execute(statement, values)


def moment_of(text: str) -> Nanoseconds:
    """A time of the record."""
    return MONDAY + parse_duration(text)


@contextmanager
def opened(path: Path) -> Iterator[Recording]:
    """The record, as a replay reads it."""
    with reading(path) as connection:
        yield Recording(connection, Settings(), LIMITS)
