"""Inhibit rules: which firing alert, if any, keeps another one quiet.

`core.state` holds an Inhibitor and tells it of every alert; `core.decide` asks it when a group is
looked at. Silences, routes and time never matter here: a source counts because it fires.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from heapq import merge
from typing import Final, NamedTuple, TypeAlias

from responder.core.matching import Matcher, all_match, refusal
from responder.core.model import Alert, Labels, Nanoseconds

Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source fires, targets with the same values of the `equal` labels are muted.

    `place` is `file:line`, for people; rules are equal if they say the same.
    """

    source_matchers: tuple[Matcher, ...]
    target_matchers: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()
    name: str = ""
    place: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of an alert: the source that inhibits it, if any, and why or why not."""

    rule: InhibitRule
    source: Alert | None
    reason: str


def naive_inhibited_by(
    rules: Iterable[InhibitRule], alerts: Iterable[Alert], labels: Labels, now: Nanoseconds
) -> tuple[InhibitRule, Alert] | None:
    """The rule and the source that inhibit an alert with these labels, by trying everything.

    Alertmanager: rules are tried in order and the first hit counts. A missing label equals an
    empty one, so that `equal` labels that both lack are equal. An alert that matches both sides of
    a rule is not inhibited by another that matches both sides too, itself included. Of several
    sources the one with the lowest id is named.
    """
    target = dict(labels)
    candidates = sorted(alerts, key=lambda alert: alert.id)
    for rule in rules:
        if not all_match(rule.target_matchers, target):
            continue
        two_sided = all_match(rule.source_matchers, target)
        for alert in candidates:
            source = dict(alert.labels)
            if (
                alert.firing_at(now)
                and all_match(rule.source_matchers, source)
                and _values(rule.equal, source) == _values(rule.equal, target)
                and not (two_sided and all_match(rule.target_matchers, source))
            ):
                return rule, alert
    return None


def _values(names: tuple[str, ...], labels: Mapping[str, str]) -> Values:
    return tuple([labels.get(name, "") for name in names])


class _Role(NamedTuple):
    """The index of a rule of which labels match one side; `two_sided`: and the other as well."""

    rule: int
    two_sided: bool


class _Roles(NamedTuple):
    source_of: tuple[_Role, ...]
    target_of: tuple[_Role, ...]


_NONE: Final = _Roles((), ())


class _Sources(NamedTuple):
    """Ids, ascending, of the sources of one rule that share the values of its `equal` labels."""

    one_sided: list[int]
    two_sided: list[int]


_MEMO_SIZE: Final = 16_384


class Inhibitor:
    """An index of sources that answers as `naive_inhibited_by` over all alerts put into it.

    All sources of a rule with one key are kept, so that a target stays inhibited while any of them
    fires (Alertmanager 0.30 to 0.34 keeps only one). Resolved alerts may stay in it: whether a
    source fires is asked at each look.
    """

    def __init__(self, rules: Iterable[InhibitRule]) -> None:
        self.rules = tuple(rules)
        self._mentioned = frozenset(
            matcher.name for rule in self.rules for matcher in (*rule.source_matchers, *rule.target_matchers)
        )
        self._memo: dict[Labels, _Roles] = {}
        self._alerts: dict[int, Alert] = {}
        self._sources: list[dict[Values, _Sources]] = [{} for _ in self.rules]

    def put(self, alert: Alert) -> None:
        """Take note of an alert, in place of what was known under its id."""
        if not self.rules:
            return
        old = self._alerts.get(alert.id)
        if old is not None:
            if old.labels == alert.labels:
                self._alerts[alert.id] = alert
                return
            self.drop(alert.id)
        roles = self._roles(alert.labels)
        if not roles.source_of:
            return
        self._alerts[alert.id] = alert
        values = dict(alert.labels)
        for rule, two_sided in roles.source_of:
            key = _values(self.rules[rule].equal, values)
            sources = self._sources[rule].setdefault(key, _Sources([], []))
            insort(sources.two_sided if two_sided else sources.one_sided, alert.id)

    def drop(self, alert_id: int) -> None:
        """Forget an alert; one that is not known is fine."""
        alert = self._alerts.pop(alert_id, None)
        if alert is None:
            return
        values = dict(alert.labels)
        for rule, two_sided in self._roles(alert.labels).source_of:
            key = _values(self.rules[rule].equal, values)
            sources = self._sources[rule][key]
            ids = sources.two_sided if two_sided else sources.one_sided
            del ids[bisect_left(ids, alert_id)]
            if not sources.one_sided and not sources.two_sided:
                del self._sources[rule][key]

    @property
    def has_sources(self) -> bool:
        """Whether any alert is known that can inhibit others while it fires."""
        return any(self._sources)

    def is_source(self, labels: Labels) -> bool:
        """Whether an alert with these labels can inhibit others: its end may concern them."""
        return bool(self._roles(labels).source_of)

    def inhibited_by(self, labels: Labels, now: Nanoseconds) -> tuple[InhibitRule, Alert] | None:
        """The first rule that inhibits an alert with these labels, and its source."""
        if not self.rules:
            return None
        roles = self._roles(labels).target_of
        if not roles:
            return None
        values = dict(labels)
        for role in roles:
            source = self._source(role, values, now)
            if source is not None:
                return self.rules[role.rule], source
        return None

    def explain(self, labels: Labels, now: Nanoseconds) -> list[Finding]:
        """What each rule says, in order; the first finding with a source is the one that counts."""
        values = dict(labels)
        roles = {role.rule: role for role in self._roles(labels).target_of}
        findings: list[Finding] = []
        for index, rule in enumerate(self.rules):
            role = roles.get(index)
            source = self._source(role, values, now) if role else None
            if not rule.source_matchers and not rule.target_matchers:
                reason = "the rule has no matchers, so it inhibits nothing"
            elif role is None:
                reason = f"not a target: {refusal(rule.target_matchers, values)}"
            elif source is not None:
                reason = "a source with equal labels fires"
            elif role.two_sided:
                reason = "a target that is a source too; no source fires that is not a target"
            else:
                reason = "a target, but no source with equal labels fires"
            findings.append(Finding(rule, source, reason))
        return findings

    def _source(self, role: _Role, values: Mapping[str, str], now: Nanoseconds) -> Alert | None:
        sources = self._sources[role.rule].get(_values(self.rules[role.rule].equal, values))
        if sources is None:
            return None
        ids: Iterable[int] = sources.one_sided
        if sources.two_sided and not role.two_sided:
            ids = merge(sources.one_sided, sources.two_sided)
        for alert in map(self._alerts.__getitem__, ids):
            if alert.firing_at(now):
                return alert
        return None

    def _roles(self, labels: Labels) -> _Roles:
        """In which rules these labels match which side, remembered by the labels that matchers name."""
        mentioned = self._mentioned
        key = tuple([pair for pair in labels if pair[0] in mentioned])
        known = self._memo.get(key)
        if known is None:
            if len(self._memo) >= _MEMO_SIZE:
                self._memo.clear()
            known = self._memo[key] = self._judge(dict(key))
        return known

    def _judge(self, values: Mapping[str, str]) -> _Roles:
        source_of: list[_Role] = []
        target_of: list[_Role] = []
        for index, rule in enumerate(self.rules):
            if not rule.source_matchers and not rule.target_matchers:
                continue  # every alert would be two-sided: nothing could inhibit anything
            source = all_match(rule.source_matchers, values)
            target = all_match(rule.target_matchers, values)
            if source:
                source_of.append(_Role(index, target))
            if target:
                target_of.append(_Role(index, source))
        return _Roles(tuple(source_of), tuple(target_of)) if source_of or target_of else _NONE
