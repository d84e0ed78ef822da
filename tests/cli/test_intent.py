"""What a page would do, by the page alone."""

import json
from pathlib import Path

import pytest

from tests.cli.story import run

RULES = Path(__file__).parents[2] / "rules"
GIVEN = ("namespace=shop", "deployment=checkout")


def test_the_shipped_page_with_its_parameters() -> None:
    result = run("runbook", "plan", "pod-restarts", *GIVEN, "--rules", RULES)
    lines = result.output.splitlines()
    assert (result.exit_code, lines[0].partition(":")[2]) == (
        0,
        " by its page alone; nothing was looked at, no guard was asked",
    )
    queries = [line for line in lines if line.startswith("  it helped if ")]
    assert ['namespace="shop", deployment="checkout"' in query for query in queries] == [True]
    assert [line for line in lines[1:] if line not in queries] == [
        "  parameters cluster=(cluster) deployment=checkout namespace=shop",
        "  target (cluster)/shop/Deployment/checkout",
        "  1. kubernetes.rollout_restart (at most 5m)",
        "  if it did not: kubernetes.rollout_undo (at most 5m)",
        "  if it did not: tell pagerduty-critical",
    ]


def test_the_same_for_programs() -> None:
    result = run(
        "runbook", "plan", "pod-restarts", *GIVEN, "cluster=eu", "--rules", RULES, "--output", "json"
    )
    intent = json.loads(result.output)
    assert (intent["looked"], intent["parameters"], intent["target"]) == (
        False,
        {"namespace": "shop", "deployment": "checkout", "cluster": "eu"},
        {"cluster": "eu", "namespace": "shop", "kind": "Deployment", "name": "checkout"},
    )
    assert (intent["steps"], intent["on_failure"]) == (
        ["kubernetes.rollout_restart (at most 5m)"],
        ["kubernetes.rollout_undo (at most 5m)", "tell pagerduty-critical"],
    )


@pytest.mark.parametrize(
    ("arguments", "exit_code", "says"),
    [
        (["pod-restarts", "namespace=; rm -rf /"], 2, "namespace: '; rm -rf /' is no dns_label"),
        (["pod-restarts", *GIVEN, "x=y"], 2, "x: the runbook has no such parameter"),
        (["nosuch"], 1, f"{RULES} has no runbook 'nosuch' that is right: see `responder runbook lint`"),
        (["pod-restarts", "--url", "http://x"], 2, "--rules reads files and --url asks a service"),
    ],
)
def test_what_cannot_be_planned(arguments: list[str], exit_code: int, says: str) -> None:
    result = run("runbook", "plan", *arguments, "--rules", RULES)
    assert (result.exit_code, says in result.stderr) == (exit_code, True), result.stderr
