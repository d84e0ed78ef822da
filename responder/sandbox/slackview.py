"""A channel of the stand-in as people would see it: as a piece of a page, and its messages as lines.

`page` and `standins` show it, and tests look at it. Every text in it came from somebody else: it
is escaped, and a link leads to http or https or nowhere.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from responder.sandbox.slackroom import Channel, Message

_SHOWN: Final = 100
"""Messages of a channel on its page."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of mrkdwn as Slack reads it. `target`: a link's URL, or who is mentioned."""

    kind: Literal["text", "link", "mention", "date"]
    text: str
    target: str = ""


def parse(mrkdwn: str) -> Iterator[Piece]:
    """What Slack makes of a mrkdwn text: plain text with its entities read, links, mentions, dates."""
    for index, part in enumerate(re.split(r"<([^<>]*)>", mrkdwn)):
        if index % 2 == 0:
            if part:
                yield Piece("text", _unescape(part))
            continue
        target, _, label = part.partition("|")
        if target.startswith("!date^"):
            yield Piece("date", _unescape(label), target)
        elif target.startswith(("!", "@", "#")):
            yield Piece("mention", _unescape(label or target), target)
        else:
            yield Piece("link", _unescape(label or target), _unescape(target))


def message_lines(message: Message, indent: str = "") -> list[str]:
    """One message and its thread."""
    edited = " (edited)" if message.edited else ""
    out = [f"{indent}{_clock_time(message.ts)} {_one_line(message.author)}{edited}"]
    out += [f"{indent}  {line}" for line in body_lines(message)]
    for reply in message.replies:
        out += message_lines(reply, indent + "    ")
    return out


def body_lines(message: Message) -> list[str]:
    """What the message itself says, the headline first."""
    body = [line for block in message.blocks for line in _block_lines(block)]
    body = body or _text_lines(message.text)
    for attachment in message.attachments:
        attached = [line for block in attachment.get("blocks") or () for line in _block_lines(block)]
        body += [f"▌ {line}" for line in attached]
    return body


def as_html(channel: Channel, user: str = "") -> str:
    """The channel's newest messages as a piece of a page, the oldest of them first.

    `user`: as whom one looks; they see what is for them alone, and can type. "": nobody in particular.
    """
    timeline = channel.timeline(user)
    messages = "\n".join(_shown_again(one) if one.broadcast else _message(one) for one in timeline[-_SHOWN:])
    messages = messages or '<p class="dim">Nothing has been said yet.</p>'
    more = len(timeline) - _SHOWN
    older = f'<p class="dim">{more} older messages are not shown.</p>' if more > 0 else ""
    name = escape(channel.name)
    field = _FIELD.format(id=channel.id, name=name) if user else ""
    return (
        f'<section class="channel" id="{channel.id}" data-keyed data-channel="{channel.id}">'
        f"<h2># {name}</h2>{older}{messages}{field}</section>"
    )


_FIELD: Final = (
    '<form class="typing" id="f{id}"><input name="text" autocomplete="off" maxlength="4000" '
    'aria-label="A command in {name}" placeholder="/ack, /runbook help"><button>Send</button></form>'
)


# -- HTML -------------------------------------------------------------------------------------


def _message(message: Message) -> str:
    blocks = "".join(map(_block, message.blocks))
    body = blocks or f'<div class="section">{_mrkdwn(message.text)}</div>'
    body += "".join(map(_attachment, message.attachments))
    edited = ' <span class="small">(edited)</span>' if message.edited else ""
    app = ' <span class="app">APP</span>' if message.own else ""
    who = f"<b>{escape(message.author)}</b>{app} <time>{_clock_time(message.ts)}</time>{edited}"
    if message.whispered_to:
        who += ' <span class="small">Only visible to you</span>'
    return (
        f'<article id="m{message.ts}" data-ts="{message.ts}">'
        f'<div class="face">{escape(message.author[:1].upper())}</div>'
        f'<div class="said"><div class="who">{who}</div>{body}{_thread(message.replies)}</div></article>'
    )


def _shown_again(reply: Message) -> str:
    """A reply as the channel shows it: the same message, with another id on the page."""
    html = _message(reply).replace(f'id="m{reply.ts}"', f'id="b{reply.ts}"', 1)
    return html.replace(
        '<div class="said">', '<div class="said"><div class="small">replied to a thread</div>', 1
    )


def _thread(replies: list[Message]) -> str:
    if not replies:
        return ""
    count = f"{len(replies)} {'reply' if len(replies) == 1 else 'replies'}"
    return f'<div class="thread"><div class="count">{count}</div>{"".join(map(_message, replies))}</div>'


def _attachment(attachment: dict[str, Any]) -> str:
    color = str(attachment.get("color", ""))
    style = (
        f' style="border-color:#{color.removeprefix("#")}"'
        if re.fullmatch(r"#?[0-9a-fA-F]{6}", color)
        else ""
    )
    return f'<div class="attachment"{style}>{"".join(map(_block, attachment.get("blocks") or ()))}</div>'


def _block(block: dict[str, Any]) -> str:
    kind = block.get("type")
    if kind == "header":
        return f'<h3 class="header">{_text(block.get("text"))}</h3>'
    if kind == "section":
        return f'<div class="section">{_text(block.get("text"))}{_button(block.get("accessory"))}</div>'
    if kind == "actions":
        return f'<div class="buttons">{"".join(map(_button, block.get("elements") or ()))}</div>'
    if kind == "context":
        elements = "".join(f"<span>{_text(element)}</span>" for element in block.get("elements") or ())
        return f'<div class="context">{elements}</div>'
    return "<hr>" if kind == "divider" else ""


def _button(button: Any) -> str:
    """A button that really presses; the page's script asks first where the message says so."""
    if not isinstance(button, dict) or button.get("type") != "button":
        return ""
    sure = button.get("confirm")
    asks = "\n".join(str(sure[part]["text"]) for part in ("title", "text")) if sure else ""
    return (
        f'<button type="button" class="press {escape(str(button.get("style", "")))}" '
        f'data-action="{escape(str(button.get("action_id", "")))}" '
        f'data-value="{escape(str(button.get("value", "")))}" data-confirm="{escape(asks)}">'
        f"{_text(button.get('text'))}</button>"
    )


def _text(text: Any) -> str:
    if not isinstance(text, dict):
        return ""
    said = str(text.get("text", ""))
    return _mrkdwn(said) if text.get("type") == "mrkdwn" else _broken(escape(said))


def _mrkdwn(text: str) -> str:
    parts = text.split("```")
    return "".join(
        f"<pre>{escape(''.join(piece.text for piece in parse(part)).strip())}</pre>"
        if index % 2 and index < len(parts) - 1
        else "".join(map(_piece, parse(part.strip("\n") if index else part)))
        for index, part in enumerate(parts)
    )


def _piece(piece: Piece) -> str:
    if piece.kind == "text":
        return _broken(_formatted(escape(piece.text)))
    if piece.kind == "mention":
        return f'<span class="mention">{escape(piece.text)}</span>'
    if piece.kind == "link" and _is_web(piece.target):
        return f'<a href="{escape(piece.target)}" rel="noopener noreferrer">{escape(piece.text)}</a>'
    return escape(piece.text)


_MARKS: Final = (("*", "b"), ("_", "i"), ("~", "s"), ("`", "code"))


def _formatted(text: str) -> str:
    for mark, tag in _MARKS:
        inner = re.escape(mark)
        # As Slack does it: only where the mark stands at the edge of a word.
        pattern = rf"(^|(?<=[\s(\[{{.,;:!?·•-])){inner}(?=\S)([^{inner}\n]+){inner}(?=$|[\s)\]}}.,;:!?·•-])"
        text = re.sub(pattern, rf"\1<{tag}>\2</{tag}>", text)
    return text


def _broken(text: str) -> str:
    return text.replace("\n", "<br>")


def _is_web(url: str) -> bool:
    try:
        return urlsplit(url).scheme in ("http", "https")
    except ValueError:
        return False


# -- lines ------------------------------------------------------------------------------------


def _block_lines(block: dict[str, Any]) -> list[str]:
    if block.get("type") == "actions":
        return ["".join(f"[{_plain(one['text'])}] " for one in block.get("elements") or ()).rstrip()]
    texts = [block["text"]] if "text" in block else block.get("elements") or []
    said = [_plain(text) for text in texts if isinstance(text, dict)]
    return [_one_line(line) for line in "  ".join(said).splitlines()]


def _text_lines(text: str) -> list[str]:
    return [_one_line(line) for line in _plain({"type": "mrkdwn", "text": text}).splitlines()]


def _plain(text: dict[str, Any]) -> str:
    said = str(text.get("text", ""))
    if text.get("type") != "mrkdwn":
        return said
    shown = "".join(
        f"{piece.text} ({piece.target})"
        if piece.kind == "link" and piece.text != piece.target
        else piece.text
        for piece in parse(said)
    )
    return re.sub(r"(^|\s)\*([^*\n]+)\*", r"\1\2", shown)


def _one_line(text: str) -> str:
    """Without anything that a terminal would obey."""
    return "".join(char if char.isprintable() else " " for char in text).rstrip()


def _unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _clock_time(ts: str) -> str:
    return datetime.fromtimestamp(int(ts.partition(".")[0]), UTC).strftime("%H:%M")
