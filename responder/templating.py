"""Texts that people write into the rules, rendered with Jinja2 in a sandbox.

`ruleset` checks each against samples when it loads the rules, `notify` renders them. A template
sees values only: it reaches no file, no module and no attribute that begins with an underscore,
and what it gives is cut to a limit. Text inside an alert is never a template.
"""

from collections.abc import Mapping
from typing import Any, Final

from responder.core.catalogue import Template
from responder.core.model import Nanoseconds
from responder.core.notification import Notification

MOST: Final = 40_000
"""The longest text that a template may give, in characters."""


class TemplateFailed(Exception):
    """A template could not be rendered; the message says where and why, without an alert's texts."""


def render(template: Template, context: Mapping[str, Any], *, html: bool = False, most: int = MOST) -> str:
    """The text. `html`: values are escaped unless the template marks them safe. Raises TemplateFailed."""
    if template.plain:
        return template.source[:most]
    raise TemplateFailed(f"{template.place}: not built yet {html} {len(context)}")


def context_of(notification: Notification, external_url: str, now: Nanoseconds) -> Mapping[str, Any]:
    """What a template may name."""
    return {"status": notification.status, "external_url": external_url, "now": now}
