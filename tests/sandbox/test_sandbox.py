"""`responder sandbox` as a real process, with the shipped rules at a faster pace."""

import json
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from tests.peers.calls import get, post
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess
from tests.peers.responder import PROGRAM

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]

HEARS = {
    "mail-ops": ("critical", "warning"),
    "pagerduty-critical": ("critical",),
    "slack-critical": ("critical",),
    "slack-machine-native-ops": ("critical", "warning"),
    "slack-warnings": ("warning",),
}
"""Whom the shipped rules tell of the two alerts of the story."""


class Sandbox(ChildProcess):
    """`responder sandbox` in a directory of its own, on free ports, with everything else as shipped."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self.port, self.sink_port = free_port(), free_port()
        text = (ROOT / "config" / "sandbox.yaml").read_text()
        text = text.replace(":9095", f":{self.port}").replace(":9096", f":{self.sink_port}")
        config: Any = yaml.safe_load(text)
        config["overrides"]["timers"] = {"group_wait": "200ms", "group_interval": "500ms"}
        (directory / "config").mkdir()
        (directory / "config" / "sandbox.yaml").write_text(yaml.safe_dump(config))
        copytree(ROOT / "rules", directory / "rules")
        self.arguments = arguments
        super().__init__(
            "sandbox",
            [PROGRAM, "sandbox", "--sink-port", str(self.sink_port), *arguments],
            directory,
            lambda: "Ctrl-C stops." in self.text,
            deadline=60,
        )

    @property
    def text(self) -> str:
        """What it printed so far."""
        return self.log.read_text() if self.log.exists() else ""

    def wait_for(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds` says yes."""
        until = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < until, self.text
            time.sleep(0.02)

    def received(self) -> list[Any]:
        """What arrived at the sink."""
        found: list[Any] = get(f"http://127.0.0.1:{self.sink_port}/received").json()
        return found


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Sandbox]]:
    made = []

    def sandbox(*arguments: str) -> Sandbox:
        made.append(Sandbox(tmp_path, *arguments))
        return made[-1]

    yield sandbox
    for one in made:
        one.kill9()


def test_the_story_is_told_and_what_a_newcomer_pastes_works(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    sandbox.start()
    lines = sandbox.text.splitlines()
    assert lines[0] == (
        f"Responder is listening on http://127.0.0.1:{sandbox.port}; "
        f"the sink is listening on http://127.0.0.1:{sandbox.sink_port}"
    )
    proof = [line for line in lines if line.startswith(("  ok", "  !!"))]
    assert proof[:-2] == [
        "  ok Told to 4 receivers, 200ms (group_wait) after it came.",
        "  ok Told to nobody, and the ledger says why.",
        "  ok Who was told that it fires is told that it is over; what it hid is announced.",
        "  ok All is over, and everybody knows.",
    ]
    assert re.fullmatch(r"  ok ledger: \d+ notifications owed = .* \+ 0 pending", proof[-2])
    assert re.fullmatch(r"  ok journal: whole: rows 1 to \d+", proof[-1])
    assert "     why: the rule critical-over-warning inhibits it: a source with equal labels fires" in lines
    told = {
        (one["receiver"], alert["labels"]["severity"], alert["status"])
        for one in sandbox.received()
        for alert in one["payload"]["alerts"]
    }
    assert told == {
        (receiver, severity, status)
        for receiver, severities in HEARS.items()
        for severity in severities
        for status in ("firing", "resolved")
    }

    token = (sandbox.directory / "var" / "sandbox" / "token").read_text().strip()
    (curl,) = [line for line in lines if line.startswith("  $ curl")]
    address, body = re.search(r"curl (\S+) .* -d '(.*)'", curl).groups()  # type: ignore[union-attr]
    alert = json.loads(body)
    before = len(sandbox.received())
    answer = post(address, alert, headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    sandbox.wait_for(lambda: len(sandbox.received()) == before + 2)
    assert sandbox.stop() == 0
    assert "Traceback" not in sandbox.text
    assert sandbox.text.endswith("\nStopping.\n")


def test_it_goes_on_with_what_an_earlier_run_left(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    sandbox.launch()
    sandbox.wait_for(lambda: "2. A warning" in sandbox.text)
    sandbox.kill9()
    sandbox.start()
    assert "An earlier story was cut short" in sandbox.text
    assert sandbox.text.count("  ok journal: whole") == 1
    assert "  !!" not in sandbox.text
    sandbox.signal(signal.SIGINT)
    assert sandbox.wait() == 0


def test_without_a_story_it_only_stays_up(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    sandbox.start()
    assert sandbox.received() == []
    assert sandbox.stop() == 0


def test_a_story_that_does_not_come_out_says_where_and_stays_up(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    routing = sandbox.directory / "rules" / "routing.yaml"
    rules = yaml.safe_load(routing.read_text())
    rules["inhibit_rules"] = []
    routing.write_text(yaml.safe_dump(rules))
    sandbox.start()
    (stopped,) = [line for line in sandbox.text.splitlines() if line.startswith("  !!")]
    assert stopped.startswith("  !! The story stops here: the warning is not inhibited")
    assert get(f"http://127.0.0.1:{sandbox.port}/-/ready").status == 200
    assert sandbox.stop() == 0


@pytest.mark.parametrize("which", ["port", "sink_port"])
def test_a_port_in_use_is_one_line_and_status_2(make: Callable[..., Sandbox], which: str) -> None:
    sandbox = make()
    with socket.create_server(("127.0.0.1", getattr(sandbox, which))):
        sandbox.launch()
        assert sandbox.wait() == 2
    (line,) = sandbox.text.splitlines()
    assert f"127.0.0.1:{getattr(sandbox, which)} is in use by another program" in line


def test_another_configuration_is_refused(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--config", "config/other.yaml")
    (sandbox.directory / "config" / "other.yaml").write_text("listen: 127.0.0.1:9095\n")
    sandbox.launch()
    assert sandbox.wait() == 2
    assert sandbox.text == (
        "config/other.yaml: the sandbox needs `sandbox: true` and auth.tokens_file; "
        "other configurations are for `responder serve`\n"
    )
