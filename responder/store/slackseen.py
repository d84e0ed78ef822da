"""Signatures of requests that Slack made: so that none of them counts a second time.

`web.slack` asks before it does what a request says. What is older than a signature can be valid is
forgotten.
"""

from typing import Final

from responder.core.model import MINUTE, Nanoseconds
from responder.store.database import Database, Writer

KEPT: Final = 10 * MINUTE
"""A request may be stamped five minutes ahead, and is valid until five minutes after its stamp."""


async def first_time(database: Database, signature: str, at: Nanoseconds) -> bool:
    """Whether it was not seen before; from now on it was. Raises StorageError."""

    def job(writer: Writer) -> bool:
        writer.execute("DELETE FROM slack_seen WHERE at < ?", (at - KEPT,))
        added = writer.execute(
            "INSERT INTO slack_seen (signature, at) VALUES (?, ?) ON CONFLICT (signature) DO NOTHING",
            (signature, at),
        )
        return added == 1

    return await database.submit(job, urgent=True, rows=1)
