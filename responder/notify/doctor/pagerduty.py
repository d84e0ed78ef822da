"""PagerDuty, as far as it can be examined: an integration key is proven by an event and by nothing else.

`cli.doctor` calls it. Without `send` PagerDuty is sent no event, not even a wrong one.
"""

import asyncio
import re
from secrets import token_hex
from typing import Any, Final

import msgspec
from multidict import CIMultiDict
from yarl import URL

from responder import __version__
from responder.clock import Clock
from responder.core.catalogue import PagerdutySettings
from responder.core.notification import Delivered, Outcome
from responder.finding import Finding, Findings
from responder.notify.doctor.asking import TEST, WITHIN, ask, by_settings, network_advice
from responder.notify.http import Answer, Http, Progress, Request

_KEY: Final = re.compile("[A-Za-z0-9]{32}")


async def examine(
    wanted: list[tuple[str, PagerdutySettings]], http: Http, clock: Clock, *, send: bool = False
) -> list[Finding]:
    """Look at each of `wanted`, (receiver, settings). `send`: open and close a test incident."""
    found: list[Finding] = []
    for receivers, settings in by_settings(wanted):
        notes = Findings(f"pagerduty {receivers}")
        well_formed = _look_at_key(settings, notes, send=send)
        reached = await _reach(settings, http, notes)
        if send and well_formed and reached:
            await _send(settings, http, clock, notes)
        found += notes.found
    return found


def _look_at_key(settings: PagerdutySettings, notes: Findings, *, send: bool) -> bool:
    key = settings.routing_key.reveal()
    if _KEY.fullmatch(key):
        more = "" if send else "; whether it exists only an event can tell: --send opens and closes one"
        notes.ok(f"the integration key has the right form{more}")
        return True
    wrong = f"has {len(key)} characters" if len(key) != 32 else "has characters other than letters and digits"
    notes.problem(
        f"the integration key {wrong}; PagerDuty refuses all but 32 letters and digits",
        "copy the key again: PagerDuty, Services, (the service), Integrations, Events API v2",
    )
    return False


async def _reach(settings: PagerdutySettings, http: Http, notes: Findings) -> bool:
    """A GET, which no event can be: that anything answers it shows the way to be open."""
    try:
        url = URL(settings.url)
        request = Request("GET", url, CIMultiDict(_HEADERS), tls=settings.tls, proxy=settings.proxy_url)
        host = url.host or ""
    except ValueError:
        notes.problem(
            "the events URL cannot be read", "correct it: pagerduty.events_url, or url in the rules"
        )
        return False
    answer = await ask(http, request)
    if not isinstance(answer, Answer):
        notes.problem(f"{host} cannot be reached: {answer.detail}", network_advice(answer.detail, host))
        return False
    if answer.status >= 500:
        notes.warning(
            f"{host} answers with HTTP {answer.status}",
            "if that lasts, look at status.pagerduty.com and at what is between here and there",
        )
    else:
        checked = settings.tls is None or not settings.tls.insecure_skip_verify
        secured = "its certificate is verified" if checked else "its certificate is NOT verified"
        notes.ok(f"{host} answers" + (f", {secured}" if url.scheme == "https" else ", without TLS"))
    return True


_HEADERS: Final = {"User-Agent": f"Responder/{__version__}"}


async def _send(settings: PagerdutySettings, http: Http, clock: Clock, notes: Findings) -> None:
    dedup_key = f"responder-doctor-{token_hex(8)}"
    payload = {"summary": TEST, "source": "responder doctor", "severity": "info"}
    opened = await _enqueue(settings, http, clock, "trigger", dedup_key, payload=payload)
    if not isinstance(opened, Delivered):
        notes.problem(f"a test event was not taken: {_detail(opened)}", "correct what PagerDuty says there")
        return
    closed = await _enqueue(settings, http, clock, "resolve", dedup_key)
    if isinstance(closed, Delivered):
        notes.ok("a test incident was opened and resolved: the key exists")
    else:
        notes.problem(
            f"a test incident was opened, and its end was not taken: {_detail(closed)}",
            f'resolve the incident "{TEST}" by hand',
        )


async def _enqueue(
    settings: PagerdutySettings, http: Http, clock: Clock, action: str, dedup_key: str, **more: Any
) -> Outcome:
    # pdpyras is slow to import, and nothing else here needs it.
    from responder.notify.pagerduty import judge
    from responder.notify.pagerdutysession import enqueue

    key = settings.routing_key.reveal()
    event = {"routing_key": key, "event_action": action, "dedup_key": dedup_key, **more}
    body = msgspec.json.encode(event)
    answer = await asyncio.to_thread(enqueue, settings, http, body, WITHIN, Progress())
    return judge(answer, settings, clock.now()) if isinstance(answer, Answer) else answer


def _detail(outcome: Outcome) -> str:
    return getattr(outcome, "detail", "")
