"""What is answered: one value for both ways in, and the one place where an error becomes a status.

`intake`, `health`, `connection` and all that aiohttp serves use it. Whoever called gets a reason in
words and never a traceback.
"""

from typing import Final

import msgspec

from responder.errors import Overloaded, ResponderError, Unauthenticated


class Answer(msgspec.Struct, frozen=True):
    """A status, a body or none, what that is, and headers beside those that every answer has."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "application/json"


ACCEPTED: Final = Answer()


def as_json(status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer with `value` as its body."""
    return Answer(status, msgspec.json.encode(value), headers)


def in_words(status: int, text: str) -> Answer:
    """An answer for people and probes."""
    return Answer(status, text.encode(), content_type="text/plain; charset=utf-8")


def refusal(status: int, message: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An error, in the form that Alertmanager's API gives it too."""
    return as_json(status, {"code": status, "message": message}, headers)


class Answered(ResponderError):
    """A request that ends here, with an answer of its own shape."""

    def __init__(self, answer: Answer) -> None:
        """Answer with `answer`."""
        super().__init__(answer.body.decode())
        self.answer = answer


def of_error(error: ResponderError) -> Answer:
    """What an error that was raised on purpose is answered with."""
    if isinstance(error, Answered):
        return error.answer
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, Unauthenticated):
        headers = (("WWW-Authenticate", "Bearer"),)
    elif isinstance(error, Overloaded):
        headers = (("Retry-After", "1"),)
    return refusal(error.status, str(error), headers)


STOPPING: Final = refusal(503, "stopping; try again", (("Retry-After", "1"),))
BUG: Final = refusal(500, "something went wrong here; the log says what")
