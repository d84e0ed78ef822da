"""The process harness, shown on small programs of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.peers.calls import wait_until
from tests.peers.process import ChildProcess, ProcessFailed

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


def up(directory: Path) -> bool:
    return "up" in (directory / "sleeper.log").read_text()


def sleeper(directory: Path, argv: list[str] = SLEEPER, deadline: float = 10.0) -> ChildProcess:
    return ChildProcess("sleeper", argv, directory, lambda: up(directory), deadline=deadline)


def test_start_waits_until_ready_and_stop_is_sigterm(tmp_path: Path) -> None:
    process = sleeper(tmp_path)
    assert process.start() > 0
    assert process.alive
    assert process.memory() > 1_000_000
    assert process.stop() == -signal.SIGTERM
    assert not process.alive


def test_one_that_ends_early_shows_its_log(tmp_path: Path) -> None:
    process = sleeper(tmp_path, [sys.executable, "-c", "print('no room'); raise SystemExit(3)"])
    with pytest.raises(ProcessFailed) as failed:
        process.start()
    assert str(failed.value) == ("sleeper ended before it was ready (status 3); its log ends:\nno room")


def test_one_that_is_never_ready_shows_its_log(tmp_path: Path) -> None:
    process = sleeper(
        tmp_path, [sys.executable, "-c", "import time; print('hm', flush=True); time.sleep(60)"], deadline=0.5
    )
    with pytest.raises(ProcessFailed) as failed:
        process.start()
    process.kill9()
    assert str(failed.value) == ("sleeper was not ready within 0.5 s (status None); its log ends:\nhm")


def test_kill9_takes_the_children_too(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "print('up', child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    process = sleeper(tmp_path, [sys.executable, "-c", program])
    process.start()
    child = psutil.Process(int(process.log_tail().split()[1]))
    process.kill9()
    # An orphan stays a zombie until process 1 looks.
    wait_until(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child is gone"
    )


def test_it_dies_with_the_test_run(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from tests.peers.test_process import sleeper\n"
        "process = sleeper(Path(sys.argv[1]))\n"
        "process.start()\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(
        lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child is gone"
    )


def test_children_see_neither_proxies_nor_our_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("RESPONDER__LISTEN", "127.0.0.1:1")
    program = (
        "import os, time\n"
        "print('up', sorted(n for n in os.environ if 'PROXY' in n or 'RESPONDER' in n), flush=True)\n"
        "time.sleep(60)\n"
    )
    process = sleeper(tmp_path, [sys.executable, "-c", program])
    process.start()
    process.kill9()
    assert process.log_tail() == "up []"
