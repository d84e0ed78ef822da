import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.inhibition import Inhibitor, InhibitRule, naive_inhibited_by
from responder.core.matching import Matcher, parse_matchers
from responder.core.model import Alert, Labels, labels_from

NOW = 1_000


def rule(source: str, target: str, *equal: str, name: str = "") -> InhibitRule:
    return InhibitRule(parse_matchers(source).matchers, parse_matchers(target).matchers, equal, name)


def alert(number: int, *, ends_at: int = 0, stale: bool = False, **labels: str) -> Alert:
    return Alert(number, labels_from(labels), (), 1, ends_at, 1, stale=stale)


def by(rules: list[InhibitRule], alerts: list[Alert], **labels: str) -> tuple[int, int] | None:
    """(position of the rule, id of the source): the index's answer, which must be the naive one."""
    inhibitor = Inhibitor(rules)
    for one in alerts:
        inhibitor.put(one)
    target = labels_from(labels)
    found = inhibitor.inhibited_by(target, NOW)
    assert found == naive_inhibited_by(rules, alerts, target, NOW)
    return (rules.index(found[0]), found[1].id) if found else None


CRITICAL = rule("severity=critical", "severity=warning", "alertname", "cluster")


# -- the effect -------------------------------------------------------------------------------


def test_a_firing_source_with_equal_labels_inhibits() -> None:
    source = alert(7, severity="critical", alertname="A", cluster="x")
    assert [
        by([CRITICAL], [source], severity="warning", alertname="A", cluster="x"),
        by([CRITICAL], [source], severity="warning", alertname="A", cluster="x", pod="p"),
        by([CRITICAL], [source], severity="warning", alertname="A", cluster="y"),
        by([CRITICAL], [source], severity="info", alertname="A", cluster="x"),
        by([CRITICAL], [], severity="warning", alertname="A", cluster="x"),
    ] == [(0, 7), (0, 7), None, None, None]


@pytest.mark.parametrize(
    ("ends", "stale", "found"),
    [
        ([], False, None),
        ([0], False, (0, 1)),
        ([NOW + 1], False, (0, 1)),
        ([NOW], False, None),
        ([NOW - 1], False, None),
        ([0], True, None),
        ([NOW, NOW + 1], False, (0, 2)),
        ([NOW, NOW], False, None),
    ],
)
def test_only_what_fires_inhibits(ends: list[int], stale: bool, found: tuple[int, int] | None) -> None:
    sources = [
        alert(number, ends_at=end, stale=stale, severity="critical", pod=str(number))
        for number, end in enumerate(ends, 1)
    ]
    assert by([CRITICAL], sources, severity="warning") == found


def test_a_source_stops_inhibiting_the_moment_it_ends() -> None:
    inhibitor = Inhibitor([CRITICAL])
    source = alert(1, ends_at=NOW, severity="critical")
    inhibitor.put(source)
    target = labels_from({"severity": "warning"})
    assert [inhibitor.inhibited_by(target, now) for now in (NOW - 1, NOW)] == [(CRITICAL, source), None]


def test_without_equal_labels_any_source_inhibits_any_target() -> None:
    assert by([rule("a=1", "b=1")], [alert(3, a="1", x="y")], b="1", x="z") == (0, 3)


def test_a_missing_label_equals_an_empty_one() -> None:
    both_lack = by(
        [CRITICAL], [alert(1, severity="critical", alertname="A")], severity="warning", alertname="A"
    )
    one_lacks = by([CRITICAL], [alert(1, severity="critical")], severity="warning", cluster="x")
    assert (both_lack, one_lacks) == ((0, 1), None)


def test_equal_labels_are_compared_one_by_one() -> None:
    source = alert(1, severity="critical", alertname="x", cluster="")
    assert by([CRITICAL], [source], severity="warning", alertname="", cluster="x") is None


def test_the_first_rule_counts_and_names_the_oldest_source() -> None:
    rules = [rule("a=9", "t=1"), rule("a=2", "t=1"), rule('a=~"1|2"', "t=1")]
    alerts = [alert(5, a="1"), alert(9, a="2"), alert(8, a="2", b="x")]
    assert [by(rules, alerts, t="1"), by(rules, alerts[:1], t="1")] == [(1, 8), (2, 5)]


# -- Alertmanager's own cases -----------------------------------------------------------------

TWO_RULES = [rule("s1=1", "t1=1", "e"), rule("s2=1", "t2=1", "e")]
# The second source is a target of its rule as well.
TWO_SOURCES = [alert(1, s1="1", t1="2", e="1"), alert(2, s2="1", t2="1", e="1")]


@pytest.mark.parametrize(
    ("target", "inhibited"),
    [
        ({"t1": "1", "e": "1"}, True),
        ({"t2": "1", "e": "1"}, True),
        ({"t1": "1", "t3": "1", "e": "1"}, True),
        ({"t1": "1", "t2": "1", "e": "1"}, True),
        ({"t1": "0", "e": "1"}, False),
        # both sides of the first rule, whose source is on one side only
        ({"s1": "1", "t1": "1", "e": "1"}, True),
        # both sides of the second rule, as its source is
        ({"s2": "1", "t2": "1", "e": "1"}, False),
        ({"t1": "1", "e": "0"}, False),
    ],
)
def test_two_sided_alerts(target: dict[str, str], inhibited: bool) -> None:
    assert (by(TWO_RULES, TWO_SOURCES, **target) is not None) == inhibited


@pytest.mark.parametrize(
    ("target", "inhibited"),
    [
        ({"t1": "1", "e": "1"}, False),
        ({"t2": "1", "e": "1"}, True),
        ({"t1": "1", "t3": "1", "e": "1"}, False),
        ({"t1": "1", "t2": "1", "e": "1"}, True),
        ({"t1": "0", "e": "1"}, True),
        ({"s1": "1", "t1": "1", "e": "1"}, False),
        ({"s2": "1", "t2": "1", "e": "1"}, True),
        ({"t1": "1", "e": "0"}, False),
    ],
)
def test_two_sided_alerts_with_a_negative_matcher(target: dict[str, str], inhibited: bool) -> None:
    rules = [rule("s1=1", "t1!=1", "e"), TWO_RULES[1]]
    assert (by(rules, TWO_SOURCES, **target) is not None) == inhibited


def test_an_alert_does_not_inhibit_itself() -> None:
    me = alert(1, a="1")
    assert [by([rule("a=1", "a=1")], [me], a="1"), by([rule("", "a=1")], [me], a="1")] == [None, None]


def test_a_rule_without_matchers_inhibits_nothing() -> None:
    assert by([rule("", ""), rule("", "", "a")], [alert(1, a="1"), alert(2, b="1")], a="1") is None
    assert not Inhibitor([rule("", "")]).is_source(labels_from({"a": "1"}))


def test_a_rule_with_targets_only_needs_another_alert_that_is_no_target() -> None:
    only_target = [rule("", "a=1")]
    assert [
        by(only_target, [alert(1, a="1"), alert(2, a="1", b="1")], a="1"),
        by(only_target, [alert(1, a="1"), alert(3, b="1")], a="1"),
    ] == [None, (0, 3)]


def test_a_rule_with_sources_only_inhibits_what_is_not_a_source() -> None:
    only_source = [rule("a=1", "")]
    assert [by(only_source, [alert(1, a="1")], b="1"), by(only_source, [alert(1, a="1")], a="1", b="1")] == [
        (0, 1),
        None,
    ]


# -- several sources with one key: what Alertmanager 0.30 to 0.34 gets wrong ---------------------


def test_a_target_stays_inhibited_while_any_source_fires() -> None:
    inhibitor = Inhibitor([CRITICAL])
    target = labels_from({"severity": "warning", "alertname": "A"})

    def source() -> int | None:
        found = inhibitor.inhibited_by(target, NOW)
        return found[1].id if found else None

    old = alert(1, severity="critical", alertname="A", pod="1")
    new = alert(2, severity="critical", alertname="A", pod="2")
    inhibitor.put(old)
    inhibitor.put(new)
    seen = [source()]
    inhibitor.put(alert(2, ends_at=NOW, severity="critical", alertname="A", pod="2"))  # the newest resolves
    seen.append(source())
    inhibitor.put(new)
    inhibitor.put(alert(1, ends_at=NOW, severity="critical", alertname="A", pod="1"))
    seen.append(source())
    inhibitor.drop(1)  # the oldest is forgotten
    seen.append(source())
    inhibitor.drop(2)
    seen.append(source())
    assert seen == [1, 1, 2, 2, None]


def test_a_two_sided_newest_source_does_not_hide_a_one_sided_one() -> None:
    rules = [rule("s=1", "t=1")]
    alerts = [alert(2, s="1"), alert(1, s="1", t="1"), alert(3, s="1", t="1", x="y")]
    assert [by(rules, alerts, s="1", t="1"), by(rules, alerts, t="1")] == [(0, 2), (0, 1)]


# -- the index's own life ---------------------------------------------------------------------


def test_an_id_may_come_back_with_other_labels() -> None:
    inhibitor = Inhibitor([CRITICAL])
    target = labels_from({"severity": "warning", "alertname": "A"})
    found = []
    for name, severity in (("A", "critical"), ("B", "critical"), ("A", "info"), ("A", "critical")):
        inhibitor.put(alert(1, severity=severity, alertname=name))
        found.append(inhibitor.inhibited_by(target, NOW) is not None)
    assert found == [True, False, False, True]


def test_dropping_what_is_not_known_is_fine() -> None:
    inhibitor = Inhibitor([CRITICAL])
    inhibitor.put(alert(1, severity="info"))
    inhibitor.drop(1)
    inhibitor.drop(2)
    assert inhibitor.inhibited_by(labels_from({"severity": "warning"}), NOW) is None


def test_what_is_dropped_leaves_nothing_behind() -> None:
    inhibitor = Inhibitor(TWO_RULES)
    for number in range(100):
        inhibitor.put(alert(number, s1="1", t1=str(number % 2), e=str(number % 7)))
    for number in range(100):
        inhibitor.drop(number)
    assert (inhibitor._alerts, inhibitor._sources) == ({}, [{}, {}])


def test_the_memo_is_bounded() -> None:
    inhibitor = Inhibitor([rule("pod=~x.*", "b=1")])
    for number in range(20_000):
        inhibitor.put(alert(number, pod=f"y{number}"))
    assert len(inhibitor._memo) <= 16_384
    assert inhibitor._alerts == {}


def test_who_can_be_a_source() -> None:
    inhibitor = Inhibitor([CRITICAL, rule("a=1", "b=1")])
    assert [
        inhibitor.is_source(labels_from(labels))
        for labels in (
            {"severity": "critical"},
            {"a": "1", "b": "1"},
            {"severity": "warning"},
            {"b": "1"},
            {},
        )
    ] == [True, True, False, False, False]
    assert not Inhibitor([]).is_source(labels_from({"a": "1"}))


# -- explaining -------------------------------------------------------------------------------


def test_each_rule_says_why() -> None:
    rules = [
        rule("", ""),
        CRITICAL,
        rule("a=1", "b=1"),
        rule('severity=~"w.*"', "b=1"),
        rule("c=1", "b=1", "x"),
    ]
    inhibitor = Inhibitor(rules)
    source = alert(4, a="1")
    inhibitor.put(source)
    findings = inhibitor.explain(labels_from({"severity": "warn", "b": "1"}), NOW)
    assert [(found.rule, found.source, found.reason) for found in findings] == [
        (rules[0], None, "the rule has no matchers, so it inhibits nothing"),
        (rules[1], None, 'not a target: severity="warning" does not hold: severity is "warn"'),
        (rules[2], source, "a source with equal labels fires"),
        (rules[3], None, "a target that is a source too; no source fires that is not a target"),
        (rules[4], None, "a target, but no source with equal labels fires"),
    ]


def test_rules_are_equal_if_they_say_the_same() -> None:
    one, two = (InhibitRule(CRITICAL.source_matchers, (), ("a",), "n", place) for place in ("a:1", "a:2"))
    assert (one == two, hash(one) == hash(two), one == CRITICAL) == (True, True, False)


# -- the index answers as the naive scan ------------------------------------------------------

NAMES = ["a", "b", "c"]
VALUES = ["", "1", "2"]
any_matcher = st.builds(
    Matcher,
    st.sampled_from(NAMES),
    st.sampled_from(["=", "!=", "=~", "!~"]),
    st.sampled_from([*VALUES, "1|2"]),
)
sides = st.lists(any_matcher, max_size=2).map(tuple)
rules_lists = st.lists(
    st.builds(
        InhibitRule, sides, sides, st.lists(st.sampled_from(NAMES), max_size=2, unique=True).map(tuple)
    ),
    max_size=4,
)
label_sets = st.dictionaries(st.sampled_from([*NAMES, "z"]), st.sampled_from(VALUES), max_size=4).map(
    labels_from
)
puts = st.builds(
    Alert,
    st.integers(1, 6),
    label_sets,
    st.just(()),
    st.just(1),
    st.sampled_from([0, 0, NOW - 1, NOW, NOW + 1]),
    st.just(1),
    stale=st.sampled_from([False, False, False, True]),
)
moves = st.lists(puts | st.integers(1, 6), max_size=15)


@settings(deadline=None, max_examples=300)
@given(rules=rules_lists, moves=moves, targets=st.lists(label_sets, min_size=1, max_size=4))
def test_the_index_answers_as_the_naive_scan(
    rules: list[InhibitRule], moves: list[Alert | int], targets: list[Labels]
) -> None:
    inhibitor = Inhibitor(rules)
    alerts: dict[int, Alert] = {}
    for move in moves:
        if isinstance(move, int):
            alerts.pop(move, None)
            inhibitor.drop(move)
        else:
            alerts[move.id] = move
            inhibitor.put(move)
        for target in targets:
            for now in (NOW - 1, NOW):
                expected = naive_inhibited_by(rules, alerts.values(), target, now)
                found = inhibitor.inhibited_by(target, now)
                assert found == expected
                assert (found and found[0].place) == (expected and expected[0].place)
                told = next(((f.rule, f.source) for f in inhibitor.explain(target, now) if f.source), None)
                assert told == expected
    for one in alerts.values():
        if any(naive_inhibited_by(rules, [one], target, NOW - 1) for target in targets):
            assert inhibitor.is_source(one.labels)
