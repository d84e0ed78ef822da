"""Whether a request is Slack's: the signature version 0 over its time and its body.

`entrance` asks. It is our own few lines because slack_sdk's SignatureVerifier raises where it meets odd
input, takes one secret where a rotation needs two, and would be imported at every start.
"""

import hmac
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Literal, TypeAlias

from responder.core.catalogue import Secret
from responder.core.model import MINUTE, SECOND, Nanoseconds

WINDOW: Final = 5 * MINUTE
"""How far a request's time may be from ours, both ways."""

Fault: TypeAlias = Literal["", "unsigned", "malformed", "old", "future", "wrong_signature"]

_SIGNATURE: Final = re.compile(r"v0=[0-9a-f]{64}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")


def fault(
    timestamp: str | None, signature: str | None, body: bytes, secrets: Iterable[Secret], now: Nanoseconds
) -> Fault:
    """What is wrong with a request; "" if Slack signed it with one of the secrets just now."""
    if timestamp is None or signature is None:
        return "unsigned"
    if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
        return "malformed"
    signed_at = int(timestamp) * SECOND
    if signed_at < now - WINDOW:
        return "old"
    if signed_at > now + WINDOW:
        return "future"
    good = False
    for secret in filter(Secret.reveal, secrets):  # all, always: time must not tell which one matched
        good |= hmac.compare_digest(sign(secret, timestamp, body), signature)
    return "" if good else "wrong_signature"


def sign(secret: Secret, timestamp: str, body: bytes) -> str:
    """The signature that Slack gives such a request."""
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.reveal().encode(), base, sha256).hexdigest()
