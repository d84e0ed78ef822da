"""Who is told what, and when: a real Alertmanager and `simulate`, given the same file and the same alerts.

Many scripts share one Alertmanager, each under its own label. They are played at the pace of the clock,
a few beginning each second; the simulation is then given the times at which alerts really were posted.
Scripts are drawn until enough of them can be compared, which a rehearsal tells: a simulation before the play.
A script that differs is played once more, since a busy machine may hold up a timer; one that differs
again is a finding.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from responder.core.draft import Decision
from responder.core.messages import AlertsReceived, Declined, GroupOpened
from responder.core.model import MILLISECOND, SECOND, Nanoseconds, format_labels, format_time
from responder.replay import Course, Lines, read_script
from responder.ruleset import load_ruleset
from responder.settings import Settings
from tests.conformance.conftest import Dice, Tally
from tests.conformance.scripts import LENGTH, RESOLVE_TIMEOUT, Post, Quiet, Said, Script, script
from tests.peers.alertmanager import Alertmanager
from tests.peers.binaries import peer
from tests.peers.calls import call
from tests.peers.sink import Sink

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]

SCRIPTS: Final = 200
"""So many are compared at least."""

SPARE: Final = 8
"""So many more are played: one that is posted late, or about another minute, may come out as set apart."""

EVERY: Final = 300
"""A script begins every so many milliseconds."""

COARSELY: Final = 0.8
"""Seconds by which the same notification may be apart."""


class Told(NamedTuple):
    """One notification; alerts as texts, sorted."""

    group_key: str
    status: str
    firing: tuple[str, ...]
    resolved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """A notification with its time, in seconds from the beginning."""

    at: float
    told: Told

    def __str__(self) -> str:
        told = self.told
        marks = [*(f"+{one}" for one in told.firing), *(f"-{one}" for one in told.resolved)]
        return f"{self.at:7.3f} {told.group_key} {told.status} {' '.join(marks)}"


Book = dict[str, list[Heard]]
"""What was heard, by the path of the hook."""


def configuration(scripts: Sequence[Script], change: datetime) -> dict[str, Any]:
    """One file for all scripts. `from` begins and `till` ends at `change`, a full minute."""
    clock = f"{change:%H:%M}"
    day = f"{change.year}"
    return {
        "global": {"resolve_timeout": f"{RESOLVE_TIMEOUT}ms"},
        "route": {"receiver": "nobody", "routes": [one.route for one in scripts]},
        "receivers": [{"name": "nobody"}, *(receiver for one in scripts for receiver in one.receivers)],
        "inhibit_rules": [rule for one in scripts for rule in one.inhibit_rules],
        "time_intervals": [
            {"name": "always", "time_intervals": [{"years": [day]}]},
            {"name": "never", "time_intervals": [{"years": ["1999"]}]},
            {"name": "from", "time_intervals": [{"times": [{"start_time": clock, "end_time": "24:00"}]}]},
            {"name": "till", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": clock}]}]},
        ],
    }


def wire(said: Said | Quiet, began: Nanoseconds) -> dict[str, Any]:
    times = {"startsAt": said.starts_at, "endsAt": said.ends_at}
    about: dict[str, Any] = (
        {"labels": said.labels}
        if isinstance(said, Said)
        else {"matchers": list(said.matchers), "createdBy": "somebody", "comment": "quiet"}
    )
    return about | {key: format_time(began + at * MILLISECOND) for key, at in times.items() if at is not None}


# -- the two sides ------------------------------------------------------------------------------


def scheduled(scripts: Sequence[Script]) -> list[tuple[int, int, Post | Quiet]]:
    """Everything that is posted, in order: when, when its script begins (milliseconds), and what."""
    steps = [
        (number * EVERY + post.at, number, post) for number, one in enumerate(scripts) for post in one.steps
    ]
    return [(at, number * EVERY, post) for at, number, post in sorted(steps, key=lambda step: step[:2])]


def length(scripts: Sequence[Script]) -> int:
    """How long it takes to play them, in milliseconds."""
    return len(scripts) * EVERY + LENGTH


def entry(post: Post | Quiet, began: Nanoseconds) -> tuple[str, Any]:
    """What is posted, as the input of a simulation has it."""
    if isinstance(post, Quiet):
        return "silence", wire(post, began)
    return "alerts", [wire(said, began) for said in post.alerts]


def comparable(directory: Path, scripts: Sequence[Script]) -> list[Script]:
    """Those that can be compared, as a rehearsal has it: see `simulated`."""
    start = 1_767_571_200 * SECOND + SECOND // 10
    path = directory / "rehearsal.yml"
    change = datetime.fromtimestamp((start // SECOND + length(scripts) // 2_000) // 60 * 60, UTC)
    path.write_text(yaml.safe_dump(configuration(scripts, change)))
    lines = []
    for at, began, post in scheduled(scripts):
        key, asked = entry(post, start + began * MILLISECOND)
        lines.append(json.dumps({"at": f"{at}ms", key: asked}))
    _, apart = simulated(path, lines, start, length(scripts))
    return [one for one in scripts if one.name not in apart]


class Play:
    """Scripts as they were played: the file, what was heard, and when alerts were posted."""

    def __init__(self, directory: Path, scripts: Sequence[Script], sink: Sink, program: str) -> None:
        self.scripts = scripts
        self.lines: list[str] = []
        # A tenth beside full seconds, and so beside the minute at which intervals change.
        now = time.time_ns() // SECOND + 3
        self.start: Nanoseconds = now * SECOND + SECOND // 10
        middle = datetime.fromtimestamp(now + length(scripts) // 2_000, UTC)
        change = middle.replace(second=0) + timedelta(minutes=middle.second >= 30)
        alertmanager = Alertmanager(program, directory, configuration(scripts, change))
        self.path = alertmanager.config_path
        alertmanager.start()
        try:
            self._play(alertmanager)
            self.heard = _heard(sink, self.start)
        finally:
            alertmanager.kill9()

    def _play(self, alertmanager: Alertmanager) -> None:
        ahead = time.monotonic_ns() - time.time_ns()
        for at, began, post in scheduled(self.scripts):
            _sleep_until(self.start + at * MILLISECOND + ahead)
            key, asked = entry(post, self.start + began * MILLISECOND)
            posted = time.monotonic_ns() - ahead
            path = f"{alertmanager.url}/api/v2/{key.removesuffix('s')}s"
            assert call("POST", path, asked).status == 200
            late = max(posted - self.start, at * MILLISECOND) // MILLISECOND
            self.lines.append(json.dumps({"at": f"{late}ms", key: asked}))
        _sleep_until(self.start + length(self.scripts) * MILLISECOND + ahead)

    def simulated(self) -> tuple[Book, set[str]]:
        """The same, simulated: with the alerts at the times at which they really were posted."""
        return simulated(self.path, self.lines, self.start, length(self.scripts))


def simulated(path: Path, posted: Sequence[str], start: Nanoseconds, until: int) -> tuple[Book, set[str]]:
    """What `simulate --compatibility alertmanager` says, and the scripts that cannot be compared.

    A group came back: Alertmanager clears empty groups away every 30 seconds, and one that gets an
    alert before goes on with its old timer. Ours is gone at once; a script is too short to tell more.
    An end was said again: Alertmanager puts the alert into its group once more, and may show it as
    resolved once more. Here it has left.
    """
    settings = replace(Settings(), compatibility="alertmanager")
    loaded = load_ruleset(path, settings).ruleset
    ruleset = replace(loaded, resolve_timeout=RESOLVE_TIMEOUT * MILLISECOND)
    hooks = {
        integration.id: "/" + integration.settings.url.reveal().split("/", 3)[3]
        for receiver in ruleset.receivers.values()
        for integration in receiver.integrations
    }
    book: Book = defaultdict(list)
    opened: Counter[tuple[str, str]] = Counter()
    apart: set[str] = set()
    lines = Lines(ruleset, start)

    def taken(decision: Decision, at: Nanoseconds) -> None:
        opened.update((e.receiver, e.key) for e in decision.events if isinstance(e, GroupOpened))
        for line in lines.of(decision, at):
            if line.type == "notification":
                firing, resolved = (
                    tuple(sorted(map(format_labels, sets))) for sets in (line.firing, line.resolved)
                )
                told = Told(line.group_key, line.status, firing, resolved)
                book[hooks[line.integration]].append(Heard(line.at / SECOND, told))

    course = Course(ruleset, start, taken)
    for one in read_script("script", posted, start):
        course.advance(one.at)
        for alert in one.body.alerts if isinstance(one.body, AlertsReceived) else ():
            known = course.state.alerts.get(alert.labels)
            if known and known.resolved_at(one.at) and 0 < alert.ends_at <= one.at:
                apart.add(dict(alert.labels)["script"])
        assert not isinstance(course.give(one.body, "simulation"), Declined)
    course.advance(start + until * MILLISECOND)
    apart.update(receiver.partition("r")[0] for (receiver, _), times in opened.items() if times > 1)
    return book, apart


def _sleep_until(monotonic: int) -> None:
    time.sleep(max(monotonic - time.monotonic_ns(), 0) / SECOND)


def _heard(sink: Sink, start: Nanoseconds) -> Book:
    ahead = time.monotonic_ns() - time.time_ns()
    book: Book = defaultdict(list)
    for request in sink.received:
        payload = request.payload
        alerts = [
            (alert["status"], format_labels(tuple(sorted(alert["labels"].items()))))
            for alert in payload["alerts"]
        ]
        firing, resolved = (
            tuple(sorted(text for status, text in alerts if status == wanted))
            for wanted in ("firing", "resolved")
        )
        told = Told(payload["groupKey"], payload["status"], firing, resolved)
        book[request.path].append(Heard(request.at - (start + ahead) / SECOND, told))
    return book


# -- comparing ----------------------------------------------------------------------------------


def groups(heard: list[Heard]) -> dict[str, list[Heard]]:
    """By group: the order between two groups that are told at one moment is nobody's promise."""
    found: dict[str, list[Heard]] = defaultdict(list)
    for one in heard:
        found[one.told.group_key].append(one)
    return found


def alike(theirs: list[Heard], ours: list[Heard]) -> bool:
    mine, others = groups(ours), groups(theirs)
    return mine.keys() == others.keys() and all(
        [one.told for one in others[key]] == [one.told for one in mine[key]]
        and all(abs(a.at - b.at) < COARSELY for a, b in zip(others[key], mine[key], strict=True))
        for key in mine
    )


def differences(play: Play, theirs: Book, ours: Book) -> Iterator[tuple[Script, str]]:
    for number, one in enumerate(play.scripts):
        hooks = [
            "/" + hook["url"].split("/", 3)[3]
            for receiver in one.receivers
            for hook in receiver["webhook_configs"]
        ]
        wrong = [hook for hook in hooks if not alike(theirs.get(hook, []), ours.get(hook, []))]
        if not wrong:
            continue
        began = number * EVERY / 1_000
        text = [f"script {one.name}, from {began:.3f}"]
        text.append(yaml.safe_dump({"route": one.route, "inhibit_rules": one.inhibit_rules}, sort_keys=False))
        text += [
            f"{began + post.at / 1_000:7.3f} posted: {said}" for post in one.posts for said in post.alerts
        ]
        for hook in wrong:
            text += [hook, "Alertmanager:", *map(str, theirs.get(hook, []))]
            text += ["simulate:", *map(str, ours.get(hook, []))]
        yield one, "\n".join(text)


def test_simulate_says_what_alertmanager_does(dice: Dice, tally: Tally, tmp_path: Path) -> None:
    program = peer("prometheus-alertmanager")
    with Sink() as sink:
        url = sink.url.removesuffix("/hook")
        wanted = SCRIPTS * dice.scale
        names = [f"s{number}" for number in range(wanted * 2)]
        drawn = [script(dice.random(name), name, url) for name in names]
        scripts = comparable(tmp_path, drawn)[: wanted + SPARE * dice.scale]
        told = 0
        compared: set[str] = set()
        found: list[tuple[Script, str]] = []
        for turn in range(2):
            play = Play(tmp_path / str(turn), scripts, sink, program)
            ours, apart = play.simulated()
            found = [
                (one, text) for one, text in differences(play, play.heard, ours) if one.name not in apart
            ]
            if turn == 0:
                compared = {one.name for one in scripts} - apart
                told = sum(map(len, play.heard.values()))
            sink.clear()
            scripts = [one for one, _ in found]
            if not found:
                break
        assert not found, "\n\n".join(text for _, text in found)
    assert len(compared) >= wanted
    tally(f"timelines: {len(compared)} scripts, {told} notifications, no difference")
