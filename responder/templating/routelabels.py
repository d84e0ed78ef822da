"""Labels of routes, expanded: their values may be Go templates over what is told.

Whoever shows them, or renders a template that may, calls it. A value is expanded once: what comes out of
it is never a template again.
"""

from typing import Any

from responder.core.catalogue import Template
from responder.core.model import Nanoseconds
from responder.core.notification import Notification
from responder.templating.context import Pairs, facts
from responder.templating.gotext import in_jinja, is_template
from responder.templating.rendering import TemplateFailed, render


def context_of(notification: Notification, external_url: str, now: Nanoseconds) -> dict[str, Any]:
    """The context of a template: a value under each of `context.NAMES`."""
    return facts(notification, external_url, now, Pairs(route_labels(notification, external_url)))


def route_labels(notification: Notification, external_url: str) -> dict[str, str]:
    """The labels of the notification's route, by name; one that cannot be expanded is left out.

    They are as of the look that decided it, so that every try says the same.
    """
    texts = notification.route_labels
    if not any(is_template(text) for _, text in texts):
        return dict(texts)
    found = _Expanding(notification, external_url)
    values = [(name, found[name]) for name, _ in texts]
    return {name: value for name, value in values if name in found}


class _Expanding(Pairs):
    """The labels that are expanded so far. Asking for another expands it: one may name others."""

    def __init__(self, notification: Notification, external_url: str) -> None:
        super().__init__()
        self._left = dict(notification.route_labels)
        self._context = facts(notification, external_url, notification.at, self)

    def __missing__(self, name: str) -> str:
        # While it is expanded it is not there, so that labels that name one another come to an end.
        text = self._left.pop(name, None)
        if text is None:
            return ""
        if not is_template(text):
            self[name] = text
            return text
        source = in_jinja(text)
        if source is None:
            return ""
        try:
            self[name] = render(Template(source, place=f"labels: {name}"), self._context)
        except TemplateFailed:
            return ""
        return self[name]
