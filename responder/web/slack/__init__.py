"""What Slack sends us: slash commands and pressed buttons, from the signature to the answer.

`service` builds the `SlackEntrance` and `web.app` mounts it; everything it does it does through the
engine's inputs. Nothing here trusts what is not signed, and nothing waits longer than Slack does.
"""

from responder.web.slack.entrance import SlackEntrance

__all__ = ["SlackEntrance"]
