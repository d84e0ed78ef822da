"""Slack's own way of writing: mrkdwn that shows any text as it is, and the blocks that texts stand in.

`slackblocks`, `slackcard` and `web.slack` build messages of it. Nothing that came from an alert or a
person leaves it as markup: no mention, no link, no format.
"""

import re
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from responder.core.model import SECOND, Nanoseconds
from responder.core.truncation import truncate_bytes, truncate_runes
from responder.notify import content
from responder.notify.runs import Style

Block: TypeAlias = dict[str, Any]

SECTION: Final = 2_900
"""Characters of a section's text. Slack's limit is 3,000."""

_BLOCKS: Final = 20
"""Blocks of the attachment. 50 are documented for a message, but more than 20 in an attachment
were seen to be refused (slackapi/bolt-python, issue 914)."""

_SIZE: Final = 9_000
"""Characters of all texts together; `msg_blocks_too_long` was seen at about 13,000."""

_BUTTON: Final = 75
_CONFIRM_TITLE: Final = 100
_CONFIRM_TEXT: Final = 300


def escape(text: str) -> str:
    """Any text as mrkdwn that shows it: no mention, no link, no format.

    `&`, `<` and `>` have their own spelling (escape them once). The marks of formatting have none:
    a word joiner before each keeps Slack from taking it for one.
    """
    return re.sub(r"([*_~`])", "\u2060\\1", _entities(text))


def code(text: str, most: int = SECTION) -> str:
    """Any text as a block of code, cut to `most` characters. Within one only its own end means anything."""
    shown = _entities(text)
    while len(made := cut_mrkdwn(shown, most - 8).replace("`", "\u2060`")) > most - 8:
        shown = shown[: len(shown) // 2]
    return f"```\n{made}\n```"


def _entities(text: str) -> str:
    return content.visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut_mrkdwn(text: str, most: int) -> str:
    """At most `most` bytes, hence characters; no entity and no `<...>` is left half."""
    if len(text.encode()) <= most:
        return text
    text = truncate_bytes(text, most)
    return re.sub(r"(?:&[a-z]{0,3}|<[^<>]*)…$", "…", text)


def date(at: Nanoseconds) -> str:
    """A time that Slack shows in each reader's own zone; elsewhere it reads as UTC."""
    seconds = at // SECOND
    utc = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"<!date^{seconds}^{{date_short_pretty}} {{time}}|{utc}>"


MRKDWN: Final = Style(lambda text: escape(content.one_line(text)), date)
"""Sentences about runs, for people who read them in Slack."""


def plain(text: str) -> Block:
    """A text that Slack parses for nothing."""
    return {"type": "plain_text", "text": text, "emoji": False}


def mrkdwn(text: str) -> Block:
    """A text that Slack parses."""
    return {"type": "mrkdwn", "text": text}


def section(text: Block) -> Block:
    """A paragraph."""
    return {"type": "section", "text": text}


def context(*elements: Block | None) -> Block:
    """A line in small letters."""
    return {"type": "context", "elements": [element for element in elements if element is not None]}


def header(text: str) -> Block:
    """A headline of at most 150 characters."""
    return {"type": "header", "text": plain(truncate_runes(text, 150))}


def buttons(*elements: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def button(text: str, action: str, value: str, style: str = "", confirm: Block | None = None) -> Block:
    """One of them. `action` tells what it does, `value` to what; `style`: `primary` or `danger`."""
    made: Block = {
        "type": "button",
        "action_id": action,
        "text": plain(truncate_runes(text, _BUTTON)),
        "value": value,
    }
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    return made


def confirmation(title: str, text: str, yes: str, no: str) -> Block:
    """What Slack asks before a button counts as pressed."""
    return {
        "title": plain(truncate_runes(title, _CONFIRM_TITLE)),
        "text": plain(truncate_runes(text, _CONFIRM_TEXT)),
        "confirm": plain(yes),
        "deny": plain(no),
    }


class Page:
    """The blocks of an attachment, as many as there is room for."""

    def __init__(self) -> None:
        """Empty."""
        self.blocks: list[Block] = []
        self._size = 0

    def add(self, *blocks: Block | None, reserve: int = 0, characters: int = 0) -> bool:
        """Add them all, or none if there is no room for them, and for so many more blocks and characters."""
        wanted = [block for block in blocks if block is not None]
        size = sum(map(_size_of, wanted))
        if len(self.blocks) + len(wanted) > _BLOCKS - reserve or self._size + size > _SIZE - characters:
            return False
        self.blocks += wanted
        self._size += size
        return True


def _size_of(block: Block) -> int:
    texts = block.get("elements") or [block["text"]]
    return sum(
        len(one["text"]) if isinstance(one["text"], str) else len(one["text"]["text"]) for one in texts
    )
