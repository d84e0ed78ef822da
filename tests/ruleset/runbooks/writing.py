"""What the tests of pages share: a page's text in, its runbook or what is wrong with it out."""

from collections.abc import Collection

from responder.core.guardrules import GuardRules
from responder.core.runbook import Runbook
from responder.ruleset.runbooks import Known, Pages, compile_pages

HEAD = """\
---
runbook: page
title: A page
match: ['alertname="A"']
parameters:
  namespace: {type: dns_label, from: labels.namespace}
  name: {type: dns_subdomain, from: labels.name}
target: {kind: Deployment, namespace: "${namespace}", name: "${name}"}
"""
"""Eight lines of front matter: what a test adds begins on the ninth."""

STEP = """\
```step
action: kubernetes.rollout_restart
```
"""

VERIFY = """\
```verify
prometheus: up{namespace="${namespace}"} == 1
```
"""

BODY = f"""\
---
# Page
{STEP}{VERIFY}"""
"""What follows the front matter unless a test says otherwise."""


def page(front: str = "", body: str = BODY) -> str:
    """A page with more front matter, or with another body (which begins with the closing ---)."""
    return f"{HEAD}{front}{body}"


def compiled(
    *texts: str, receivers: Collection[str] | None = ("pager", "chat"), floors: GuardRules | None = None
) -> Pages:
    """Texts as page.md, page-1.md..."""
    named = {f"rules/page{f'-{number}' if number else ''}.md": text for number, text in enumerate(texts)}
    return compile_pages(named, Known(receivers, floors or GuardRules()))


def read(text: str, floors: GuardRules | None = None) -> Runbook:
    """The runbook of a page that has nothing wrong."""
    pages = compiled(text, floors=floors)
    assert (pages.warnings, pages.broken) == ([], [])
    return pages.runbooks["page"]


def wrong(text: str, receivers: Collection[str] | None = ("pager", "chat")) -> list[str]:
    """Every error of a page, which is left out, as `line:column: message`."""
    pages = compiled(text, receivers=receivers)
    assert pages.runbooks == {}
    return [f"{one.line}:{one.column}: {one.message}" for one in pages.broken]


def warned(text: str, floors: GuardRules | None = None) -> list[str]:
    """Every warning of a page that loads, as `line:column: message`."""
    pages = compiled(text, floors=floors)
    assert pages.broken == []
    return [f"{one.line}:{one.column}: {one.message}" for one in pages.warnings]


def front_wrong(front: str) -> list[str]:
    """Every error of front matter that begins on the ninth line."""
    return wrong(page(front))


def body_wrong(body: str) -> list[str]:
    """Every error of a body that begins on the eleventh line, below `---` and a heading."""
    return wrong(page(body=f"---\n# Page\n{body}"))
