"""Crashes and faults for a real process, made of nothing but what SQLite and the system offer.

The product has no hooks for tests: a commit fails because a trigger forbids it or somebody holds the lock,
a process ends because it is killed. Chaos tests use it; what must come of a fault is theirs to say.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.peers.calls import get, wait_until
from tests.peers.payloads import api_alert
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Received, Sink

QUICK: Final = {"first_retry": "0.05s", "max_retry": "0.2s", "timeout": "2s"}
"""`delivery:` for tests: the shipped waits are for the internet."""


def routing(
    sink: Sink, *, group_by: tuple[str, ...] = ("alertname",), interval: str = "1s"
) -> dict[str, Any]:
    """Everything to one sink, at once; Responder's own alerts to a path of their own there."""
    own = sink.url.replace("/hook", "/own")
    return {
        "route": {
            "receiver": "team",
            "group_by": list(group_by),
            "group_wait": "0s",
            "group_interval": interval,
            "routes": [{"receiver": "own", "matchers": ['alertname=~"Responder.+"']}],
        },
        "receivers": [
            {"name": "team", "webhook_configs": [{"url": sink.url, "send_resolved": True}]},
            {"name": "own", "webhook_configs": [{"url": own, "send_resolved": True}]},
        ],
    }


@contextmanager
def opened(database: Path) -> Iterator[sqlite3.Connection]:
    """The database, beside a running process or without one; each statement commits by itself."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def write_lock(database: Path) -> Iterator[None]:
    """Nobody else can commit anything meanwhile."""
    with opened(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


class Posting(threading.Thread):
    """Posts one alert beside the test; `answer` is the status, or what went wrong instead of one."""

    def __init__(self, responder: ResponderProcess, name: str) -> None:
        super().__init__(daemon=True)
        self.answer: int | type[OSError] = 0
        self._responder = responder
        self._alert = api_alert(name)
        self.start()

    def run(self) -> None:
        try:
            self.answer = self._responder.post_alerts([self._alert]).status
        except OSError as error:
            self.answer = type(error)


def forbid(database: Path, what: str, when: str = "1") -> None:
    """From now on a transaction that does `what` (such as INSERT ON journal) fails, where `when` holds."""
    with opened(database) as connection:
        connection.execute(
            f"CREATE TRIGGER fault BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, 'a fault'); END"
        )


def permit(database: Path) -> None:
    """What was forbidden works again."""
    with opened(database) as connection:
        connection.execute("DROP TRIGGER fault")


def count(database: Path, query: str) -> int:
    """The single number of a query."""
    with opened(database) as connection:
        (number,) = connection.execute(query).fetchone()
    return int(number)


def own_text(process: ResponderProcess) -> str:
    """What the process wrote since it was first started."""
    return process.log.read_text(errors="replace")


def ledger(process: ResponderProcess) -> Mapping[str, Any]:
    """The ledger once everything accepted is decided."""
    sums: Mapping[str, Any] = get(f"{process.url}/api/v1/ledger").json()
    return sums


def wait_settled(process: ResponderProcess, owed: int, timeout: float = 10.0) -> Mapping[str, Any]:
    """Wait until so many notifications were owed and none is open; the ledger then."""
    wait_until(
        lambda: (ledger(process)["owed"], ledger(process)["pending"]) == (owed, 0),
        timeout,
        f"{owed} owed and none pending; it stands at {ledger(process)}",
    )
    return ledger(process)


def check_books(process: ResponderProcess) -> None:
    """The ledger balances and the journal is whole, read from the storage; running or not."""
    process.cli("ledger", "--config", process.config_path)
    process.cli("audit", "verify", "--config", process.config_path)


def told(received: list[Received], path: str = "/hook") -> list[tuple[str, str, tuple[str, ...]]]:
    """What was told and taken, in order: (why, status, names)."""
    return [
        (request.payload["notification_reason"], status, tuple(names))
        for request in received
        if request.taken and request.path == path
        for status in ("firing", "resolved")
        if (names := request.alertnames(status))
    ]


def key(request: Received) -> str:
    """What makes repeated tries of one notification recognisable."""
    return request.headers["Idempotency-Key"]
