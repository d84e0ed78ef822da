"""Rule tests as people write them: alerts and times in, who is told what and what is hidden out.

`cli.ruletests` reads files with `read_tests`, and has `check_names` hold each against the rules that it
is about. Every problem is recorded with its place; nothing here decides who is told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final, get_args

from responder.core.matcherparse import Triple
from responder.core.matching import MatcherError, parse_matchers
from responder.core.messages import AlertsReceived, CreateSilence, ReceivedAlert
from responder.core.model import Labels, Nanoseconds, format_duration, labels_from, parse_duration, parse_time
from responder.core.notification import ToldReason
from responder.core.rules import Ruleset
from responder.core.silence import fault
from responder.document.fields import Fields, choice, decode_scalar, flag, name, text
from responder.document.tree import MappingNode, Node, Place, Problems, ScalarNode, decode, parse
from responder.errors import FileError
from responder.replay.script import Entry

MONDAY: Final = parse_time("2026-01-05T00:00:00Z")
"""When a test begins that does not say: a Monday at midnight."""

TOLD: Final = frozenset(get_args(ToldReason))
"""Reasons for which somebody is told."""

NOT_TOLD: Final = frozenset(
    {
        "silence",
        "held",
        "inhibition",
        "mute_time_interval",
        "active_time_interval",
        "maintenance",
        "resolved_before_told",
        "no_change",
        "send_resolved_false",
        "superseded",
        "unsupported",
    }
)
"""Reasons for which somebody is not told, as far as a replay comes upon them."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of `expect`: each integration of each receiver is told, or is not, for this reason.

    Times count from the start of the test. `integration`: a kind, or an id; "": every one. `firing`
    and `resolved`: for each alert the labels that it must have, all others being open. `by`: the
    rule or the intervals that hide it; "": any. `status`: "" for any.
    """

    earliest: Nanoseconds
    latest: Nanoseconds
    receivers: tuple[tuple[str, Place], ...]
    integration: str
    reason: str
    by: str
    status: str
    firing: tuple[Labels, ...]
    resolved: tuple[Labels, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test: what happens between `start` and `until`, and all that must come of it.

    `until` counts from the start. `exact`: nothing else may come of it.
    """

    name: str
    start: Nanoseconds
    until: Nanoseconds
    entries: tuple[Entry, ...]
    expected: tuple[Expected, ...]
    exact: bool
    place: Place


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file's tests, and the rules that it says they are about."""

    __test__ = False  # pytest collects what is called Test...

    path: Path
    rules: Path | None
    tests: tuple[RuleTest, ...]


def read_tests(path: Path, problems: Problems) -> TestFile:
    """The tests in a file; what is wrong goes to `problems`. Raises FileError if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    content = decode(data, str(path), problems)
    root = parse(content, str(path), problems) if content is not None else None
    if root is None:
        return TestFile(path, None, ())
    fields = Fields(root, "a file of rule tests", problems)
    rules = fields.read("rules", name, None)
    tests = tuple(_test(each) for each in fields.each("tests", "a test"))
    if fields.require("tests") and fields.items("tests") == ():
        fields.error("tests", "there is no test in it")
    _distinct(fields, tests)
    fields.close()
    return TestFile(path, path.parent / rules if rules is not None else None, tests)


def check_names(file: TestFile, ruleset: Ruleset, problems: Problems) -> None:
    """Record receivers and integrations that a file expects and the rules do not have."""
    for test in file.tests:
        for expected in test.expected:
            for called, place in expected.receivers:
                receiver = ruleset.receivers.get(called)
                if receiver is None:
                    problems.error(place, _unknown(called, ruleset.receivers))
                elif not receiver.integrations:
                    problems.error(
                        place, f'receiver: "{called}" has no integrations: nobody is told, nothing is owed'
                    )
                elif not addressed(expected.integration, called, ruleset):
                    kinds = ", ".join(sorted({each.kind for each in receiver.integrations}))
                    wrong = f'"{called}" has no {expected.integration[:64]}; it has {kinds}'
                    problems.error(place, f"integration: {wrong}")


def _unknown(called: str, known: Iterable[str]) -> str:
    near = get_close_matches(called, known, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    return f'receiver: the rules have no "{called[:64]}"{hint}'


def addressed(integration: str, receiver: str, ruleset: Ruleset) -> tuple[str, ...]:
    """The ids of a receiver's integrations that an expectation is about."""
    return tuple(
        each.id
        for each in ruleset.receivers[receiver].integrations
        if integration in ("", each.id, each.kind)
    )


# -- a test -------------------------------------------------------------------------------------


def _test(fields: Fields) -> RuleTest:
    called = fields.read("name", name, "") if fields.require("name") else ""
    start = fields.read("start", _time, MONDAY)
    until = fields.read("until", _offset, 0) if fields.require("until") else 0
    alerts = [entry for each in fields.each("alerts", "an alert") for entry in _alert(each, start, until)]
    silences = [
        entry
        for number, each in enumerate(fields.each("silences", "a silence"), 1)
        if (entry := _silence(each, start, until, f"silence-{number}"))
    ]
    if fields.require("alerts") and fields.items("alerts") == ():
        fields.error("alerts", "a test without alerts tests nothing")
    fields.require("expect")
    expected = [_expected(each, until) for each in fields.each("expect", "an expectation")]
    exact = fields.read("exact", flag, True)
    if not exact and not expected and "expect" in fields:
        fields.error("exact", "false, and nothing is expected: such a test cannot fail")
    fields.close()
    entries = sorted([*silences, *_together(alerts)], key=lambda entry: entry.at)
    kept = tuple(one for one in expected if one is not None)
    return RuleTest(called, start, until, tuple(entries), kept, exact, fields.where)


def _distinct(fields: Fields, tests: Sequence[RuleTest]) -> None:
    first: dict[str, Place] = {}
    for test in tests:
        if test.name and test.name in first:
            fields.problems.error(
                test.place, f"name: {test.name[:64]!r} is given twice: first at {first[test.name]}"
            )
        first.setdefault(test.name, test.place)


def _alert(fields: Fields, start: Nanoseconds, until: Nanoseconds) -> list[Entry]:
    """An alert that begins, and if the test says so ends: as its sender would say both."""
    at = fields.read("at", _offset, 0)
    labels = _labels(fields, "labels", needed=True) if fields.require("labels") else ()
    annotations = _labels(fields, "annotations")
    ends = _end(fields, at)
    fields.close()
    _not_after(fields, "at", at, until)
    began = ReceivedAlert(labels, annotations, start + at, 0, "", resolved=False)
    entries = [Entry(start + at, AlertsReceived("api", b"", (began,)), str(fields.where))]
    if ends is not None:
        over = ReceivedAlert(labels, annotations, start + at, start + ends, "", resolved=False)
        entries.append(Entry(start + ends, AlertsReceived("api", b"", (over,)), str(fields.where)))
    return entries


def _silence(fields: Fields, start: Nanoseconds, until: Nanoseconds, called: str) -> Entry | None:
    at = fields.read("at", _offset, 0)
    nodes = fields.items("matchers") or ()
    read = [decode_scalar(node, "matchers", _matchers, fields.problems) for node in nodes]
    matchers = tuple(matcher for found in read if found for matcher in found[0])
    ends = _end(fields, at)
    comment = fields.read("comment", text, "a rule test")
    fields.close()
    _not_after(fields, "at", at, until)
    if not fields.require("matchers"):
        return None
    if ends is None:
        fields.problems.error(fields.where, "a silence needs for or until: how long it lasts")
        return None
    asked = CreateSilence(called, matchers, start + at, start + ends, "a rule test", comment)
    if all(read) and (wrong := fault(asked)):
        fields.problems.error(fields.where, f"a silence: {wrong.rpartition('invalid: ')[2]}")
    return Entry(start + at, asked, str(fields.where))


def _expected(fields: Fields, until: Nanoseconds) -> Expected | None:
    earliest, latest = _when(fields, until)
    receivers = _receivers(fields)
    integration = fields.read("integration", name, "")
    reason = fields.read("reason", _reason, "") if fields.require("reason") else ""
    by = fields.read("by", name, "")
    if by and reason in TOLD:
        fields.error("by", f"says what hides an alert, and {reason} is a reason to tell")
    status = fields.read("status", choice("firing", "resolved"), "")
    firing, resolved = _alerts(fields, "firing"), _alerts(fields, "resolved")
    if "firing" not in fields and "resolved" not in fields:
        fields.problems.error(
            fields.where, "an expectation says which alerts it is about: firing, resolved or both"
        )
    fields.close()
    return Expected(
        earliest, latest, receivers, integration, reason, by, status, firing, resolved, fields.where
    )


def _when(fields: Fields, until: Nanoseconds) -> tuple[Nanoseconds, Nanoseconds]:
    fields.at_most_one("at", "within")
    if "at" not in fields and "within" not in fields:
        fields.problems.error(
            fields.where, "an expectation needs at (such as 30s) or within (such as [25s, 35s])"
        )
    at = fields.read("at", _offset, 0)
    _not_after(fields, "at", at, until)
    span = fields.list_of("within", _offset)
    if span is None:
        return at, at
    moments = [moment for moment, _ in span]
    if len(moments) != 2 or moments[0] > moments[1]:
        fields.error("within", "must be two times, the earlier first, such as [25s, 35s]")
        return at, at
    if moments[1] > until:
        fields.error("within", f"ends after the test, which goes on until {format_duration(until)}")
    return moments[0], moments[1]


def _receivers(fields: Fields) -> tuple[tuple[str, Place], ...]:
    if not fields.require("receiver"):
        return ()
    node = fields.take("receiver")
    if not isinstance(node, ScalarNode):
        found = fields.list_of("receiver", name) or ()
        if fields.items("receiver") == ():
            fields.error("receiver", "at least one is needed")
        return found
    one = decode_scalar(node, "receiver", name, fields.problems)
    return ((one[0], node.place),) if one else ()


def _alerts(fields: Fields, key: str) -> tuple[Labels, ...]:
    """For each alert the labels that it must have; a text alone is an alertname."""
    return tuple(found for node in fields.items(key) or () if (found := _alert_named(node, key, fields)))


def _alert_named(node: Node, key: str, fields: Fields) -> Labels:
    if isinstance(node, MappingNode):
        return _labels_of(Fields(node, key, fields.problems), needed=True)
    found = decode_scalar(node, key, name, fields.problems)
    return (("alertname", found[0]),) if found else ()


# -- together, and small things -------------------------------------------------------------------


def _together(entries: Iterable[Entry]) -> list[Entry]:
    """Alerts of one moment arrive in one request, as from one sender."""
    by_time: dict[Nanoseconds, list[Entry]] = {}
    for entry in entries:
        by_time.setdefault(entry.at, []).append(entry)
    return [
        Entry(
            at,
            AlertsReceived(
                "api",
                b"",
                tuple(
                    alert
                    for entry in those
                    if isinstance(entry.body, AlertsReceived)
                    for alert in entry.body.alerts
                ),
            ),
            those[0].place,
        )
        for at, those in by_time.items()
    ]


def _end(fields: Fields, at: Nanoseconds) -> Nanoseconds | None:
    """When something ends: `for` so long, or `until` a time of the test; None: not within it."""
    fields.at_most_one("for", "until")
    lasts = fields.read("for", _positive, None)
    ends = fields.read("until", _offset, None)
    if ends is not None and ends <= at:
        fields.error("until", f"must lie after its beginning at {format_duration(at)}")
    return at + lasts if lasts is not None else ends


def _not_after(fields: Fields, key: str, at: Nanoseconds, until: Nanoseconds) -> None:
    if key in fields and at > until:
        fields.error(key, f"lies after the end of the test, which goes on until {format_duration(until)}")


def _labels(fields: Fields, key: str, *, needed: bool = False) -> Labels:
    below = fields.fields(key, key)
    return _labels_of(below, needed=needed) if below is not None else ()


def _labels_of(fields: Fields, *, needed: bool) -> Labels:
    before = len(fields.problems.found)
    found = {key: node.text for key in fields.written() if (node := fields.scalar(key)) is not None}
    if "" in found:
        fields.problems.error(fields.where, f"{fields.what}: a name is empty")
    labels = labels_from(found)
    if needed and not labels and len(fields.problems.found) == before:
        fields.problems.error(fields.where, f"{fields.what}: at least one label with a value is needed")
    return labels


def _time(node: ScalarNode) -> Nanoseconds:
    try:
        at = parse_time(node.text)
    except (ValueError, IndexError):
        at = 0
    if not at:
        raise ValueError(f"{node.text[:64]!r} is not a time such as 2026-01-05T08:00:00Z")
    return at


def _offset(node: ScalarNode) -> Nanoseconds:
    return parse_duration(node.text)


def _positive(node: ScalarNode) -> Nanoseconds:
    lasts = parse_duration(node.text)
    if lasts == 0:
        raise ValueError("cannot be zero")
    return lasts


def _reason(node: ScalarNode) -> str:
    if node.text not in TOLD | NOT_TOLD:
        raise ValueError(
            f"{node.text[:64]!r} is no reason; told: {', '.join(sorted(TOLD))}; "
            f"not told: {', '.join(sorted(NOT_TOLD))}"
        )
    return node.text


def _matchers(node: ScalarNode) -> tuple[Triple, ...]:
    try:
        return tuple((each.name, each.op, each.value) for each in parse_matchers(node.text).matchers)
    except MatcherError as error:
        raise ValueError(str(error)) from None
