"""What keeps it from starting: one clear sentence and an exit status, never a traceback."""

import os
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest

from tests.chaos.faults import check_books, routing, told, wait_settled
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Sink

pytestmark = pytest.mark.chaos


@pytest.fixture
def responder(start_responder: StartResponder, sink: Sink) -> ResponderProcess:
    """Not started yet."""
    return start_responder(routing(sink), start=False)


def ends(process: ResponderProcess) -> tuple[int, str]:
    """Start it: the exit status, and the last line that it wrote."""
    process.launch()
    status = process.wait()
    assert "Traceback" not in process.log.read_text()
    return status, process.log_tail(1)


def test_the_port_is_in_use(responder: ResponderProcess) -> None:
    with socket.create_server(("127.0.0.1", responder.port)):
        assert ends(responder) == (
            2,
            f"listen: 127.0.0.1:{responder.port} is in use by another program; choose another address",
        )
    responder.start()  # it left nothing behind that is in the way
    check_books(responder)


def test_what_kubernetes_puts_into_the_environment(start_responder: StartResponder, sink: Sink) -> None:
    env = {
        "RESPONDER_PORT": "tcp://10.0.0.1:9095",
        "RESPONDER_SERVICE_HOST": "10.0.0.1",
        "RESPONDER_URL": "x",
    }
    responder = start_responder(routing(sink), env=env)
    assert responder.post_alerts([api_alert("Fine")]).status == 200
    wait_settled(responder, 1)
    assert told(sink.received) == [("first_notification", "firing", ("Fine",))]


def test_a_setting_in_the_environment_that_does_not_exist(
    start_responder: StartResponder, sink: Sink
) -> None:
    responder = start_responder(routing(sink), start=False, env={"RESPONDER__LISTN": "127.0.0.1:1"})
    status, line = ends(responder)
    assert (status, line.partition(":")[0]) == (1, "RESPONDER__LISTN")


def with_secret(sink: Sink, path: Path) -> str:
    return (
        "route: {receiver: team}\n"
        "receivers:\n"
        "  - name: team\n"
        "    webhook_configs:\n"
        f"      - url: {sink.url}\n"
        "        http_config:\n"
        "          authorization:\n"
        f"            credentials_file: {path}\n"
    )


def test_a_secret_that_is_not_there(responder: ResponderProcess, sink: Sink, tmp_path: Path) -> None:
    responder.write_routing(with_secret(sink, tmp_path / "none"))
    status, line = ends(responder)
    place = f"{responder.rules / 'routing.yaml'}:8:31"
    assert (status, line.partition(": error: ")[0]) == (1, place)
    assert "No such file or directory" in line


def test_a_secret_that_may_not_be_read(responder: ResponderProcess, sink: Sink, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    secret.chmod(0o000)
    responder.write_routing(with_secret(sink, secret))
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is missing: permissions do not bind root")
        bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
        responder.argv = [*bound, *responder.argv]
    status, line = ends(responder)
    assert (status, line.partition(": error: ")[0]) == (1, f"{responder.rules / 'routing.yaml'}:8:31")
    assert "Permission denied" in line
    assert "s3cret" not in responder.log.read_text()


def test_a_storage_of_a_newer_version(responder: ResponderProcess) -> None:
    connection = sqlite3.connect(responder.database)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    status, line = ends(responder)
    assert (status, line.partition(" (")[0]) == (1, f"{responder.database}: written by a newer version")


def test_a_storage_that_is_none(responder: ResponderProcess) -> None:
    responder.database.write_text("something else " * 1000)
    assert ends(responder) == (1, f"{responder.database}: file is not a database")


def test_a_storage_where_nothing_can_be(responder: ResponderProcess) -> None:
    (responder.directory / "file").write_text("")
    responder.configure({"storage": f"sqlite:///{responder.directory / 'file' / 'responder.db'}"})
    status, line = ends(responder)
    assert (status, line.partition(": ")[0]) == (1, f"{responder.directory / 'file' / 'responder.db'}")
