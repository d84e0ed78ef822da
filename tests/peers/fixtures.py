"""Fixtures for real peers; tests/conftest.py makes them known to every test.

What a test starts by them ends with the test, or with all of them where its scope says so. A missing program
skips the test by name, and fails it with REQUIRE_PEERS=1.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.peers.alertmanager import Alertmanager
from tests.peers.binaries import peer
from tests.peers.objectstore import ObjectStore
from tests.peers.postgresql import PostgreSQL
from tests.peers.process import ChildProcess
from tests.peers.prometheus import Exposition, Prometheus
from tests.peers.pushgateway import Pushgateway
from tests.peers.redis import Redis
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Sink
from tests.peers.users import directory

StartAlertmanager: TypeAlias = Callable[[Mapping[str, Any]], Alertmanager]
StartPrometheus: TypeAlias = Callable[[Exposition, Sequence[Mapping[str, Any]], Sequence[str]], Prometheus]
StartResponder: TypeAlias = Callable[..., ResponderProcess]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A recording webhook receiver."""
    with Sink() as started:
        yield started


@pytest.fixture(scope="session")
def session_sink() -> Iterator[Sink]:
    """The receiver of what runs for the whole session."""
    with Sink() as started:
        yield started


@pytest.fixture(scope="session")
def amtool() -> str:
    """The path of amtool."""
    return peer("amtool")


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool."""
    return peer("promtool")


@pytest.fixture(scope="session")
def start_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartAlertmanager]:
    """`start_alertmanager(config)`: a ready Alertmanager that lives until all tests have ended."""
    program = peer("prometheus-alertmanager")
    started: list[ChildProcess] = []

    def start(config: Mapping[str, Any]) -> Alertmanager:
        process = Alertmanager(program, tmp_path_factory.mktemp("alertmanager"), config)
        started.append(process)
        process.start()
        return process

    yield start
    _end(started)


@pytest.fixture(scope="session")
def exposition() -> Iterator[Exposition]:
    """The numbers that Prometheus scrapes."""
    page = Exposition()
    yield page
    page.close()


@pytest.fixture(scope="session")
def start_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartPrometheus]:
    """`start_prometheus(exposition, rules, alertmanagers)`: one that scrapes; ends with the session."""
    program = peer("prometheus")
    started: list[ChildProcess] = []

    def start(
        exposition: Exposition, rules: Sequence[Mapping[str, Any]], alertmanagers: Sequence[str]
    ) -> Prometheus:
        process = Prometheus(program, tmp_path_factory.mktemp("prometheus"), exposition, rules, alertmanagers)
        started.append(process)
        process.start()
        process.wait_discovered()
        return process

    yield start
    _end(started)


@pytest.fixture
def start_responder(tmp_path: Path) -> Iterator[StartResponder]:
    """`start_responder(routing, config=None, *, name="one", start=True, env=None)`: ends with the test.

    The same name has the same directory: a second one of that name finds the first one's database.
    """
    started: list[ChildProcess] = []

    def start(
        routing: Mapping[str, Any] | str,
        config: Mapping[str, Any] | None = None,
        *,
        name: str = "one",
        start: bool = True,
        env: Mapping[str, str] | None = None,
    ) -> ResponderProcess:
        process = ResponderProcess(tmp_path / name, routing, config, env=env)
        started.append(process)
        if start:
            process.start()
        return process

    yield start
    _end(started)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL for the whole test run; a test makes itself a database, and drops it."""
    with directory() as place:
        server = PostgreSQL(place)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """A Redis for the whole test run; a test empties it before it begins."""
    with directory() as place:
        server = Redis(place)
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def pushgateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushgateway]:
    """A Pushgateway for the whole test run; a test empties it before it begins."""
    server = Pushgateway(tmp_path_factory.mktemp("pushgateway"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    """An object store with two buckets, each with a key of its own; a test empties it before it begins."""
    store = ObjectStore({"first": "key-of-first", "second": "key-of-second"})
    yield store
    store.close()


def _end(started: list[ChildProcess]) -> None:
    for process in reversed(started):
        process.kill9()
