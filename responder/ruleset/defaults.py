"""What an integration inherits, and what its reader finds out about it.

The readers of each kind (`webhookconfig`, `slackconfig`...) are given Defaults and give a Reached.
An entry's own keys win over `global`, and `global` over the settings file.
"""

from collections.abc import Collection
from typing import Any, TypeVar
from urllib.parse import SplitResult

import msgspec

from responder.document.fields import Fields
from responder.document.tree import MappingNode, Node, Problems, ScalarNode
from responder.ruleset.httpconfig import HttpConfig, read_http_config
from responder.ruleset.secrets import Reading
from responder.settings.values import Settings

T = TypeVar("T")


class Defaults(msgspec.Struct, frozen=True):
    """`general` is the section `global` of the rules, `settings` what is configured beside them."""

    general: Fields = msgspec.field(default_factory=lambda: Fields(None, "global", Problems()))
    settings: Settings = msgspec.field(default_factory=Settings)

    def scalar(self, fields: Fields, key: str, general_key: str) -> ScalarNode | None:
        """The entry's own value, else that of `global`; as in Alertmanager "" says nothing."""
        own, general = fields.scalar(key), self.general.scalar(general_key)
        return own if own and own.text else general if general and general.text else None

    def http(self, fields: Fields, reading: Reading, used: Collection[str] = ()) -> HttpConfig:
        """The entry's `http_config`, else that of `global`.

        `used`: the keys of it that mean something to this kind, () for all; of others the author of
        the entry is warned.
        """
        own = fields.take("http_config")
        for key, entry in own.entries.items() if used and isinstance(own, MappingNode) else ():
            if key not in used:
                reading.problems.warning(entry.key, f"{key}: not used by {fields.what}")
        node: Node | None = own or self.general.take("http_config")
        return HttpConfig() if node is None else read_http_config(node, reading)


class Reached(msgspec.Struct, frozen=True):
    """One integration: its settings (None: it cannot be served), where it leads, and what it is.

    `destination` names what is paced and breaks as one, without its kind; `identity` is what makes
    it the same as before whatever else is edited. Both are the same whether or not files with
    secrets were read.
    """

    settings: Any
    destination: str
    identity: str


def host(parts: SplitResult) -> str:
    """Host and port of a URL; a port that its scheme has anyway is left out."""
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return name if parts.port in (None, usual) else f"{name}:{parts.port}"


def origin(parts: SplitResult) -> tuple[str, str]:
    """Scheme and host: secrets of the settings go to no other."""
    return parts.scheme, host(parts).lower()
