"""`responder silence`: what is kept quiet, by whom, why and until when.

Called by the CLI's table. It asks a service by way of Alertmanager's API; who makes a silence is
known by the token, and nothing is decided here.
"""

from typing import Any, Final, Literal

import click

from responder.cli.client import (
    DEFAULT_URL,
    Client,
    output_option,
    print_json,
    printable,
    seconds,
    url_options,
)
from responder.cli.matchers import matchers_of
from responder.core.model import Nanoseconds, format_time, parse_duration, parse_time
from responder.core.silence import WireMatcher, shown, wire_matcher
from responder.errors import UsageError

_MATCHERS: Final = (
    "MATCHER is LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEX or LABEL!~REGEX; a first word without an operator "
    "is an alertname."
)


@click.group(
    "silence",
    help="Silences: alerts that every matcher of one matches are not told while it lasts. "
    f"Without --url, the service at {DEFAULT_URL} is asked.",
)
def silence() -> None:
    """What the sub-commands share: nothing."""


@silence.command(
    "add",
    help=f"Keep alerts that match every MATCHER quiet for a while; print the silence's ID.\n\n{_MATCHERS}\n\n"
    "Who was told that an alert fires is told of its end all the same, and what still fires when the silence "
    "ends is told then.",
)
@click.argument("matchers", nargs=-1, required=True, metavar="MATCHER...")
@click.option("--comment", required=True, help="Why it is to be quiet.")
@click.option("--duration", default="1h", show_default=True, help="For how long, such as 30m, 2h or 3d.")
@click.option("--start", default="", metavar="TIME", help="From when on (RFC 3339); without: now.")
@click.option("--author", default="", help="Whose silence it is; without: whose token it is.")
@click.option("--replace", default="", metavar="ID", help="Change this silence.")
@url_options
@output_option
def add(
    matchers: tuple[str, ...],
    comment: str,
    duration: str,
    start: str,
    author: str,
    replace: str,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Ask for a silence."""
    starts_at, ends_at = _times(start, duration)
    triples = [(matcher.name, matcher.op, matcher.value) for matcher in matchers_of(matchers)]
    asked = {
        "matchers": [_as_dict(wire_matcher(triple)) for triple in triples],
        "startsAt": format_time(starts_at),
        "endsAt": format_time(ends_at),
        "createdBy": author,
        "comment": comment,
        **({"id": replace} if replace else {}),
    }
    reply = Client(url or DEFAULT_URL, token).post("/api/v2/silences", asked)
    if output == "json":
        print_json(reply.document)
    elif reply.accepted:
        number = reply.document.get("input")
        click.echo(f"accepted as input {number}, not decided yet; look later: responder silence list")
    else:
        click.echo(printable(str(reply.document["silenceID"])))


@silence.command(
    "list", help=f"Silences that last or are to come, the one that ends first before others.\n\n{_MATCHERS}"
)
@click.argument("matchers", nargs=-1, metavar="[MATCHER...]")
@click.option("--expired", is_flag=True, help="Those as well that are over; they are kept for 5 days.")
@url_options
@output_option
def list_(
    matchers: tuple[str, ...], expired: bool, url: str | None, token: str, output: Literal["text", "json"]
) -> None:
    """Print silences that have all these matchers, word for word."""
    query = [("filter", str(matcher)) for matcher in matchers_of(matchers)]
    query += [] if expired else [("expired", "false")]
    found = Client(url or DEFAULT_URL, token).get("/api/v2/silences", query)
    if output == "json":
        print_json(found)
    elif found:
        for one in found:
            for line in _lines(one):
                click.echo(printable(line))
    else:
        click.echo("no silence" if matchers or expired else "nothing is silenced")


@silence.command("expire", help="End silences now. What still fires is told at once.")
@click.argument("silences", nargs=-1, required=True, metavar="ID...")
@url_options
@output_option
def expire(silences: tuple[str, ...], url: str | None, token: str, output: Literal["text", "json"]) -> None:
    """Ask for each to end."""
    from urllib.parse import quote

    client = Client(url or DEFAULT_URL, token)
    for one in silences:
        client.delete(f"/api/v2/silence/{quote(one, safe='')}")
        if output == "text":
            click.echo(f"{printable(one)} is over")
    if output == "json":
        print_json([{"silenceID": one} for one in silences])


def _times(start: str, duration: str) -> tuple[Nanoseconds, Nanoseconds]:
    from responder.clock import SystemClock

    try:
        starts_at = parse_time(start) if start else SystemClock().now()
    except ValueError as error:
        raise UsageError(f"--start: {error}") from None
    try:
        return starts_at, starts_at + parse_duration(duration)
    except ValueError as error:
        raise UsageError(f"--duration: {error}") from None


def _as_dict(matcher: WireMatcher) -> dict[str, object]:
    import msgspec

    return dict(msgspec.structs.asdict(matcher))


def _lines(one: dict[str, Any]) -> list[str]:
    """A heading with the ID, then what, when, who and why."""
    triples = [WireMatcher(**matcher).triple() for matcher in one["matchers"]]
    author, claimed = one.get("author", ""), one["createdBy"]
    by = f"{author}, as {claimed}" if author and author != claimed else claimed
    return [
        f"{one['id']}  {one['status']['state']}",
        f"  {shown(triples)}",
        f"  {seconds(one['startsAt'])} to {seconds(one['endsAt'])}, by {by}: {one['comment']}",
    ]
