"""Lists in pages: `limit`, `cursor`, and where the next page is.

`web.api` and `web.alertmanager` read their queries through it. A cursor names the last entry that was
shown, never a position, so that nothing is left out or shown twice because the list changed meanwhile.
Bodies stay what they were: the next page is in headers.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec
from aiohttp import web

from responder.errors import UsageError

NEXT: Final = "X-Next-Cursor"
"""The next page's cursor. `Link` has the whole way there, as RFC 8288 writes it."""

Key: TypeAlias = tuple[str | int, ...]
"""What an entry is known by in the order of its list."""

_LONGEST: Final = 512
_LARGEST: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that has pages: its name, the types of its entries' keys, and how many fit a page.

    `default`: entries where no `limit` is said; None: all of them.
    """

    name: str
    key: tuple[type, ...]
    default: int | None
    most: int


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: at most `limit` (None: all of it), beyond the entry `after`."""

    limit: int | None
    after: Key | None

    @property
    def whole(self) -> bool:
        """Whether the list is asked for as if there were no pages."""
        return self.limit is None and self.after is None


def page_of(request: web.Request, listing: Listing) -> Page:
    """What `limit` and `cursor` ask for. Raises UsageError."""
    text = request.query.get("cursor")
    after = None if text is None else _decoded(text, listing)
    return Page(whole(request, "limit", listing.default, listing.most), after)


def whole(request: web.Request, name: str, default: int | None, most: int) -> int | None:
    """A whole number in the query. Raises UsageError."""
    text = request.query.get(name)
    if text is None:
        return default
    if not text.isdecimal() or not text.isascii() or len(text) > _LONGEST or int(text) > most:
        raise UsageError(f"{name}: {text[:20]!r} is not a whole number up to {most}")
    return int(text)


def next_page(request: web.Request, listing: Listing, last: Key) -> dict[str, str]:
    """The headers that lead on, from the last entry that is shown."""
    cursor = urlsafe_b64encode(msgspec.json.encode((listing.name, *last))).decode().rstrip("=")
    url = request.rel_url.update_query(cursor=cursor)
    return {NEXT: cursor, "Link": f'<{url.raw_path_qs}>; rel="next"'}


def _decoded(text: str, listing: Listing) -> Key:
    try:
        raw = urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)) if len(text) <= _LONGEST else b""
        found = msgspec.json.decode(raw)
    except (binascii.Error, msgspec.DecodeError, UnicodeError):
        found = None
    if (
        not isinstance(found, list)
        or tuple(map(type, found)) != (str, *listing.key)
        or found[0] != listing.name
        or not all(0 <= part < _LARGEST for part in found if isinstance(part, int))
    ):
        raise UsageError(f"cursor: this list gave none such; take it from {NEXT}, or leave it out")
    return tuple(found[1:])
