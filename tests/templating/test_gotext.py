"""Go templates in Jinja2."""

import pytest

from responder.templating.gotext import in_jinja, labels_in


@pytest.mark.parametrize(
    ("go", "jinja"),
    [
        ("{{ .CommonAnnotations.summary }}", "{{ common_annotations.summary }}"),
        ("[{{.Status|toUpper}}] {{ .GroupLabels.job }}", "[{{ status|upper }}] {{ group_labels.job }}"),
        ("{{ len .Alerts }} of {{ .Alerts.Firing | len }}", "{{ counts.all }} of {{ counts.firing }}"),
        (
            "{{ range .Alerts.Firing }}{{ .Labels.pod }}: {{ .Annotations.a }} {{ $.Status }}{{ end }}",
            "{% for alert in firing %}{{ alert.labels.pod }}: {{ alert.annotations.a }} {{ status }}"
            "{% endfor %}",
        ),
        (
            '{{- if eq .Status "firing" -}} a {{ else if .CommonLabels.x }} b {{ else }} c {{ end }}',
            '{%- if status == "firing" -%} a {% elif common_labels.x %} b {% else %} c {% endif %}',
        ),
        (
            "{{ range .Alerts }}{{ if .Labels.x }}y{{ end }}{{ end }}",
            "{% for alert in alerts %}{% if alert.labels.x %}y{% endif %}{% endfor %}",
        ),
        (
            '{{ routeLabels "team" }} {{ .RouteLabels.team | trimSpace }}',
            '{{ route_labels["team"] }} {{ route_labels.team|trim }}',
        ),
        (
            '{{ index .CommonLabels "a.b/c" }}{{ range .Alerts }}{{ index .Labels "é" }}'
            '{{ index $.GroupLabels "x" }}{{ end }}',
            '{{ common_labels["a.b/c"] }}{% for alert in alerts %}{{ alert.labels["é"] }}'
            '{{ group_labels["x"] }}{% endfor %}',
        ),
        # To Jinja2 these are methods, unless they are asked for as entries.
        (
            "{{ .CommonLabels.items }}{{ .GroupLabels.get }}{{ .CommonLabels._x }}",
            '{{ common_labels["items"] }}{{ group_labels["get"] }}{{ common_labels["_x"] }}',
        ),
        (
            "{{ toUpper .Status }} {{ title .GroupLabels.job | trimSpace }}",
            "{{ status|upper }} {{ group_labels.job|title|trim }}",
        ),
    ],
)
def test_what_can_be_said_in_jinja_word_for_word(go: str, jinja: str) -> None:
    assert in_jinja(go) == jinja


@pytest.mark.parametrize(
    "go",
    [
        "no template",
        '{{ template "mine" . }}',
        "{{ .CommonLabels.SortedPairs.Values | join }}",
        "{{ .CommonLabels.SortedPairs }}",
        "{{ range .Alerts }}{{ .Labels.Names }}{{ end }}",
        "{{ len .CommonLabels.x }}",
        "{{ range .CommonLabels.SortedPairs }}{{ .Name }}{{ end }}",
        "{{ range .Alerts }}{{ range .Labels.SortedPairs }}{{ end }}{{ end }}",
        "{{ range .Alerts }}{{ .CommonLabels.x }}{{ end }}",
        "{{ if .Status }}",
        "{{ end }}",
        "{{ else }}",
        "{{ $x := .Status }}",
        '{{ printf "%s" .Status }}',
        "{{ .Alerts.Firing.Something }}",
        "{{ .Status | reReplaceAll }}",
        "{% raw %}{{ .Status }}",
        "{{ .Status }} {{ .Status",
        "{{ range .Alerts }}{{ else }}{{ end }}",
        "{{ range .Status }}{{ end }}",
        '{{ index .Alerts "0" }}',
        '{{ range .Alerts }}{{ index .CommonLabels "x" }}{{ end }}',
        r'{{ routeLabels "a\x62" }}',
        "{{ routeLabels `team` }}",
    ],
)
def test_what_cannot_is_not_said_at_all(go: str) -> None:
    assert in_jinja(go) is None


@pytest.mark.parametrize(
    ("go", "names"),
    [
        ("routeLabels", set()),
        ('routeLabels "x" .RouteLabels.y {{ .Status }}', set()),
        (
            '{{ routeLabels "a b" }} {{ if .RouteLabels.c }}{{ index .RouteLabels "d" }}{{ end }}',
            {"a b", "c", "d"},
        ),
    ],
)
def test_the_labels_that_a_template_names(go: str, names: set[str]) -> None:
    assert labels_in(go) == names
