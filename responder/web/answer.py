"""What is answered: one value for both ways in, and the one place where an error becomes a status.

`app`, `intake` and `connection` use it. Whoever called gets a reason in words and never a
traceback.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web

from responder.errors import Overloaded, ResponderError, Unauthenticated


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON body or none, and headers beside those that every answer has."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def response(self) -> web.Response:
        """The same for aiohttp."""
        headers = dict(self.headers)
        if not self.body:
            return web.Response(status=self.status, headers=headers)
        return web.Response(
            status=self.status, body=self.body, content_type="application/json", headers=headers
        )


ACCEPTED: Final = Answer()


def as_json(status: int, value: object, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """An answer with `value` as its body."""
    return Answer(status, msgspec.json.encode(value), headers)


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
