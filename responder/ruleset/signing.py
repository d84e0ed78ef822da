"""The secrets with which Slack signs what it sends us: how they are read, and which are right now.

`load` reads them with the rules, at every reload anew; whoever checks a signature asks a SigningSecrets
each time. They never stand in rules, problems or what the journal keeps.
"""

from typing import Final

from responder.core.catalogue import Secret
from responder.ruleset.secrets import Reading
from responder.settings.values import Slack

_KEY: Final = "slack.signing_secret_file"

_MOST: Final = 2
"""The new one and the old one: while Slack is given another, it may still use the one before."""


class SigningSecrets:
    """The current signing secrets, newest first; none where none is configured or readable.

    Call it for every request: a reload replaces them.
    """

    __slots__ = ("_current",)

    def __init__(self) -> None:
        """None yet."""
        self._current: tuple[Secret, ...] = ()

    def __call__(self) -> tuple[Secret, ...]:
        """What a signature may be made with at this moment."""
        return self._current

    def replace(self, secrets: tuple[Secret, ...]) -> None:
        """From now on it is these."""
        self._current = secrets


def read_signing_secrets(slack: Slack | None, reading: Reading) -> tuple[Secret, ...]:
    """Those in `slack.signing_secret_file`: one, or two on a line each, the new one first."""
    if slack is None or slack.signing_secret_file is None or not reading.read_files:
        return ()
    place = reading.place_of(_KEY)
    try:
        content = reading.read(slack.signing_secret_file.absolute(), place, _KEY)
    except OSError as error:
        why = error.strerror
        reading.problems.warning(
            place, f"{_KEY}: {slack.signing_secret_file} cannot be read: {why}; nothing from Slack is taken"
        )
        return ()
    secrets = tuple(Secret(line.strip()) for line in content.splitlines() if line.strip())
    if len(secrets) > _MOST:
        reading.problems.error(place, f"{_KEY}: more than two lines: one has the new secret, one the old one")
    for secret in secrets:
        reading.one_word(secret, place, _KEY)
    return secrets
