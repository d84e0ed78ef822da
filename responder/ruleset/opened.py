"""What rules are read from, and how each file or directory was found.

`load`, `secrets` and `runbooks` read through it and note it; `watch` compares that with what is there later.
Only digests are noted: no content outlives the reading.
"""

from hashlib import sha256
from pathlib import Path
from typing import TypeAlias

Opened: TypeAlias = dict[Path, str]
"""What `found` said of each absolute path."""


def found(path: Path) -> str:
    """A digest of a file's content, or of the names in a directory; "" where neither can be read."""
    try:
        return _names(entries(path)) if path.is_dir() else _digest(path.read_bytes())
    except OSError:
        return ""


def entries(directory: Path) -> list[Path]:
    """What is in a directory, in order. Raises OSError."""
    # A name that begins with a dot is a tool's; Kubernetes mounts have several.
    return sorted(path for path in directory.iterdir() if not path.name.startswith("."))


def read_bytes(path: Path, opened: Opened) -> bytes:
    """A file's content, which is noted. Raises OSError."""
    try:
        data = path.read_bytes()
    except OSError:
        opened[path.absolute()] = found(path)
        raise
    opened[path.absolute()] = _digest(data)
    return data


def read_directory(path: Path, opened: Opened) -> list[Path]:
    """What `entries` says of a directory, which is noted. Raises OSError."""
    try:
        inside = entries(path)
    except OSError:
        opened[path.absolute()] = found(path)
        raise
    opened[path.absolute()] = _names(inside)
    return inside


def _names(paths: list[Path]) -> str:
    return _digest("\0".join(path.name for path in paths).encode("utf-8", "surrogateescape"))


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
