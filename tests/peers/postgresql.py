"""Debian's PostgreSQL as a real server: one for all tests, with a database for each that asks for one.

Fixtures start it; tests speak to it by its own psql. Nothing of it survives the session.
"""

import signal
import subprocess
from pathlib import Path

from tests.peers.binaries import peer
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment
from tests.peers.users import as_user

PASSWORD = "what-postgres-is-asked"  # made up
SPEED = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgreSQL(ChildProcess):
    """A server in `directory` (the user's of tests.peers.users); over TCP it asks for `PASSWORD`."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.data = directory / "data"
        settings = [f"-c{setting}" for setting in (*SPEED, "listen_addresses=127.0.0.1")]
        argv: list[str | Path] = [
            *as_user(),
            peer("postgres"),
            "-D",
            self.data,
            "-k",
            directory,
            "-p",
            str(self.port),
            *settings,
        ]
        super().__init__("postgres", argv, directory, self._answers)

    def launch(self) -> None:
        """Start it, and make its data directory before, if there is none."""
        if not self.data.exists():
            password = self.directory / "password"
            password.write_text(PASSWORD)
            password.chmod(0o644)
            argv: list[str | Path] = [
                *as_user(),
                peer("initdb"),
                "-D",
                self.data,
                "-U",
                "postgres",
                "--no-sync",
                "-E",
                "UTF8",
            ]
            argv += [
                "--locale=C.UTF-8",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
                "--pwfile",
                password,
            ]
            subprocess.run(argv, check=True, capture_output=True, cwd=self.directory, env=environment())
        super().launch()

    def stop(self, timeout: float = 15.0) -> int:
        """Stop it without waiting for who is connected."""
        if self.alive:
            self.signal(signal.SIGINT)
        return self.wait(timeout)

    def sql(self, statements: str, database: str = "postgres") -> str:
        """What psql answers as the superuser: rows as lines, columns with | between them."""
        argv = [peer("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-U", "postgres"]
        argv += ["-h", str(self.directory), "-p", str(self.port)]
        done = subprocess.run(
            argv, input=statements, capture_output=True, text=True, check=False, env=environment()
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _answers(self) -> bool:
        # What it says itself, once it takes connections.
        return (self.data / "postmaster.pid").read_text().rstrip().endswith("ready")
