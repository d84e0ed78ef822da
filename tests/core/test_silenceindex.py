"""The index of silences: it answers as trying every one of them would, and costs little."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.core.matcherparse import Triple
from responder.core.matching import Matcher, all_match
from responder.core.model import Alert, Labels, labels_from
from responder.core.silence import Silence
from responder.core.silenceindex import SilenceIndex, naive_silences_of

NOW = 1_000


def silence(
    name: str, *matchers: Triple, starts: int = 1, ends: int = NOW + 1, ended: bool = False
) -> Silence:
    return Silence(name, matchers, starts, ends, "me", "me", "why", 1, ended=ended)


def alert(**labels: str) -> Alert:
    return Alert(1, labels_from(labels), (), 1, 0, 1)


def index_of(*silences: Silence) -> SilenceIndex:
    index = SilenceIndex()
    for one in silences:
        index.put(one)
    return index


def hiding(index: SilenceIndex, one: Alert, now: int = NOW) -> list[str]:
    return [silence.id for silence in index.hiding(one, now)]


@pytest.mark.parametrize(
    ("matchers", "labels", "hides"),
    [
        ([("a", "=", "1")], {"a": "1", "b": "2"}, True),
        ([("a", "=", "1")], {"a": "2"}, False),
        ([("a", "=", "1"), ("b", "=", "")], {"a": "1"}, True),
        ([("a", "=", "1"), ("b", "=", "")], {"a": "1", "b": "2"}, False),
        ([("a", "=~", "1|2")], {"a": "2"}, True),
        ([("a", "=~", "1|")], {"b": "x"}, True),
        ([("a", "=~", "1.*")], {"a": "12"}, True),
        ([("a", "!=", "1")], {"b": "x"}, True),
        ([("a", "!=", "1")], {"a": "1"}, False),
        ([("a", "!~", "1.*")], {"a": "12"}, False),
        ([("alertname", "=", "A"), ("alertname", "=", "B")], {"alertname": "A"}, False),
    ],
)
def test_every_matcher_must_hold(matchers: list[Triple], labels: dict[str, str], hides: bool) -> None:
    one = silence("s", *matchers)
    assert hiding(index_of(one), alert(**labels)) == (["s"] if hides else [])
    assert naive_silences_of([one], labels_from(labels)) == ([one] if hides else [])


def test_the_one_that_hides_for_longest_comes_first() -> None:
    index = index_of(
        silence("pending", ("a", "=", "1"), starts=NOW + 1, ends=NOW + 9),
        silence("short", ("a", "=", "1")),
        silence("over", ("a", "=", "1"), ends=NOW),
        silence("late", ("a", "=", "1"), ends=NOW + 5),
        silence("also late", ("a", "=", "1"), ends=NOW + 5),
    )
    assert hiding(index, alert(a="1")) == ["also late", "late", "short"]
    assert hiding(index, alert(a="1"), NOW + 1) == ["pending", "also late", "late"]


def test_an_alert_that_was_looked_at_before_sees_what_changed_since() -> None:
    index, one = index_of(silence("s", ("a", "=", "1"))), alert(a="1")
    assert hiding(index, one) == ["s"]
    index.put(silence("t", ("a", "=", "1")))
    assert hiding(index, one) == ["s", "t"]
    index.put(silence("s", ("a", "=", "2")))
    assert hiding(index, one) == ["t"]
    index.put(silence("t", ("a", "=", "1"), ended=True))
    assert (hiding(index, one), sorted(index.all), index.lasting()) == ([], ["s", "t"], 1)
    index.drop("t")
    assert sorted(index.all) == ["s"]


def test_ends_that_were_not_noted_are_known() -> None:
    index = index_of(
        silence("b", ("a", "=", "1"), ends=NOW),
        silence("a", ("a", "=", "1"), ends=NOW),
        silence("first", ("a", "=", "1"), ends=NOW - 5),
        silence("noted", ("a", "=", "1"), ends=NOW - 7, ended=True),
        silence("later", ("a", "=", "1"), ends=NOW + 1),
    )
    assert [one.id for one in index.over(NOW)] == ["first", "a", "b"]
    assert [at for at in range(NOW - 9, NOW + 9) if index.ends(at)] == [NOW - 5, NOW, NOW + 1]
    index.put(silence("a", ("a", "=", "1"), ends=NOW, ended=True))
    assert index.ends(NOW)
    index.drop("b")
    assert not index.ends(NOW)


def test_of_a_thousand_silences_few_are_tried_and_none_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    index = SilenceIndex()
    for number in range(1_000):
        index.put(silence(f"s{number}", ("cluster", "=", "prod"), ("instance", "=", str(number))))
    tried: list[Iterable[Matcher]] = []

    def counted(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
        tried.append(matchers)
        return all_match(matchers, labels)

    monkeypatch.setattr("responder.core.silenceindex.all_match", counted)
    one = alert(cluster="prod", instance="7")
    assert (hiding(index, one), hiding(index, one)) == (["s7"], ["s7"])
    assert len(tried) == 2  # s7, and the first one, which found `cluster` as good as any other label


# -- equal to trying everything ---------------------------------------------------------------

NAMES = st.sampled_from(["alertname", "job", "instance"])
VALUES = st.sampled_from(["", "a", "b", "ab"])
MATCHERS: st.SearchStrategy[Triple] = st.one_of(
    st.tuples(NAMES, st.sampled_from(["=", "!="]), VALUES),
    st.tuples(NAMES, st.sampled_from(["=~", "!~"]), st.sampled_from(["a|b", "a.*", ".+", "", "a|", ".*"])),
)
SILENCES = st.builds(
    lambda name, matchers, starts, length, ended: silence(
        name, *matchers, starts=starts, ends=starts + length, ended=ended
    ),
    st.sampled_from("stuvw"),
    st.lists(MATCHERS, min_size=1, max_size=3),
    st.integers(1, 4),
    st.integers(1, 4),
    st.booleans(),
)
ALERTS = st.dictionaries(NAMES, VALUES, min_size=1)


@given(st.lists(st.one_of(SILENCES, st.sampled_from("stuvw"), ALERTS), max_size=30), st.integers(0, 9))
def test_the_index_equals_trying_every_silence(moves: list[Silence | str | dict[str, str]], now: int) -> None:
    index, kept = SilenceIndex(), dict[str, Silence]()
    numbers = dict[Labels, int]()
    for move in moves:
        match move:
            case Silence():
                index.put(move)
                kept[move.id] = move
            case str():
                if kept.pop(move, None):
                    index.drop(move)
            case _:
                labels = labels_from(move)
                one = Alert(numbers.setdefault(labels, len(numbers)), labels, (), 1, 0, 1)
                lasting = [silence for silence in kept.values() if not silence.ended]
                found = sorted(naive_silences_of(lasting, labels), key=lambda silence: silence.id)
                assert index.of_labels(labels) == found
                active = [silence for silence in found if silence.phase(now) == "active"]
                assert index.hiding(one, now) == sorted(active, key=lambda silence: -silence.ends_at)
    assert index.all == kept
    assert index.lasting() == sum(not silence.ended for silence in kept.values())
    assert [at for at in range(10) if index.ends(at)] == sorted(
        {silence.ends_at for silence in kept.values() if not silence.ended and silence.ends_at < 10}
    )
