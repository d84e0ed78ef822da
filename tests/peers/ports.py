"""TCP ports on loopback for servers that tests start.

Fixtures and benchmarks ask here. Never hands out one that the kernel may give to an outgoing connection
(32768 and up).
"""

import os
import socket
from itertools import chain
from typing import Final

_LOWEST: Final = 20_000
_BEYOND: Final = 32_000
_given: set[int] = set()


def free_port() -> int:
    """A port that nothing listens on, and that was not handed out before in this process."""
    start = _LOWEST + os.getpid() * 37 % (_BEYOND - _LOWEST)
    for port in chain(range(start, _BEYOND), range(_LOWEST, start)):
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
    raise RuntimeError(f"no free port between {_LOWEST} and {_BEYOND}")
