"""What guides and runbooks have typed into PostgreSQL and Redis is what these know: asked of real ones."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from tests.guides.helptexts import options_of
from tests.guides.pages import PAGES, name
from tests.guides.reading import called, programs
from tests.guides.shell import Shell
from tests.peers.binaries import peer
from tests.peers.ports import free_port
from tests.peers.postgresql import PostgreSQL
from tests.peers.process import ChildProcess, environment

pytestmark = pytest.mark.peers


def typed(program: str, directory: Path) -> Iterator[tuple[str, Sequence[str]]]:
    """Every call of a program in the pages, with where it stands."""
    for number, page in enumerate(PAGES):
        if program in page.read_text():
            inside = directory / str(number)
            inside.mkdir()
            for call in called(page.read_text(), Shell(inside, programs())).calls:
                if call.argv[0] == program:
                    yield f"{name(page)}:{call.block.line}", call.argv[1:]


def test_postgresql_answers_every_question(tmp_path: Path, postgresql: PostgreSQL) -> None:
    asked = 0
    for where, argv in typed("psql", tmp_path):
        given = options_of("psql").parse(argv)
        for statement in given.values.get("-c", ()):
            # Words in capitals are for the reader to fill in; 0 is nobody's process.
            filled = re.sub(r"\b[A-Z]{3,}\b", "0", statement)
            try:
                postgresql.sql(f"begin; {filled}; rollback")
            except AssertionError as error:
                pytest.fail(f"{where}: {error}")
            asked += 1
    assert asked >= 10


class Redis(ChildProcess):
    """A server, or a Sentinel, that watches over nothing."""

    def __init__(self, directory: Path, *more: str) -> None:
        self.port = free_port()
        configuration = directory / "redis.conf"
        configuration.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {directory}\n")
        argv: list[str | Path] = [peer("redis-server"), configuration, *more]
        super().__init__("redis", argv, directory, lambda: self.ask("ping") == "PONG")

    def ask(self, *words: str) -> Any:
        """What it answers, as JSON."""
        argv = [peer("redis-cli"), "-p", str(self.port), "--json", *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment())
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None


SENTINEL: Final = "26379"


def test_redis_and_its_sentinels_know_every_command(tmp_path: Path) -> None:
    servers = {}
    for kind, more in (("server", ()), (SENTINEL, ("--sentinel",))):
        (tmp_path / kind).mkdir()
        servers[kind] = Redis(tmp_path / kind, *more)
    (tmp_path / "pages").mkdir()
    asked, unknown = 0, []
    try:
        for server in servers.values():
            server.start()
        for where, argv in typed("redis-cli", tmp_path / "pages"):
            given = options_of("redis-cli").parse(argv, interspersed=False)
            if not given.words:
                continue  # --bigkeys and the like
            server = servers[SENTINEL if given.value("-p") == SENTINEL else "server"]
            asked += 1
            if not _known(server, given.words):
                unknown.append(f"{where}: {' '.join(given.words)}")
    finally:
        for server in servers.values():
            server.stop()
    assert unknown == []
    assert asked > 20


def _known(server: Redis, words: Sequence[str]) -> bool:
    """Whether it has the command, and it takes so many words."""
    found = None
    for command in ("|".join(words[:2]).lower(), words[0].lower()):
        [found] = server.ask("command", "info", command)
        if found:
            break
    if not found or (found[9] and "|" not in found[0]):
        return False  # no such command, or no such sub-command of it
    arity = int(found[1])
    return len(words) == arity if arity >= 0 else len(words) >= -arity
