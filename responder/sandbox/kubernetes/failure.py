"""What an API server answers when it will not: `Status` objects in the real one's words.

The rooms of this package raise `Failure`; `server` writes it on the wire. Nothing here decides when
something is wrong.
"""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeAlias

Status: TypeAlias = dict[str, Any]

PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


class Cause(NamedTuple):
    """One of a Status' causes. `reason` is the cause's type, such as FieldValueInvalid."""

    reason: str
    message: str
    field: str = ""


class Failure(Exception):
    """A Status with `code`; `retry_after` in seconds is a header too where it is not 0."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        *,
        retry_after: int = 0,
        more: str = "",
    ) -> None:
        """`more`: a fresh `continue`, where an old one has expired."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})
        self.retry_after = retry_after
        self.more = more

    def status(self) -> Status:
        """The body."""
        body: Status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.more} if self.more else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        details = self.details
        if self.retry_after:
            details = {**details, "retryAfterSeconds": self.retry_after}
        if details:
            body["details"] = details
        body["code"] = self.code
        return body


class PlainFailure(Exception):
    """An answer that is no Status: priority and fairness' 429, in plain text."""

    def __init__(self, code: int, text: str, headers: dict[str, str]) -> None:
        """As it goes out."""
        super().__init__(text)
        self.code = code
        self.text = text
        self.headers = headers


def success(details: dict[str, Any] | None = None, code: int | None = None) -> Status:
    """The Status of what went well and has nothing else to show."""
    body: Status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        body["details"] = details
    if code is not None:
        body["code"] = code
    return body


def _details(group: str, kind: str, name: str, causes: Iterable[Cause] = ()) -> dict[str, Any]:
    listed = [
        {key: value for key, value in cause._asdict().items() if value or key == "message"}
        for cause in causes
    ]
    given = {"name": name, "group": group, "kind": kind, "causes": listed}
    return {key: value for key, value in given.items() if value}


def qualified(plural: str, group: str) -> str:
    """`deployments.apps`, `pods`."""
    return f"{plural}.{group}" if group else plural


def unauthorized() -> Failure:
    """No token, or not one that opens this cluster."""
    return Failure(401, "Unauthorized", "Unauthorized")


def forbidden(plural: str, group: str, name: str, why: str) -> Failure:
    """`why` is the sentence's end: `User "u" cannot patch resource ...`."""
    what = f'{qualified(plural, group)} "{name}"' if name else qualified(plural, group)
    return Failure(403, "Forbidden", f"{what} is forbidden: {why}", _details(group, plural, name))


def not_found(plural: str, group: str, name: str) -> Failure:
    """There is no such object."""
    message = f'{qualified(plural, group)} "{name}" not found'
    return Failure(404, "NotFound", message, _details(group, plural, name))


def unknown_path() -> Failure:
    """There is no such resource, or subresource."""
    return Failure(404, "NotFound", "the server could not find the requested resource")


def already_exists(plural: str, group: str, name: str) -> Failure:
    """409, the first of its two reasons."""
    message = f'{qualified(plural, group)} "{name}" already exists'
    return Failure(409, "AlreadyExists", message, _details(group, plural, name))


MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


def conflict(plural: str, group: str, name: str, why: str = MODIFIED) -> Failure:
    """409, the second of its two reasons."""
    message = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return Failure(409, "Conflict", message, _details(group, plural, name))


def invalid(kind: str, group: str, name: str, causes: list[Cause]) -> Failure:
    """422 with what is wrong where; an empty `kind` is a patch that cannot be read."""
    said = [f"{cause.field}: {cause.message}" for cause in causes]
    what = f'{qualified(kind, group)} "{name}"' if kind else f'"{name}"'
    listed = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    return Failure(422, "Invalid", f"{what} is invalid: {listed}", _details(group, kind, name, causes))


def patch_failed() -> Failure:
    """An operation of a JSON patch did not work out: the real one does not say which."""
    return Failure(422, "Invalid", "the server rejected our request due to an error in our request")


def bad_request(message: str) -> Failure:
    """400."""
    return Failure(400, "BadRequest", message)


def method_not_allowed() -> Failure:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return Failure(405, "MethodNotAllowed", message)


def unsupported_media() -> Failure:
    """A patch of a type that is not served here."""
    message = "the body of the request was in an unknown format - accepted media types include: "
    return Failure(415, "UnsupportedMediaType", message + ", ".join(PATCH_TYPES))


def expired(message: str, more: str = "") -> Failure:
    """What was asked for has been forgotten: list again."""
    return Failure(410, "Expired", message, more=more)


def too_new(asked: int, have: int) -> Failure:
    """A resourceVersion that has not been yet."""
    message = f"Too large resource version: {asked}, current: {have}"
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    timeout = f"Timeout: {message}"
    return Failure(504, "Timeout", timeout, _details("", "", "", [cause]), retry_after=1)


def disruption_refused(budget: str, needs: int, has: int) -> Failure:
    """429 of a disruption budget; it names no time to wait."""
    said = f"The disruption budget {budget} needs {needs} healthy pods and has {has} currently"
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    causes = [Cause("DisruptionBudget", said)]
    return Failure(429, "TooManyRequests", message, _details("", "", "", causes))


def budget_lags(budget: str) -> Failure:
    """429: the budget's controller has not seen its newest generation."""
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    said = f"The disruption budget {budget} is still being processed by the server."
    causes = [Cause("DisruptionBudget", said)]
    return Failure(429, "TooManyRequests", message, _details("", "", "", causes), retry_after=10)


def two_budgets() -> Failure:
    """500 without a reason: it will never go well."""
    message = (
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )
    return Failure(500, "", message)


def internal_error(why: str) -> Failure:
    """500."""
    message = f"Internal error occurred: {why}"
    return Failure(500, "InternalError", message, _details("", "", "", [Cause("", why)]))


def unavailable() -> Failure:
    """503."""
    return Failure(503, "ServiceUnavailable", "the server is currently unable to handle the request")


def busy() -> PlainFailure:
    """429 of priority and fairness."""
    text = "Too many requests, please try again later."
    return PlainFailure(429, text, {"Retry-After": "1"})
