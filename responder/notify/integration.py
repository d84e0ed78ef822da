"""What every kind of integration offers, and where delivery finds the one it needs.

`delivery` calls a Senders for each attempt; `service` makes and closes it. It never retries and
never looks into an integration's settings.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from responder.clock import Clock, SystemClock
from responder.core.model import Nanoseconds
from responder.core.notification import Attempt, Notification, Outcome, Rejected
from responder.core.rules import Integration, Ruleset
from responder.notify.threads import Threads

if TYPE_CHECKING:
    from responder.notify.http import Http
    from responder.notify.slackweb import Workspaces


_MODULES: Final[Mapping[str, str]] = {
    "pagerduty": "responder.notify.pagerduty",
    "slack": "responder.notify.slack",
    "webhook": "responder.notify.webhook",
    "email": "responder.notify.email",
}


def needed(ruleset: Ruleset) -> list[str]:
    """The modules that make the senders of these rules. With their libraries they are slow to import."""
    kinds = {
        integration.kind
        for receiver in ruleset.receivers.values()
        for integration in receiver.integrations
        if integration.supported
    }
    return [module for kind, module in _MODULES.items() if kind in kinds]


class Sender(Protocol):
    """One integration, able to tell."""

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        """Tell once, within the attempt's time unless the integration has its own.

        What the service or the network did is the Outcome, with no secret in its detail; an
        exception is a bug.
        """
        ...


@runtime_checkable
class Preparer(Protocol):
    """A Sender that can use the time before a notification may be sent."""

    def prepare(self, notification: Notification) -> None:
        """It will most likely be sent in a moment."""
        ...


@runtime_checkable
class Announcer(Protocol):
    """A Sender that can also tell its destination that much is waiting for it."""

    async def announce(self, waiting: int, within: Nanoseconds) -> Outcome:
        """Say once that so many incidents wait for their turn."""
        ...


class Senders:
    """The Sender of each integration, made on first use.

    `external_url` is where people reach Responder; `mends` False repeats Alertmanager's faults.
    `pressable`: Slack calls us when a button is pressed, so messages there have some.
    """

    def __init__(
        self, external_url: str, mends: bool, clock: Clock | None = None, *, pressable: bool = False
    ) -> None:
        """Nothing is imported or connected yet."""
        self._external_url = external_url
        self._mends = mends
        self._clock = clock or SystemClock()
        self._pressable = pressable
        self._http: Http | None = None
        self._threads = Threads()
        self._workspaces: Workspaces | None = None
        self._senders: dict[str, tuple[Integration, Sender]] = {}
        self._newest: dict[str, Integration] = {}

    def renew(self, ruleset: Ruleset) -> None:
        """What waits since before these rules is sent as they say: with another secret, if it has changed."""
        self._newest = {
            each.id: each for receiver in ruleset.receivers.values() for each in receiver.integrations
        }

    def __call__(self, integration: Integration) -> Sender:
        """Its sender. One whose settings were changed by a reload is made anew."""
        integration = self._newest.get(integration.id, integration)
        known = self._senders.get(integration.id)
        if known and (known[0] is integration or known[0] == integration):
            return known[1]
        sender = self._make(integration)
        self._senders[integration.id] = integration, sender
        return sender

    async def close(self) -> None:
        """Close every connection. To be called when nothing is being sent any more."""
        if self._http:
            await self._http.close()
        if self._workspaces:
            await self._workspaces.close()

    def _make(self, integration: Integration) -> Sender:
        if not integration.supported or integration.kind not in _MODULES:
            return Unsupported(integration.kind)
        from responder.notify.http import Http

        http = self._http = self._http or Http()
        if integration.kind == "webhook":
            from responder.notify.webhook import WebhookSender

            return WebhookSender(integration, self._external_url, self._mends, self._clock, http)
        if integration.kind == "pagerduty":
            from responder.notify.pagerduty import PagerdutySender

            return PagerdutySender(integration, self._external_url, self._clock, http, self._threads)
        if integration.kind == "slack":
            from responder.notify.slack import SlackSender
            from responder.notify.slackweb import Workspaces

            self._workspaces = self._workspaces or Workspaces(http, self._clock)
            return SlackSender(
                integration,
                self._external_url,
                self._clock,
                http,
                self._workspaces,
                pressable=self._pressable,
            )
        from responder.notify.email import EmailSender

        return EmailSender(integration, self._external_url, self._clock, http)


class Unsupported:
    """Stands for an integration that Responder lacks, so that what it is owed is seen."""

    def __init__(self, kind: str) -> None:
        """`kind` is the name in the configuration, without `_configs`."""
        self._kind = kind

    async def send(self, notification: Notification, attempt: Attempt) -> Outcome:
        """Reject."""
        return Rejected("unsupported", f"Responder has no {self._kind} integration")
