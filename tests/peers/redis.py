"""Debian's Redis as a real server, in a directory of its own, and what it holds as a test compares it.

Fixtures and rehearsals start it; it asks for a password, at a plain port and at one with TLS. Nothing here
knows why.
"""

import json
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.peers.authority import Authority
from tests.peers.binaries import peer
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment
from tests.peers.users import as_user

PASSWORD = "what-redis-is-asked"  # made up

# How each type is read, whole and in an order.
_READ = {
    "string": ("GET", "{}"),
    "hash": ("HGETALL", "{}"),
    "list": ("LRANGE", "{}", "0", "-1"),
    "set": ("SMEMBERS", "{}"),
    "zset": ("ZRANGE", "{}", "0", "-1", "WITHSCORES"),
    "stream": ("XRANGE", "{}", "-", "+"),
}


class Redis(ChildProcess):
    """A server on `directory`; not started yet. `authority`: as PEM, who signed its certificate."""

    def __init__(self, directory: Path, *, append_only: bool = False) -> None:
        self.port, self.tls_port = free_port(), free_port()
        authority = Authority()
        self.authority = authority.certificate
        certificate, key = authority.issue("redis", directory)
        argv = [*as_user(), peer("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        argv += ["--dir", str(directory), "--save", "", "--requirepass", PASSWORD]
        argv += ["--appendonly", "yes" if append_only else "no", "--repl-diskless-sync-delay", "0"]
        argv += ["--tls-port", str(self.tls_port), "--tls-cert-file", str(certificate)]
        # Clients need none; without an authority for theirs it does not start, though.
        argv += [
            "--tls-key-file",
            str(key),
            "--tls-ca-cert-file",
            str(certificate),
            "--tls-auth-clients",
            "no",
        ]
        super().__init__("redis", argv, directory, self._answers)

    def _answers(self) -> bool:
        with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            # Loaded, and asks for the password.
            return connection.recv(100).startswith(b"-NOAUTH")

    def ask(self, *command: str | bytes) -> Any:
        """What it answers to one command."""
        argv: list[str | bytes] = [peer("redis-cli"), "-p", str(self.port), "--json", *command]
        done = subprocess.run(
            argv,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
            env=environment({"REDISCLI_AUTH": PASSWORD}),
        )
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def feed(self, commands: Sequence[str]) -> None:
        """Each line a command, as one types them."""
        argv = [peer("redis-cli"), "-p", str(self.port)]
        done = subprocess.run(
            argv,
            input="\n".join(commands),
            capture_output=True,
            text=True,
            check=False,
            env=environment({"REDISCLI_AUTH": PASSWORD}),
        )
        assert (done.returncode, "ERR" in done.stdout) == (0, False), done.stdout + done.stderr

    def contents(self) -> dict[str, Any]:
        """Each key: its type, when it ends (ms since 1970, -1: never), and all that is in it."""
        found = {}
        for key in sorted(self.ask("KEYS", "*")):
            kind = self.ask("TYPE", key)
            value = self.ask(*(part.format(key) for part in _READ[kind]))
            if kind == "set":
                value = sorted(value)
            groups = self.ask("XINFO", "GROUPS", key) if kind == "stream" else None
            found[key] = (kind, self.ask("PEXPIRETIME", key), value, groups)
        return found
