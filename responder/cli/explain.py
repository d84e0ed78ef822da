"""`responder explain`: why an alert is told or not, stage by stage.

Called by the CLI's table. A service answers for the alerts that it knows, rules alone for any
labels, as if nothing else fired. It decides nothing: `core.explain` gives the verdicts.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import click

from responder.cli.client import (
    DEFAULT_URL,
    Client,
    output_option,
    print_json,
    printable,
    seconds,
    url_options,
)
from responder.core.model import format_labels
from responder.errors import UsageError

_HEX: Final = frozenset("0123456789abcdef")


@click.command(
    "explain",
    help="Say why an alert is told or not: every stage's verdict, with its reason.\n\n"
    "WHAT is LABEL=VALUE..., an alert's labels, or FINGERPRINT, 16 hex digits, an alert that a service "
    "knows.\n\nLabels are put to the rules of --rules alone, as if they fired now and no other alert did, "
    "or to the service of --url with everything that it knows. A fingerprint is put to the service "
    f"({DEFAULT_URL} unless --url says otherwise).",
)
@click.argument("what", nargs=-1, required=True, metavar="WHAT...")
@click.option(
    "--rules",
    type=click.Path(path_type=Path),
    metavar="DIR_OR_FILE",
    help="Rules to ask; without --url: rules/",
)
@url_options
@output_option
@click.pass_context
def explain(
    context: click.Context,
    what: tuple[str, ...],
    rules: Path | None,
    url: str | None,
    token: str,
    output: Literal["text", "json"],
) -> None:
    """Ask, and print the verdicts."""
    typed = context.get_parameter_source("url") is click.core.ParameterSource.COMMANDLINE
    if rules and url and typed:
        raise UsageError("--rules asks files and --url asks a service: give one of them")
    if _is_fingerprint(what):
        if rules:
            raise UsageError(
                f"rules alone know no alert {what[0]}: give its labels, or ask a service with --url"
            )
        told = Client(url or DEFAULT_URL, token).get("/api/v1/explain", [("fingerprint", what[0].lower())])
    else:
        labels = _labels(what)
        if url and not rules:
            pairs = [("label", f"{name}={value}") for name, value in labels.items()]
            told = Client(url, token).get("/api/v1/explain", pairs)
        else:
            told = _by_rules(labels, rules or Path("rules"))
    if output == "json":
        print_json(told)
    else:
        for line in _lines(told):
            click.echo(printable(line))


def _is_fingerprint(what: tuple[str, ...]) -> bool:
    return len(what) == 1 and len(what[0]) == 16 and set(what[0].lower()) <= _HEX


def _labels(what: tuple[str, ...]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in what:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(f"{text!r} is neither LABEL=VALUE nor a fingerprint of 16 hex digits")
        if labels.setdefault(name, value) != value:
            raise UsageError(f"{name} is given twice: an alert has one value for each label")
    return labels


def _by_rules(labels: dict[str, str], rules: Path) -> dict[str, Any]:
    """The verdicts of rules alone, as if everybody could be reached. Files with secrets stay unread."""
    from responder.clock import SystemClock
    from responder.core.explain import explain_alert
    from responder.core.messages import AlertsReceived, ReceivedAlert
    from responder.core.model import labels_from
    from responder.core.state import State
    from responder.replay import Course, reachable
    from responder.ruleset import load_ruleset
    from responder.settings import Settings

    ruleset = load_ruleset(rules, Settings(), read_files=False).ruleset
    # Rules alone name no cluster: the alert's own counts as configured.
    ruleset = replace(reachable(ruleset), clusters=(labels.get("cluster") or "the-only-cluster",))
    asked, now = labels_from(labels), SystemClock().now()
    told = explain_alert(State(ruleset), ruleset, asked, now)
    if not asked:
        return told
    course = Course(ruleset, now, lambda decision, at: None)
    fires = ReceivedAlert(asked, (), now, 0, "", resolved=False)
    course.give(AlertsReceived("webhook", b"", (fires,)), "explain")
    fired = explain_alert(course.state, ruleset, asked, now)
    coming = [one | {"group": None} for one in fired["next"]]
    return told | {"next": coming, "choices": fired["choices"]}


# -- in words ---------------------------------------------------------------------------------


def _lines(told: dict[str, Any]) -> Iterator[str]:
    from responder.core.model import format_labels, labels_from

    yield f"{format_labels(labels_from(told['labels']))}"
    yield f"  fingerprint {told['fingerprint']}, looked at {seconds(told['at'])}"
    yield f"  {_alert(told['alert'])}"
    yield "route"
    for step in told["route"]:
        yield f"  {'  ' * step['depth']}{'+' if step['matched'] else '-'} {step['route']}: {step['why']}"
    yield "inhibition"
    for finding in told["inhibition"]:
        by = finding["inhibited_by"]
        verdict = f"HIDDEN by {format_labels(labels_from(by))}" if by else "not hidden"
        yield f"  {finding['rule']}: {verdict}: {finding['why']}"
    if not told["inhibition"]:
        yield "  no rule is about such an alert"
    yield "silences"
    for silence in told["silences"]:
        yield f"  {_silence(silence)}"
    if not told["silences"]:
        yield "  none is about such an alert"
    if told["maintenance"]:
        yield "maintenance"
    for window in told["maintenance"]:
        yield f"  {_maintenance(window)}"
    for group in told["groups"]:
        yield from _group(group)
    yield from _runbooks(told["runbooks"], told["pages"])
    if told["next"]:
        known = "every sender goes on as it does now" if told["alert"] else "it fired now, and went on"
        yield f"next, if {known}"
    for coming in told["next"]:
        group = f" (group {coming['group']})" if coming["group"] else ""
        yield f"  {seconds(coming['at'])}  {coming['detail']}{group}"
    if told["choices"]:
        yield "what you could do"
    for choice in told["choices"]:
        yield f"  {choice['do']}" + (f": {choice['command']}" if choice["command"] else "")


def _alert(alert: dict[str, Any] | None) -> str:
    if alert is None:
        return "not known here: this is what would happen if it fired"
    since = f"{alert['status']} since {seconds(alert['startsAt'])}"
    ends = f", ends {seconds(alert['endsAt'])}" if alert["endsAt"] else ""
    return f"{since}{ends}; last renewed {seconds(alert['renewedAt'])} by way of {alert['source']}"


def _silence(silence: dict[str, Any]) -> str:
    """Who wants it quiet, why, and until when."""
    if silence["state"] == "active":
        verdict = f"HIDDEN until {seconds(silence['endsAt'])}"
    else:
        times = f"{seconds(silence['startsAt'])} to {seconds(silence['endsAt'])}"
        verdict = f"not hidden: {silence['state']}, {times}"
    claimed = "" if silence["createdBy"] == silence["author"] else f", as {silence['createdBy']}"
    return (
        f"{silence['silence']}: {verdict}, by {silence['author']}{claimed}: {silence['comment']}; "
        f"{silence['matchers']}"
    )


def _maintenance(window: dict[str, Any]) -> str:
    """Whose window it is, why, and when it is open."""
    change = seconds(window["next_change"]) if window["next_change"] else ""
    match window["state"]:
        case "open":
            verdict = f"HIDDEN until {change}"
        case "closed":
            verdict = (
                f"not hidden: next open {change}" if change else "not hidden: it does not open within a year"
            )
        case _:
            verdict = "not hidden: over"
    names = ", ".join(window["time_intervals"])
    return (
        f"{window['maintenance']} ({window['place']}): {verdict}, by {window['owner']}: {window['reason']}; "
        f"in {names} until {seconds(window['until'])}"
    )


def _group(group: dict[str, Any]) -> Iterator[str]:
    number = f"group {group['group']}" if group["group"] else "a group that does not exist yet"
    yield f"receiver {group['receiver']}: {number}"
    for fallback in group["fallbacks"]:
        yield f"  {fallback} is told as well: another receiver could not be reached"
    yield f"  key {group['group_key']}"
    if group["route_labels"]:
        yield f"  route labels {format_labels(tuple(group['route_labels'].items()))}, as the rules write them"
    timers = ", ".join(f"{name} {value}" for name, value in group["timers"].items())
    look = f"; next look {seconds(group['next_look'])}" if group["next_look"] else ""
    yield f"  {timers}{look}"
    intervals = group["intervals"]
    if intervals["verdict"] == "hidden":
        until = f" until {seconds(intervals['until'])}" if intervals["until"] else ""
        of = f" (inherited: {intervals['inherited_from']})" if intervals["inherited_from"] else ""
        yield f"  HIDDEN by {intervals['reason']} {intervals['by']}{of}{until}"
    else:
        yield "  no time interval hides it now"
    if group["acknowledged"]:
        yield f"  {_acknowledged(group['acknowledged'])}"
    for held in group["held"]:
        yield f"  {', '.join(held['receivers'])}: {held['by']} until {seconds(held['until'])}"
    for integration in group["integrations"]:
        yield f"  {_integration(integration)}"
    if not group["integrations"]:
        yield "  nobody: this receiver has no integration"


def _acknowledged(mark: dict[str, Any]) -> str:
    until = seconds(mark["until"]) if mark["until"] else "it resolves"
    note = f": {mark['note']}" if mark["note"] else ""
    return f"acknowledged by {mark['by']}, repeats are not told until {until}{note}"


def _runbooks(remedies: list[dict[str, Any]], pages: list[dict[str, Any]]) -> Iterator[str]:
    yield "runbooks"
    for remedy in remedies:
        yield from _remedy(remedy)
    for page in pages:
        yield f"  {page['runbook']}: nothing by itself: a page for people, {page['title']}"
    if not remedies and not pages:
        yield "  none is about such an alert"


def _remedy(remedy: dict[str, Any]) -> Iterator[str]:
    run = remedy["run"]
    match remedy["would"]:
        case "begin":
            what = f"a run would begin for {remedy['target']}"
        case "be_refused":
            what = f"a run would be refused: {remedy['problem'] or 'it has no target'}"
        case "join":
            what = f"it would join run {run['id']}, {_state(run)}, for {remedy['target']}"
        case _:
            of = f", for {remedy['target']}" if remedy["target"] else f": {remedy['problem']}"
            what = f"run {run['id']} answers it, {_state(run)}{of}"
    yield f"  {remedy['runbook']}: {what}"
    values = " ".join(f"{name}={value}" for name, value in remedy["parameters"].items())
    yield f"    mode {remedy['mode']} ({remedy['why_mode']}), risk {remedy['risk']}" + (
        f"; with {values}" if values else ""
    )
    for one in remedy["verdicts"]:
        yield f"    {one['guard']}: {one['verdict']}: {one['reason']}"


def _state(run: dict[str, Any]) -> str:
    return f"{run['state']} ({run['reason']})" if run["reason"] else str(run["state"])


def _integration(integration: dict[str, Any]) -> str:
    if not integration["supported"]:
        return f"{integration['integration']}: not supported, what it is owed ends dead"
    told = f"{integration['integration']}: was told {integration['told']}"
    if integration["last_told"]:
        told += f"; last told {seconds(integration['last_told'])}"
    if integration["open_rows"]:
        told += f"; on its way: {', '.join(map(_row, integration['open_rows']))}"
    return told


def _row(row: dict[str, Any]) -> str:
    waits = f", waits for {row['waits_for']}" if row["waits_for"] else ""
    return f"row {row['row']} ({row['reason']}{waits})"
