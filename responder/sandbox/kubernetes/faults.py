"""What shall go wrong at the API server, and how often.

Tests and the control endpoint ask for faults, `server` meets them. A fault that says it comes before
the handling leaves the store untouched; one that says `after` leaves the write done and unanswered.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

from responder.errors import UsageError
from responder.sandbox.kubernetes import failure
from responder.sandbox.kubernetes.access import User, refusal
from responder.sandbox.kubernetes.failure import Cause, Failure, PlainFailure
from responder.sandbox.kubernetes.kinds import Target

_REFUSALS: Final = ("401", "403", "404", "409", "409:AlreadyExists", "410", "422", "429", "500", "503", "504")
_SILENCES: Final = ("reset", "reset_after", "hang", "hang_after")
KINDS: Final = (*_REFUSALS, "410_event", "html_502", "bad_json", "slow:SECONDS", *_SILENCES)
"""All there are. `html_502` and `bad_json` are what a proxy in between says; the write is not done."""


@dataclass(slots=True)
class Fault:
    """One kind of going wrong, for the next `times` requests that it fits; `*` fits all."""

    kind: str
    times: int = 1
    verb: str = "*"
    resource: str = "*"
    name: str = "*"

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)

    def fits(self, verb: str, target: Target) -> bool:
        """Whether it is meant for this request; `writes` are all verbs that change something."""
        wanted = WRITING if self.verb == "writes" else (self.verb,)
        return (
            (self.verb == "*" or verb in wanted)
            and self.resource in ("*", target.resource)
            and self.name in ("*", target.name)
        )


WRITING: Final = ("create", "update", "patch", "delete")


@dataclass(slots=True)
class Faults:
    """Those that are still to come, in the order of asking."""

    waiting: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> None:
        """Ask for one. Raises UsageError for a kind that there is not."""
        slow = fault.kind.startswith("slow:") and fault.kind[5:].replace(".", "", 1).isdigit()
        if not slow and fault.kind not in KINDS:
            raise UsageError(f"no fault is called {fault.kind!r}; there are {', '.join(KINDS)}")
        self.waiting.append(fault)

    def take(self, verb: str, target: Target) -> str:
        """The kind that this request meets; empty: none."""
        for fault in self.waiting:
            if fault.fits(verb, target):
                fault.times -= 1
                if fault.times <= 0:
                    self.waiting.remove(fault)
                return fault.kind
        return ""


def raise_for(kind: str, user: User, verb: str, target: Target) -> None:
    """Raise what a fault of this kind answers; nothing for one that answers otherwise."""
    plural, group, name = target.kind.plural, target.kind.group, target.name
    known: dict[str, Failure | PlainFailure] = {
        "401": failure.unauthorized(),
        "403": refusal(user, verb, target),
        "404": failure.not_found(plural, group, name),
        "409": failure.conflict(plural, group, name),
        "409:AlreadyExists": failure.already_exists(plural, group, name),
        "410": failure.expired("The resourceVersion for the provided watch is too old."),
        "422": failure.invalid(
            target.kind.name,
            group,
            name,
            [Cause("FieldValueInvalid", 'Invalid value: "": asked for', "spec")],
        ),
        "429": failure.busy(),
        "500": failure.internal_error("asked for"),
        "503": failure.unavailable(),
        "504": failure.Failure(
            504, "Timeout", "Timeout: request did not complete within the allotted timeout"
        ),
        "html_502": PlainFailure(
            502, "<html><body><h1>502 Bad Gateway</h1></body></html>", {"Content-Type": "text/html"}
        ),
        "bad_json": PlainFailure(200, '{"kind": "Depl', {"Content-Type": "application/json"}),
    }
    if kind in known:
        raise known[kind]
