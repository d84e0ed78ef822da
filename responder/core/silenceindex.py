"""Which silences are about an alert, without asking each of them.

`core.state` holds a SilenceIndex and tells it of every silence; `core.flush`, `core.explain` and
the API ask it. It answers as `naive_silences_of` does, and never decides when one begins or ends.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeAlias

from responder.core.matching import Matcher, all_match
from responder.core.model import Alert, Labels, Nanoseconds
from responder.core.silence import Silence


def naive_silences_of(silences: Iterable[Silence], labels: Labels) -> list[Silence]:
    """Those of which every matcher holds, whatever the time is, by trying everything."""
    values = dict(labels)
    return [silence for silence in silences if all_match(silence.compiled(), values)]


class _Known(NamedTuple):
    """A silence, its matchers, and under which pairs it is found (none: it is always tried)."""

    silence: Silence
    matchers: tuple[Matcher, ...]
    pairs: tuple[tuple[str, str], ...]


_Bucket: TypeAlias = dict[str, _Known]

_MEMO_SIZE: Final = 16_384

_MOST_VALUES: Final = 64
"""An alternation of more values than this is tried rather than put under each of them."""


class SilenceIndex:
    """Every silence that is kept; an index of those that have not ended.

    A silence is found by one label that it asks an exact value of, where it has such a matcher: the one
    that it shares with the fewest others. What was found for an alert holds until a silence changes;
    so does what was found of those without such a matcher, for all alerts that look the same to them.
    """

    def __init__(self) -> None:
        """No silences."""
        self.all: dict[str, Silence] = {}
        self._lasting: dict[str, _Known] = {}
        self._by_pair: dict[tuple[str, str], _Bucket] = {}
        self._anywhere: _Bucket = {}
        self._ends: dict[Nanoseconds, set[str]] = {}
        self._memo: dict[int, tuple[Silence, ...]] = {}
        self._anywhere_memo: dict[Labels, list[Silence]] = {}
        self._mentioned: frozenset[str] | None = None
        self._last_end: Nanoseconds = 0
        self._ended_last: dict[str, Silence] = {}

    def put(self, silence: Silence) -> None:
        """Take note of a silence, in place of what was known under its id."""
        self._leave(silence.id)
        self.all[silence.id] = silence
        if silence.ended:
            if silence.ends_at > self._last_end:
                self._last_end, self._ended_last = silence.ends_at, {}
            if silence.ends_at == self._last_end:
                self._ended_last[silence.id] = silence
            return
        matchers = silence.compiled()
        pairs = self._pairs(matchers)
        known = self._lasting[silence.id] = _Known(silence, matchers, pairs)
        for pair in pairs:
            self._by_pair.setdefault(pair, {})[silence.id] = known
        if not pairs:
            self._anywhere[silence.id] = known
        self._ends.setdefault(silence.ends_at, set()).add(silence.id)

    def drop(self, silence_id: str) -> None:
        """Forget a silence."""
        self._leave(silence_id)
        del self.all[silence_id]

    def forget_alert(self, alert_id: int) -> None:
        """An alert is gone."""
        self._memo.pop(alert_id, None)

    def ends(self, at: Nanoseconds) -> bool:
        """Whether a silence ends at that moment and has not been noted to have ended."""
        return at in self._ends

    @property
    def may_hide(self) -> bool:
        """Whether there is any silence that could hide an alert now, or could at its very end."""
        return bool(self._lasting or self._ended_last)

    def lasting(self) -> int:
        """How many have not ended."""
        return len(self._lasting)

    def over(self, at: Nanoseconds) -> list[Silence]:
        """Those whose end has come and was not noted, the earliest first."""
        due = [known.silence for known in self._lasting.values() if known.silence.ends_at <= at]
        return sorted(due, key=lambda silence: (silence.ends_at, silence.id))

    def of_labels(self, labels: Labels) -> list[Silence]:
        """Those that have not ended and are about an alert with these labels, by id."""
        by_pair = self._by_pair
        buckets = [by_pair[pair] for pair in labels if pair in by_pair]
        values = dict(labels) if buckets else {}
        found = [silence for bucket in buckets for silence in _matching(bucket, values)]
        if self._anywhere:
            found += self._found_anywhere(labels)
        return sorted(found, key=lambda silence: silence.id)

    def _found_anywhere(self, labels: Labels) -> list[Silence]:
        mentioned = self._mentioned
        if mentioned is None:
            every = (matcher for known in self._anywhere.values() for matcher in known.matchers)
            mentioned = self._mentioned = frozenset(matcher.name for matcher in every)
        key = tuple([pair for pair in labels if pair[0] in mentioned])
        found = self._anywhere_memo.get(key)
        if found is None:
            if len(self._anywhere_memo) >= _MEMO_SIZE:
                self._anywhere_memo.clear()
            found = self._anywhere_memo[key] = _matching(self._anywhere, dict(key))
        return found

    def hiding(self, alert: Alert, now: Nanoseconds) -> list[Silence]:
        """Those that hide the alert at `now`; the first hides it for longest."""
        if not self._lasting:
            return []
        known = self._memo.get(alert.id)
        if known is None:
            known = self._memo[alert.id] = tuple(self.of_labels(alert.labels))
        if not known:
            return []
        active = [silence for silence in known if silence.starts_at <= now < silence.ends_at]
        return sorted(active, key=lambda silence: (-silence.ends_at, silence.id))

    def hiding_to_the_end(self, alert: Alert, now: Nanoseconds) -> list[Silence]:
        """As `hiding`, the moment at which a silence ends included, as Alertmanager has it."""
        ended = self._ended_last.values() if self._last_end == now else ()
        found = naive_silences_of(ended, alert.labels)
        return self.hiding(alert, now) + sorted(found, key=lambda silence: silence.id)

    def _leave(self, silence_id: str) -> None:
        self._ended_last.pop(silence_id, None)
        self._memo.clear()
        self._anywhere_memo.clear()
        self._mentioned = None
        known = self._lasting.pop(silence_id, None)
        if known is None:
            return
        for pair in known.pairs:
            bucket = self._by_pair[pair]
            del bucket[silence_id]
            if not bucket:
                del self._by_pair[pair]
        self._anywhere.pop(silence_id, None)
        end = self._ends[known.silence.ends_at]
        end.discard(silence_id)
        if not end:
            del self._ends[known.silence.ends_at]

    def _pairs(self, matchers: tuple[Matcher, ...]) -> tuple[tuple[str, str], ...]:
        """The pairs of one exact matcher: an alert that it is about has one of them."""
        best: tuple[tuple[str, str], ...] = ()
        fewest = 0
        for matcher in matchers:
            accepts = matcher.accepts
            # A missing label equals the empty string, and is in no alert's pairs.
            if accepts is None or "" in accepts or len(accepts) > _MOST_VALUES:
                continue
            pairs = tuple(sorted((matcher.name, value) for value in accepts))
            others = sum(len(self._by_pair.get(pair, ())) for pair in pairs) + len(pairs)
            if not best or others < fewest:
                best, fewest = pairs, others
        return best


def _matching(bucket: _Bucket, values: Mapping[str, str]) -> list[Silence]:
    return [known.silence for known in bucket.values() if all_match(known.matchers, values)]
