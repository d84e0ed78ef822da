"""docs/coming-from-alertmanager.md: its commands run, in order, and print what the page says."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.peers.calls import answers_ok
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment
from tests.peers.responder import PROGRAM

PAGE: Final = Path(__file__).parents[1] / "docs" / "coming-from-alertmanager.md"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Step(NamedTuple):
    """Commands of the page, and the lines that it shows of what they print."""

    commands: str
    shown: list[str]


def steps(port: int) -> Iterator[Step]:
    blocks = _BLOCK.findall(PAGE.read_text().replace("127.0.0.1:9095", f"127.0.0.1:{port}"))
    for index, (kind, text) in enumerate(blocks):
        if kind == "sh":
            after = blocks[index + 1] if index + 1 < len(blocks) else ("", "")
            yield Step(text, after[1].splitlines() if after[0] == "text" else [])


@pytest.mark.acceptance
def test_every_command_of_the_page_runs_and_prints_what_it_says(tmp_path: Path, amtool: str) -> None:
    port = free_port()
    path = f"{PROGRAM.parent}:{Path(amtool).parent}:/usr/bin:/bin"
    env = environment({"PATH": path, "PYTHONUNBUFFERED": "1"})
    services: list[ChildProcess] = []
    shown = 0

    def ready() -> bool:
        return answers_ok(f"http://127.0.0.1:{port}/-/ready")

    try:
        for step in steps(port):
            if "responder serve" in step.commands:
                arguments = [PROGRAM, *step.commands.split()[1:]]
                service = ChildProcess("responder", arguments, tmp_path, ready, env={"PATH": path})
                services.append(service)
                service.start()
                continue
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", step.commands],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stdout) == (0, done.stdout), step.commands
            printed = iter(done.stdout.splitlines())
            for line in step.shown:
                assert line in printed, f"{step.commands}\nprints\n{done.stdout}"
                shown += 1
    finally:
        for service in services:
            service.stop()
    assert (len(services), shown) == (1, 36)
