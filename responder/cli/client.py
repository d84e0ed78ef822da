"""Where a command looks: a running service over HTTP, or its storage on this machine.

Commands that question or steer a service take `--url` and `--token` from here, those that read the
storage `--config`. It never retries, follows no redirect and sends the token nowhere but to the URL
that was given.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from responder.errors import (
    FileError,
    Forbidden,
    NotFound,
    Refused,
    ResponderError,
    StorageError,
    Unauthenticated,
    UsageError,
)

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_URL: Final = "http://127.0.0.1:9095"
DEFAULT_CONFIG: Final = Path("config/responder.yaml")
_TIMEOUT: Final = 30.0
_MOST: Final = 256 << 20


class Unreachable(ResponderError):
    """Nothing that speaks like Responder answers at the URL: the question is not answered."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `accepted` means that it is durable and not decided yet (202)."""

    document: Any
    accepted: bool = False


class Client:
    """One service, at one URL."""

    def __init__(self, url: str, token: str = "") -> None:
        """Raises UsageError if `url` is not one. Nothing is connected."""
        from urllib.parse import urlsplit

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise UsageError(f"--url {url!r} is not a URL such as {DEFAULT_URL}")
        self.url = url.rstrip("/")
        self._token = token
        self._loopback = parts.hostname in ("localhost", "::1") or parts.hostname.startswith("127.")

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """The document at `path`. Raises what the service answers, as `responder.errors` names it."""
        from urllib.parse import urlencode

        return self._ask("GET", f"{path}?{urlencode(query)}" if query else path).document

    def post(self, path: str, document: object = None) -> Reply:
        """Ask for something to be done; `document` says more about it."""
        return self._ask("POST", path, document)

    def delete(self, path: str) -> Reply:
        """Ask for something to end."""
        return self._ask("DELETE", path)

    def _ask(self, method: str, path: str, document: object = None) -> Reply:
        import http.client
        import json
        from urllib.error import HTTPError, URLError
        from urllib.request import Request

        # The scheme was looked at when this was made.
        request = Request(f"{self.url}{path}", method=method)  # noqa: S310
        if document is not None:
            request.data = json.dumps(document).encode()
            request.add_header("Content-Type", "application/json")
        if self._token:
            request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with _opener(proxies=not self._loopback).open(request, timeout=_TIMEOUT) as response:
                body = response.read(_MOST)
                return Reply(self._read(body) if body or method == "GET" else None, response.status == 202)
        except HTTPError as error:
            with error:
                raise self._refusal(error.code, error.read(65_536)) from None
        except URLError as error:
            raise self._unreachable(error.reason) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from None

    def _unreachable(self, cause: object) -> Unreachable:
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable(
                f"nothing listens at {self.url}; start `responder serve`, or say where it is: --url URL"
            )
        reason = (cause.strerror if isinstance(cause, OSError) else "") or str(cause) or type(cause).__name__
        return Unreachable(f"{self.url} does not answer: {reason}")

    def _read(self, body: bytes) -> Any:
        import json

        try:
            return json.loads(body)
        except ValueError:
            raise Unreachable(f"what answers at {self.url} is not Responder; is the URL right?") from None

    def _refusal(self, status: int, body: bytes) -> ResponderError:
        """The service's own words, and what the person at the terminal can do about it."""
        if 300 <= status < 400:
            return Unreachable(
                f"{self.url} answers with a redirect ({status}); give the URL that it leads to"
            )
        answer = self._read(body)
        message = f"HTTP {status}"
        if isinstance(answer, dict) and "message" in answer:
            message = str(answer["message"])
        elif isinstance(answer, str):  # as Alertmanager's API has it
            message = answer
        match status:
            case 401 if self._token:
                return Unauthenticated(f"{message} (it came from --token or RESPONDER_TOKEN)")
            case 401:
                return Unauthenticated(f"{message}; give it as RESPONDER_TOKEN or --token")
            case 403:
                return Forbidden(message)
            case 404:
                return NotFound(message)
            case 400 | 421 | 422:
                return UsageError(message)
            case _:
                return Refused(message)


def _opener(*, proxies: bool) -> Any:
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

    class Stay(HTTPRedirectHandler):
        """A redirect is an answer: the token must not follow it to another host."""

        def redirect_request(self, *args: Any, **kwargs: Any) -> None:
            return None

    # Like other clients, no proxy for loopback, whatever the environment says.
    return build_opener(Stay, *([] if proxies else [ProxyHandler({})]))


# -- options ----------------------------------------------------------------------------------


def url_options(command: F) -> F:
    """`--url` and `--token`."""
    command = click.option(
        "--token",
        envvar="RESPONDER_TOKEN",
        show_envvar=True,
        default="",
        help="The token to show. Better in the environment: others can see a command line.",
    )(command)
    return click.option(
        "--url", envvar="RESPONDER_URL", show_envvar=True, metavar="URL", help="The service to ask."
    )(command)


def config_option(command: F) -> F:
    """`--config`, whose storage is read."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Read the storage that this configuration names, whether a service runs on it or not.",
    )(command)


def output_option(command: F) -> F:
    """`--output text|json`."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="For people, or one JSON document for programs.",
    )(command)


def place_to_look(
    config: Path | None, url: str | None, token: str, *, otherwise: Path | str
) -> Client | Path:
    """The configuration or the service that the options name; `otherwise` where they name neither.

    `--config` wins over RESPONDER_URL; both options together are a UsageError.
    """
    typed = click.get_current_context().get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE
    if config and url and typed:
        raise UsageError("--config reads the storage and --url asks a service: give one of them")
    if config:
        return config
    if url:
        return Client(url, token)
    return otherwise if isinstance(otherwise, Path) else Client(otherwise, token)


# -- the storage ------------------------------------------------------------------------------


def storage_of(config: Path) -> Path:
    """The database that a configuration names. Raises FileError, ProblemsError."""
    from responder.settings import load_settings

    if config == DEFAULT_CONFIG and not config.exists():
        raise FileError(f"{config} is not here: give --config FILE, or --url of a running service")
    return load_settings(config, os.environ).storage.path


@contextlib.contextmanager
def stored(database: Path) -> Iterator[sqlite3.Connection]:
    """A consistent, read-only view of the database. Raises FileError if it cannot be read."""
    from responder.store.database import reading

    try:
        with reading(database) as connection:
            yield connection
    except StorageError as error:
        raise FileError(str(error)) from None
    except sqlite3.Error as error:
        raise FileError(f"{database}: {error}") from None


# -- printing ---------------------------------------------------------------------------------


def print_json(document: object) -> None:
    """One document, as programs read it and people can."""
    import json

    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def print_reply(reply: Reply, output: str, later: str) -> None:
    """What the service says of a command; `later`: where to look if it is not decided yet."""
    if output == "json":
        print_json(reply.document)
    elif reply.accepted:
        number = reply.document.get("input")
        click.echo(printable(f"accepted as input {number}, not decided yet; look later: {later}"))
    else:
        click.echo(printable(str(reply.document.get("detail") or "done")))


def printable(text: str) -> str:
    """`text` on one line, with what could steer a terminal written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def seconds(at: str) -> str:
    """An RFC 3339 time in UTC without its fraction."""
    return f"{at.partition('.')[0].removesuffix('Z')}Z"
