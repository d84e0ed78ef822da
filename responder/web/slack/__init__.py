"""What Slack sends us: slash commands and pressed buttons, from the signature to the answer.

`web.general` builds a `Desk` and the ways to it: the `SlackEntrance` that `web.app` mounts, and `Envelopes`
for Socket Mode. Everything they do they do through the engine's inputs, and nothing waits longer than Slack.
"""

from responder.web.slack.desk import Desk
from responder.web.slack.entrance import SlackEntrance
from responder.web.slack.envelopes import Envelopes

__all__ = ["Desk", "Envelopes", "SlackEntrance"]
