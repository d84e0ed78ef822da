import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from responder.cli.main import main

RULES = """
route:
  receiver: default
  group_by: [alertname, cluster]
  routes:
    - receiver: audit
      matchers: [env="prod"]
      continue: true
      group_by: ['...']
    - receiver: pager
      matchers: [severity="critical"]
      group_wait: 10s
      mute_time_intervals: [nights]
      routes:
        - matchers: ['team=~"a|b"']
          receiver: team
    - matchers: [severity="none"]
      group_by: []
time_intervals: [{name: nights, time_intervals: [{times: [{start_time: 20:00, end_time: 24:00}]}]}]
receivers:
  - {name: default}
  - {name: audit, webhook_configs: [{url_file: /no/such/secret}]}
  - {name: pager, slack_configs: [{channel: a}]}
  - {name: team}
"""


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules").mkdir()
    Path("rules/routing.yaml").write_text(RULES)


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["route", *arguments], input=given)


# -- test ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ([], "default"),
        (["severity=critical"], "pager"),
        (["severity=critical", "team=a", "env=prod"], "audit,team"),
        (["env=prod"], "audit"),
        (['severity="critical"'], "pager"),
        (["severity=critical", "instance=http://h:9/?a=b,c"], "pager"),
        (["severity="], "default"),
    ],
)
def test_receivers_in_match_order(labels: list[str], receivers: str) -> None:
    result = run("test", *labels)
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{receivers}\n", "")


def test_a_file_alone() -> None:
    Path("alertmanager.yml").write_text("route: {receiver: r}\nreceivers: [{name: r}]\n")
    assert run("test", "--rules", "alertmanager.yml", "a=b").stdout == "r\n"


def test_json_says_in_which_groups_too() -> None:
    result = run(
        "test", "--output", "json", "severity=critical", "team=a", "env=prod", "alertname=X", "empty="
    )
    assert json.loads(result.stdout) == [
        {
            "labels": {"alertname": "X", "env": "prod", "severity": "critical", "team": "a"},
            "receivers": ["audit", "team"],
            "routes": [
                {
                    "receiver": "audit",
                    "group_key": '{}/{env="prod"}:{alertname="X", env="prod", severity="critical", team="a"}',
                    "route_id": '{}/{env="prod"}/0',
                },
                {
                    "receiver": "team",
                    "group_key": '{}/{severity="critical"}/{team=~"a|b"}:{alertname="X"}',
                    "route_id": '{}/{severity="critical"}/{team=~"a|b"}/1/0',
                },
            ],
        }
    ]


ALERTS = [{"severity": "critical"}, {}, {"env": "prod", "name": "ü"}]


def test_many_alerts_from_a_file_or_standard_input() -> None:
    Path("alerts.json").write_text(json.dumps(ALERTS))
    from_file = run("test", "--alerts", "alerts.json", "--output", "json")
    from_input = run("test", "--alerts", "-", "--output", "json", given=json.dumps(ALERTS))
    assert from_file.stdout == from_input.stdout
    assert [(entry["labels"], entry["receivers"]) for entry in json.loads(from_file.stdout)] == [
        (ALERTS[0], ["pager"]),
        (ALERTS[1], ["default"]),
        (ALERTS[2], ["audit"]),
    ]
    assert run("test", "--alerts", "alerts.json").stdout == "pager\ndefault\naudit\n"


def test_verify() -> None:
    labels = ("severity=critical", "team=a", "env=prod")
    assert run("test", "--verify", "audit,team", *labels).exit_code == 0
    assert run("test", "--verify", "audit, team", *labels).exit_code == 0
    result = run("test", "--verify", "team,audit", *labels)
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "audit,team\n",
        "WARNING: Expected receivers did not match resolved receivers: "
        "expected team,audit, resolved audit,team\n",
    )


def test_verify_holds_for_every_alert() -> None:
    assert (
        run("test", "--alerts", "-", "--verify", "pager", given='[{"severity": "critical"}]').exit_code == 0
    )
    assert run("test", "--alerts", "-", "--verify", "pager", given=json.dumps(ALERTS)).exit_code == 1


@pytest.mark.parametrize("text", ["foo", "=x", "a!=b", "a=~b", "a!~b"])
def test_what_is_no_label(text: str) -> None:
    result = run("test", text)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"{text!r} is not LABEL=VALUE, such as severity=critical\n"


def test_other_wrong_usage() -> None:
    assert run("test", "a=b", "a=c").stderr == "a is given twice\n"
    result = run("test", "--alerts", "-", "a=b", given="[]")
    assert (result.exit_code, result.stderr) == (2, "write labels or --alerts FILE, not both\n")
    assert run("test", "--alerts", "no.json").exit_code == 2
    assert run("test", 'a="b').exit_code == 2


@pytest.mark.parametrize("given", ["{}", "[1]", '[{"a": 1}]', "[", '[{"a": "b"}, []]'])
def test_alerts_of_another_shape(given: str) -> None:
    result = run("test", "--alerts", "-", given=given)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        '<stdin>: must be a JSON array of label objects, such as [{"alertname": "X"}]'
    )


def test_rules_that_do_not_load() -> None:
    Path("rules/routing.yaml").write_text("route: {receiver: r}\n")
    result = run("test", "a=b")
    assert (result.exit_code, result.stdout, result.stderr) == (
        1,
        "",
        'rules/routing.yaml:1:19: error: receiver: there is no receiver "r"\n',
    )
    assert run("show", "--rules", "nowhere").exit_code == 2


# -- show ---------------------------------------------------------------------------------------


def test_the_tree() -> None:
    assert run("show").stdout == (
        "root  receiver: default  group_by: [alertname, cluster]  group_wait: 30s  group_interval: 5m"
        "  repeat_interval: 4h\n"
        '├── {env="prod"}  continue: true  receiver: audit  group_by: [...]\n'
        '├── {severity="critical"}  receiver: pager  group_wait: 10s  mute_time_intervals: [nights]\n'
        '│   └── {team=~"a|b"}  receiver: team\n'
        '└── {severity="none"}  receiver: default  group_by: []\n'
    )


INHERITED = """
route:
  receiver: default
  routes:
    - matchers: ['env="prod"']
      inherit_mutes: true
      mute_time_intervals: [nights]
      routes:
        - matchers: ['team="a"']
          inherit_mutes: false
receivers: [{name: default}]
time_intervals: [{name: nights, time_intervals: []}]
"""


def test_what_a_route_inherits_is_shown_with_its_place(tmp_path: Path) -> None:
    rules = tmp_path / "routing.yaml"
    rules.write_text(INHERITED)
    assert run("show", "--rules", str(rules)).stdout.splitlines()[1:] == [
        '└── {env="prod"}  inherit_mutes: true  receiver: default  mute_time_intervals: [nights]',
        (
            '    └── {team="a"}  inherit_mutes: false  receiver: default'
            "  mute_time_intervals: [nights] (of routing.yaml:5)"
        ),
    ]
    (prod,) = json.loads(run("show", "--rules", str(rules), "--output", "json").stdout)["routes"]
    (team,) = prod["routes"]
    assert (prod["inherit_mutes"], prod["inherited"]) == (True, {})
    assert (team["inherit_mutes"], team["inherited"]) == (
        False,
        {"mute_time_intervals": "routing.yaml:5"},
    )


LABELLED = """
route:
  receiver: default
  labels: {team: ops, page: 'yes'}
  routes:
    - matchers: ['env="prod"']
      labels: {team: '{{ .CommonLabels.team }}'}
      routes: [{matchers: ['a="1"']}]
    - matchers: ['env="dev"']
receivers: [{name: default}]
"""


def test_labels_of_routes_are_shown_where_they_differ_from_the_parents(tmp_path: Path) -> None:
    rules = tmp_path / "routing.yaml"
    rules.write_text(LABELLED)
    assert [
        line.partition("  labels: ")[2] for line in run("show", "--rules", str(rules)).stdout.splitlines()
    ] == [
        '{page="yes", team="ops"}',
        '{page="yes", team="{{ .CommonLabels.team }}"}',
        "",
        "",
    ]
    tree = json.loads(run("show", "--rules", str(rules), "--output", "json").stdout)
    assert tree["routes"][0]["routes"][0]["labels"] == {"page": "yes", "team": "{{ .CommonLabels.team }}"}


def test_the_tree_as_json() -> None:
    tree = json.loads(run("show", "--output", "json").stdout)
    pager = tree["routes"][1]
    assert {key: value for key, value in pager.items() if key != "routes"} == {
        "route_id": '{}/{severity="critical"}/1',
        "place": "routing.yaml:10",
        "matchers": ['severity="critical"'],
        "continue": False,
        "receiver": "pager",
        "group_by": ["alertname", "cluster"],
        "group_wait": "10s",
        "group_interval": "5m",
        "repeat_interval": "4h",
        "mute_time_intervals": ["nights"],
        "active_time_intervals": [],
        "labels": {},
        "inherit_mutes": False,
        "inherited": {},
    }
    assert [child["receiver"] for child in pager["routes"]] == ["team"]
    assert tree["routes"][0]["group_by"] == ["..."]
