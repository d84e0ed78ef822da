"""Signatures that count once."""

from pathlib import Path

from responder.core.model import MINUTE, SECOND
from responder.store.database import Database
from responder.store.slackseen import KEPT, first_time
from tests.clock import MONDAY


async def test_a_signature_counts_once_until_it_is_too_old_to_be_valid(tmp_path: Path) -> None:
    database = Database(tmp_path / "responder.db")
    database.open()
    try:
        seen = [await first_time(database, name, MONDAY) for name in ("a", "b", "a")]
        later = [await first_time(database, "a", MONDAY + at) for at in (KEPT, KEPT + SECOND)]
        assert (seen, later, KEPT) == ([True, True, False], [False, True], 10 * MINUTE)
        kept = await database.read(lambda c: c.execute("SELECT signature FROM slack_seen").fetchall())
        assert kept == [("a",)]
    finally:
        await database.close()
