"""Go templates: which are Alertmanager's own defaults."""

from pathlib import Path

import pytest

from responder.ruleset.gotemplates import default_of, defined_in


@pytest.mark.parametrize(
    ("kind", "key", "text", "expected"),
    [
        ("slack", "title", '{{ template "slack.default.title" . }}', "slack.default.title"),
        ("slack", "title_link", '{{template "slack.default.titlelink" .}}\n', "slack.default.titlelink"),
        ("slack", "icon_emoji", '{{- template "slack.default.iconemoji" . -}}', "slack.default.iconemoji"),
        ("slack", "color", '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}', ""),
        (
            "pagerduty",
            "client_url",
            '{{ template "pagerduty.default.clientURL" . }}',
            "pagerduty.default.clientURL",
        ),
        (
            "pagerduty",
            "firing",
            '{{ template "pagerduty.default.instances" .Alerts.Firing }}',
            "pagerduty.default.instances",
        ),
        ("pagerduty", "num_resolved", "{{ .Alerts.Resolved | len }}", ""),
        ("email", "Subject", '{{ template "email.default.subject" . }}', "email.default.subject"),
        # Not a default: another key's, another kind's, another argument, something beside it.
        ("slack", "text", '{{ template "slack.default.title" . }}', None),
        ("email", "title", '{{ template "slack.default.title" . }}', None),
        ("slack", "title", '{{ template "slack.default.title" .Alerts }}', None),
        ("slack", "title", 'x {{ template "slack.default.title" . }}', None),
        ("slack", "color", '{{ if eq .Status "firing" }}red{{ else }}good{{ end }}', None),
        ("pagerduty", "resolved", '{{ template "pagerduty.default.instances" .Alerts.Firing }}', None),
        ("slack", "title", "plain", None),
    ],
)
def test_defaults_are_told_from_what_people_wrote(
    kind: str, key: str, text: str, expected: str | None
) -> None:
    assert default_of(kind, key, text) == expected


def test_templates_that_files_define(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "a.tmpl").write_text('{{ define "slack.default.title" }}x{{ end }}')
    (tmp_path / "t" / "b.tmpl").write_bytes(b'\xff{{- define "mine" -}}')
    found = defined_in(["t/*.tmpl", "none/*.tmpl"], tmp_path)
    assert found == ({"slack.default.title": "t/a.tmpl", "mine": "t/b.tmpl"}, ["none/*.tmpl"])
    assert defined_in([str(tmp_path / "t" / "a.tmpl")], Path("elsewhere"))[1] == []
