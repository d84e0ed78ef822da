"""Labels of routes: what loads, and what is wrong with them, in its place."""

from pathlib import Path

import pytest

from responder.errors import ProblemsError
from tests.ruleset.reading import load, shown, wrong

RECEIVERS = "receivers: [{name: a}]\n"


def test_s10_labels_of_routes_load_as_alertmanagers(tmp_path: Path) -> None:
    loaded = load(
        """
route:
  receiver: a
  labels: {team: ops, since: 17:00, nothing: null, page: yes}
  routes:
    - matchers: [x="1"]
      labels:
        team: '{{ .CommonLabels.team | toUpper }}'
        "a b/é": '{{ routeLabels "team" }}'
      routes: [{matchers: [y="1"], labels: {page: "no"}}]
    - matchers: [x="2"]
"""
        + RECEIVERS,
        tmp_path,
        allow_unsupported=False,
    )
    above = {"team": "ops", "since": "17:00", "nothing": "", "page": "yes"}
    first = above | {"team": "{{ .CommonLabels.team | toUpper }}", "a b/é": '{{ routeLabels "team" }}'}
    assert [dict(route.labels) for route in loaded.ruleset.router.routes] == [
        above,
        first,
        first | {"page": "no"},
        above,
    ]
    assert loaded.warnings == ()


def test_every_problem_of_a_label_has_its_place(tmp_path: Path) -> None:
    assert wrong(
        """
route:
  receiver: a
  labels:
    "": x
    list: [x]
    a: '{{ .RouteLabels.b }}'
    b: '{{ routeLabels "c" }} {{ routeLabels "other" }}'
    other: x
    c: '{{ index .RouteLabels "a" }}'
    team: x
    team: y
  routes:
    - matchers: [x="1"]
      labels: [x]
    - matchers: [x="2"]
      labels: {self: '{{ routeLabels "self" }}', fine: '{{ routeLabels "other" }}'}
    - matchers: [x="3"]
      labels: {other: '{{ routeLabels "b" }}'}
"""
        + RECEIVERS,
        tmp_path,
    ) == [
        "routing.yaml:5:5: error: labels: a label needs a name",
        "routing.yaml:6:11: error: labels: list must be a text, not a list",
        "routing.yaml:7:5: error: labels: a has no value: a names b names c names a",
        'routing.yaml:12:5: error: duplicate key "team": first at routing.yaml:11:5',
        "routing.yaml:15:15: error: labels: must be a mapping, not a list",
        "routing.yaml:17:16: error: labels: self has no value: self names self",
        "routing.yaml:19:16: error: labels: other has no value: other names b names other",
    ]


def test_a_template_that_cannot_be_expanded_is_said_and_its_parents_value_is_not_told(tmp_path: Path) -> None:
    text = f"""
route:
  receiver: a
  labels: {{team: ops}}
  routes:
    - matchers: [x="1"]
      labels: {{team: '{{{{ template "team" . }}}}'}}
{RECEIVERS}"""
    message = "labels: team: a Go template that this version cannot expand; nobody is told the label"
    with pytest.raises(ProblemsError) as caught:
        load(text, tmp_path, allow_unsupported=False)
    assert shown(str(caught.value).splitlines(), tmp_path) == [f"routing.yaml:7:22: error: {message}"]
    loaded = load(text, tmp_path)
    assert shown([str(problem) for problem in loaded.unsupported], tmp_path) == [
        f"routing.yaml:7:22: warning: {message}"
    ]
    assert dict(loaded.ruleset.router.routes[1].labels) == {"team": '{{ template "team" . }}'}
