"""`responder doctor`: could each configured destination be told, and what is to be done if not?

Called by the CLI's table. Without `--send` nobody is told anything, and no secret is printed.
"""

import asyncio
import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from responder.cli.client import DEFAULT_CONFIG, output_option, print_json, printable
from responder.errors import FileError, UsageError

if TYPE_CHECKING:
    from responder.core.rules import Ruleset
    from responder.finding import Finding
    from responder.settings import Settings

KINDS: Final = ("slack", "pagerduty", "smtp", "kubernetes", "prometheus")

_STYLES: Final = {"ok": "green", "warning": "yellow", "problem": "bold red"}


@click.command(
    "doctor",
    help="Look at every configured destination, cluster and Prometheus, or at those of one kind, without "
    "telling anybody anything and without changing anything: tokens and what they may do, channels, keys, "
    "addresses, certificates, logins, permissions. Each line says what was found and, where something is "
    "wrong, what to do. "
    "Exit status: 0 nobody would be missed, 1 there is a problem, 2 wrong usage or an unreadable file.",
)
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    metavar="FILE",
    help="The configuration; the rules that it names are read too.",
)
@click.option(
    "--send",
    is_flag=True,
    help="Also send a test, marked as such: a message to each Slack channel, a mail to each recipient, "
    "an incident of severity info that is opened and resolved for each PagerDuty key.",
)
@click.option(
    "--rbac",
    is_flag=True,
    help="With `kubernetes`: print the least Roles and bindings that the allow-list needs, for "
    "`kubectl apply -f -`, and look at nothing.",
)
@click.option(
    "--service-account",
    default="responder/responder",
    show_default=True,
    metavar="NAMESPACE/NAME",
    help="Whom --rbac grants them to.",
)
@click.option(
    "--cluster", default="", metavar="NAME", help="Which cluster --rbac is for, if there are several."
)
@output_option
@click.pass_context
def doctor(
    context: click.Context,
    kind: str | None,
    config: Path,
    send: bool,
    rbac: bool,
    service_account: str,
    cluster: str,
    output: Literal["text", "json"],
) -> None:
    """Read the configuration, look, and print."""
    from responder.ruleset import load_ruleset
    from responder.settings import load_settings
    from responder.telemetry import configure_logging

    configure_logging(json=False, level="error", lasting=False)
    if config == DEFAULT_CONFIG and not config.exists():
        raise FileError(f"{config} is not here: give --config FILE")
    settings = load_settings(config, os.environ)
    if rbac:
        if kind != "kubernetes":
            raise UsageError("--rbac is for `responder doctor kubernetes`")
        click.echo(_roles(settings, cluster, service_account), nl=False)
        return
    loaded = load_ruleset(settings.rules, settings)
    for warning in (*settings.warnings, *loaded.warnings, *loaded.unsupported):
        click.echo(str(warning), err=True)
    found = asyncio.run(_examine(kind, settings, loaded.ruleset, send=send))
    failed = any(finding.level == "problem" for finding in found)
    if output == "json":
        print_json({"ok": not failed, "findings": [asdict(finding) for finding in found]})
    else:
        _print(found)
    context.exit(1 if failed else 0)


async def _examine(
    kind: str | None, settings: "Settings", ruleset: "Ruleset", *, send: bool
) -> "list[Finding]":
    from responder.cli import destinations
    from responder.clock import SystemClock
    from responder.finding import Finding
    from responder.notify.doctor import pagerduty, slack, smtp
    from responder.notify.http import Http

    http, clock = Http(), SystemClock()
    found = [] if kind in ("kubernetes", "prometheus") else _unusable(ruleset, kind)
    try:
        if kind in (None, "slack"):
            found += await slack.examine(destinations.slack(settings, ruleset), http, send=send)
        if kind in (None, "pagerduty"):
            keys = destinations.pagerduty(settings, ruleset)
            found += await pagerduty.examine(keys, http, clock, send=send)
        if kind in (None, "smtp"):
            found += await smtp.examine(destinations.smtp(settings, ruleset), http, clock, send=send)
    finally:
        await http.close()
    if kind in (None, "kubernetes"):
        from responder.actions import doctor as actions

        found += await actions.examine_clusters(settings.kubernetes, settings.guards.allow)
    if kind in (None, "prometheus") and settings.prometheus is not None:
        from responder.actions import doctor as actions

        found += await actions.examine_prometheus(settings.prometheus)
    advice = "name a receiver with slack_configs, pagerduty_configs or email_configs in the rules"
    if kind in ("kubernetes", "prometheus"):
        advice = f"name it in the section `{kind}` of the configuration"
    return found or [Finding("warning", kind or "destinations", "nothing is configured", advice)]


def _roles(settings: "Settings", cluster: str, account: str) -> str:
    """What `--rbac` prints. Raises UsageError."""
    from responder.actions.doctor import roles

    names = [one.cluster for one in settings.kubernetes]
    if not cluster and len(names) == 1:
        cluster = names[0]
    if cluster not in names:
        known = ", ".join(names) or "none is configured"
        raise UsageError(f"--cluster NAME: one of the clusters that are configured ({known})")
    home, slash, name = account.partition("/")
    if not (home and slash and name) or "/" in name:
        raise UsageError("--service-account NAMESPACE/NAME, such as responder/responder")
    if not settings.guards.allow:
        raise UsageError("guards.allow is empty: nothing is allowed, so no permission is needed")
    return roles(settings.guards.allow, cluster, account)


def _unusable(ruleset: "Ruleset", kind: str | None) -> "list[Finding]":
    """Those that are configured and could not tell anybody: not known here, or without their secret."""
    from responder.cli import destinations
    from responder.finding import Finding

    return [
        Finding(
            "problem",
            f"{what} {receiver}",
            "it cannot be used as it stands: what is owed to it ends as unsupported",
            "`responder check` says why, with its place",
        )
        for receiver, what in destinations.unusable(ruleset, "email" if kind == "smtp" else kind)
    ]


def _print(found: "list[Finding]") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False, emoji=False)
    for finding in found:
        line = Text.assemble(
            (f"{finding.level:<8}", _STYLES[finding.level]),
            (f" {printable(finding.about)}: ", "bold"),
            printable(finding.found),
        )
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(f"         -> {printable(finding.advice)}", "dim"), soft_wrap=True)
    counts = Counter(finding.level for finding in found)
    words = [
        f"{counts[level]} {level}{'' if counts[level] == 1 else 's'}" for level in ("problem", "warning")
    ]
    console.print(f"{', '.join(words)}, {counts['ok']} ok")
