"""docs/RUNBOOKS.md, from rules/runbooks.

`python -m tests.guides.index` writes it; a test holds the page to what this says. It must never say of a
runbook what does not stand in it: only the order in which people look for them is its own.
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from responder.core.rules import Ruleset
from responder.core.runbook import ActionStep, Runbook
from responder.ruleset import load_ruleset
from responder.ruleset.runbooks import risk_of
from responder.settings import Settings
from tests.guides.pages import ROOT

PAGE: Final = ROOT / "docs" / "RUNBOOKS.md"

# In each section what is looked for in the greatest hurry comes first.
SECTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "Incident response": (
        *("high-error-rate", "pod-restarts", "database-connection-failures", "node-memory-high"),
        *("high-latency", "insufficient-replicas", "circuit-breaker-open", "high-memory", "high-cpu"),
        *("node-disk-low", "backup-failure"),
    ),
    "Emergencies": (
        *("emergency-stop", "emergency-scale-up", "database-failover", "cache-failover"),
        *("restore-from-backup",),
    ),
    "Operations": (
        *("rollback-deployment", "standard-deployment", "canary-deployment", "manual-scaling", "autoscaling"),
        *("database-maintenance", "cache-maintenance", "certificate-renewal"),
    ),
    "Maintenance windows": ("maintenance-window",),
}

# What each section is for, and how to begin.
_FOR: Final[Mapping[str, str]] = {
    "Incident response": (
        "An alert fires, or somebody says that something is wrong. Take it on first, so that others know: "
        "`/ack` in Slack, or `responder ack ALERTNAME`."
    ),
    "Emergencies": (
        "It cannot wait, and it cannot be undone. Where a page says that two people decide, wait for both."
    ),
    "Operations": "Planned, by one person who has an hour.",
    "Maintenance windows": "Work that makes alerts fire.",
}

_HEAD: Final = """\
# Runbooks

What to do when something is wrong, and how to do by hand what is done now and then: every page of
[rules/runbooks/](../rules/runbooks). Each says what it means, what to look at first, when not to act, what to
do by hand, how to see whether it helped, and whom to call. `responder runbook show NAME` prints one; the link
in each alert leads to its own.

- **By itself**: what Responder does when the alert fires. It needs a signature, evidence and every guard's
  yes first ([guards](guards.md)); until then it asks people, or does nothing.
- **Risk**: how many say yes. Medium: one person; high: two, also where the steps are done by hand.
- How a page is written: [runbooks](writing-runbooks.md).
- Stop all automation: `responder freeze --scope global --reason WHY --for 1h`

This page is made from the runbooks (`python -m tests.guides.index`).
"""

_TAIL: Final = """
## Alerts, and where they lead

| alert | runbook |
|---|---|
"""

_UNCHECKED: Final = """
## What no test checks

Every command of every runbook and guide is read by a test: kubectl, helm, promtool, amtool, responder and the
tools of PostgreSQL and Redis say whether they would take it, and what it names has to be there. These
programs are the ones that no test here can ask, so look twice:

- `velero`: backups of the cluster
- `istioctl`: what the mesh's proxies know
- `patronictl`: the PostgreSQL cluster, from within a member's pod
- `cmctl`: certificates
- `aws`: what is in the object store
"""


@functools.cache
def shipped() -> Ruleset:
    """The rules that are shipped, with their pages."""
    return load_ruleset(ROOT / "rules", Settings(), read_files=False).ruleset


def runbooks() -> Mapping[str, Runbook]:
    """The pages."""
    return shipped().runbooks


def text() -> str:
    """The page."""
    sections = "".join(f"\n## {title}\n\n{_FOR[title]}\n\n{_table(title)}" for title in SECTIONS)
    alerts = sorted((alert, one) for one in runbooks().values() for alert in one.alert_names)
    rows = "".join(
        f"| [`{alert}`](alerts.md#{alert.lower()}) | {_link(one.name)} |\n" for alert, one in alerts
    )
    return _HEAD + sections + _TAIL + rows + _UNCHECKED


def _table(title: str) -> str:
    lines = ["| page | alerts | by itself | risk |", "|---|---|---|---|"]
    lines += [_row(runbooks()[name]) for name in SECTIONS[title]]
    return "".join(f"{line}\n" for line in lines)


def _row(one: Runbook) -> str:
    alerts = ", ".join(f"`{name}`" for name in sorted(one.alert_names)) or "none: people begin it"
    return f"| {_link(one.name)}: {one.title} | {alerts} | {_by_itself(one)} | {risk_of(one)} |"


def _link(name: str) -> str:
    return f"[{name}](../rules/runbooks/{name}.md)"


def _by_itself(one: Runbook) -> str:
    """What comes of the alert, in a few words."""
    actions = ", ".join(dict.fromkeys(_actions(one)))
    if not actions:
        return "nothing"
    return {
        "observe": "nothing",
        "suggest": f"shows what it would do: `{actions}`",
        "approve": f"asks for a yes to `{actions}`",
        "auto": f"`{actions}`",
    }[one.mode]


def _actions(one: Runbook) -> Iterator[str]:
    yield from (step.action for step in one.steps if isinstance(step, ActionStep))


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(text())


if __name__ == "__main__":
    write()
