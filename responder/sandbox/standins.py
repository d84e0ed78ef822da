"""The stand-ins for Slack, PagerDuty, a mail server, webhooks, a cluster and its Prometheus.

`site` serves them over HTTP, `cli.sandbox` starts them, `story` waits for what arrives, which is one list.
Everything is kept in memory, within bounds, and nothing is sent on.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final

from responder.clock import Clock
from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.arrival import LONGEST, Arrival, Place, Tone
from responder.sandbox.hooks import Hooks, Payload
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.mailview import as_text, threads
from responder.sandbox.newcomer import SLACK_USERS, Keys
from responder.sandbox.pagerduty import Entry, Incident, Pagerduty
from responder.sandbox.prometheus import Prometheus, RestartRule
from responder.sandbox.slack import Slack
from responder.sandbox.slackpeople import People
from responder.sandbox.slackroom import Channel, Message
from responder.sandbox.slackview import body_lines, message_lines
from responder.sandbox.smtp import Mail, MailServer
from responder.settings import Address

KEPT: Final = 1_000
"""How many arrivals are kept."""

CLUSTER: Final = "sandbox"
"""What the cluster is called; its pods are ready after a second, so that a restart can be watched."""

CHANNELS: Final = ("critical-alerts", "alerts", "machine-native-ops")
"""Those that rules/routing.yaml names."""


class StandIns:
    """All of them. `arrivals` are the newest, the oldest of them first; `count` is of all."""

    def __init__(self, keys: Keys, smtp: Address, clock: Clock, service: str = "") -> None:
        """Nothing listens yet. `service`: the URL that Slack calls, "" where it calls nobody."""
        # `strict`: who is told too fast says so, as the real one does.
        self.slack = Slack(clock, token=keys.slack, strict=True)
        for name in CHANNELS:
            self.slack.add_channel(name)
        for user, name in SLACK_USERS.items():
            self.slack.room.add_user(user, name)
        self.people = People(self.slack.room, clock, service, keys.signing) if service else None
        self.pagerduty = Pagerduty(clock, frozenset({keys.pagerduty}))
        self.mail = MailServer(smtp, clock)
        self.hooks = Hooks()
        self.cluster = Cluster(clock, CLUSTER, ready_after=SECOND)
        self.prometheus = Prometheus(clock, self.cluster)
        self.prometheus.rules.append(RestartRule("PodRestartsHigh", "critical"))
        # It always fires where rules are evaluated, which is how the doctor knows that they are.
        self.prometheus.fire("Watchdog", severity="none")
        self.arrivals: deque[Arrival] = deque(maxlen=KEPT)
        self.count = 0
        self.on_arrival: Callable[[Arrival], None] = lambda arrival: None
        self._clock = clock
        self._changed = asyncio.Event()
        self.slack.room.on_change = self._on_message
        self.pagerduty.on_entry = self._on_entry
        self.mail.on_mail = self._on_mail
        self.hooks.on_payload = self._on_payload

    async def until(self, holds: Callable[[], bool], within: Nanoseconds) -> bool:
        """Wait until `holds` says yes, asked again at each arrival; False after `within`."""
        deadline = asyncio.ensure_future(self._clock.sleep(within))
        try:
            while not holds():
                if deadline.done():
                    return False
                self._changed.clear()
                changed = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({changed, deadline}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
            return True
        finally:
            deadline.cancel()

    # -- what arrives -------------------------------------------------------------------------

    def _on_message(self, channel: Channel, message: Message) -> None:
        lines = body_lines(message)
        tone = _tone(lines[0] if lines else "")
        how = "edited" if message.versions else "replied" if message.thread_ts else "posted"
        if message.whispered_to:
            how = "answered"
        if how == "replied" and (parent := channel.find(message.thread_ts)):
            lines += ["", "The thread:", *message_lines(parent[0])]
        self._arrived("Slack", f"#{channel.name}", how, lines, tone)

    def _on_entry(self, incident: Incident, entry: Entry) -> None:
        how = {"trigger": "updated" if len(incident.log) > 1 else "triggered", "resolve": "resolved"}
        tone: Tone = "resolved" if incident.status == "resolved" else "firing"
        opened = json.dumps(incident.log[0].details, ensure_ascii=False, indent=1)
        lines = [entry.summary or incident.summary, incident.severity, incident.source, *opened.splitlines()]
        where = f"incident #{incident.number}"
        self._arrived("PagerDuty", where, how.get(entry.action, "acknowledged"), lines, tone)

    def _on_mail(self, mail: Mail) -> None:
        subject = str(mail.message["Subject"] or "(no subject)")
        body = [line for line in as_text(mail)[2:] if line.strip()]
        # Every mail of ours names the root of its conversation, the first one too.
        how = "followed up" if len(threads(self.mail.mails)[0].mails) > 1 else "mailed"
        self._arrived("mail", ", ".join(mail.recipients), how, [subject, *body], _tone(subject))

    def _on_payload(self, name: str, payload: Payload, document: Any) -> None:
        firing = any(alert.status != "resolved" for alert in payload.alerts)
        lines = [payload.counted(), *json.dumps(document, ensure_ascii=False, indent=1).splitlines()]
        how = payload.notification_reason or "called"
        self._arrived("webhook", name, how, lines, "firing" if firing else "resolved")

    def _arrived(self, place: Place, where: str, how: str, lines: Iterable[str], tone: Tone) -> None:
        self.count += 1
        what, *more = [*lines] or [""]
        text = "\n".join([what, *more])[:LONGEST]
        arrival = Arrival(self.count, self._clock.now(), place, where, how, what, text, tone)
        self.arrivals.append(arrival)
        self.on_arrival(arrival)
        self._changed.set()


def _tone(headline: str) -> Tone:
    """By the first word that Responder's own texts begin with, after the mark of their colour."""
    first = headline.lstrip("[🔴🟠🔵🟢⚪ ")
    if first.startswith(("Resolved", "Over", "All over")):
        return "resolved"
    return "firing" if first.startswith(("Firing", "More", "Fires")) else "plain"
