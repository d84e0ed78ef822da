import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from responder.core.matching import Matcher, equality_matcher, parse_matchers, regex_matcher_anchored
from responder.core.model import HOUR, MINUTE, SECOND, Labels, fingerprint, labels_from
from responder.core.routing import Route, Router, RouteSpec


def matchers(*texts: str) -> tuple[Matcher, ...]:
    return tuple(matcher for text in texts for matcher in parse_matchers(text).matchers)


def node(text: str, *routes: RouteSpec, go_on: bool = False, receiver: str | None = None) -> RouteSpec:
    return RouteSpec(receiver=receiver or text, matchers=matchers(text), continue_=go_on, routes=routes)


def root(*routes: RouteSpec) -> Router:
    return Router(RouteSpec(receiver="root", routes=routes))


def receivers(router: Router, **labels: str) -> list[str]:
    return [route.receiver for route in router.match(labels_from(labels))]


# -- which routes -----------------------------------------------------------------------------


def test_children_are_tried_left_to_right_and_the_first_that_matches_ends_it() -> None:
    router = root(node("a=1"), node("b=1"), node('a="1",b="1"'))
    assert [
        receivers(router, a="1"),
        receivers(router, b="1"),
        receivers(router, a="1", b="1"),
        receivers(router, c="1"),
    ] == [["a=1"], ["b=1"], ["a=1"], ["root"]]


def test_continue_tries_later_siblings_and_keeps_the_order_of_the_tree() -> None:
    router = root(node("a=1", go_on=True), node("b=1", go_on=True), node("a!=2"), node("c=1"))
    assert receivers(router, a="1", b="1", c="1") == ["a=1", "b=1", "a!=2"]


def test_a_parent_receives_only_if_no_child_matches() -> None:
    router = root(node("a=1", node("b=1", go_on=True)))
    assert [receivers(router, a="1"), receivers(router, a="1", b="1")] == [["a=1"], ["b=1"]]


def test_continue_counts_at_its_own_level_only() -> None:
    # the grandchild's continue does not make its parent continue
    router = root(node("a=1", node("b=1", go_on=True)), node("a!=2"))
    assert receivers(router, a="1", b="1") == ["b=1"]
    router = root(node("a=1", node("b=1"), go_on=True), node("a!=2"))
    assert receivers(router, a="1", b="1") == ["b=1", "a!=2"]


def test_a_child_without_matchers_takes_everything() -> None:
    assert receivers(root(node("", receiver="all"), node("a=1")), a="1") == ["all"]
    assert receivers(root(node("", receiver="all", go_on=True), node("a=1")), a="1") == ["all", "a=1"]


def test_time_intervals_do_not_change_the_way() -> None:
    muted = RouteSpec(receiver="muted", matchers=matchers("a=1"), mute_time_intervals=("always",))
    assert receivers(root(muted, node("a=1")), a="1") == ["muted"]


def labelled(**labels: str) -> RouteSpec:
    return RouteSpec(receiver="x", labels=tuple(labels.items()))


def test_s10_labels_of_routes_are_merged_from_parent_to_child_key_by_key() -> None:
    child = replace(labelled(team="shop", empty=""), routes=(labelled(),))
    router = Router(
        replace(labelled(team="ops", page="yes", empty="no"), routes=(child, labelled(page="no")))
    )
    assert [dict(route.labels) for route in router.routes] == [
        {"team": "ops", "page": "yes", "empty": "no"},
        {"team": "shop", "page": "yes", "empty": ""},
        {"team": "shop", "page": "yes", "empty": ""},
        {"team": "ops", "page": "no", "empty": "no"},
    ]


def test_s10_siblings_do_not_see_each_others_labels() -> None:
    inner = (labelled(c="3"), labelled(d="4"))
    outer = (replace(labelled(a="1"), routes=inner), labelled(b="2"), labelled())
    router = Router(replace(labelled(top="0"), routes=outer))
    assert [" ".join(name for name, _ in route.labels) for route in router.routes] == [
        "top",
        "a top",
        "a c top",
        "a d top",
        "b top",
        "top",
    ]


def test_s10_labels_of_routes_change_neither_the_way_nor_the_group() -> None:
    plain = RouteSpec(receiver="root", group_by=("a", "team"), routes=(node("a=1"),))
    bare = Router(plain)
    with_labels = Router(
        replace(plain, labels=(("team", "ops"),), routes=(replace(node("a=1"), labels=(("a", "2"),)),))
    )
    for labels in (labels_from({"a": "1"}), labels_from({"a": "2", "team": "x"}), ()):
        assert with_labels.groups(labels) == bare.groups(labels)
        (one,), (other,) = with_labels.match(labels), bare.match(labels)
        assert one.group_key(one.group_labels(labels)) == other.group_key(other.group_labels(labels))


def test_one_receiver_reached_twice_is_two_routes() -> None:
    router = root(node("a=1", receiver="x", go_on=True), node("a!=2", receiver="x"))
    found = router.match(labels_from({"a": "1"}))
    assert ([route.receiver for route in found], len(set(found))) == (["x", "x"], 2)


def test_a_missing_label_is_an_empty_one() -> None:
    router = root(node('a=""'), node("a!~x"), node('b=~"|1"'))
    assert [
        receivers(router),
        receivers(router, a="2"),
        receivers(router, a="x"),
        receivers(router, a="x", b="2"),
    ] == [
        ['a=""'],
        ["a!~x"],
        ['b=~"|1"'],
        ["root"],
    ]


def test_a_root_that_does_not_match_routes_nowhere() -> None:
    assert receivers(Router(node("a=1", node("b=1"))), b="1") == []


def test_the_root_needs_a_receiver() -> None:
    with pytest.raises(ValueError, match="the root route needs a receiver"):
        Router(RouteSpec(routes=(node("a=1"),)))


# -- the tree of Alertmanager's own tests, in our words ---------------------------------------


def old_tree() -> Router:
    """The tree with the deprecated `match` and `match_re`."""
    team_a = RouteSpec(
        receiver="notify-A",
        matchers=(equality_matcher("owner", "team-A"),),
        routes=(
            RouteSpec("notify-testing", (equality_matcher("env", "testing"),), ("...",)),
            RouteSpec(
                "notify-productionA",
                (equality_matcher("env", "production"),),
                group_wait=MINUTE,
                continue_=True,
            ),
            RouteSpec(
                "notify-productionB",
                (regex_matcher_anchored("job", ".*"), regex_matcher_anchored("env", "produ.*")),
                ("job",),
                group_wait=30 * SECOND,
                group_interval=5 * MINUTE,
                repeat_interval=HOUR,
            ),
        ),
    )
    by_role = RouteSpec(
        matchers=(equality_matcher("group_by", "role"),),
        group_by=("role",),
        routes=(
            RouteSpec(
                "notify-testing",
                (equality_matcher("env", "testing"),),
                routes=(RouteSpec(matchers=(equality_matcher("wait", "long"),), group_wait=2 * MINUTE),),
            ),
        ),
    )
    team_bc = RouteSpec(
        "notify-BC", (regex_matcher_anchored("owner", "team-(B|C)"),), ("foo", "bar"), group_wait=2 * MINUTE
    )
    return Router(RouteSpec("notify-def", routes=(team_a, team_bc, by_role)))


WAIT, INTERVAL, REPEAT = 30 * SECOND, 5 * MINUTE, 4 * HOUR


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (
            {"owner": "team-A"},
            [("notify-A", '{}/{owner="team-A"}', (), False, WAIT, INTERVAL, REPEAT)],
        ),
        (
            {"owner": "team-A", "env": "unset"},
            [("notify-A", '{}/{owner="team-A"}', (), False, WAIT, INTERVAL, REPEAT)],
        ),
        (
            {"owner": "team-C"},
            [
                (
                    "notify-BC",
                    '{}/{owner=~"^(?:team-(B|C))$"}',
                    ("foo", "bar"),
                    False,
                    2 * MINUTE,
                    INTERVAL,
                    REPEAT,
                )
            ],
        ),
        (
            {"owner": "team-A", "env": "testing"},
            [("notify-testing", '{}/{owner="team-A"}/{env="testing"}', (), True, WAIT, INTERVAL, REPEAT)],
        ),
        (
            {"owner": "team-A", "env": "production"},
            [
                (
                    "notify-productionA",
                    '{}/{owner="team-A"}/{env="production"}',
                    (),
                    False,
                    MINUTE,
                    INTERVAL,
                    REPEAT,
                ),
                (
                    "notify-productionB",
                    '{}/{owner="team-A"}/{env=~"^(?:produ.*)$",job=~"^(?:.*)$"}',
                    ("job",),
                    False,
                    WAIT,
                    INTERVAL,
                    HOUR,
                ),
            ],
        ),
        (
            {"group_by": "role"},
            [("notify-def", '{}/{group_by="role"}', ("role",), False, WAIT, INTERVAL, REPEAT)],
        ),
        (
            {"env": "testing", "group_by": "role"},
            [
                (
                    "notify-testing",
                    '{}/{group_by="role"}/{env="testing"}',
                    ("role",),
                    False,
                    WAIT,
                    INTERVAL,
                    REPEAT,
                )
            ],
        ),
        (
            {"env": "testing", "group_by": "role", "wait": "long"},
            [
                (
                    "notify-testing",
                    '{}/{group_by="role"}/{env="testing"}/{wait="long"}',
                    ("role",),
                    False,
                    2 * MINUTE,
                    INTERVAL,
                    REPEAT,
                )
            ],
        ),
        ({"owner": "team-D"}, [("notify-def", "{}", (), False, WAIT, INTERVAL, REPEAT)]),
    ],
)
def test_alertmanagers_tree(labels: dict[str, str], found: list[tuple[object, ...]]) -> None:
    assert [
        (
            route.receiver,
            route.key,
            route.group_by,
            route.group_by_all,
            route.group_wait,
            route.group_interval,
            route.repeat_interval,
        )
        for route in old_tree().match(labels_from(labels))
    ] == found


def test_routes_are_listed_node_before_children() -> None:
    router = old_tree()
    assert [(route.index, route.receiver) for route in router.routes] == list(
        enumerate(
            [
                "notify-def",
                "notify-A",
                "notify-testing",
                "notify-productionA",
                "notify-productionB",
                "notify-BC",
                "notify-def",
                "notify-testing",
                "notify-testing",
            ]
        )
    )
    assert router.root is router.routes[0]


def test_matchers_in_a_key_are_sorted_and_print_as_written() -> None:
    router = root(
        node('owner="team-A",level!="critical"', node('env="testing",baz!~".*quux"')),
        node('owner=~"team-(B|C)"'),
    )
    assert [route.key for route in router.routes] == [
        "{}",
        '{}/{level!="critical",owner="team-A"}',
        '{}/{level!="critical",owner="team-A"}/{baz!~".*quux",env="testing"}',
        '{}/{owner=~"team-(B|C)"}',
    ]


# -- identity ---------------------------------------------------------------------------------


def test_s46_the_order_of_matchers_in_a_file_changes_nothing() -> None:
    one, other = (
        Router(RouteSpec(receiver="x", routes=(RouteSpec(matchers=matchers(*texts)),))).routes[1]
        for texts in (("b=1", 'a!="2"', "a=2"), ("a=2", 'a!="2"', "b=1"))
    )
    assert (one.id, one.key, one.matchers) == (other.id, other.key, other.matchers)
    assert one.key == '{}/{a="2",a!="2",b="1"}'


def test_equal_siblings_share_a_key_and_not_an_id() -> None:
    router = root(
        node('env="prod"', node('a="1"'), go_on=True),
        node('env="prod"', node('a="1"'), go_on=True),
        node("b=2"),
    )
    assert [(route.key, route.id) for route in router.routes] == [
        ("{}", "{}"),
        ('{}/{env="prod"}', '{}/{env="prod"}/0'),
        ('{}/{env="prod"}/{a="1"}', '{}/{env="prod"}/{a="1"}/0/0'),
        ('{}/{env="prod"}', '{}/{env="prod"}/1'),
        ('{}/{env="prod"}/{a="1"}', '{}/{env="prod"}/{a="1"}/1/0'),
        ('{}/{b="2"}', '{}/{b="2"}/2'),
    ]
    assert [router.by_id[route.id] is route for route in router.routes] == [True] * 6


def test_routes_are_equal_by_id() -> None:
    one, same, other = root(node("a=1")).routes[1], root(node("a=1")).routes[1], root(node("a=2")).routes[1]
    assert (one == same, hash(one) == hash(same), one == other, one == one.id) == (True, True, False, False)


def test_what_is_inherited() -> None:
    parent = RouteSpec(
        receiver="parent",
        matchers=matchers("a=1"),
        group_by=("x",),
        group_wait=0,
        group_interval=MINUTE,
        repeat_interval=HOUR,
        continue_=True,
        mute_time_intervals=("night",),
        active_time_intervals=("day",),
        routes=(RouteSpec(place="routing.yaml:9"),),
        place="routing.yaml:7",
    )
    child = root(parent).routes[2]
    assert child == Router(RouteSpec("root", routes=(parent,))).by_id['{}/{a="1"}/{}/0/0']
    assert (
        child.receiver,
        child.group_by,
        child.group_wait,
        child.group_interval,
        child.repeat_interval,
        child.matchers,
        child.continue_,
        child.mute_time_intervals,
        child.active_time_intervals,
        child.place,
    ) == ("parent", ("x",), 0, MINUTE, HOUR, (), False, (), (), "routing.yaml:9")


# -- groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parent", "child", "group_by", "group_by_all"),
    [
        (None, None, (), False),
        (("a",), None, ("a",), False),
        (("a",), (), (), False),
        (("a",), ("...",), (), True),
        (("...",), None, (), True),
        (("...",), (), (), False),
        (("...",), ("foo",), ("foo",), False),
    ],
)
def test_group_by_is_inherited_reset_and_widened(
    parent: tuple[str, ...] | None,
    child: tuple[str, ...] | None,
    group_by: tuple[str, ...],
    group_by_all: bool,
) -> None:
    route = Router(RouteSpec("r", group_by=parent, routes=(RouteSpec(group_by=child),))).routes[1]
    assert (route.group_by, route.group_by_all) == (group_by, group_by_all)


def grouped(*group_by: str, **labels: str) -> str:
    route = Router(RouteSpec("r", group_by=group_by)).root
    return route.group_key(route.group_labels(labels_from(labels)))


def test_a_group_has_those_of_its_labels_that_the_alert_has() -> None:
    assert [
        grouped("b", "a", a="1", b="2", c="3"),
        grouped("a", "b", a="1", c="3"),
        grouped("a", c="3"),
        grouped(c="3"),
        grouped("...", a="1", c="3"),
    ] == ['{}:{a="1", b="2"}', '{}:{a="1"}', "{}:{}", "{}:{}", '{}:{a="1", c="3"}']


def test_a_group_key_prints_as_alertmanagers() -> None:
    router = Router(
        RouteSpec(
            "prod",
            group_by=("alertname",),
            routes=(RouteSpec("testing", matchers("env=testing"), ("alertname", "service")),),
        )
    )
    labels = labels_from(
        {"alertname": "TestingAlert", "env": "testing", "service": "api", "instance": "inst1"}
    )
    (route,) = router.match(labels)
    assert route.group_key(route.group_labels(labels)) == (
        '{}/{env="testing"}:{alertname="TestingAlert", service="api"}'
    )


def test_label_values_are_go_quoted_and_matcher_values_only_escaped() -> None:
    value = 'tab\t bell\a quote" back\\slash line\n'
    route = Router(RouteSpec("r", routes=(RouteSpec(matchers=(Matcher("a", "=", value),)),))).routes[1]
    in_matcher = 'tab\t bell\a quote\\" back\\\\slash line\\n'
    in_label = r"tab\t bell\a quote\" back\\slash line\n"
    assert route.group_key((("a", value),)) == f'{{}}/{{a="{in_matcher}"}}:{{a="{in_label}"}}'


def test_the_groups_of_alertmanagers_own_test() -> None:
    router = Router(
        RouteSpec(
            "prod",
            group_by=("alertname",),
            routes=(
                RouteSpec("testing", matchers("env=testing"), ("alertname", "service")),
                RouteSpec(
                    "prod",
                    matchers("env=prod"),
                    ("alertname", "service", "cluster"),
                    continue_=True,
                ),
                RouteSpec("kafka", matchers("kafka=yes"), ("alertname", "service", "cluster")),
            ),
        )
    )
    alerts = [
        {"alertname": "OtherAlert", "cluster": "cc", "service": "dbb"},
        {"env": "testing", "alertname": "TestingAlert", "service": "api", "instance": "inst1"},
        {"env": "prod", "alertname": "HighErrorRate", "cluster": "aa", "service": "api", "instance": "inst1"},
        {"env": "prod", "alertname": "HighErrorRate", "cluster": "aa", "service": "api", "instance": "inst2"},
        {"env": "prod", "alertname": "HighErrorRate", "cluster": "bb", "service": "api", "instance": "inst1"},
        {
            "env": "prod",
            "alertname": "HighLatency",
            "cluster": "bb",
            "service": "db",
            "kafka": "yes",
            "instance": "inst3",
        },
    ]
    found: dict[tuple[str, str], list[str]] = {}
    for alert in alerts:
        labels = labels_from(alert)
        for route in router.match(labels):
            key = route.group_key(route.group_labels(labels))
            found.setdefault((route.receiver, key), []).append(fingerprint(labels))
    prints = [fingerprint(labels_from(alert)) for alert in alerts]
    assert found == {
        ("prod", '{}:{alertname="OtherAlert"}'): [prints[0]],
        ("testing", '{}/{env="testing"}:{alertname="TestingAlert", service="api"}'): [prints[1]],
        ("prod", '{}/{env="prod"}:{alertname="HighErrorRate", cluster="aa", service="api"}'): prints[2:4],
        ("prod", '{}/{env="prod"}:{alertname="HighErrorRate", cluster="bb", service="api"}'): [prints[4]],
        ("prod", '{}/{env="prod"}:{alertname="HighLatency", cluster="bb", service="db"}'): [prints[5]],
        ("kafka", '{}/{kafka="yes"}:{alertname="HighLatency", cluster="bb", service="db"}'): [prints[5]],
    }


# -- explaining -------------------------------------------------------------------------------


def test_every_look_is_explained() -> None:
    router = root(
        node('severity="critical"'),
        node('team="a"', node('env="test"'), node('env=~"p.*"', go_on=True), node("", receiver="rest")),
        node('team=~"a|b"'),
    )
    labels = labels_from({"severity": "warning", "team": "a", "env": "prod"})
    assert [(s.depth, s.route.receiver, s.matched, s.receives, s.reason) for s in router.explain(labels)] == [
        (0, "root", True, False, "it has no matchers, so it takes everything"),
        (1, 'severity="critical"', False, False, 'severity="critical" does not hold: severity is "warning"'),
        (1, 'team="a"', True, False, "every matcher holds"),
        (2, 'env="test"', False, False, 'env="test" does not hold: env is "prod"'),
        (2, 'env=~"p.*"', True, True, "every matcher holds"),
        (2, "rest", True, True, "it has no matchers, so it takes everything"),
        (1, 'team=~"a|b"', False, False, 'not tried: {}/{team="a"} matched and does not continue'),
    ]
    assert router.explain(labels_from({"team": "b", "severity": "critical"}))[1].receives


def test_a_node_whose_children_do_not_match_says_so() -> None:
    step = root(node("a=1")).explain(labels_from({"b": "1"}))[0]
    assert (step.receives, step.reason) == (
        True,
        "it has no matchers, so it takes everything; none of its routes matches, so it receives",
    )


# -- the index answers as the walk ------------------------------------------------------------

NAMES = ["a", "b", "c"]
VALUES = ["", "1", "2", "3"]
PATTERNS = ["1|2", "", "1|", ".+", "[12]", "^(?:2|3)$", "(?i)1", "3"]

any_matcher = st.builds(
    Matcher, st.sampled_from(NAMES), st.sampled_from(["=", "!="]), st.sampled_from(VALUES)
) | st.builds(Matcher, st.sampled_from(NAMES), st.sampled_from(["=~", "!~"]), st.sampled_from(PATTERNS))


def specs(routes: st.SearchStrategy[tuple[RouteSpec, ...]]) -> st.SearchStrategy[RouteSpec]:
    return st.builds(
        RouteSpec,
        matchers=st.lists(any_matcher, max_size=3).map(tuple),
        continue_=st.booleans(),
        routes=routes,
    )


trees = st.recursive(
    specs(st.just(())), lambda inner: specs(st.lists(inner, max_size=6).map(tuple)), max_leaves=25
).map(lambda spec: Router(RouteSpec("root", routes=(*spec.routes, spec))))
label_sets = st.dictionaries(st.sampled_from([*NAMES, "z"]), st.sampled_from(VALUES), max_size=4).map(
    labels_from
)


def plain_walk(route: Route, labels: Labels) -> list[Route]:
    """Alertmanager's search, written once more without anything that saves time."""
    if not all(m.matches(dict(labels).get(m.name, "")) for m in route.matchers):
        return []
    found: list[Route] = []
    for child in route.children:
        below = plain_walk(child, labels)
        found += below
        if below and not child.continue_:
            break
    return found or [route]


@settings(deadline=None, max_examples=300)
@given(router=trees, alerts=st.lists(label_sets, min_size=1, max_size=8))
def test_match_and_walk_answer_as_the_plain_search(router: Router, alerts: list[Labels]) -> None:
    expected = [tuple(plain_walk(router.root, labels)) for labels in alerts]
    assert [router.match(labels) for labels in alerts] == expected
    assert [router.match(labels) for labels in alerts] == expected  # from the memo
    assert [router.walk(labels) for labels in alerts] == expected


@settings(deadline=None)
@given(router=trees)
@example(Router(RouteSpec("root", routes=(node('a="/0"', node("b=1")), node('a="/0"', node("b=1"))))))
def test_ids_are_unique(router: Router) -> None:
    assert len(router.by_id) == len(router.routes)


def test_the_memo_is_bounded_and_forgets_nothing_that_matters() -> None:
    router = root(*(node(f'a="{i}"') for i in range(10)))
    for turn in range(40_000):
        assert receivers(router, a=str(turn)) == ([f'a="{turn}"'] if turn < 10 else ["root"])
    assert len(router._memo) <= 16_384


def test_a_thousand_siblings_are_not_searched_one_by_one() -> None:
    seen: list[str] = []

    class Counting(str):
        """A value that notes with what it is compared."""

        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            seen.append(str(other))
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    router = root(*(node(f'severity="critical",service="svc-{i}"') for i in range(1000)))
    labels = (("service", Counting("svc-700")), ("severity", Counting("critical")))
    assert [route.receiver for route in router.match(labels)] == ['severity="critical",service="svc-700"']
    assert len(seen) < 20
