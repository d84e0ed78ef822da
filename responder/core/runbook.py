"""A runbook as the core knows it: when it applies, to what, which steps, under which limits.

`ruleset.runbooks` makes Runbooks from Markdown pages, `core.propose` selects and binds them, `actions`
carries out what they plan. Nothing here reads a file, and nothing in a page is ever evaluated:
`${name}` stands for a declared parameter, whose value matched its type in full.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from responder.core.matching import Matcher, all_match
from responder.core.model import Labels, Nanoseconds, label
from responder.core.parameters import Kind, ParameterType, fill

Mode: TypeAlias = Literal["observe", "suggest", "approve", "auto"]
MODES: Final[tuple[Mode, ...]] = ("observe", "suggest", "approve", "auto")
"""From the least to the most that an alert may start by itself."""

Risk: TypeAlias = Literal["low", "medium", "high"]
RISKS: Final[tuple[Risk, ...]] = ("low", "medium", "high")

CLUSTER: Final = "cluster"
"""The parameter that every target has: bound from the label of this name, or given by a person."""


class Parameter(msgspec.Struct, frozen=True):
    """A named, typed value. `label`: the alert's label that it is bound from; "": a person gives it.

    `default` None: it must be given.
    """

    name: str
    type: ParameterType
    label: str = ""
    default: str | None = None
    place: str = ""


class Target(msgspec.Struct, frozen=True):
    """What a run acts on, as texts with `${parameter}`. `cluster` is always the parameter's value."""

    kind: str
    name: str
    namespace: str = ""


class ActionStep(msgspec.Struct, frozen=True):
    """One action of the catalogue. `arguments` are texts with `${parameter}`; `timeout` in nanoseconds."""

    action: str
    arguments: Mapping[str, str] = msgspec.field(default_factory=dict)
    timeout: Nanoseconds = 0
    place: str = ""


class WaitStep(msgspec.Struct, frozen=True):
    """Nothing, for a while."""

    duration: Nanoseconds
    place: str = ""


class NotifyStep(msgspec.Struct, frozen=True):
    """Tell a receiver of the incident, now, whatever it was told before."""

    receiver: str
    place: str = ""


Step: TypeAlias = ActionStep | WaitStep | NotifyStep


class Query(msgspec.Struct, frozen=True):
    """A PromQL expression with `${parameter}`; it holds where it gives at least one sample.

    No sample and no answer are the same: it does not hold.
    """

    text: str
    place: str = ""


class Verify(msgspec.Struct, frozen=True):
    """Whether it helped: after `settle`, `good` probes in a row of `query`, one `every`, `within` a time.

    0 stands for the floor in `guards.verify`.
    """

    query: Query
    good: int = 0
    every: Nanoseconds = 0
    within: Nanoseconds = 0
    settle: Nanoseconds = 0


class Hold(msgspec.Struct, frozen=True):
    """These receivers hear of the incident only if a run that goes by itself did not help in time."""

    receivers: tuple[str, ...]
    duration: Nanoseconds


class Tightening(msgspec.Struct, frozen=True):
    """What a page's `guards:` may ask for beyond the floors of `responder.yaml`. None: the floor.

    It can only tighten: where a value here is laxer than the floor, the floor holds.
    `min_healthy` is a share (0.66).
    """

    min_age: Nanoseconds | None = None
    cooldown: Nanoseconds | None = None
    attempts_per_episode: int | None = None
    attempts_per_target: int | None = None
    rate_per_hour: int | None = None
    min_healthy: float | None = None
    min_healthy_count: int | None = None
    approvals: int | None = None
    expires: Nanoseconds | None = None


class Runbook(msgspec.Struct, frozen=True):
    """One page. `hash` is the SHA-256 of its text; `risk` the page's own (an action's may be greater).

    `matchers`: a list of conjunctions; one that matches is enough, none: only people start it.
    `prose` is the Markdown without its front matter.
    """

    name: str
    title: str
    hash: str
    matchers: tuple[tuple[Matcher, ...], ...] = ()
    parameters: tuple[Parameter, ...] = ()
    target: Target | None = None
    mode: Mode = "observe"
    risk: Risk = "low"
    guards: Tightening = msgspec.field(default_factory=Tightening)
    hold: Hold | None = None
    preconditions: tuple[Query, ...] = ()
    steps: tuple[Step, ...] = ()
    verify: tuple[Verify, ...] = ()
    on_failure: tuple[Step, ...] = ()
    prose: str = ""
    place: str = ""

    @property
    def alert_names(self) -> frozenset[str]:
        """The values of `alertname` that can match; "" among them stands for any."""
        names: set[str] = set()
        for matchers in self.matchers:
            exact = [matcher.accepts for matcher in matchers if matcher.name == "alertname"]
            names |= next((values for values in exact if values is not None), frozenset({""}))
        return frozenset(names)

    def matches(self, labels: Labels) -> bool:
        """Whether an alert with these labels has this runbook."""
        given = dict(labels)
        return any(all_match(matchers, given) for matchers in self.matchers)

    def named(self, name: str) -> Parameter | None:
        """The parameter of that name."""
        return next((one for one in self.parameters if one.name == name), None)


class Bound(msgspec.Struct, frozen=True):
    """A runbook's parameters with their values. `problems`: why it cannot be run with them."""

    values: Mapping[str, str]
    problems: tuple[str, ...] = ()

    def fill(self, text: str) -> str:
        """`text` with every `${parameter}` replaced; for names of objects, never for queries or URLs."""
        return fill(text, self.values)


def bind(
    runbook: Runbook, labels: Labels | None, given: Mapping[str, str], clusters: tuple[str, ...]
) -> Bound:
    """The values for a run: what a person gave, else the alert's labels, else the defaults.

    `labels` None: a person asks, without an alert. `clusters`: the names of the clusters that are
    configured. Every problem is named; a value that does not match its type in full is never used.
    """
    values: dict[str, str] = {}
    problems: list[str] = []
    for parameter in runbook.parameters:
        text = _given(parameter, labels, given)
        if text is None:
            whence = f"the label {parameter.label}" if parameter.label and labels is not None else "a value"
            problems.append(f"{parameter.name}: {whence} is missing")
        elif problem := parameter.type.fault(text):
            problems.append(f"{parameter.name}: {problem}")
        else:
            values[parameter.name] = text
    if runbook.target is not None and CLUSTER not in values:
        _bind_cluster(labels, given, clusters, values, problems)
    if runbook.target is not None and not problems:
        problems.extend(_target_faults(runbook.target, values))
    known = {parameter.name for parameter in runbook.parameters} | {CLUSTER}
    problems.extend(f"{name}: the runbook has no such parameter" for name in sorted(set(given) - known))
    return Bound(values, tuple(problems))


def _given(parameter: Parameter, labels: Labels | None, given: Mapping[str, str]) -> str | None:
    if parameter.name in given:
        return given[parameter.name]
    if parameter.label and labels is not None and (text := label(labels, parameter.label)):
        return text
    return parameter.default


def _bind_cluster(
    labels: Labels | None,
    given: Mapping[str, str],
    clusters: tuple[str, ...],
    values: dict[str, str],
    problems: list[str],
) -> None:
    """Exactly one cluster, named by the person or the alert; the only one there is needs no name."""
    name = given.get(CLUSTER) or (label(labels, CLUSTER) if labels is not None else "")
    if name in clusters:
        values[CLUSTER] = name
    elif name:
        problems.append(f"cluster: {name[:64]!r} is none of the clusters that are configured")
    elif len(clusters) == 1:
        values[CLUSTER] = clusters[0]
    else:
        problems.append(f"cluster: not named, and {len(clusters) or 'no'} clusters are configured")


def _target_faults(target: Target, values: Mapping[str, str]) -> list[str]:
    """What of the target is no name of an object, once the values are put together."""
    parts: tuple[tuple[str, Kind, str], ...] = (("target's name", "dns_subdomain", target.name),)
    if target.namespace:
        parts += (("target's namespace", "dns_label", target.namespace),)
    found = ((what, ParameterType(kind).fault(fill(text, values))) for what, kind, text in parts)
    return [f"{what}: {fault}" for what, fault in found if fault]


def lower(one: Mode, other: Mode) -> Mode:
    """The one of two modes that allows less."""
    return min(one, other, key=MODES.index)


def greater(risks: Iterable[Risk]) -> Risk:
    """The greatest of several risks; low if there is none."""
    return max(risks, key=RISKS.index, default="low")
