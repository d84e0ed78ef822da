from pathlib import Path

from tests.ruleset.reading import integrations, load, problems

SLACK = "  slack_configs:\n    - channel: a\n      app_token_file: token\n"


def test_a_mistake_is_shown_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb")
    receiver = (
        SLACK
        + """      template:
        title: '{{ comon_labels.x }}'
        text: |
          {% for alert in alerts %}
          {{ alert.lables.pod }}
          {% endfor %}
    - channel: b
      app_token_file: token
      template:
        title: "{{ status }}\\n{{ nosuch }}"
        text: >
          {{ status }}

          {{ status
        titel: x
"""
    )
    names = (
        "there are alerts, common_annotations, common_labels, counts, external_url, firing, group_labels, "
        "incident, late, reason, receiver, resolved, skipped, stale, status"
    )
    assert problems(receiver, tmp_path) == [
        '8:16: error: template: title: unknown name "comon_labels"; did you mean "common_labels"?',
        "11:1: error: template: text: an alert or mapping has no 'lables' (tried on one alert)",
        f'16:16: error: template: title: line 2: unknown name "nosuch"; {names}',
        "17:15: error: template: text: line 2: unexpected end of template, expected 'end of print "
        "statement'.",
        '21:9: error: unknown key "titel" in template of slack_configs; did you mean "title"?',
    ]


def test_a_template_is_not_tried_again_when_its_rules_are_compiled_from_what_was_kept(
    tmp_path: Path,
) -> None:
    (found,) = integrations(
        f"{SLACK}      template: {{title: '{{{{ gone }}}}'}}\n", tmp_path, read_files=False
    )
    assert found.supported


def test_an_empty_template_means_our_own_text(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("xoxb")
    (found,) = integrations(f"{SLACK}      title: ''\n      template: {{text: ' '}}\n", tmp_path)
    assert found.settings.templates == {}


def test_html_is_tried_as_html(tmp_path: Path) -> None:
    loaded = load(
        """
global: {smtp_smarthost: 'm:25', smtp_from: a@b.c}
route: {receiver: r}
receivers:
- name: r
  email_configs:
    - to: a@b.c
      template: {html: '<p>{{ alerts|map(attribute="labels.pod")|join("<br>") }}</p>'}
""",
        tmp_path,
    )
    (found,) = loaded.ruleset.receivers["r"].integrations
    assert list(found.settings.templates) == ["html"]
