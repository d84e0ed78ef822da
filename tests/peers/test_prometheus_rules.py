"""rules/prometheus/, as Prometheus itself reads and evaluates it."""

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest
import yaml

from responder.core.parameters import fill_query
from responder.core.runbook import Runbook
from responder.ruleset import load_ruleset
from responder.settings import Settings
from tests.peers.binaries import peer

pytestmark = pytest.mark.peers

RULES: Final = Path(__file__).parents[2] / "rules"
FILES: Final = sorted((RULES / "prometheus").glob("*.yaml"))
TESTS: Final = sorted((RULES / "prometheus" / "tests").glob("*.yaml"))


def promtool(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run([peer("promtool"), *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_there_are_tests_for_each_file_of_rules() -> None:
    assert [path.name for path in TESTS] == [path.name for path in FILES]
    assert [path.stem for path in FILES] == [
        "application",
        "backup",
        "cache",
        "certificates",
        "database",
        "infrastructure",
        "istio",
        "responder",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_promtool_accepts_the_rules(path: Path) -> None:
    status, said = promtool("check", "rules", path)
    rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    assert (status, said.splitlines()[1].strip()) == (0, f"SUCCESS: {len(rules)} rules found"), said


def test_all_of_them_together_have_no_two_groups_of_one_name() -> None:
    groups = [group["name"] for path in FILES for group in yaml.safe_load(path.read_text())["groups"]]
    assert len(set(groups)) == len(groups)


def test_promtool_says_where_a_rule_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(FILES[0].read_text().replace("> 0.05", "> > 0.05"))
    status, said = promtool("check", "rules", wrong)
    assert (status, "could not parse expression" in said, f"{wrong}: " in said) == (1, True, True), said


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_what_the_rules_say_of_made_up_series(path: Path) -> None:
    status, said = promtool("test", "rules", path)
    assert (status, said.split()[-1]) == (0, "SUCCESS"), said


def shipped() -> dict[str, Runbook]:
    return dict(load_ruleset(RULES, Settings(), read_files=False).ruleset.runbooks)


def test_prometheus_accepts_what_the_runbooks_ask_it(tmp_path: Path) -> None:
    values = {"namespace": "shop", "deployment": "check.out"}
    asked = [
        {"record": f"asked:{number}", "expr": fill_query(query.text, values)}
        for number, query in enumerate(
            query
            for runbook in shipped().values()
            for query in (*(verify.query for verify in runbook.verify), *runbook.preconditions)
        )
    ]
    rules = tmp_path / "asked.yaml"
    rules.write_text(json.dumps({"groups": [{"name": "asked", "rules": asked}]}))
    status, said = promtool("check", "rules", rules)
    assert (status, said.splitlines()[1].strip()) == (0, f"SUCCESS: {len(asked)} rules found"), said
    # The tests of the rules ask the same question.
    text = (
        " ".join(shipped()["pod-restarts"].verify[0].query.text.split()).replace("( ", "(").replace(" )", ")")
    )
    assert (
        fill_query(text, {"namespace": "shop", "deployment": "checkout"})
        in (RULES / "prometheus" / "tests" / "application.yaml").read_text()
    )


HOSTILE: Final = [
    'a"} or vector(1)',
    'a\\"} or vector(1) #',
    "a\nb",
    "a\\",
    "${deployment}",
    "'`\"",
    ".*",
    "a|b",
    "(",
    "[",
    "\\E",
    "\\Q",
    "é☃𝄞",
    "\x00\x7f\u2028",
    "a_b-c.d",
    "{{ $labels }}",
]


@pytest.mark.parametrize("operator", ["=", "=~"])
def test_a_hostile_value_finds_its_own_series_in_prometheus_and_no_other(
    operator: str, tmp_path: Path
) -> None:
    (tmp_path / "none.yaml").write_text("groups: []")
    numbered = [({"value": value}, number) for number, value in enumerate(HOSTILE, start=1)]
    series = [
        {"series": fill_query('m{label="${value}"}', values), "values": str(number)}
        for values, number in numbered
    ]
    asked = [
        {
            "expr": fill_query(f'sum(m{{label{operator}"${{value}}"}})', values),
            "eval_time": "0m",
            "exp_samples": [{"labels": "{}", "value": number}],
        }
        for values, number in numbered
    ]
    test = tmp_path / "test.yaml"
    cases = [{"input_series": series, "promql_expr_test": asked}]
    test.write_text(json.dumps({"rule_files": ["none.yaml"], "tests": cases}, ensure_ascii=False))
    status, said = promtool("test", "rules", test)
    assert (status, said.split()[-1]) == (0, "SUCCESS"), said
