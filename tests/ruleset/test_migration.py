"""From an alertmanager.yml to rules: what is changed, what is said, and that nothing else differs."""

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.rules import Ruleset
from responder.errors import FileError, ProblemsError
from responder.ruleset import load_ruleset
from responder.ruleset.migration import Migrated, migrate
from responder.settings import Settings
from tests.conformance.files import sound

HEAD = """\
# Made from alertmanager.yml by `responder migrate`. Above what was changed or needs a look stands a comment
# that begins with "responder:"; everything else is as it was.
#
"""
ROUTE = "route: {receiver: a}\n"
SLACK = (
    f"{ROUTE}receivers:\n  - name: a\n    slack_configs:\n      - channel: x\n        app_token_file: /t\n"
)


def migrated(directory: Path, text: str, into: str = "rules") -> Migrated:
    (directory / "alertmanager.yml").write_text(text, newline="")
    return migrate(directory / "alertmanager.yml", directory / into, Settings())


def added(directory: Path, text: str) -> list[str]:
    """The comments that were put in, without their indentation and their first word."""
    found = migrated(directory, text).text.removeprefix(HEAD).splitlines()
    return [
        line.strip().removeprefix("# responder: ")
        for line in found
        if line.strip().startswith("# responder:")
    ]


def loaded(path: Path) -> Ruleset:
    return load_ruleset(path, Settings(), read_files=False).ruleset


def same(one: Ruleset, other: Ruleset) -> bool:
    """Whether two sets of rules route, tell, inhibit and mute alike."""

    def told(rules: Ruleset) -> object:
        return {
            name: [(each.kind, each.send_resolved, each.supported) for each in receiver.integrations]
            for name, receiver in rules.receivers.items()
        }

    def routes(rules: Ruleset) -> object:
        return [
            (
                (each.id, each.receiver, each.group_by, each.group_by_all, each.continue_),
                (each.group_wait, each.group_interval, each.repeat_interval),
                (each.mute_time_intervals, each.active_time_intervals, each.labels),
            )
            for each in rules.router.routes
        ]

    return (routes(one), told(one), one.inhibit_rules, one.time_intervals, one.resolve_timeout) == (
        routes(other),
        told(other),
        other.inhibit_rules,
        other.time_intervals,
        other.resolve_timeout,
    )


def test_what_needs_nothing_is_as_it_was(tmp_path: Path) -> None:
    text = "# mine\nroute:   {receiver: a}   # all\n\nreceivers: [{name: a}]\n"
    found = migrated(tmp_path, text)
    assert (found.text, found.notes, found.lacking) == (HEAD + text, (), False)


def test_alertmanagers_own_defaults_are_left_out(tmp_path: Path) -> None:
    text = SLACK + "        title: '{{ template \"slack.default.title\" . }}'\n        send_resolved: true\n"
    found = migrated(tmp_path, text)
    (note,) = found.notes
    message = "title is left out: it was Alertmanager's default; Responder has its own"
    assert found.text == HEAD + text.replace(
        "title: '{{ template \"slack.default.title\" . }}'", f"# responder: {message}"
    )
    assert (note.kind, note.message, note.was.line, note.place.line) == ("changed", message, 7, 10)
    assert found.text.splitlines()[note.place.line - 1].strip() == f"# responder: {message}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "        title: '{{ template \"mine\" . }}'\n",
            "title: a Go template; Responder's own text is used instead",
        ),
        (
            "        text: '{{ .CommonAnnotations.summary }}'\n",
            "text: a Go template; Responder's own text is used instead, unless you write "
            "template: {text: '{{ common_annotations.summary }}'}",
        ),
        (
            "        text: \"a\\n'b' {{ .Status }}\"\n",
            "text: a Go template; Responder's own text is used instead, unless you write "
            "template: {text: \"a\\n'b' {{ status }}\"}",
        ),
        (
            "        title: &t '{{ template \"slack.default.title\" . }}'\n",
            "title: Responder's own text is used instead of Alertmanager's default; leave it out",
        ),
    ],
)
def test_a_go_template_is_for_a_person(tmp_path: Path, text: str, expected: str) -> None:
    assert added(tmp_path, SLACK + text) == [expected]


def test_details_and_headers_have_templates_too(tmp_path: Path) -> None:
    text = (
        f"{ROUTE}receivers:\n  - name: a\n    pagerduty_configs:\n      - routing_key_file: /k\n"
        "        details:\n"
        "          firing: '{{ template \"pagerduty.default.instances\" .Alerts.Firing }}'\n"
        "          pods: '{{ .CommonLabels.pod }}'\n"
        "    email_configs:\n      - {to: a@b.c, from: a@b.c, smarthost: 'h:25', headers:\n"
        "          {Subject: '{{ .GroupLabels.x }}'}}\n"
    )
    assert added(tmp_path, text) == [
        "firing is left out: it was Alertmanager's default; Responder has its own",
        "pods: a Go template; Responder's own text is used instead, unless you write "
        "template: {details: {pods: '{{ common_labels.pod }}'}}",
        "Subject: a Go template; Responder's own text is used instead, unless you write "
        "template: {subject: '{{ group_labels.x }}'}",
    ]


def test_one_of_several_defaults_stays_where_there_is_nothing_else(tmp_path: Path) -> None:
    text = (
        f"{ROUTE}receivers:\n  - name: a\n    pagerduty_configs:\n      - routing_key_file: /k\n"
        "        details:\n          num_firing: '{{ .Alerts.Firing | len }}'\n"
        "          num_resolved: '{{ .Alerts.Resolved | len }}'\n"
    )
    assert added(tmp_path, text) == [
        "num_firing is left out: it was Alertmanager's default; Responder has its own",
        "num_resolved: Responder's own text is used instead of Alertmanager's default; leave it out",
    ]


def test_defaults_that_are_merged_into_others_are_left_out_once(tmp_path: Path) -> None:
    text = (
        f"{ROUTE}receivers:\n  - name: a\n    slack_configs:\n      - &base\n        app_token_file: /t\n"
        "        channel: x\n        title: '{{ template \"slack.default.title\" . }}'\n"
        "      - {<<: *base, channel: y}\n"
    )
    assert added(tmp_path, text) == [
        "title is left out: it was Alertmanager's default; Responder has its own"
    ]


def test_defaults_that_a_file_defines_anew_are_no_defaults(tmp_path: Path) -> None:
    title = SLACK + "        title: '{{ template \"slack.default.title\" . }}'\n"
    (tmp_path / "own.tmpl").write_text('{{ define "slack.default.title" }}{{ end }}{{ define "x" }}{{ end }}')
    assert added(tmp_path, f"{title}templates: [own.tmpl]\n") == [
        "title: own.tmpl defines slack.default.title anew; Responder's own text is used instead",
        "templates: Go templates are not used by Responder; they define Alertmanager's own "
        "slack.default.title anew",
    ]
    assert added(tmp_path, f"{title}templates: [none*.tmpl]\n") == [
        "title: Responder's own text is used instead of Alertmanager's default, which none*.tmpl may define "
        "anew (no such file is here)",
        "templates: Go templates are not used by Responder",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "webhook_configs: [{url: 'https://h.example/x', http_config: {bearer_token: canary}}]",
            ["bearer_token: an inline secret; put it in a file and name that in bearer_token_file"],
        ),
        (
            "opsgenie_configs: [{api_key_file: /k}]",
            ["opsgenie_configs: not delivered by this version: what is owed here ends as unsupported"],
        ),
        (
            "slack_configs: [{channel: '#{{ .CommonLabels.team }}', app_token_file: /t}]",
            ["channel: a Go template; this version needs a plain value"],
        ),
    ],
)
def test_what_responder_warns_of_is_said_in_its_place(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert added(tmp_path, f"{ROUTE}receivers:\n  - name: a\n    {text}\n") == expected


def test_labels_of_routes_stay_as_they_are(tmp_path: Path) -> None:
    text = """\
route:
  receiver: a
  labels: {team: '{{ .CommonLabels.team }}'}
  routes:
    - matchers: [x="1"]
      labels:
        team: '{{ template "team" . }}'
receivers: [{name: a}]
"""
    found = migrated(tmp_path, text)
    assert [(note.kind, note.was.line, note.message) for note in found.notes] == [
        (
            "person",
            7,
            "labels: team: a Go template that this version cannot expand; nobody is told the label",
        )
    ]
    assert [
        line for line in found.text.splitlines() if not line.lstrip().startswith("#")
    ] == text.splitlines()


def test_an_incoming_webhook_is_better_a_bot(tmp_path: Path) -> None:
    url = "https://hooks.slack.com/services/T0/B0/canary"
    receiver = "{name: a, slack_configs: [{channel: x}]}"
    text = f"global: {{slack_api_url: '{url}'}}\n{ROUTE}receivers: [{receiver}]\n"
    assert added(tmp_path, text) == [
        "slack_api_url: an incoming-webhook URL can only post: no updates, threads or buttons; leave it out "
        "and set slack.bot_token_file in responder.yaml",
        "slack_api_url: an inline secret; put it in a file and name that in slack_api_url_file",
    ]


def test_old_spellings_stay_since_they_work(tmp_path: Path) -> None:
    text = "route: {receiver: a, routes: [{match: {b: c}}]}\nreceivers: [{name: a}]\n"
    assert migrated(tmp_path, text).text == HEAD + text


@pytest.mark.parametrize(("absolute", "expected"), [(True, "{}/old/secrets/k"), (False, "../old/secrets/k")])
def test_files_stay_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, absolute: bool, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name = expected.format(tmp_path)
    (tmp_path / "old" / "secrets").mkdir(parents=True)
    (tmp_path / "old" / "secrets" / "k").write_text("0123456789abcdef0123456789abcdef")
    base = tmp_path if absolute else Path()
    text = f"{ROUTE}receivers: [{{name: a, pagerduty_configs: [{{routing_key_file: secrets/k}}]}}]\n"
    (tmp_path / "old" / "am.yml").write_text(text)
    found = migrate(base / "old" / "am.yml", base / "new", Settings())
    assert f'routing_key_file: "{name}"' in found.text
    assert [note.message for note in found.notes] == ["was secrets/k: names of files count from new/"]
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "routing.yaml").write_text(found.text)
    assert load_ruleset(Path("new"), Settings()).warnings == ()


def test_files_are_found_from_behind_a_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    Path("rules").symlink_to("deep/er")
    Path("k").write_text("0123456789abcdef0123456789abcdef")
    Path("am.yml").write_text(
        f"{ROUTE}receivers: [{{name: a, pagerduty_configs: [{{routing_key_file: k}}]}}]\n"
    )
    Path("rules/routing.yaml").write_text(migrate(Path("am.yml"), Path("rules"), Settings()).text)
    assert load_ruleset(Path("rules"), Settings()).warnings == ()


def test_in_the_same_directory_names_of_files_stay(tmp_path: Path) -> None:
    text = f"{ROUTE}receivers: [{{name: a, webhook_configs: [{{url_file: x}}]}}]\n"
    assert migrated(tmp_path, text, into=".").text == HEAD + text


def test_lines_end_as_they_did(tmp_path: Path) -> None:
    found = migrated(tmp_path, SLACK.replace("\n", "\r\n") + "        title: '{{ .x }}'\r\n")
    assert found.text.count("\n") == found.text.count("\r\n") == 11


def test_where_no_comment_can_stand_all_are_at_the_head(tmp_path: Path) -> None:
    """The value begins on a line that is within its own key."""
    text = (
        f"{ROUTE}receivers:\n  - name: a\n    pagerduty_configs:\n      - routing_key_file: /k\n"
        "        details: {? \"my\n          key\" : '{{ .x }}'}\n"
        "        client: '{{ template \"pagerduty.default.client\" . }}'\n"
    )
    found = migrated(tmp_path, text)
    assert found.text == HEAD.removesuffix("#\n") + (
        "# responder: line 7 of it: details: my key: a Go template; Responder's own text is used instead\n"
        "# responder: line 8 of it: client: it is Alertmanager's default; Responder has its own\n"
        f"#\n{text}"
    )
    assert [note.kind for note in found.notes] == ["person", "person"]


def test_a_name_cannot_end_the_comment_that_tells_of_it(tmp_path: Path) -> None:
    text = f'{ROUTE}receivers: [{{name: a}}, {{name: "b\\nroute: x"}}]\n'
    assert added(tmp_path, text) == ['no route names the receiver "b\\nroute: x"']


@pytest.mark.parametrize("seed", range(40))
def test_whatever_loads_is_the_same_afterwards(tmp_path: Path, seed: int) -> None:
    dice = Random(f"migrate {seed}")
    text = yaml.safe_dump(sound(dice), default_flow_style=dice.choice([None, False, True]), width=60)
    found = migrated(tmp_path, text)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "routing.yaml").write_text(found.text)
    assert same(loaded(tmp_path / "alertmanager.yml"), loaded(tmp_path / "rules"))
    # What is said of a place is said right above it.
    lines = found.text.splitlines()
    for note in found.notes:
        assert any(note.message in line for line in lines[: note.place.line])


def test_one_from_the_field_is_the_same_afterwards(tmp_path: Path) -> None:
    original = Path(__file__).parent / "alertmanager.yml"
    found = migrate(original, tmp_path, Settings())
    (tmp_path / "routing.yaml").write_text(found.text)
    assert same(loaded(original), loaded(tmp_path))
    kept = [line for line in found.text.splitlines() if "# responder:" not in line]
    assert kept[3:] == original.read_text().splitlines()


def test_what_does_not_load_is_not_migrated(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError):
        migrated(tmp_path, "route: {receiver: b}\nreceivers: [{name: a}]\n")
    with pytest.raises(FileError):
        migrate(tmp_path / "none.yml", tmp_path, Settings())


FIELD = (Path(__file__).parent / "alertmanager.yml").read_text()


@settings(max_examples=20)
@given(
    st.integers(0, len(FIELD)),
    st.integers(0, 12),
    st.sampled_from(
        ["", "\n", "  ", "- ", "{", "'", "#", "&a ", "? ", "|\n", "\x85", "\u2028", "{{ .x }}", "\r\n"]
    ),
)
def test_a_damaged_file_is_migrated_or_its_problems_are_told(start: int, length: int, put: str) -> None:
    """That what is written means the same is asserted where it is made."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "alertmanager.yml"
        path.write_text(FIELD[:start] + put + FIELD[start + length :], newline="")
        try:
            found = migrate(path, Path(directory) / "rules", Settings())
        except ProblemsError:
            with pytest.raises(ProblemsError):
                loaded(path)
        else:
            (path.parent / "routing.yaml").write_text(found.text, newline="")
            assert same(loaded(path), loaded(path.parent))
