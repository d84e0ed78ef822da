"""Texts that people write into the rules, rendered with Jinja2 in a sandbox.

`ruleset` checks each against samples when it loads the rules, `notify` renders them. A template
sees values only: it reaches no file, no module and no attribute that begins with an underscore,
and what it gives is cut to a limit. Text inside an alert is never a template.
"""

from responder.templating.rendering import MOST, Fault, TemplateFailed, check, render
from responder.templating.routelabels import context_of, route_labels

__all__ = ["MOST", "Fault", "TemplateFailed", "check", "context_of", "render", "route_labels"]
