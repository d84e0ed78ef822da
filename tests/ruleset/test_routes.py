from pathlib import Path

import pytest

from responder.core.model import HOUR, MINUTE, SECOND
from tests.ruleset.reading import load, warned, wrong

RECEIVERS = "receivers: [{name: a}, {name: b}]\n"


def test_what_a_route_may_say(tmp_path: Path) -> None:
    loaded = load(
        """
route:
  receiver: a
  group_by: [alertname, cluster]
  routes:
    - receiver: b
      matchers: ['severity=~"a|b",team!="x"', '{env="prod"}']
      group_by: ['...']
      group_wait: 0s
      group_interval: 1m
      repeat_interval: 1h
      continue: true
      mute_time_intervals: [nights]
      active_time_intervals: [always]
    - matchers: []
      group_by: []
time_intervals:
  - {name: nights, time_intervals: [{times: [{start_time: 17:00, end_time: 24:00}]}]}
  - {name: always, time_intervals: [{}]}
"""
        + RECEIVERS,
        tmp_path,
    )
    root, first, second = loaded.ruleset.router.routes
    assert (root.receiver, root.group_by, root.group_wait) == ("a", ("alertname", "cluster"), 30 * SECOND)
    assert (root.group_interval, root.repeat_interval) == (5 * MINUTE, 4 * HOUR)
    assert first.key == '{}/{env="prod",severity=~"a|b",team!="x"}'
    assert (first.group_by_all, first.group_wait, first.group_interval) == (True, 0, MINUTE)
    assert (first.repeat_interval, first.continue_) == (HOUR, True)
    assert (first.mute_time_intervals, first.active_time_intervals) == (("nights",), ("always",))
    assert (second.receiver, second.group_by, second.group_by_all) == ("a", (), False)
    assert [route.place for route in (root, first, second)] == [
        "routing.yaml:3",
        "routing.yaml:6",
        "routing.yaml:15",
    ]
    assert loaded.warnings == ()


@pytest.mark.parametrize("empty", ["matchers: []", "match: {}", "mute_time_intervals: []", "continue: false"])
def test_the_root_may_say_nothing_in_so_many_words(empty: str, tmp_path: Path) -> None:
    load(f"route: {{receiver: a, {empty}}}\nreceivers: [{{name: a}}]", tmp_path)


def test_the_root_takes_every_alert_at_any_time(tmp_path: Path) -> None:
    assert wrong(
        """
route:
  matchers: [a="b"]
  match: {a: b}
  match_re: {a: b}
  continue: true
  mute_time_intervals: [x]
  active_time_intervals: [x]
receivers: []
""",
        tmp_path,
    ) == [
        "routing.yaml:3:3: error: a route needs receiver",
        "routing.yaml:3:3: error: matchers: not in the root route, which takes every alert",
        "routing.yaml:4:3: warning: match is deprecated; write matchers: ['a=\"b\"']",
        "routing.yaml:4:3: error: match: not in the root route, which takes every alert",
        "routing.yaml:5:3: warning: match_re is deprecated; write matchers: ['a=~\"^(?:b)$\"']",
        "routing.yaml:5:3: error: match_re: not in the root route, which takes every alert",
        "routing.yaml:6:3: error: continue: not in the root route, which has no siblings",
        "routing.yaml:7:3: error: mute_time_intervals: not in the root route, which takes every alert",
        'routing.yaml:7:25: error: mute_time_intervals: there is no time interval "x"',
        "routing.yaml:8:3: error: active_time_intervals: not in the root route, which takes every alert",
        'routing.yaml:8:27: error: active_time_intervals: there is no time interval "x"',
    ]


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    assert wrong(
        """
route:
  receiver: pagers
  routes:
    - receiver: zzz
      mute_time_intervals: [nigths]
      routes: [{reciever: a}]
receivers: [{name: pager}]
time_intervals: [{name: nights, time_intervals: []}]
""",
        tmp_path,
    ) == [
        'routing.yaml:3:13: error: receiver: there is no receiver "pagers"; did you mean "pager"?',
        'routing.yaml:5:17: error: receiver: there is no receiver "zzz"',
        (
            "routing.yaml:6:29: error: mute_time_intervals: there is no time interval "
            '"nigths"; did you mean "nights"?'
        ),
        (
            "routing.yaml:7:16: warning: the time intervals of the route above (routing.yaml:5) are "
            "not inherited: "
            "this one is active at any time (inherit_mutes: true there would change that)"
        ),
        'routing.yaml:7:17: error: unknown key "reciever" in a route; did you mean "receiver"?',
    ]


def test_values_that_mean_nothing(tmp_path: Path) -> None:
    assert wrong(
        """
route:
  receiver: a
  group_by: [x, x]
  group_wait: 5 minutes
  group_interval: 0s
  repeat_interval: 0
  routes:
    - group_by: ['...', x]
      continue: maybe
    - group_by: [""]
    - text
"""
        + RECEIVERS,
        tmp_path,
    ) == [
        "routing.yaml:4:17: error: group_by: 'x' is given twice",
        "routing.yaml:5:15: error: group_wait: '5 minutes' is not a duration such as 30s, 5m, 1h30m or 4d",
        "routing.yaml:6:19: error: group_interval: cannot be zero",
        "routing.yaml:7:20: error: repeat_interval: cannot be zero",
        "routing.yaml:9:18: error: group_by: '...' means every label and must stand alone",
        "routing.yaml:10:17: error: continue: 'maybe' is not true or false (without quotes)",
        (
            "routing.yaml:11:7: warning: never reached: the route at routing.yaml:9 matches every "
            "alert and has "
            "no continue"
        ),
        "routing.yaml:11:18: error: group_by: cannot be empty",
        "routing.yaml:12:7: error: a route must be a mapping, not a text",
        (
            "routing.yaml:12:7: warning: never reached: the route at routing.yaml:9 matches every "
            "alert and has "
            "no continue"
        ),
    ]


def test_what_alertmanager_accepts_and_people_trip_over(tmp_path: Path) -> None:
    loaded = load(
        """
route:
  receiver: a
  routes:
    - matchers: [x="1"]
      active_time_intervals: [office]
      routes:
        - matchers: [y="1"]
        - matchers: [y="2"]
          mute_time_intervals: [office]
    - receiver: b
    - matchers: [x="2"]
    - matchers: [x="3"]
      group_interval: 10m
      repeat_interval: 5m
time_intervals: [{name: office, time_intervals: [{weekdays: ['monday:friday']}]}]
receivers: [{name: a}, {name: b}, {name: c, labels: {x: y}}]
""",
        tmp_path,
    )
    assert warned(loaded, tmp_path) == [
        (
            "routing.yaml:8:11: warning: the time intervals of the route above (routing.yaml:5) are "
            "not inherited: "
            "this one is active at any time (inherit_mutes: true there would change that)"
        ),
        (
            "routing.yaml:12:7: warning: never reached: the route at routing.yaml:11 matches every "
            "alert and has "
            "no continue"
        ),
        (
            "routing.yaml:13:7: warning: never reached: the route at routing.yaml:11 matches every "
            "alert and has "
            "no continue"
        ),
        (
            "routing.yaml:15:24: warning: repeat_interval: repeats come every 10m, the group_interval: "
            "repeat_interval is shorter (5m)"
        ),
        'routing.yaml:17:42: warning: no route names the receiver "c"',
        "routing.yaml:17:53: warning: labels: labels of receivers are not used by this version",
    ]


def test_continue_keeps_later_siblings_reachable(tmp_path: Path) -> None:
    loaded = load(
        "route: {receiver: a, routes: [{receiver: b, continue: true}, {receiver: a}]}\n" + RECEIVERS, tmp_path
    )
    assert loaded.warnings == ()


def test_deep_trees_load(tmp_path: Path) -> None:
    depth = 90
    text = "{receiver: a}"
    for _ in range(depth):
        text = f"{{receiver: a, routes: [{text}]}}"
    loaded = load(f"route: {text}\nreceivers: [{{name: a}}]", tmp_path)
    assert len(loaded.ruleset.router.routes) == depth + 1


def test_intervals_are_inherited_where_a_route_above_says_so(tmp_path: Path) -> None:
    loaded = load(
        """
route:
  receiver: a
  routes:
    - matchers: [x="1"]
      inherit_mutes: true
      mute_time_intervals: [nights]
      active_time_intervals: [office]
      routes:
        - matchers: [y="1"]
        - matchers: [y="2"]
          active_time_intervals: []
        - matchers: [y="3"]
          mute_time_intervals: [office]
          inherit_mutes: false
          routes:
            - matchers: [z="1"]
time_intervals: [{name: office, time_intervals: []}, {name: nights, time_intervals: []}]
receivers: [{name: a}]
""",
        tmp_path,
    )
    assert warned(loaded, tmp_path) == [
        "routing.yaml:17:15: warning: the time intervals of the route above (routing.yaml:13) are not "
        "inherited: this one is active at any time (inherit_mutes: true there would change that)"
    ]
    above = "routing.yaml:5"
    assert [
        (r.mute_time_intervals, r.mutes_of, r.active_time_intervals, r.actives_of)
        for r in loaded.ruleset.router.routes
    ] == [
        ((), "", (), ""),
        (("nights",), "", ("office",), ""),
        (("nights",), above, ("office",), above),
        (("nights",), above, (), ""),
        (("office",), "", ("office",), above),
        ((), "", (), ""),
    ]
