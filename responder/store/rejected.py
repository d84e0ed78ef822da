"""Requests that could not be taken at all, kept for whoever has to find out why.

`web.intake` keeps them, from authenticated senders only; the newest thousand, the first 64 KiB of
each. What could be taken in part is in the inputs log instead.
"""

from typing import Final

from responder.core.model import Nanoseconds
from responder.store.database import Database, Writer

KEPT_BYTES: Final = 64 << 10
KEPT_ROWS: Final = 1_000


async def keep_rejected(
    database: Database, at: Nanoseconds, sender: str, status: int, reason: str, body: bytes
) -> None:
    """Keep one refused request. Raises StorageError."""

    def job(writer: Writer) -> None:
        ((newest,),) = writer.query("SELECT coalesce(max(id), 0) FROM rejected")
        row = (newest + 1, at, sender, status, reason, body[:KEPT_BYTES])
        writer.insert("rejected", ("id", "at", "sender", "status", "reason", "body"), [row])
        writer.execute("DELETE FROM rejected WHERE id <= ?", (newest + 1 - KEPT_ROWS,))

    await database.submit(job)
