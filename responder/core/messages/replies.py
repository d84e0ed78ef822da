"""Replies: what a command came to.

`core.decide` gives them, `web` and the commands tell them. They have no behaviour.
"""

import msgspec


class Accepted(msgspec.Struct, frozen=True):
    """A command did what it was asked to."""

    detail: str = ""


class Declined(msgspec.Struct, frozen=True):
    """A command could not do what it was asked to: an HTTP status and the reason."""

    status: int
    reason: str
