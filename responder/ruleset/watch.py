"""Whether what rules were read from is still as it was.

`engine.reload` asks from time to time, beside the event loop: this reads files, and only their digests
are kept. It loads nothing and judges no content.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from responder.ruleset.opened import found


class _Stamp(NamedTuple):
    """What tells without reading a file that it may be another one: Kubernetes swaps links above it."""

    device: int
    inode: int
    changed_at: int
    modified_at: int
    size: int


class Watch:
    """Compares files with what they were."""

    def __init__(self) -> None:
        """Nothing is watched yet."""
        self._expected: dict[Path, str] = {}
        self._before: dict[Path, str] = {}
        self._known: dict[Path, tuple[_Stamp, str]] = {}

    def expect(self, opened: Mapping[Path, str]) -> None:
        """Watch these from now on; each was found as is said here."""
        self._expected = dict(opened)
        self._before = {}
        self._known = {path: known for path, known in self._known.items() if path in opened}

    def changed(self) -> bool:
        """Whether they differ and have stayed so since the last time: what is being written waits."""
        now = {path: self._digest(path) for path in self._expected}
        settled, self._before = now == self._before, now
        return settled and now != self._expected

    def _digest(self, path: Path) -> str:
        try:
            stat = path.stat()
        except OSError:
            return ""
        stamp = _Stamp(stat.st_dev, stat.st_ino, stat.st_ctime_ns, stat.st_mtime_ns, stat.st_size)
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        digest = found(path)
        self._known[path] = stamp, digest
        return digest
