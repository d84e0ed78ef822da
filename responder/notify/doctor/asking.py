"""What the examinations of destinations have in common: how they ask, and how a failed request reads.

`slack`, `pagerduty` and `smtp` call it. Nothing is tried twice, and nothing is sent by it that they did
not ask for.
"""

import asyncio
from typing import Final, TypeVar

import aiohttp

from responder.core.model import SECOND, Nanoseconds
from responder.core.notification import Rejected, Retry, Unknown
from responder.notify.http import Answer, Http, Progress, Request, failure, timed_out

S = TypeVar("S")

WITHIN: Final = 10 * SECOND
"""Patience for one request."""

TEST: Final = "Test by `responder doctor`: nothing has happened, nothing is to be done."


async def ask(
    http: Http, request: Request, read: int = 0, within: Nanoseconds = WITHIN
) -> Answer | Retry | Rejected | Unknown:
    """The answer to a request, or what prevented one."""
    progress = Progress()
    try:
        async with asyncio.timeout(within / SECOND):
            return await http.ask(request, progress, read)
    except TimeoutError:
        return timed_out(progress, within)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return failure(error, progress)


def network_advice(detail: str, host: str) -> str:
    """What to do when `host` cannot be talked to."""
    if detail.startswith("certificate"):
        return f"trust the authority that signed {host}'s certificate (ca_file), or correct the name"
    if detail.startswith("name resolution"):
        return f"check how {host} is written, and the DNS of this machine"
    if detail.startswith("connection refused"):
        return f"check host and port: nothing listens there, or a firewall refuses (looked at {host})"
    if detail.startswith("TLS settings"):
        return "check the files of tls_config: they must be readable by this user"
    return f"check that this machine may reach {host}: firewall, proxy_url, routes"


def by_settings(wanted: list[tuple[str, S]]) -> list[tuple[str, S]]:
    """The distinct settings, each with the names of the receivers that have them."""
    found: list[tuple[list[str], S]] = []
    for receiver, settings in wanted:
        names = next((names for names, known in found if known == settings), None)
        if names is None:
            found.append(([receiver], settings))
        elif receiver not in names:
            names.append(receiver)
    return [(", ".join(names), settings) for names, settings in found]
