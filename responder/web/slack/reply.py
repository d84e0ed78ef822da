"""What is said to whoever typed or pressed.

`commands` and `presses` make Replies, `entrance` and `responseurl` send them. Their texts are mrkdwn in
which nothing that came from elsewhere is markup.
"""

from dataclasses import dataclass
from typing import Any, Final

from responder.notify.slackblocks import Message
from responder.notify.slackmarkup import Block, cut_mrkdwn, escape

_LONGEST: Final = 3_000


@dataclass(frozen=True, slots=True)
class Reply:
    """`public`: everybody in the channel sees it, not only the one who asked."""

    text: str
    blocks: tuple[Block, ...] = ()
    attachments: tuple[Block, ...] = ()
    public: bool = False

    def document(self) -> dict[str, Any]:
        """As Slack takes it, as the answer to a command and at a response_url."""
        document: dict[str, Any] = {
            "response_type": "in_channel" if self.public else "ephemeral",
            "replace_original": False,
            "text": cut_mrkdwn(self.text, _LONGEST),
        }
        if self.blocks:
            document["blocks"] = list(self.blocks)
        if self.attachments:
            document["attachments"] = list(self.attachments)
        return document


def plainly(text: str) -> Reply:
    """A reply that shows this text, whatever it holds."""
    return Reply(escape(text))


def as_reply(message: Message, *, public: bool = False) -> Reply:
    """A message as a reply."""
    return Reply(message.text, tuple(message.blocks), tuple(message.attachments), public)
