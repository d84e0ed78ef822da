import json
from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from responder.cli.main import main
from tests.ruleset.runbooks.writing import STEP, VERIFY, page

ROOT = Path(__file__).parents[2]
ROUTING = "route: {receiver: pager}\nreceivers: [{name: pager}, {name: chat}]\n"


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules/runbooks").mkdir(parents=True)
    Path("rules/routing.yaml").write_text(ROUTING)


def write(name: str, text: str) -> None:
    Path(f"rules/runbooks/{name}.md").write_text(text.replace("runbook: page", f"runbook: {name}"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["runbook", *arguments])


# -- list ---------------------------------------------------------------------------------------


def test_the_runbooks_that_are_shipped() -> None:
    copytree(ROOT / "rules", "shipped")
    result = run("list", "--rules", "shipped", "--output", "json")
    [found] = [one for one in json.loads(result.stdout) if one["name"] == "pod-restarts"]
    assert found.pop("hash")
    assert (result.exit_code, result.stderr, found) == (
        0,
        "",
        {
            "name": "pod-restarts",
            "title": "Pods restart too often",
            "mode": "auto",
            "risk": "medium",
            "match": ['alertname="PodRestartsHigh"'],
            "target": {"kind": "Deployment", "name": "${deployment}", "namespace": "${namespace}"},
            "parameters": {
                "namespace": {"type": "dns_label", "from": "labels.namespace"},
                "deployment": {"type": "dns_subdomain", "from": "labels.deployment"},
            },
        },
    )
    # Nothing is wrong with any of them, not even a warning.
    lint = run("lint", "--rules", "shipped")
    shipped = len(list(Path("shipped/runbooks").glob("*.md")))
    assert (lint.exit_code, lint.stdout, lint.stderr) == (0, "", f"{shipped} right, 0 broken\n")


def test_one_line_for_each_that_is_right() -> None:
    write("b", page("mode: auto\n"))
    write("longer", page(body="---\n").replace("title: A page", 'title: "\\e[2J"'))
    write("broken", "")
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "NAME    MODE     RISK    TITLE",
        "b       auto     medium  A page",
        "longer  observe  low     \\x1b[2J",
    ]
    assert result.stderr == "left out: rules/runbooks/broken.md (responder runbook lint says why)\n"


def test_several_lists_of_matchers_stay_several() -> None:
    text = page().replace("['alertname=\"A\"']", "[['alertname=\"A\"'], ['alertname=\"B\"', 'x=\"y\"']]")
    write("a", text)
    [found] = json.loads(run("list", "--output", "json").stdout)
    assert found["match"] == [['alertname="A"'], ['alertname="B"', 'x="y"']]


def test_no_runbooks() -> None:
    result = run("list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no runbooks\n")
    Path("rules/runbooks").rmdir()
    assert (run("list", "--output", "json").stdout, run("lint").exit_code) == ("[]\n", 0)


# -- lint ---------------------------------------------------------------------------------------


def test_every_problem_and_1() -> None:
    write("a", page("mode: always\n"))
    write("b", page(body=f"---\n{STEP}"))
    write("c", page(body=f"---\n{STEP}{VERIFY}```notify\nreceiver: nobody\n```\n"))
    result = run("lint")
    assert (result.exit_code, result.stderr) == (1, "1 right, 2 broken\n")
    assert result.stdout.splitlines() == [
        "rules/runbooks/a.md:9:7: error: mode: 'always' is not one of observe, suggest, approve, auto",
        "rules/runbooks/b.md:2:1: warning: it changes something and has no verify block: "
        "nobody will know whether it helped",
        "rules/runbooks/c.md:16:1: error: notify: comes before verify; so it must stand above it",
        'rules/runbooks/c.md:17:11: error: receiver: there is no receiver "nobody"',
    ]
    found = json.loads(run("lint", "--output", "json").stdout)
    assert (found["ok"], len(found["problems"])) == (False, 4)
    assert found["problems"][0] == {
        "file": "rules/runbooks/a.md",
        "line": 9,
        "column": 7,
        "message": "mode: 'always' is not one of observe, suggest, approve, auto",
        "severity": "error",
    }


def test_warnings_alone_are_0() -> None:
    write("b", page(body=f"---\n{STEP}"))
    result = run("lint")
    assert (result.exit_code, result.stderr) == (0, "1 right, 0 broken\n")


def test_without_a_routing_that_is_right_nobody_can_vouch_for_receivers() -> None:
    write("a", page("mode: auto\nhold: {receivers: [anybody], for: 5m}\n"))
    Path("rules/routing.yaml").write_text("")
    result = run("lint")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "receivers are not checked: the routing is wrong (responder check says why)",
        "1 right, 0 broken",
    ]
    assert run("show", "a").exit_code == 0


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("nowhere", "nowhere cannot be read: no such directory\n"),
        (
            "rules/routing.yaml",
            "rules/routing.yaml is a file: runbooks are in a rules directory, as runbooks/NAME.md\n",
        ),
    ],
)
def test_nothing_to_read_is_2(rules: str, message: str) -> None:
    for command in (["list"], ["lint"], ["show", "a"]):
        result = run(*command, "--rules", rules)
        assert (result.exit_code, result.stdout, result.stderr) == (2, "", message)


# -- show ---------------------------------------------------------------------------------------

FRONT = "mode: auto\nguards: {cooldown: 2h, min_healthy: 66%}\nhold: {receivers: [pager], for: 5m}\n"
PROSE = """\
# Too often
Read [this](http://example.com/x), then <b>act</b>.

```bash
kubectl get pods
```
"""
REST = """\
```precondition
prometheus: up{namespace="${namespace}"}
```
```wait
for: 30s
```
```step
action: kubernetes.rollout_restart
```
```verify
prometheus: |
  sum(up
  ) > 0
for: 2 of 2 probes, every 15s, within 5m
settle: 1m
```
```on_failure
- notify: {receiver: pager}
```
"""


def test_a_page_with_what_it_would_do() -> None:
    write("a", page(FRONT, f"---\n{PROSE}{REST}"))
    result = run("show", "a")
    assert (result.exit_code, result.stderr) == (0, "")
    facts, _, prose = result.stdout.partition("\n\n")
    first, *rest = facts.splitlines()
    assert first.startswith("runbook    a (")
    assert rest == [
        "title      A page",
        "mode       auto, risk medium",
        'match      alertname="A"',
        "parameter  namespace: dns_label, from labels.namespace",
        "parameter  name: dns_subdomain, from labels.name",
        "target     Deployment ${namespace}/${name}",
        "guards     cooldown 2h, min_healthy 66%",
        "hold       pager for 5m",
        'step       only if up{namespace="${namespace}"}   [a.md:20]',
        "step       wait for 30s   [a.md:22]",
        "step       kubernetes.rollout_restart (at most 5m)   [a.md:25]",
        "step       verify sum(up ) > 0, 2 good ones in a row, every 15s, within 5m, after 1m   [a.md:29]",
        "step       if not: tell pager   [a.md:36]",
    ]
    lines = [line.strip() for line in prose.splitlines() if line.strip()]
    assert lines[:3] == [
        "Too often",
        "Read this (http://example.com/x), then <b>act</b>.",
        "kubectl get pods",
    ]


def test_nothing_in_a_page_steers_the_terminal() -> None:
    write("a", page(body="---\n\x1b[2J\x9b2J [x](http://e.org/\x1b]8;;y) \u202e\n"))
    shown = run("show", "a").stdout
    assert "\\x1b[2J\\x9b2J" in shown
    assert [char for char in shown if not char.isprintable() and char != "\n"] == []


def test_a_page_as_a_program_reads_it() -> None:
    write("a", page(FRONT, f"---\n{PROSE}{REST}"))
    found = json.loads(run("show", "a", "--output", "json").stdout)
    assert {key: found[key] for key in ("guards", "hold", "steps", "prose")} == {
        "guards": {"cooldown": "2h", "min_healthy": "66%"},
        "hold": {"receivers": ["pager"], "for": "5m"},
        "steps": [
            'only if up{namespace="${namespace}"}',
            "wait for 30s",
            "kubernetes.rollout_restart (at most 5m)",
            "verify sum(up ) > 0, 2 good ones in a row, every 15s, within 5m, after 1m",
            "if not: tell pager",
        ],
        "prose": f"{PROSE}{REST}".rstrip("\n"),
    }


def test_what_is_not_there_and_what_is_broken() -> None:
    write("a", page())
    write("b", page("mode: always\n"))
    assert (run("show", "c").exit_code, run("show", "c").stderr) == (
        1,
        "there is no runbook c; there are: a\n",
    )
    assert run("show", "b").stderr == (
        "rules/runbooks/b.md:9:7: error: mode: 'always' is not one of observe, suggest, approve, auto\n"
    )
