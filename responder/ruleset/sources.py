"""What rules consist of as text: the routing, our own suppression, and the runbooks.

`load` reads it from files and from a Ruleset's `source`, where the settings that matter stand beside it;
`plain` shows the routing of it. It holds texts and no secret.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from responder.document.tree import Problems
from responder.ruleset.settingssource import SETTINGS

SUPPRESSION: Final = "suppression.yaml"
"""The file beside the routing, and its name in a source."""

RUNBOOKS: Final = "runbooks"
"""The directory below the rules, and the beginning of the pages' names in a source."""


class Texts(msgspec.Struct, frozen=True):
    """Rules that were read and not yet understood.

    `path`: where the routing stands, which its relative file names are read from. `routing` None: it is no
    text. `suppression`: its path and text, None where there is none. `pages`: the runbooks' texts by their
    paths; `unread`: what was wrong with reading them.
    """

    path: Path
    routing: str | None
    suppression: tuple[Path, str] | None = None
    pages: Mapping[str, str] = msgspec.field(default_factory=dict)
    unread: Problems = msgspec.field(default_factory=Problems)


def texts_of(source: Mapping[str, str]) -> Texts:
    """What a Ruleset's `source` holds."""
    name, text = routing_text(source)
    suppression = (Path(SUPPRESSION), source[SUPPRESSION]) if SUPPRESSION in source else None
    return Texts(Path(name), text, suppression, page_texts(source))


def routing_text(source: Mapping[str, str]) -> tuple[str, str]:
    """The routing's file name, which may be any, and its text; both empty where there is none."""
    others = (SETTINGS, SUPPRESSION)
    return next(
        (item for item in source.items() if item[0] not in others and not _is_page(item[0])), ("", "")
    )


def page_texts(source: Mapping[str, str]) -> dict[str, str]:
    """The runbooks' texts, by the names of their files."""
    return {name: text for name, text in source.items() if _is_page(name)}


def _is_page(name: str) -> bool:
    return name.startswith(f"{RUNBOOKS}/")
