"""What a GET's query string asks for, read strictly.

The other modules of `web.api` read queries through it, and pages of lists through `web.paging`. A value that
is none is a UsageError that names what would be right; nothing is guessed.
"""

from collections.abc import Collection

from aiohttp import web

from responder.errors import UsageError


def known(request: web.Request, *names: str) -> None:
    """Refuse a query with a name that means nothing here: a misspelt filter would find everything."""
    for name in request.query:
        if name not in names:
            raise UsageError(f"{name[:40]!r} is not asked for here; known: {', '.join(names) or 'nothing'}")


def flag(request: web.Request, name: str) -> bool:
    """Whether a flag is set: 1 or true, 0 or false."""
    text = request.query.get(name, "0")
    if text not in ("0", "1", "true", "false"):
        raise UsageError(f"{name}: {text[:20]!r} is neither 1 nor 0")
    return text in ("1", "true")


def some_of(request: web.Request, name: str, values: Collection[str]) -> frozenset[str]:
    """Every value that is given under a name, each one of `values`."""
    found = frozenset(request.query.getall(name, []))
    for text in sorted(found):
        if text not in values:
            raise UsageError(f"{name}: {text[:40]!r} is none of {', '.join(values)}")
    return found
