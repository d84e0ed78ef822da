"""docs/coming-from-alertmanager.md: its commands run, in order, and print what the page says."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.cli.story import run
from tests.peers.calls import answers_ok
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment
from tests.peers.responder import PROGRAM

PAGE: Final = Path(__file__).parents[1] / "docs" / "coming-from-alertmanager.md"
_BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OURS: Final = re.compile(r"^(responder .*)\n", re.MULTILINE)


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


def printed(commands: str, path: str) -> str:
    """What commands print; `responder` runs in this process, which saves a second each time."""
    out = []
    for part in _OURS.split(commands):
        if part.startswith("responder "):
            result = run(*shlex.split(part)[1:])
            assert result.exit_code == 0, f"{part}\n{result.output}"
            out.append(result.output)
        elif part.strip():
            shell = ["bash", "-euo", "pipefail", "-c", part]
            env = environment({"PATH": path})
            out.append(subprocess.run(shell, env=env, capture_output=True, text=True, check=True).stdout)
    return "".join(out)


@pytest.mark.acceptance
def test_every_command_of_the_page_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, amtool: str
) -> None:
    monkeypatch.chdir(tmp_path)
    port, path = free_port(), f"{Path(amtool).parent}:/usr/bin:/bin"
    services: list[ChildProcess] = []
    shown = 0

    def ready() -> bool:
        return answers_ok(f"http://127.0.0.1:{port}/-/ready")

    try:
        for step in steps(port):
            if step.commands.startswith("responder serve"):
                arguments: list[str | Path] = [PROGRAM, *step.commands.split()[1:]]
                services.append(ChildProcess("responder", arguments, tmp_path, ready))
                services[-1].start()
                continue
            text = printed(step.commands, path)
            lines = iter(text.splitlines())
            for line in step.shown:
                assert line in lines, f"{step.commands}\nprints\n{text}"
                shown += 1
    finally:
        for service in services:
            service.stop()
    assert (len(services), shown) == (1, 38)
