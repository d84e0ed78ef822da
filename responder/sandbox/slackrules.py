"""What Slack refuses in a message: blocks, attachments, texts and metadata over its limits.

`slack` asks before it takes a message. Where Slack's own rule is not documented, the stricter one
that was seen holds, and a comment says so.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

POSTED_TEXT: Final = 40_000
"""Characters of text above which chat.postMessage cuts."""

_UPDATED_TEXT: Final = 4_000
"""Documented as characters, measured as bytes."""

_BLOCKS: Final = 50
_ATTACHED_BLOCKS: Final = 20
"""Not documented; more were seen to be refused (slackapi/bolt-python, issue 914)."""

_ATTACHMENTS: Final = 100
_RENDERED: Final = 13_200
"""Not documented; msg_blocks_too_long was seen at about this many (slackapi/bolt-js, issue 2509)."""

_METADATA: Final = 16_000
_BLOCK_KEYS: Final = {
    "header": {"text"},
    "section": {"text", "fields", "accessory", "expand"},
    "context": {"elements"},
    "actions": {"elements"},
    "divider": set[str](),
    "image": {"image_url", "alt_text", "title"},
}
_TEXT_KEYS: Final = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}
_BUTTON_KEYS: Final = {
    "type",
    "text",
    "action_id",
    "value",
    "url",
    "style",
    "confirm",
    "accessibility_label",
}
_ATTACHMENT_KEYS: Final = {"color", "blocks"}
"""With blocks an attachment takes none of the older keys."""


class Refused(Exception):
    """Slack's word for what is wrong, and its messages with a pointer to each place."""

    def __init__(self, error: str, *messages: str) -> None:
        """`messages` as Slack writes them."""
        super().__init__(error, *messages)
        self.error = error
        self.messages = list(messages)


def check(arguments: dict[str, Any], *, update: bool = False) -> None:
    """Raise Refused for the first kind of thing that is wrong. JSON in strings is read in place."""
    text = arguments.get("text") or ""
    if not isinstance(text, str):
        raise Refused("invalid_arguments", "[ERROR] must be a string [json-pointer:/text]")
    for name in ("blocks", "attachments", "metadata"):
        arguments[name] = _read(arguments.get(name), name)
    blocks, attachments = arguments["blocks"] or [], arguments["attachments"] or []
    if update and len(text.encode()) > _UPDATED_TEXT:
        raise Refused("msg_too_long")
    if not (text.strip() or blocks or attachments or arguments.get("markdown_text")):
        raise Refused("no_text")
    _check_metadata(arguments["metadata"])
    if problems := list(_blocks(blocks, "/blocks", _BLOCKS)):
        raise Refused("invalid_blocks", *problems)
    _check_attachments(attachments)
    everywhere = [*blocks, *(block for one in attachments for block in one.get("blocks") or ())]
    ids = [block["block_id"] for block in everywhere if "block_id" in block]
    if len(set(ids)) < len(ids):
        raise Refused("invalid_blocks", "[ERROR] block_id is not unique [json-pointer:/blocks]")
    if sum(map(_rendered, everywhere)) > _RENDERED:
        raise Refused("msg_blocks_too_long")


def _read(value: Any, name: str) -> Any:
    wanted = dict if name == "metadata" else list
    if isinstance(value, str):
        try:
            value = json.loads(value) if value else None
        except ValueError:
            value = 0
    if value is None or isinstance(value, wanted):
        return value
    raise Refused(_NOT_READ[name])


_NOT_READ: Final = {
    "blocks": "invalid_blocks_format",
    "attachments": "invalid_attachments",
    "metadata": "invalid_metadata_format",
}


def _check_metadata(metadata: Any) -> None:
    if not metadata:
        return
    payload = metadata.get("event_payload")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(payload, dict):
        raise Refused("invalid_metadata_format")
    if len(json.dumps(metadata)) > _METADATA:
        raise Refused("metadata_too_large")


def _check_attachments(attachments: list[Any]) -> None:
    if len(attachments) > _ATTACHMENTS:
        raise Refused("too_many_attachments")
    for index, attachment in enumerate(attachments):
        if not isinstance(attachment, dict):
            raise Refused("invalid_attachments", "[ERROR] must be an object")
        if "blocks" not in attachment:
            continue
        if attachment.keys() - _ATTACHMENT_KEYS:
            raise Refused("invalid_attachments", "[ERROR] invalid_keys")
        if not re.fullmatch(r"good|warning|danger|#?[0-9a-fA-F]{6}", attachment.get("color", "good")):
            raise Refused(
                "invalid_attachments", f"[ERROR] invalid color [json-pointer:/attachments/{index}/color]"
            )
        if not isinstance(attachment["blocks"], list):
            raise Refused("invalid_attachments", "[ERROR] must be an array")
        place = f"/attachments/{index}/blocks"
        if problems := list(_blocks(attachment["blocks"], place, _ATTACHED_BLOCKS)):
            raise Refused("invalid_attachments", *problems)


def _blocks(blocks: list[Any], place: str, most: int) -> Iterator[str]:
    if len(blocks) > most:
        yield _error(f"no more than {most} items allowed", place)
    for index, block in enumerate(blocks):
        here = f"{place}/{index}"
        if not isinstance(block, dict):
            yield _error("must be an object", here)
        elif block.get("type") not in _BLOCK_KEYS:
            yield _error(f"unsupported type: {block.get('type')}", f"{here}/type")
        else:
            yield from _block(block, here)


def _block(block: dict[str, Any], here: str) -> Iterator[str]:
    kind = block["type"]
    for key in block.keys() - _BLOCK_KEYS[kind] - {"type", "block_id"}:
        yield _error(f"additional property: {key}", here)
    if "block_id" in block:
        yield from _string(block["block_id"], f"{here}/block_id", 255)
    if kind == "header":
        yield from _text(block.get("text"), f"{here}/text", 150, {"plain_text"})
    elif kind == "section":
        yield from _section(block, here)
    elif kind in ("context", "actions"):
        yield from _elements(kind, block.get("elements"), f"{here}/elements")
    elif kind == "image":
        yield from _string(block.get("image_url"), f"{here}/image_url", 3_000)
        yield from _string(block.get("alt_text"), f"{here}/alt_text", 2_000)


def _section(block: dict[str, Any], here: str) -> Iterator[str]:
    fields = block.get("fields") or []
    if "text" not in block and not fields:
        yield _error("must define either `text` or `fields`", here)
    if "text" in block:
        yield from _text(block["text"], f"{here}/text", 3_000)
    if len(fields) > 10:
        yield _error("no more than 10 items allowed", f"{here}/fields")
    for index, entry in enumerate(fields):
        yield from _text(entry, f"{here}/fields/{index}", 2_000)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{here}/accessory")


def _elements(kind: str, elements: Any, here: str) -> Iterator[str]:
    most = 10 if kind == "context" else 25
    if not isinstance(elements, list) or not elements:
        yield _error("no fewer than 1 items allowed", here)
        return
    if len(elements) > most:
        yield _error(f"no more than {most} items allowed", here)
    actions = [one.get("action_id") for one in elements if isinstance(one, dict) and "action_id" in one]
    if len(set(actions)) < len(actions):
        yield _error("action_id is not unique", here)
    for index, element in enumerate(elements):
        place = f"{here}/{index}"
        if kind == "context" and isinstance(element, dict) and element.get("type") != "image":
            yield from _text(element, place, 2_000)
        else:
            yield from _element(element, place)


def _element(element: Any, here: str) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") not in ("button", "image"):
        yield _error("unsupported element", here)
    elif element["type"] == "button":
        yield from _text(element.get("text"), f"{here}/text", 75, {"plain_text"})
        for name, most in (("value", 2_000), ("url", 3_000), ("action_id", 255)):
            if name in element:
                yield from _string(element[name], f"{here}/{name}", most)
        if element.get("style", "primary") not in ("primary", "danger"):
            yield _error("must be one of: danger, primary", f"{here}/style")
        for key in element.keys() - _BUTTON_KEYS:
            yield _error(f"additional property: {key}", here)
        if "confirm" in element:
            yield from _confirm(element["confirm"], f"{here}/confirm")


def _confirm(confirm: Any, here: str) -> Iterator[str]:
    if not isinstance(confirm, dict):
        yield _error("must be an object", here)
        return
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        kinds = tuple(_TEXT_KEYS) if name == "text" else ("plain_text",)
        yield from _text(confirm.get(name), f"{here}/{name}", most, kinds)


def _text(text: Any, here: str, most: int, kinds: Collection[str] = tuple(_TEXT_KEYS)) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield _error(f"must be one of: {', '.join(sorted(kinds))}", here)
        return
    for key in text.keys() - _TEXT_KEYS[text["type"]]:
        yield _error(f"additional property: {key}", here)
    yield from _string(text.get("text"), f"{here}/text", most)


def _string(value: Any, here: str, most: int) -> Iterator[str]:
    if not isinstance(value, str):
        yield _error("must be a string", here)
    elif not value:
        yield _error("must be more than 0 characters", here)
    elif len(value) > most:
        yield _error(f"must be less than {most + 1} characters", here)


def _error(what: str, place: str) -> str:
    return f"[ERROR] {what} [json-pointer:{place}]"


def _rendered(block: dict[str, Any]) -> int:
    texts = [block.get("text"), *(block.get("fields") or ()), *(block.get("elements") or ())]
    return sum(
        len(one["text"]) for one in texts if isinstance(one, dict) and isinstance(one.get("text"), str)
    )
