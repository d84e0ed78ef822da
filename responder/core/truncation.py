"""How much is shown: texts cut to a service's limit, alerts put in order and cut to `max_alerts`.

Every `notify` module calls it before it renders. It never decides who is told, and what it cut
is always counted.
"""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Final, Literal, TypeAlias

from responder.core.model import Alert, Labels
from responder.core.notification import Notification

MARK: Final = "…"
_MARK_BYTES: Final = len(MARK.encode())

Verdict: TypeAlias = Literal["firing", "resolved", "stale"]
"""What one alert is said to be in one notification."""

Shown: TypeAlias = tuple[Alert, Verdict]


def truncate_runes(text: str, limit: int) -> str:
    """At most `limit` characters of `text`; what was cut is marked by `…` if it fits (`limit` > 3)."""
    if len(text) <= limit:
        return text
    return text[:limit] if limit <= 3 else text[: limit - 1] + MARK


def truncate_bytes(text: str, limit: int) -> str:
    """At most `limit` bytes of `text` in UTF-8, cut between characters and marked by `…`.

    Below three bytes, which the mark itself needs, the answer is that many dots.
    """
    raw = text.encode()
    if len(raw) <= limit:
        return text
    if limit < _MARK_BYTES:
        return "." * limit
    return raw[: limit - _MARK_BYTES].decode(errors="ignore") + MARK


def shown(notification: Notification, limit: int = 0, mends: bool = True) -> tuple[list[Shown], int]:
    """The alerts to show, in Alertmanager's order, and how many were cut. `limit` 0 cuts none.

    By default resolved alerts are cut first, then stale ones, so that what fires is seen.
    Alertmanager (`mends` False) cuts after the sort, whatever the alerts are, so that its
    payload can read "resolved" while alerts that it cut still fire.
    """
    entries: list[Shown] = [(alert, "firing") for alert in notification.firing]
    entries += [(alert, "stale") for alert in notification.stale]
    entries += [(alert, "resolved") for alert in notification.resolved]
    cut = max(len(entries) - limit, 0) if limit else 0
    if not cut:
        return _in_order(entries), 0
    if not mends:
        return _in_order(entries)[:limit], cut
    kept: list[Shown] = []
    for verdict in ("firing", "stale", "resolved"):
        part = [entry for entry in entries if entry[1] == verdict]
        kept += _in_order(part)[: limit - len(kept)]
    return _in_order(kept), cut


def common_pairs(sets: Iterable[Labels]) -> Labels:
    """The pairs that every one of the label (or annotation) sets has; of no sets, none."""
    every = iter(sets)
    first = next(every, ())
    common = set(first)
    for pairs in every:
        if not common:
            break
        common.intersection_update(pairs)
    return first if len(common) == len(first) else tuple(sorted(common))


def _in_order(entries: list[Shown]) -> list[Shown]:
    """By label `job`, then `instance` (who has the label comes first), then by label set.

    Of two label sets the one with fewer labels comes first. Otherwise the first difference
    decides, names taken in alphabetical order: who lacks that name comes first, else the
    smaller value (Alertmanager's AlertSlice and Prometheus' LabelSet.Before).
    """
    if len(entries) < 2:
        return entries
    out: list[Shown] = []
    # Most alerts differ in these two; the whole label set is costly and rarely needed.
    keyed = sorted([(_by_job(entry), entry) for entry in entries], key=_KEY)
    for _, alike in groupby(keyed, key=_KEY):
        run = [entry for _, entry in alike]
        out += run if len(run) == 1 else _by_labels(run)
    return out


_KEY: Final = itemgetter(0)


def _by_job(entry: Shown) -> tuple[bool, str, bool, str]:
    job = instance = ""
    for name, value in entry[0].labels:
        if name == "instance":
            instance = value
        elif name == "job":
            job = value
    return job == "", job, instance == "", instance


def _by_labels(entries: list[Shown]) -> list[Shown]:
    first = [name for name, _ in entries[0][0].labels]
    if all([name for name, _ in alert.labels] == first for alert, _ in entries):
        return sorted(entries, key=lambda entry: entry[0].labels)  # nobody lacks a name: values decide
    # Who has the smaller name at the first difference comes last, hence the descending ranks.
    names = sorted({name for alert, _ in entries for name, _ in alert.labels}, reverse=True)
    rank = {name: index for index, name in enumerate(names)}

    def key(entry: Shown) -> tuple[int, list[tuple[int, str]]]:
        labels = entry[0].labels
        return len(labels), [(rank[name], value) for name, value in labels]

    return sorted(entries, key=key)
