"""Who may call in the sandbox, and what opens its stand-ins: tokens and keys, in files.

`cli.sandbox` makes them before the service reads its settings. They are drawn anew at every start,
lie in files that only their owner can read, and never open anything but the sandbox.
"""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from responder.errors import UsageError

NEWCOMER: Final = "newcomer"
BADGE: Final = "token"
"""Where, beside the tokens file, the newcomer finds their token."""

_SENDER: Final = "alertmanager"
_ROLES: Final = "[ingest, read, respond, approve, admin]"


@dataclass(frozen=True, slots=True)
class Badges:
    """The tokens themselves."""

    newcomer: str
    sender: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Slack's bot token, PagerDuty's integration key, and the secret with which Slack signs."""

    slack: str
    pagerduty: str
    signing: str = ""


SLACK_NEWCOMER: Final = "U0NEWCOMER"
SLACK_USERS: Final = {SLACK_NEWCOMER: NEWCOMER, "U0ANA": "ana", "U0GUEST": "guest"}
"""Who is in the workspace. `ana` is a second person, for what needs two; `guest` is in no people file."""


def make_people(directory: Path) -> None:
    """Write people.yaml, for a configuration that names it. Raises UsageError."""
    _write(
        directory / "people.yaml",
        "# Written by `responder sandbox` at every start.\n"
        f"- name: {NEWCOMER}\n  slack: {SLACK_NEWCOMER}\n  roles: {_ROLES}\n"
        "- name: ana\n  slack: U0ANA\n  roles: [read, respond, approve]\n",
    )


def make_badges(tokens_file: Path, people: Iterable[str]) -> Badges:
    """Draw tokens, and write the tokens file for `people` that the configuration knows. Raises UsageError.

    Without a person a token cannot approve.
    """
    badges = Badges(secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    person = f"  person: {NEWCOMER}\n" if NEWCOMER in people else ""
    roles = _ROLES if person else _ROLES.replace(" approve,", "")
    _write(tokens_file.with_name(BADGE), f"{badges.newcomer}\n")
    _write(
        tokens_file,
        "# Written by `responder sandbox` at every start.\n"
        f"- name: {NEWCOMER}\n  sha256: {_digest(badges.newcomer)}\n{person}  roles: {roles}\n"
        f"- name: {_SENDER}\n  sha256: {_digest(badges.sender)}\n  roles: [ingest]\n",
    )
    return badges


def draw_keys() -> Keys:
    """New ones, of the form that each service wants."""
    return Keys(f"xoxb-{secrets.token_hex(16)}", secrets.token_hex(16), secrets.token_hex(16))


def write_keys(
    keys: Keys, bot_token_file: Path, routing_key_file: Path, signing_secret_file: Path | None = None
) -> None:
    """Write the files. Raises UsageError."""
    _write(bot_token_file, f"{keys.slack}\n")
    _write(routing_key_file, f"{keys.pagerduty}\n")
    if signing_secret_file:
        _write(signing_secret_file, f"{keys.signing}\n")


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _write(path: Path, text: str) -> None:
    """All of it or nothing, for its owner's eyes only."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(text)
        partial.replace(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
