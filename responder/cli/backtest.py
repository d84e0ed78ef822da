"""`responder backtest`: what would people have got from other rules, of what was really received?

People call it before they change rules. It reads the storage, beside a running service or without one,
and writes nothing; nobody is told anything.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import click

from responder.cli.client import DEFAULT_CONFIG, output_option, print_json, printable, seconds, stored
from responder.cli.values import DURATION, TIME, called
from responder.core.model import HOUR, Nanoseconds, format_duration, format_time
from responder.core.receiving import Limits
from responder.errors import FileError, UsageError
from responder.replay.backtest import AsRecorded, Backtest, Change, Difference, Fixed, Rules
from responder.replay.hearing import PAGE, Heard, Told
from responder.replay.recording import Beginning, Recording
from responder.ruleset import load_ruleset
from responder.settings import Settings, load_settings

RECORDED: Final = "recorded"

_SETTLING: Final = HOUR
"""So long before --from the replay begins at least, so that what was told at its start is not counted."""

_FEW: Final = 10
_MANY: Final = 2_000
"""Inputs from which on a person at a terminal wants to see that something happens."""


@click.command("backtest")
@click.option(
    "--rules",
    metavar="DIR_OR_FILE",
    help="The rules to try: a directory, a file, or `recorded`. Default: what --config says",
)
@click.option(
    "--against",
    metavar="DIR_OR_FILE",
    default=RECORDED,
    show_default=True,
    help="The rules to compare with; `recorded`: those that were in force at each moment.",
)
@click.option("--from", "since", type=TIME, metavar="TIME", help="Default: the beginning of the record.")
@click.option("--to", "until", type=TIME, metavar="TIME", help="Default: the end of the record.")
@click.option("--last", type=DURATION, metavar="DURATION", help="Instead of --from: so long before the end.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Whose storage is read, and under which settings. Default: config/responder.yaml",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=_FEW,
    show_default=True,
    metavar="N",
    help="Alerts that are listed of each difference. JSON has them all.",
)
@click.option("--check", is_flag=True, help="Exit 1 if there is an incident of which nobody would hear.")
@output_option
def backtest(
    rules: str | None,
    against: str,
    since: Nanoseconds | None,
    until: Nanoseconds | None,
    last: Nanoseconds | None,
    config: Path | None,
    limit: int,
    check: bool,
    output: Literal["text", "json"],
) -> None:
    """Play what was recorded under other rules, and say what people would have got.

    What the service received (alerts, silences) is decided anew under the rules to try and under those
    to compare with, and the difference is what people notice: pages, messages, mails, incidents of which
    nobody would hear or somebody else, or sooner or later. In both, every notification is delivered at
    once: fallbacks and failed deliveries are not part of it. The record goes back as far as
    `retention.inputs` keeps it.

    Exit status: 0 it was played, 1 the rules are wrong or (--check) an incident would go unheard, 2 there
    is nothing to read.
    """
    if last is not None and since is not None:
        raise UsageError("--last and --from exclude each other: both say where it begins")
    settings = _settings(config)
    with stored(settings.storage.path) as connection:
        limits = settings.limits
        recording = Recording(
            connection, settings, Limits(limits.labels, limits.label_value, limits.annotations)
        )
        end = min(until or recording.ends, recording.ends)
        start = max(end - last if last is not None else since or 1, 1)
        beginning = recording.beginning(min(start, end) - _SETTLING)
        if max(start, beginning.at) > end:
            span = f"{_short(beginning.at)} to {_short(recording.ends)}"
            raise UsageError(f"there is nothing between --from and --to: the record goes from {span}")
        start = max(start, beginning.at)
        sides = [
            _rules(name, settings, recording, beginning) for name in (rules or str(settings.rules), against)
        ]
        test = Backtest(beginning, sides[0], sides[1], start, end, recording.incidents)
        with _progress(recording.count(beginning.after, end)) as passed:
            test.play(recording.inputs(beginning.after, end), passed)
    report = _Report(test, test.difference(), beginning, rules or str(settings.rules), against)
    if output == "json":
        print_json(report.document())
    else:
        for line in report.text(limit):
            click.echo(printable(line))
    if check and report.difference.unheard:
        raise click.exceptions.Exit(1)


def _settings(config: Path | None) -> Settings:
    if config is None and not DEFAULT_CONFIG.is_file():
        raise FileError(f"{DEFAULT_CONFIG} is not here: give --config FILE")
    return load_settings(config or DEFAULT_CONFIG, os.environ)


def _rules(name: str, settings: Settings, recording: Recording, beginning: Beginning) -> Rules:
    if name == RECORDED:
        return AsRecorded(recording, beginning)
    return Fixed(load_ruleset(Path(name), settings, read_files=False).ruleset)


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Shows on a terminal how much was played, where that takes a while."""
    if total < _MANY or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


# -- what came of it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Report:
    test: Backtest
    difference: Difference
    beginning: Beginning
    rules: str
    against: str

    # -- for programs -------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        difference = self.difference
        kinds = sorted({told.kind for told in (*difference.then, *difference.now)})
        return {
            "rules": self.rules,
            "against": self.against,
            "from": format_time(self.test.since),
            "to": format_time(self.test.until),
            "played_from": format_time(self.beginning.at),
            "cut": self.beginning.cut,
            "firing_at_cut": self.beginning.firing,
            "played": dict(sorted(self.test.played.items())),
            "left_out": dict(sorted(self.test.left_out.items())),
            "alerts": difference.firings,
            "totals": {kind: self._pair(_of_kind(kind)) for kind in kinds},
            "receivers": [
                {"receiver": told.receiver, "kind": told.kind, **self._pair([told])} for told in self._rows()
            ],
            "unheard_incidents": difference.unheard_incidents,
            "newly_heard_incidents": difference.new_incidents,
            "unheard": [self._change(change) for change in difference.unheard],
            "newly_heard": [self._change(change) for change in difference.new],
            "other_receivers": [self._change(change) for change in difference.others],
            "other_times": [self._change(change) for change in difference.times],
        }

    def _change(self, change: Change) -> dict[str, Any]:
        found: dict[str, Any] = {
            "labels": dict(change.firing.labels),
            "since": format_time(change.firing.since),
            "until": self._end(change),
            "against": _firsts(change.then),
            "rules": _firsts(change.now),
        }
        return found if change.now.first else found | {"why_not": self._why(change)}

    def _end(self, change: Change) -> str | None:
        """When it ended, if it did while it was looked at."""
        ends = [side.until for side in (change.then, change.now) if 0 < side.until <= self.test.until]
        return format_time(min(ends)) if ends else None

    # -- for people ---------------------------------------------------------------------------

    def text(self, limit: int) -> Iterator[str]:
        """What people care about first, then what it is made of."""
        yield from self._about()
        yield ""
        yield f"  {self.headline()}"
        rows = self._rows()
        if rows:
            yield ""
            yield from _table([(*_named(told), *self._counts([told])) for told in rows])
        difference = self.difference
        yield from self._section("Nobody would hear of", difference.unheard, limit, self._unheard)
        yield from self._section("Nobody heard of, and somebody would", difference.new, limit, _newly)
        yield from self._section("Others would hear of", difference.others, limit, _others)
        yield from self._section("Sooner or later", difference.times, limit, _times)

    def _about(self) -> Iterator[str]:
        inputs = sum(self.test.played.values())
        alerts = _count(self.difference.firings, "alert")
        span = f"{_short(self.test.since)} to {_short(self.test.until)}"
        yield f"{span}: {alerts}; {_count(inputs, 'input')} played"
        if self.beginning.cut and self.beginning.at >= self.test.since:
            firing = _count(self.beginning.firing, "alert")
            yield f"The record begins at {_short(self.beginning.at)}; {firing} that fired then count as new."
        elif self.beginning.at < self.test.since:
            yield f"Played from {_short(self.beginning.at)} on, to get there."
        if self.test.left_out:
            kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.test.left_out.items()))
            yield f"Left out: {kinds}."
        against = "the rules that were in force" if self.against == RECORDED else self.against
        rules = "The rules that were in force" if self.rules == RECORDED else self.rules
        yield f"{rules}, compared with {against}:"

    def headline(self) -> str:
        """The difference in one line."""
        said = []
        kinds = {told.kind for told in (*self.difference.then, *self.difference.now)}
        for kind in sorted(kinds, key=lambda kind: (kind != PAGE, kind)):
            then, now = self._counts(_of_kind(kind))
            if then != now:
                said.append(f"{now - then:+,} {_what(kind, abs(now - then))}")
        for count, what in (
            (self.difference.unheard_incidents, "nobody would hear of"),
            (self.difference.new_incidents, "nobody heard of and somebody would"),
        ):
            if count:
                said.append(f"{_count(count, 'incident')} {what}")
        for changes, what in (
            (self.difference.others, "others would hear of"),
            (self.difference.times, "told sooner or later"),
        ):
            if changes:
                said.append(f"{_count(len(changes), 'alert')} {what}")
        return ", ".join(said) or "no difference"

    def _section(
        self, title: str, changes: Sequence[Change], limit: int, say: Callable[[Change], str]
    ) -> Iterator[str]:
        """Changes of one sort; those that come to the same for the same alert's name are together."""
        if not changes:
            return
        yield ""
        yield f"{title}: {_count(len(changes), 'alert')}"
        alike: dict[tuple[str, str], list[Change]] = {}
        for change in changes:
            name = dict(change.firing.labels).get("alertname", "")
            alike.setdefault((name, say(change)), []).append(change)
        shown = sorted(alike.items(), key=lambda item: -len(item[1]))
        for (name, what), those in shown[:limit]:
            first = those[0].firing
            if len(those) == 1:
                yield f"  {_short(first.since)}  {called(first.labels)}: {what}"
            else:
                last = _short(those[-1].firing.since)
                yield f"  {_short(first.since)} to {last}  {name}, {len(those):,} times: {what}"
        if len(shown) > limit:
            yield f"  and {len(shown) - limit:,} more (--limit)"

    def _unheard(self, change: Change) -> str:
        return f"was told to {', '.join(sorted(change.then.first))}; now: {', '.join(self._why(change))}"

    def _why(self, change: Change) -> list[str]:
        """What keeps everybody from hearing of it."""
        if change.now.why_not:
            return sorted(change.now.why_not)
        return [f"goes to {name}, which tells nobody" for name in self.test.receivers(change.firing.labels)]

    # -- counting -----------------------------------------------------------------------------

    def _rows(self) -> list[Told]:
        return sorted(self.difference.then.keys() | self.difference.now.keys())

    def _counts(self, which: Iterable[Told] | Callable[[Told], bool]) -> tuple[int, int]:
        wanted = which if callable(which) else set(which).__contains__
        then, now = (
            sum(count for told, count in side.items() if wanted(told))
            for side in (self.difference.then, self.difference.now)
        )
        return then, now

    def _pair(self, which: Iterable[Told] | Callable[[Told], bool]) -> dict[str, int]:
        then, now = self._counts(which)
        return {"against": then, "rules": now}


def _of_kind(kind: str) -> Callable[[Told], bool]:
    return lambda told: told.kind == kind


def _firsts(heard: Heard) -> dict[str, str]:
    return {receiver: format_time(at) for receiver, at in sorted(heard.first.items())}


def _newly(change: Change) -> str:
    return f"would be told to {', '.join(sorted(change.now.first))}"


def _others(change: Change) -> str:
    then, now = change.then.first.keys(), change.now.first.keys()
    return ", ".join(
        [*(f"+{name}" for name in sorted(now - then)), *(f"-{name}" for name in sorted(then - now))]
    )


def _times(change: Change) -> str:
    shifts: dict[Nanoseconds, list[str]] = {}
    for receiver, at in sorted(change.then.first.items()):
        if shift := change.now.first[receiver] - at:
            shifts.setdefault(shift, []).append(receiver)
    return "; ".join(
        f"{', '.join(names)} {format_duration(abs(shift))} {'later' if shift > 0 else 'sooner'}"
        for shift, names in shifts.items()
    )


_KINDS: Final = {
    PAGE: ("page", "pages"),
    "slack": ("Slack message", "Slack messages"),
    "email": ("mail", "mails"),
    "webhook": ("webhook call", "webhook calls"),
}


def _what(kind: str, count: int) -> str:
    one, many = _KINDS.get(kind, (f"{kind} message", f"{kind} messages"))
    return one if count == 1 else many


def _named(told: Told) -> tuple[str, str]:
    return told.receiver, _what(told.kind, 2)


def _table(rows: Sequence[tuple[str, str, int, int]]) -> Iterator[str]:
    wide = max(len(row[0]) for row in rows)
    what = max(len(row[1]) for row in rows)
    yield f"  {'':{wide}}  {'':{what}}  {'before':>8}  {'after':>8}"
    for receiver, kind, then, now in rows:
        change = f"{now - then:+,}" if now != then else ""
        yield f"  {receiver:{wide}}  {kind:{what}}  {then:>8,}  {now:>8,}  {change:>7}".rstrip()


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _short(at: Nanoseconds) -> str:
    return seconds(format_time(at))
