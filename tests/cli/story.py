"""A storage with a small history, for commands that read one.

The real engine wrote it, on a virtual clock, so that every time in it is known: an alert that is told,
one that it inhibits, one whose receiver cannot be served.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from click.testing import CliRunner, Result

from responder.cli.main import main
from responder.core.rules import Integration, Receiver, Ruleset
from tests.acceptance.timeline.rules import inhibit, route, rules
from tests.acceptance.timeline.timeline import Timeline, firing, resolved

_RULES = rules(
    route(
        "team",
        "",
        route("critical", 'severity="critical"'),
        route("warning", 'severity="warning"'),
        route("pager", 'severity="page"'),
        group_by=("alertname",),
    ),
    inhibit_rules=[inhibit('severity="critical"', 'severity="warning"', "alertname")],
)


def _ruleset(urls: Mapping[str, str]) -> Ruleset:
    ruleset = _RULES(urls)
    pager = Integration(
        "opsgenie:0123", "opsgenie", send_resolved=True, destination="opsgenie", supported=False
    )
    return replace(ruleset, receivers={**ruleset.receivers, "pager": Receiver("pager", (pager,))})


def tell_story(directory: Path) -> Path:
    """Write the storage and a configuration that names it; the configuration."""
    line = Timeline(directory, _ruleset)
    line.at("0s").post(
        firing("HighErrorRate", severity="critical"), firing("HighErrorRate", severity="warning")
    )
    line.at("1m").post_api(firing("DiskFull", severity="page", path="\x1b[2J"))
    line.at("7m").post(
        resolved("HighErrorRate", severity="critical"), resolved("HighErrorRate", severity="warning")
    )
    asyncio.run(line.let_pass("11m"))
    return configure(directory)


def configure(directory: Path) -> Path:
    """A configuration whose storage is `responder.db` in the same directory."""
    path = directory / "responder.yaml"
    path.write_text(f"storage: sqlite:///{directory / 'responder.db'}\n")
    return path


def run(*arguments: str | Path, env: Mapping[str, str | None] | None = None) -> Result:
    """`responder ARGUMENTS...`, without whatever our own environment says of a service."""
    alone: dict[str, str | None] = {"RESPONDER_URL": None, "RESPONDER_TOKEN": None}
    return CliRunner().invoke(main, list(map(str, arguments)), env={**alone, **(env or {})})
