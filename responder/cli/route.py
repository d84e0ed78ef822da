"""`responder route test | show`: where alerts go, without a running service.

The same Router answers here as in the service. Time, silences and inhibition do not matter to
routing; `responder explain` tells of those.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import click

from responder.core.matching import MatcherError, parse_matcher
from responder.core.model import format_duration, format_labels, labels_from
from responder.core.routing import ALL, Route, Router
from responder.errors import UsageError
from responder.ruleset import load_ruleset
from responder.settings import Settings

_rules = click.option(
    "--rules",
    type=click.Path(path_type=Path),
    default=Path("rules"),
    show_default=True,
    metavar="DIR_OR_FILE",
    help="A rules directory, or one file; an alertmanager.yml will do.",
)
_output = click.option("--output", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group("route")
def route() -> None:
    """Show the route tree, or who would hear of an alert."""


@route.command("test")
@_rules
@click.option(
    "--verify", metavar="A,B", help="The receivers that are expected, in match order; exits 1 if they differ."
)
@click.option(
    "--alerts",
    type=click.File("r", encoding="utf-8"),
    metavar="FILE",
    help="A JSON array of label objects, - for standard input, instead of LABEL=VALUE.",
)
@_output
@click.argument("labels", nargs=-1, metavar="[LABEL=VALUE]...")
def test(
    rules: Path, verify: str | None, alerts: IO[str] | None, output: str, labels: tuple[str, ...]
) -> None:
    """Print the receivers of an alert with these labels, in match order.

    As amtool config routes test. With --output json an array with one entry per alert: its labels,
    receivers and routes.
    """
    if alerts is not None and labels:
        raise UsageError("write labels or --alerts FILE, not both")
    asked = [_parse_labels(labels)] if alerts is None else _read_alerts(alerts)
    router = _router(rules)
    answers = [_answer(router, given) for given in asked]
    if output == "json":
        click.echo(json.dumps(answers, indent=2, ensure_ascii=False))
    else:
        for answer in answers:
            click.echo(",".join(answer["receivers"]))
    if verify is not None:
        _verify(verify, answers)


@route.command("show")
@_rules
@_output
def show(rules: Path, output: str) -> None:
    """Print the route tree. A route shows its receiver, and what else differs from its parent."""
    root = _router(rules).root
    if output == "json":
        click.echo(json.dumps(_as_json(root), indent=2, ensure_ascii=False))
        return
    click.echo(_line(root, None))
    for line in _branches(root, ""):
        click.echo(line)


def _router(rules: Path) -> Router:
    return load_ruleset(rules, Settings(), read_files=False).ruleset.router


# -- test ---------------------------------------------------------------------------------------


def _parse_labels(texts: tuple[str, ...]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name or name.endswith("!") or value.startswith("~"):
            raise UsageError(f"{text!r} is not LABEL=VALUE, such as severity=critical")
        if value.startswith('"'):
            try:
                value = parse_matcher(text).value
            except MatcherError as error:
                raise UsageError(str(error)) from None
        if name in labels:
            raise UsageError(f"{name} is given twice")
        labels[name] = value
    return labels


def _read_alerts(file: IO[str]) -> list[Mapping[str, str]]:
    wrong = f'{file.name}: must be a JSON array of label objects, such as [{{"alertname": "X"}}]'
    try:
        alerts = json.load(file)
    except ValueError as error:  # also what is not UTF-8
        raise UsageError(f"{wrong}: {error}") from None
    if not isinstance(alerts, list):
        raise UsageError(wrong)
    for number, alert in enumerate(alerts):
        if not isinstance(alert, dict) or not all(isinstance(value, str) for value in alert.values()):
            raise UsageError(f"{wrong}; entry {number} is not one")
    return alerts


def _answer(router: Router, given: Mapping[str, str]) -> dict[str, Any]:
    labels = labels_from(given)
    routes = router.match(labels)
    return {
        "labels": dict(labels),
        "receivers": [found.receiver for found in routes],
        "routes": [
            {
                "receiver": found.receiver,
                "group_key": found.group_key(found.group_labels(labels)),
                "route_id": found.id,
            }
            for found in routes
        ],
    }


def _verify(verify: str, answers: list[dict[str, Any]]) -> None:
    expected = [name.strip() for name in verify.split(",")]
    differing = [answer for answer in answers if answer["receivers"] != expected]
    for answer in differing:
        click.echo(
            "WARNING: Expected receivers did not match resolved receivers: "
            f"expected {','.join(expected)}, resolved {','.join(answer['receivers'])}",
            err=True,
        )
    if differing:
        raise click.exceptions.Exit(1)


# -- show ---------------------------------------------------------------------------------------


def _branches(parent: Route, indent: str) -> Iterator[str]:
    for child in parent.children:
        last = child is parent.children[-1]
        yield f"{indent}{'└── ' if last else '├── '}{_line(child, parent)}"
        yield from _branches(child, indent + ("    " if last else "│   "))


def _line(found: Route, parent: Route | None) -> str:
    parts = ["{" + ",".join(map(str, found.matchers)) + "}" if parent else "root"]
    if found.continue_:
        parts.append("continue: true")
    if found.inherit_mutes != (parent is not None and parent.inherit_mutes):
        parts.append(f"inherit_mutes: {str(found.inherit_mutes).lower()}")
    above = _inherited(parent) if parent else {}
    for name, value in _inherited(found).items():
        if name == "receiver" or above.get(name) != value:
            parts.append(f"{name}: {value}")
    if found.labels != (parent.labels if parent else ()):
        parts.append(f"labels: {format_labels(found.labels)}")
    for name, (intervals, of) in _intervals(found).items():
        if intervals:
            parts.append(f"{name}: [{', '.join(intervals)}]" + (f" (of {of})" if of else ""))
    return "  ".join(parts)


def _inherited(found: Route) -> dict[str, str]:
    """What a route inherits unless it says otherwise."""
    return {
        "receiver": found.receiver,
        "group_by": f"[{', '.join(_group_by(found))}]",
        "group_wait": format_duration(found.group_wait),
        "group_interval": format_duration(found.group_interval),
        "repeat_interval": format_duration(found.repeat_interval),
    }


def _intervals(found: Route) -> dict[str, tuple[tuple[str, ...], str]]:
    """The time intervals of each kind, and of which route they are inherited."""
    return {
        "mute_time_intervals": (found.mute_time_intervals, found.mutes_of),
        "active_time_intervals": (found.active_time_intervals, found.actives_of),
    }


def _group_by(found: Route) -> tuple[str, ...]:
    return (ALL,) if found.group_by_all else found.group_by


def _as_json(found: Route) -> dict[str, Any]:
    return {
        "route_id": found.id,
        "place": found.place,
        "matchers": [str(matcher) for matcher in found.matchers],
        "continue": found.continue_,
        **_inherited(found),
        "group_by": list(_group_by(found)),
        **{name: list(names) for name, (names, _) in _intervals(found).items()},
        "labels": dict(found.labels),
        "inherit_mutes": found.inherit_mutes,
        "inherited": {name: of for name, (_, of) in _intervals(found).items() if of},
        "routes": [_as_json(child) for child in found.children],
    }
