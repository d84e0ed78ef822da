"""Whether the process lives, and whether it is ready: the words, and who decides.

`connection` and `app` answer `/-/healthy` and `/-/ready` from here, so that both ways in say the same. It
asks the service and nobody else, and needs no token.
"""

from collections.abc import Callable

from responder.web.answer import Answer, in_words


class Health:
    """What the two probes are told."""

    def __init__(self, why_not_ready: Callable[[], str], stopping: Callable[[], bool]) -> None:
        """`why_not_ready` says so in words, or nothing."""
        self._why_not_ready = why_not_ready
        self._stopping = stopping

    def reason(self) -> str:
        """Why it is not ready, or an empty text."""
        return "stopping" if self._stopping() else self._why_not_ready()

    def healthy(self) -> Answer:
        """The process answers."""
        return in_words(200, "Responder is healthy.\n")

    def ready(self) -> Answer:
        """The engine decides, and is not behind."""
        reason = self.reason()
        if reason:
            return in_words(503, f"Responder is not ready: {reason}.\n")
        return in_words(200, "Responder is ready.\n")
