"""Random scripts: what arrives when, below a route tree of its own that one Alertmanager has beside others.

`test_timelines` plays them. Everything keeps a distance in time from everything else: alerts arrive at
fifths of a second, so timers fire at fifths too, and what ends by itself ends a tenth beside them.

Left out is what Alertmanager itself leaves to chance or has changed since 0.25:
- alerts of one request that are told at once (group_wait 0, or an old startsAt): which of them make it
  into the first message, and whether an inhibit rule knows of them by then, is a race. Where scripts have
  either, an alert comes alone and nothing is inhibited.
- an old startsAt of an alert that finds its group waiting for its first look: 0.25 looks at once, later
  ones only for the alert that opens the group.
- `group_by: []` in a child: 0.25 inherits the parent's, later ones take it at its word.
- repeat_interval as a multiple of group_interval: a millisecond decides which look repeats.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias

Milliseconds: TypeAlias = int

RESOLVE_TIMEOUT: Final = 4_500
LENGTH: Final = 16_000
"""How long a script is watched; everything in it is over well before."""

_LAST: Final = 8_000
_SLOT: Final = 200
_SLOTS: Final = 5


@dataclass(frozen=True, slots=True)
class Said:
    """One alert of a post. Times count from the script's beginning; None is not said."""

    labels: dict[str, str]
    starts_at: Milliseconds | None = None
    ends_at: Milliseconds | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Alerts that arrive together."""

    at: Milliseconds
    alerts: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence that is made at `at`; it begins later if `starts_at` is."""

    at: Milliseconds
    matchers: tuple[dict[str, Any], ...]
    starts_at: Milliseconds
    ends_at: Milliseconds


@dataclass(frozen=True, slots=True)
class Script:
    """One story: its route (below the root), receivers, inhibit rules, posts and silences."""

    name: str
    route: dict[str, Any]
    receivers: list[dict[str, Any]]
    inhibit_rules: list[dict[str, Any]]
    posts: list[Post]
    silences: list[Quiet]

    @property
    def steps(self) -> list[Post | Quiet]:
        """All that is posted."""
        return [*self.posts, *self.silences]


@dataclass
class _Writer:
    name: str
    dice: Random
    sink: str
    alone: bool
    receivers: list[dict[str, Any]] = field(default_factory=list)

    def receiver(self) -> str:
        """A new receiver, with one hook or two."""
        name = f"{self.name}r{len(self.receivers)}"
        hooks = [
            {"url": f"{self.sink}/{name}/{number}", "send_resolved": self.dice.random() < 0.7}
            for number in range(self.dice.choice((1, 1, 1, 2)))
        ]
        self.receivers.append({"name": name, "webhook_configs": hooks})
        return name

    def route(self, matchers: list[str], *, root: bool = False) -> dict[str, Any]:
        """A route with timers of its own."""
        dice = self.dice
        group_by = [["alertname"], ["..."], ["alertname", "node"]] + [[]] * root
        route: dict[str, Any] = {
            "matchers": matchers,
            "receiver": self.receiver(),
            "group_by": dice.choice(group_by),
            "group_wait": dice.choice(("0s", "1s", "2s") if self.alone else ("1s", "2s")),
            "group_interval": dice.choice(("1s", "1s", "2s", "3s")),
            "repeat_interval": dice.choice(("1500ms", "2500ms", "3500ms", "1h", "1h")),
        }
        if dice.random() < 0.25:
            kind = dice.choice(("mute_time_intervals", "active_time_intervals"))
            route[kind] = dice.sample(("always", "never", "from", "till"), dice.choice((1, 1, 2)))
        return route


def script(dice: Random, name: str, sink: str) -> Script:
    """A script. Its alerts all carry `script=name`."""
    writer = _Writer(name, dice, sink, alone=dice.random() < 0.25)
    own = f'script="{name}"'
    route = writer.route([own], root=True)
    below = [
        writer.route([matcher]) | ({"continue": True} if dice.random() < 0.5 else {})
        for matcher in dice.sample(
            ('severity="critical"', 'node=~"1|3"', 'alertname!="A"'), dice.choice((0, 1, 2))
        )
    ]
    if below:
        route["routes"] = below
    rules = [
        {
            "source_matchers": [own, 'severity="critical"'],
            "target_matchers": [own, dice.choice(('severity="warning"', 'severity=~"warning|info"'))],
            "equal": dice.choice(([], ["alertname"], ["node"], ["alertname", "node"])),
        }
        for _ in range(0 if writer.alone else dice.choice((0, 1, 1)))
    ]
    return Script(
        name, route, writer.receivers, rules, _posts(dice, name, writer.alone), _silences(dice, name)
    )


def _posts(dice: Random, name: str, alone: bool) -> list[Post]:
    alerts = [
        {"alertname": alertname, "severity": severity, "node": node, "script": name}
        for alertname, severity, node in dice.sample(
            [(a, s, n) for a in "AB" for s in ("critical", "warning") for n in "12"], dice.choice((2, 3, 4))
        )
    ]
    ends: dict[int, Milliseconds] = {}
    posts: list[Post] = []
    slots = dice.sample(range(_SLOTS), _SLOTS)
    at = 0
    for slot in slots[: dice.choice((2, 3, 4))]:
        now = at + slot * _SLOT
        chosen = dice.sample(range(len(alerts)), 1 if alone else dice.randint(1, len(alerts)))
        since = now - 30_000 if alone and not posts and dice.random() < 0.5 else None
        said = tuple(_say(dice, alerts[number], number, (since, now), ends) for number in chosen)
        posts.append(Post(now, said))
        at += 1_000 * dice.choice((1, 1, 2, 2, 3))
    over = _LAST + slots[-1] * _SLOT
    posts.append(
        Post(over, tuple(Said(alerts[number], None, over) for number, end in ends.items() if end > over))
    )
    return [post for post in posts if post.alerts]


def _silences(dice: Random, name: str) -> list[Quiet]:
    """None or two, made a tenth beside the alerts."""
    found = []
    for _ in range(dice.choice((0, 0, 0, 1, 2))):
        own = {"name": "script", "value": name, "isRegex": False, "isEqual": True}
        label, value, regex = dice.choice(
            (
                ("alertname", "A", False),
                ("severity", "warn.*", True),
                ("node", "1|3", True),
                ("pod", "", False),
            )
        )
        other = {"name": label, "value": value, "isRegex": regex, "isEqual": dice.random() < 0.75}
        at = dice.randrange(0, 5_000, _SLOT) + _SLOT // 2
        starts_at = at + dice.choice((0, 0, 1_000))
        ends_at = starts_at + 1_000 * dice.choice((1, 2, 3, 5))
        found.append(Quiet(at, (own, other), starts_at, ends_at))
    return found


def _say(
    dice: Random,
    labels: dict[str, str],
    number: int,
    when: tuple[Milliseconds | None, Milliseconds],
    ends: dict[int, Milliseconds],
) -> Said:
    """It fires for a while, goes on, or is over; `ends` knows until when each fires by its sender."""
    starts_at, now = when
    fires = ends.get(number, 0) > now
    how = dice.random()
    if fires and how < 0.5:
        ends[number] = now
        return Said(labels, None, now)
    if how < 0.75:
        ends[number] = max(now + RESOLVE_TIMEOUT, ends.get(number, 0))
        return Said(labels, starts_at)
    end = now + 1_000 * dice.choice((1, 2, 3, 5, 20)) + _SLOT // 2
    ends[number] = max(end, ends.get(number, 0))
    return Said(labels, starts_at, end)
