import re
from pathlib import Path
from textwrap import indent

from responder.settings import Pagerduty, Settings, Slack, Smtp
from responder.templating.context import NAMES
from responder.templating.metering import FILTER_NAMES
from tests.ruleset.reading import integrations, load, problems

DOCS = Path(__file__).parents[2] / "docs/configuration.md"
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
        "incident, late, reason, receiver, resolved, route_labels, skipped, stale, status"
    )
    assert problems(receiver, tmp_path) == [
        '8:16: error: template: title: unknown name "comon_labels"; did you mean "common_labels"?',
        "11:1: error: template: text: there is no 'lables' here (tried on one alert)",
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


# -- what the documentation says ----------------------------------------------------------------


def test_the_documented_templates_load(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(slack_configs:.*?)```", DOCS.read_text(), re.DOTALL)
    (tmp_path / "key").write_text("secret")
    settings = Settings(
        slack=Slack(tmp_path / "key"),
        pagerduty=Pagerduty(routing_key_file=tmp_path / "key"),
        smtp=Smtp("mail:25", "r@example.com"),
    )
    found = integrations(indent(text, "  "), tmp_path, settings)
    assert [sorted(each.settings.templates) for each in found] == [
        ["text", "title"],
        ["html", "subject"],
        ["description", "details.pods", "source"],
    ]


def test_the_documentation_lists_what_a_template_can_use() -> None:
    text = DOCS.read_text().partition("### Templates")[2]
    table = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    named = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert named == NAMES
    (filters,) = re.findall(r"and these filters: (.*?)\. Texts", text, re.DOTALL)
    assert sorted(re.findall(r"`(\w+)`", filters)) == [name for name in FILTER_NAMES if len(name) > 1]
