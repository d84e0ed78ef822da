"""What a Ruleset's `source` consists of: the routing, the settings that matter, and the runbooks.

`load` writes and reads it, `plain` shows the routing of it. It holds texts and no secret.
"""

from collections.abc import Mapping
from typing import Final

from responder.ruleset.settingssource import SETTINGS

RUNBOOKS: Final = "runbooks"
"""The directory below the rules, and the beginning of the pages' names in a source."""


def routing_text(source: Mapping[str, str]) -> tuple[str, str]:
    """The routing's file name and text; both empty where there is none."""
    return next((item for item in source.items() if item[0] != SETTINGS and not _is_page(item[0])), ("", ""))


def page_texts(source: Mapping[str, str]) -> dict[str, str]:
    """The runbooks' texts, by the names of their files."""
    return {name: text for name, text in source.items() if _is_page(name)}


def _is_page(name: str) -> bool:
    return name.startswith(f"{RUNBOOKS}/")
