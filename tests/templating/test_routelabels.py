"""Labels of routes, expanded."""

import pytest

from responder.core.catalogue import Template
from responder.core.model import SECOND, labels_from
from responder.templating import context_of, render, route_labels
from tests.notify.notices import MONDAY, alert, notification

ONE = alert(1, {"summary": "it burns"}, alertname="A", team="shop", pod="x")
OTHER = alert(2, alertname="A", team="shop", pod="y")


def expanded(**labels: str) -> dict[str, str]:
    told = notification(firing=(ONE, OTHER), group_labels={"alertname": "A"}, route_labels=labels)
    return route_labels(told, "https://responder.example")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ops", "ops"),
        ("", ""),
        ("  {% raw %} {# as it stands #} }} ", "  {% raw %} {# as it stands #} }} "),
        ("{{ .CommonLabels.team }}/{{ .GroupLabels.alertname }}", "shop/A"),
        ("{{ .CommonLabels.pod }}{{ .CommonLabels.nothing }}", ""),
        ("{{ .Status | toUpper }} {{ .Receiver }} {{ len .Alerts }}", "FIRING web.hook 2"),
        ("{{ .ExternalURL }}/x", "https://responder.example/x"),
        ("{{ range .Alerts }}{{ .Labels.pod }}{{ end }}", "xy"),
        ('{{ if eq .Status "firing" }}now{{ else }}then{{ end }}', "now"),
        ("a\n  {{ range .Alerts }}\n{{ .Labels.pod }}\n  {{- end }}\nb", "a\n  \nx\ny\nb"),
    ],
)
def test_a_value_is_a_go_template_over_what_is_told(text: str, value: str) -> None:
    assert expanded(x=text) == {"x": value}


def test_a_label_may_name_others_in_any_order() -> None:
    assert expanded(
        a='{{ routeLabels "b" }}!',
        b="{{ .RouteLabels.c }}?",
        c="{{ .CommonLabels.team }}",
        d='{{ routeLabels "z" }}',
    ) == {"a": "shop?!", "b": "shop?", "c": "shop", "d": ""}


def test_labels_that_name_one_another_come_to_an_end() -> None:
    assert expanded(a='a{{ routeLabels "b" }}', b='b{{ routeLabels "a" }}', c='c{{ routeLabels "c" }}') == {
        "a": "ab",
        "b": "b",
        "c": "c",
    }


def test_what_cannot_be_expanded_is_left_out_and_the_rest_is_there() -> None:
    endless = "{{ range .Alerts }}" * 2 + "x" + "{{ end }}" * 2
    labels = {"bad": '{{ template "x" . }}', "open": "{{ .Status", "nested": endless, "good": "1"}
    assert expanded(**labels) == {"good": "1"}
    assert expanded(x='[{{ routeLabels "bad" }}]', bad="{{ .Status") == {"x": "[]"}


@pytest.mark.parametrize(
    "text", ["{{ 7 * 7 }}", "{{ .Status }}", '{{ routeLabels "y" }}', "{% for x in y %}", "}}{{"]
)
def test_what_an_alert_says_stays_data(text: str) -> None:
    hostile = alert(1, {"summary": text}, alertname=text, team=text)
    labels = {"x": "<{{ .CommonLabels.team }}>", "y": '{{ routeLabels "x" }}{{ .CommonAnnotations.summary }}'}
    told = notification(firing=(hostile,), route_labels=labels)
    assert route_labels(told, "") == {"x": f"<{text}>", "y": f"<{text}>{text}"}
    context = context_of(told, "", MONDAY)
    assert render(Template("{{ route_labels.x }}"), context) == f"<{text}>"


def test_in_html_they_are_escaped() -> None:
    hostile = alert(1, alertname="<script>&")
    told = notification(firing=(hostile,), route_labels={"x": "<b>{{ .CommonLabels.alertname }}"})
    assert (
        render(Template("{{ route_labels.x }}"), context_of(told, "", MONDAY), html=True)
        == "&lt;b&gt;&lt;script&gt;&amp;"
    )


def test_every_template_sees_them_and_a_missing_one_is_empty() -> None:
    told = notification(firing=(ONE,), route_labels={"team": "{{ .CommonLabels.team }}", "a b": "c"})
    template = Template('{{ route_labels.team }} {{ route_labels["a b"] }} [{{ route_labels.nope }}]')
    assert render(template, context_of(told, "", MONDAY)) == "shop c []"


def test_every_try_says_the_same() -> None:
    told = notification(firing=(ONE,), route_labels={"x": "{{ range .Alerts }}{{ .StartsAt }}{{ end }}"})
    early, late = (context_of(told, "", MONDAY + wait * SECOND)["route_labels"] for wait in (0, 3600))
    assert early == late == {"x": "2026-01-05T00:00:00Z"}
    assert labels_from(early) == (("x", "2026-01-05T00:00:00Z"),)
