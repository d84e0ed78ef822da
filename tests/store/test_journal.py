"""The journal: the documented formula, what `verify` names, exports, anchors."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from responder.core.model import MILLISECOND, SECOND, format_time
from responder.errors import FileError
from responder.store import journal
from responder.store.database import Writer, migrate
from responder.store.journal import ORIGIN, Chain, Entry, Head, HeadFile, Verified, verify
from tests.clock import MONDAY

BODIES: tuple[dict[str, Any], ...] = (
    {"tick": "2026-01-05T00:00:00Z", "events": []},
    {"z": 1, "a": {"d": None, "c": [True, False], "b": -7}, "m": [{"y": 2, "x": 1}]},
    {"emoji": "\U0001f525 caf\u00e9 \u65e5\u672c \u2028\u2029", "html": "<b>&amp;</b> 'x' / \\ \""},
    {"control": "".join(map(chr, range(32))) + "\x7f\x80\x9f", "key \t\n": "tab"},
    {"\u00e9": 1, "e": 2, "\U0001f600": 3, "\uffff": 4, "A": 5},
    {"id": 10**18, "neg": -(2**53), "empty": {}, "none": "", "list": []},
)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """A database in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path(":memory:"))
    yield connection
    connection.close()


def write(connection: sqlite3.Connection, *bodies: object) -> list[Entry]:
    """A journal of these bodies, a second apart; its entries."""
    chain = Chain(journal.newest(connection))
    first = chain.head.n
    rows = [chain.next_row(MONDAY + (first + n) * SECOND, n, body) for n, body in enumerate(bodies)]
    journal.append(Writer(connection), rows)
    return list(journal.entries(connection))


def six(connection: sqlite3.Connection) -> list[Entry]:
    """A journal of six rows."""
    return write(connection, *[{"row": number} for number in range(1, 7)])


def plain(value: object) -> bytes:
    """Canonical JSON by the standard library."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# -- the formula ------------------------------------------------------------------------------


def test_the_hash_is_what_the_documents_say(connection: sqlite3.Connection) -> None:
    """Anyone can check it with nothing but a JSON library and SHA-256."""
    prev = "0" * 64
    found = write(connection, *BODIES)
    assert len(found) == len(BODIES)
    for n, (entry, body) in enumerate(zip(found, BODIES, strict=True), start=1):
        at = f"2026-01-05T00:00:{n - 1:02}Z"
        prev = hashlib.sha256(plain([prev, n, at, body])).hexdigest()
        assert entry == Entry(n, at, plain(body), prev)
    assert journal.newest(connection) == Head(len(BODIES), prev)


@pytest.mark.parametrize("body", BODIES)
def test_canonical_json_is_that_of_the_standard_library(body: dict[str, Any]) -> None:
    assert journal.canonical(body) == plain(body)


def test_times_are_hashed_as_they_are_shown() -> None:
    at = MONDAY + 1_500 * MILLISECOND
    text = plain([ORIGIN, 1, "2026-01-05T00:00:01.5Z", {"a": 1}])
    assert journal.link(ORIGIN, 1, at, b'{"a":1}') == hashlib.sha256(text).hexdigest()
    assert format_time(at) == "2026-01-05T00:00:01.5Z"


def test_each_part_of_a_row_is_in_its_hash() -> None:
    row = (ORIGIN, 1, MONDAY, b'{"a":1}')
    others: list[tuple[str, int, int, bytes]] = [
        ("1" + ORIGIN[1:], *row[1:]),
        (ORIGIN, 2, MONDAY, row[3]),
        (ORIGIN, 1, MONDAY + 1, row[3]),
        (ORIGIN, 1, MONDAY, b'{"a":2}'),
    ]
    assert len({journal.link(*one) for one in (row, *others)}) == 5


def test_the_chain_goes_on_after_its_head(connection: sqlite3.Connection) -> None:
    head = Head(9, "a" * 64)
    chain = Chain(head)
    n, at, seq, body, digest = chain.next_row(MONDAY, 3, {"b": 1, "a": 2})
    assert (n, at, seq, body) == (10, MONDAY, 3, b'{"a":2,"b":1}')
    assert digest == journal.link(head.hash, 10, MONDAY, body)
    assert chain.head == Head(10, digest)


# -- verify -----------------------------------------------------------------------------------


def test_a_sound_journal(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    head = Head(6, rows[-1].hash)
    assert verify(Head(), rows) == Verified(head, 6)
    for row in rows:
        assert verify(Head(), rows, Head(row.n, row.hash)) == Verified(head, 6)
    assert verify(Head(), rows, Head()) == Verified(head, 6)
    assert verify(Head(), []) == Verified(Head(), 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda row: replace(row, body=row.body + b" "),
        lambda row: replace(row, at="2026-01-05T00:00:03.000000001Z"),
        lambda row: replace(row, hash=row.hash[::-1]),
    ],
)
def test_a_changed_row_is_named(connection: sqlite3.Connection, change: Any) -> None:
    rows = six(connection)
    rows[3] = change(rows[3])
    broken = "row 4 is broken: its hash does not follow from its content"
    assert verify(Head(), rows) == Verified(Head(3, rows[2].hash), 3, broken)


def test_a_changed_row_whose_hash_was_made_anew_breaks_the_next(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    body = b'{"row":99}'
    digest = journal.link(rows[2].hash, 4, MONDAY + 3 * SECOND, body)
    rows[3] = replace(rows[3], body=body, hash=digest)
    found = verify(Head(), rows)
    assert found.broken == "row 5 is broken: its hash does not follow from its content"
    assert found.rows == 4


def test_a_body_overwritten_by_hand_with_text_is_named(connection: sqlite3.Connection) -> None:
    six(connection)
    connection.execute("UPDATE journal SET body = '{\"row\":\u00e9}' WHERE n = 2")
    found = verify(Head(), journal.entries(connection))
    assert found.broken == "row 2 is broken: its hash does not follow from its content"


def test_a_missing_row_is_named(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    found = verify(Head(), rows[:3] + rows[4:])
    assert found == Verified(Head(3, rows[2].hash), 3, "row 4 is missing: after 3 comes 5")
    assert verify(Head(), rows[1:]).broken == "row 1 is missing: after 0 comes 2"


def test_swapped_rows_are_named(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    rows[2], rows[3] = rows[3], rows[2]
    assert verify(Head(), rows).broken == "row 3 is missing: after 2 comes 4"
    # Renumbered, so that their place looks right.
    rows[2], rows[3] = replace(rows[2], n=3, at=rows[3].at), replace(rows[3], n=4, at=rows[2].at)
    assert verify(Head(), rows).broken == "row 3 is broken: its hash does not follow from its content"


def test_a_history_that_was_rewritten_differs_from_the_anchor(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    wrong = Head(4, "ab" * 32)
    expected = "row 4 differs from the anchor: history was rewritten"
    assert verify(Head(), rows, wrong) == Verified(Head(4, rows[3].hash), 4, expected)
    start = Head(4, rows[3].hash)
    assert verify(start, rows[4:], wrong) == Verified(start, 0, expected)


def test_a_head_older_than_the_anchor_is_named(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    anchor = Head(6, rows[5].hash)
    found = verify(Head(), rows[:4], anchor)
    expected = "the head is row 4, older than the anchor's row 6"
    assert found == Verified(Head(4, rows[3].hash), 4, expected)
    assert verify(Head(), [], anchor).broken == "the head is row 0, older than the anchor's row 6"


def test_a_pruned_journal_begins_at_its_checkpoint(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    assert journal.checkpoint(connection) == Head()
    connection.execute("INSERT INTO checkpoints (n, at, hash) VALUES (4, 0, ?)", (rows[3].hash,))
    connection.execute("DELETE FROM journal WHERE n <= 4")
    start = journal.checkpoint(connection)
    assert start == Head(4, rows[3].hash)
    left = list(journal.entries(connection))
    assert left == rows[4:]
    assert verify(start, left) == Verified(Head(6, rows[5].hash), 2)
    # An anchor from before the checkpoint proves nothing any more, and accuses nobody.
    assert verify(start, left, Head(2, rows[1].hash)).broken == ""
    assert (
        verify(Head(4, ORIGIN), left).broken == "row 5 is broken: its hash does not follow from its content"
    )
    connection.execute("DELETE FROM journal")
    assert journal.newest(connection) == start


def test_a_part_of_the_journal(connection: sqlite3.Connection) -> None:
    rows = six(connection)
    assert list(journal.entries(connection, 2, 4)) == rows[1:4]
    assert list(journal.entries(connection, 5)) == rows[4:]


# -- export -----------------------------------------------------------------------------------


def test_an_export_is_read_back_and_verifies(connection: sqlite3.Connection) -> None:
    rows = write(connection, *BODIES)
    lines = [entry.line() for entry in rows]
    assert [json.loads(line) for line in lines] == [
        {"n": e.n, "at": e.at, "body": body, "hash": e.hash} for e, body in zip(rows, BODIES, strict=True)
    ]
    assert not any(b"\n" in line for line in lines)
    read = list(journal.read_export([line + b"\n" for line in lines]))
    assert read == rows
    assert verify(Head(), read) == Verified(Head(6, rows[5].hash), 6)


def test_an_export_that_another_program_formatted_verifies_too(connection: sqlite3.Connection) -> None:
    rows = write(connection, *BODIES)
    lines = [json.dumps(json.loads(entry.line()), indent=None).encode() for entry in rows]
    assert lines[2] != rows[2].line()  # white space, escapes
    assert list(journal.read_export([b"\n", *lines, b"  \n"])) == rows


def test_an_export_that_was_changed_is_found(connection: sqlite3.Connection) -> None:
    lines = [entry.line() for entry in six(connection)]
    lines[4] = lines[4].replace(b'"row":5', b'"row":6')
    found = verify(Head(), journal.read_export(lines))
    assert found.broken == "row 5 is broken: its hash does not follow from its content"


@pytest.mark.parametrize(
    "line", [b"nonsense", b'{"n":2}', b'{"n":"2","at":"","body":{},"hash":""}', b"\xff", b"[]"]
)
def test_a_line_that_is_no_entry_is_named(connection: sqlite3.Connection, line: bytes) -> None:
    (first, *_) = six(connection)
    with pytest.raises(FileError, match=r"^line 3: not a journal entry: "):
        list(journal.read_export([first.line(), b"\n", line]))


# -- anchors ----------------------------------------------------------------------------------


def test_an_anchor_is_read_as_it_is_written() -> None:
    head = Head(12, "0f" * 32)
    assert str(head) == "0f" * 32 + "@12"
    assert journal.parse_anchor(f"  {head}\n") == head


@pytest.mark.parametrize(
    "text",
    ["", "@", "12", "ab" * 32, "ab" * 32 + "@", "ab" * 32 + "@-1", "AB" * 32 + "@1", "ab" * 31 + "@1"],
)
def test_what_is_no_anchor(text: str) -> None:
    with pytest.raises(ValueError, match="is not an anchor such as 00000000") as caught:
        journal.parse_anchor(text)
    assert str(caught.value).startswith(repr(text))


def test_the_head_file_holds_the_newest_head(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "responder.db")
    assert file.path == tmp_path / "responder.db.head"
    assert file.read() is None
    file.close()
    long, short = Head(123_456_789, "a" * 64), Head(3, "b" * 64)
    for head in (long, short):  # the shorter one leaves nothing of the longer
        file.write(head)
        assert file.read() == head
        assert HeadFile(tmp_path / "responder.db").read() == head
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.close()
    file.write(long)  # opened again
    assert file.read() == long
    file.close()


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"\xff\xfe\x00", b"a" * 64 + b"@x"])
def test_a_head_file_that_cannot_be_read_is_no_anchor(tmp_path: Path, content: bytes) -> None:
    file = HeadFile(tmp_path / "responder.db")
    file.path.write_bytes(content)
    assert file.read() is None
    file.write(Head(1, "c" * 64))
    assert file.read() == Head(1, "c" * 64)
    file.close()


# -- what is about a name ---------------------------------------------------------------------


def named(connection: sqlite3.Connection, name: str, since: int, until: int = 0, limit: int = 9) -> list[int]:
    at = MONDAY + since * SECOND
    rows = journal.naming(
        connection, name, since=at, until=MONDAY + until * SECOND if until else 0, limit=limit
    )
    return [row.n for row in rows]


def test_rows_are_found_by_a_name_within_a_time(connection: sqlite3.Connection) -> None:
    assert named(connection, "r1-a", 0) == []
    bodies: list[object] = [
        {"run": "r1-a"},
        {"run": "r1-ab"},
        {"x": [{"y": "r1-a"}]},
        {"text": "the last run r1-a ended"},
        {"r1-é": "r1-é"},
        {"run": "r1-a"},
    ]
    write(connection, *bodies)
    assert named(connection, "r1-a", 0) == [1, 3, 6]
    assert named(connection, "r1-a", 0, limit=2) == [1, 3]
    assert named(connection, "r1-a", 1) == [3, 6]
    assert named(connection, "r1-a", 2, until=4) == [3]
    assert named(connection, "r1-a", 5, until=5) == [6]
    assert named(connection, "r1-a", 6) == []
    assert named(connection, "r1-é", 0) == [5]


def test_rows_are_found_where_the_first_ones_were_pruned(connection: sqlite3.Connection) -> None:
    entries = write(connection, *[{"run": "r1-a"}] * 4)
    connection.execute("INSERT INTO checkpoints (n, at, hash) VALUES (2, 0, ?)", (entries[1].hash,))
    connection.execute("DELETE FROM journal WHERE n <= 2")
    assert named(connection, "r1-a", 0) == [3, 4]
    assert named(connection, "r1-a", 3) == [4]


def test_a_damaged_body_is_named(connection: sqlite3.Connection) -> None:
    (entry,) = write(connection, {"row": 1})
    assert entry.decoded() == {"row": 1}
    for body in (b"{", b"[]", b"\xff"):
        with pytest.raises(FileError, match="row 1 is damaged; see `responder audit verify`"):
            replace(entry, body=body).decoded()
