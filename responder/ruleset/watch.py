"""Whether the files that rules were read from are still as they were.

`engine.reload` asks from time to time, beside the event loop: this reads files, and only their digests
are kept. It loads nothing and judges no content.
"""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR
from typing import Final, NamedTuple

_DIRECTORY: Final = "a directory"


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

    def expect(self, files: Mapping[Path, str]) -> None:
        """Watch these from now on: the SHA-256 of each, "" of one that is not there."""
        self._expected = dict(files)
        self._before = {}
        self._known = {path: known for path, known in self._known.items() if path in files}

    def changed(self) -> bool:
        """Whether they differ and have stayed so since the last time: what is being written waits."""
        now = {path: self._digest(path) for path in self._expected}
        settled, self._before = now == self._before, now
        return settled and now != self._expected

    def _digest(self, path: Path) -> str:
        with suppress(OSError):
            stat = path.stat()
            if S_ISDIR(stat.st_mode):
                return _DIRECTORY
            stamp = _Stamp(stat.st_dev, stat.st_ino, stat.st_ctime_ns, stat.st_mtime_ns, stat.st_size)
            known = self._known.get(path)
            if known and known[0] == stamp:
                return known[1]
            digest = sha256(path.read_bytes()).hexdigest()
            self._known[path] = stamp, digest
            return digest
        return ""
