"""Whom a program of a test runs as: PostgreSQL's refuse to run as root, and a pod's never do.

Fixtures and rehearsals of backups put `as_user()` before a command, and make directories by `directory`.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.peers.binaries import peer

USER: Final = "postgres"


def as_user() -> list[str]:
    """What a command begins with: nothing where we are not root anyway.

    The kernel forgets "die with the parent" where a process becomes somebody else: so it is said again.
    """
    if os.geteuid() != 0:
        return []
    return [peer("setpriv"), f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--pdeathsig=KILL", "--"]


def own(path: Path) -> Path:
    """Makes the directory, if need be, that user's own."""
    path.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(path, USER, USER)
    return path


@contextmanager
def directory() -> Iterator[Path]:
    """A directory of that user's that is gone afterwards; pytest's are closed to anybody else.

    Its path is short: a socket's may have 107 letters.
    """
    with tempfile.TemporaryDirectory(prefix="peer-", dir="/tmp") as made:
        path = own(Path(made))
        path.chmod(0o755)
        yield path
