"""A process of our own making, from its start to its end.

Every real peer and the service itself are run by it, in tests and benchmarks; it keeps the log that a
failure shows. It never leaves a process behind: not at the end of a test, not when the run itself is killed.
"""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1
_POLL: Final = 0.005
_libc = ctypes.CDLL("libc.so.6", use_errno=True)


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment for a child: ours without proxies and what configures Responder, plus `extra`.

    A child keeps the bytecode of what it imports, as on anybody's machine: else each start compiles it all.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy")
        and not name.startswith("RESPONDER_")
        and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, **(extra or {})}


class ProcessFailed(AssertionError):
    """A process ended, or did not get ready, where it should not; the message carries the end of its log."""


class ChildProcess:
    """One command, run in `directory`, with its output in `<directory>/<name>.log`.

    `ready` is asked until it says yes (an OSError counts as no). Start it from the main thread: the kernel
    ties "die with the parent" to the thread that forked.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str | Path],
        directory: Path,
        ready: Callable[[], bool],
        *,
        env: Mapping[str, str] | None = None,
        deadline: float = 20.0,
    ) -> None:
        self.name = name
        self.argv = [str(part) for part in argv]
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._ready = ready
        self._env = dict(env or {})
        self._deadline = deadline
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; only while there is a process."""
        if self._process is None:
            raise ProcessFailed(f"{self.name} was not started")
        return self._process.pid

    def start(self) -> float:
        """Start it and wait until it is ready: seconds that this took."""
        began = time.monotonic()
        self.launch()
        self.wait_ready()
        return time.monotonic() - began

    def launch(self) -> None:
        """Start it without waiting for anything."""
        if self.alive:
            raise ProcessFailed(f"{self.name} is running already")
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=environment(self._env),
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 # one system call, no lock
            )

    def wait_ready(self) -> None:
        """Poll `ready` until it says yes; raises ProcessFailed if the process ends or takes too long."""
        until = time.monotonic() + self._deadline
        while time.monotonic() < until:
            if not self.alive:
                raise ProcessFailed(self._with_log("ended before it was ready"))
            try:
                if self._ready():
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(_POLL)
        raise ProcessFailed(self._with_log(f"was not ready within {self._deadline:g} s"))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self, timeout: float = 15.0) -> int:
        """Wait for its end: the exit status, negative for a signal."""
        if self._process is None:
            raise ProcessFailed(f"{self.name} was not started")
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessFailed(self._with_log(f"did not end within {timeout:g} s")) from None

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM, and wait: the exit status."""
        if self.alive:
            self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill9(self) -> None:
        """SIGKILL it and every process it started, and wait until they are gone."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):  # all gone already
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def memory(self) -> int:
        """Bytes that are this process's alone (USS)."""
        return int(psutil.Process(self.pid).memory_full_info().uss)

    def log_tail(self, lines: int = 40) -> str:
        """The last lines that it wrote."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _with_log(self, what: str) -> str:
        status = "" if self._process is None else f" (status {self._process.poll()})"
        return f"{self.name} {what}{status}; its log ends:\n{self.log_tail()}"
