"""`responder runs`, and what people ask of a runbook."""

import json
from pathlib import Path
from typing import Any

import pytest

from responder.cli import runs
from tests.cli.runsamples import RUN, TEXT
from tests.cli.service import Service, Steps
from tests.cli.story import run

PATH = "/api/v1/runs/r1-695aff00"
PAGE = "/api/v1/runbooks/pod-restarts"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between two looks, and there are few of them."""
    monkeypatch.setattr(runs, "_LOOK_AGAIN", 0)
    monkeypatch.setattr(runs, "_LOOKS", 3)


def test_runs_are_listed() -> None:
    denied = {
        **RUN,
        "id": "r2-695aff00",
        "state": "denied",
        "reason": "cooldown",
        "target": None,
        "person": "alice",
        "requested_by": "alice-laptop",
    }
    with Service([denied, RUN]) as service:
        result = run("runs", "--url", service.url)
        document = run("runs", "--url", service.url, "--output", "json")
        run(
            "runs",
            "--state",
            "denied",
            "--runbook",
            "a",
            "--limit",
            "5",
            "--url",
            service.url,
        )
    assert result.output.splitlines() == [
        "RUN          RUNBOOK       STATE              WHY       TARGET"
        "                         ASKED BY  SINCE",
        "r2-695aff00  pod-restarts  denied             cooldown"
        "                                 alice     2026-01-05T00:00:00Z",
        "r1-695aff00  pod-restarts  awaiting_approval            prod/shop/Deployment/checkout"
        "  alert     2026-01-05T00:00:00Z",
    ]
    assert json.loads(document.output) == [denied, RUN]
    assert [path for _, path, _ in service.asked] == [
        "/api/v1/runs?limit=50",
        "/api/v1/runs?limit=50",
        "/api/v1/runs?limit=5&state=denied&runbook=a",
    ]


def test_no_run() -> None:
    with Service([]) as service:
        assert run("runs", "--url", service.url).output == "nothing was run lately\n"
        assert run("runs", "--state", "denied", "--url", service.url).output == "no run\n"


def test_a_run_in_full() -> None:
    with Service(RUN) as service:
        result = run("runs", "r1-695aff00", "--url", service.url)
        document = run("runs", "r1-695aff00", "--url", service.url, "--output", "json")
        wrong = run("runs", "r1-695aff00", "--state", "denied", "--url", service.url)
    assert result.output.splitlines() == TEXT
    assert json.loads(document.output) == RUN
    assert (wrong.exit_code, wrong.stderr) == (
        2,
        "--state and --runbook are for the list: leave RUN out\n",
    )
    assert [path for _, path, _ in service.asked] == [PATH, PATH]


def fresh(**changed: Any) -> dict[str, Any]:
    return {**RUN, "state": "proposed", "verdicts": [], "plan": None, **changed}


DONE = {"status": "done", "detail": "r1-695aff00", "id": "r1-695aff00"}


def test_a_plan_is_printed_once_it_is_judged() -> None:
    planned = {**RUN, "state": "cancelled", "open": False}
    others = {("GET", PATH): Steps([fresh(), fresh(), planned])}
    with Service(DONE, others=others) as service:
        result = run(
            "runbook", "plan", "pod-restarts", "namespace=shop", "deployment=a=b", "--url", service.url
        )
    assert (result.exit_code, result.output.splitlines()[0]) == (0, "r1-695aff00  pod-restarts  cancelled")
    assert service.bodies == [
        {
            "runbook": "pod-restarts",
            "parameters": {"namespace": "shop", "deployment": "a=b"},
            "plan_only": True,
        }
    ]
    assert [path for _, path, _ in service.asked] == ["/api/v1/runs", PATH, PATH, PATH]


def test_a_plan_that_a_guard_denies_is_a_no() -> None:
    verdict = {**RUN["verdicts"][0], "verdict": "deny"}
    with Service(DONE, others={("GET", PATH): {**RUN, "verdicts": [verdict]}}) as service:
        result = run("runbook", "plan", "pod-restarts", "--url", service.url, "--output", "json")
    assert (result.exit_code, json.loads(result.output)["verdicts"]) == (1, [verdict])


@pytest.mark.parametrize(
    ("state", "exit_code"),
    [("executing", 0), ("succeeded", 0), ("denied", 1), ("expired", 1), ("unknown", 1)],
)
def test_a_run_is_asked_for(state: str, exit_code: int) -> None:
    with Service(DONE, others={("GET", PATH): {**RUN, "state": state}}) as service:
        result = run(
            *("runbook", "run", "pod-restarts", "namespace=shop", "--reason", "it is slow"),
            "--url",
            service.url,
        )
    assert (result.exit_code, result.output.splitlines()[0]) == (
        exit_code,
        f"r1-695aff00  pod-restarts  {state}",
    )
    assert service.bodies == [
        {"runbook": "pod-restarts", "parameters": {"namespace": "shop"}, "why": "it is slow"}
    ]


def test_who_asks_is_told_how_it_is_approved() -> None:
    with Service(DONE, others={("GET", PATH): RUN}) as service:
        result = run("runbook", "run", "pod-restarts", "--url", service.url)
    assert result.output.splitlines() == [*TEXT, "it waits for an approval: responder approve r1-695aff00"]


def test_a_run_is_looked_at_until_it_is_over() -> None:
    going = [{**RUN, "state": state} for state in ("approved", "executing", "executing", "verifying")]
    over = {**RUN, "state": "failed", "open": False}
    with Service(DONE, others={("GET", PATH): Steps([fresh(), *going, over])}) as service:
        result = run("runbook", "run", "pod-restarts", "--wait", "--url", service.url)
    assert (result.exit_code, result.output.splitlines()[0]) == (1, "r1-695aff00  pod-restarts  failed")
    assert len(service.asked) == 7


def test_a_run_that_nobody_judges_is_left_to_itself() -> None:
    with Service(DONE, others={("GET", PATH): fresh()}) as service:
        result = run("runbook", "run", "pod-restarts", "--url", service.url)
    assert (result.exit_code, result.stderr) == (
        1,
        "r1-695aff00 is not judged yet; look later: responder runs r1-695aff00\n",
    )


def test_a_run_that_is_not_decided_yet() -> None:
    with Service({"status": "accepted", "input": 12}, status=202) as service:
        result = run("runbook", "run", "pod-restarts", "--url", service.url)
    assert (result.exit_code, result.stderr) == (
        1,
        "accepted as input 12, not decided yet; look later: responder runs\n",
    )


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (["namespace"], "'namespace' is not NAME=VALUE\n"),
        (["=x"], "'=x' is not NAME=VALUE\n"),
        (["a=1", "a=2"], "a is given twice: a parameter has one value\n"),
    ],
)
def test_what_is_no_parameter_is_refused(parameters: list[str], says: str) -> None:
    result = run("runbook", "plan", "pod-restarts", *parameters, "--url", "http://127.0.0.1:9")
    assert (result.exit_code, result.stderr) == (2, says)


def test_a_page_is_signed_as_it_is_in_force() -> None:
    answer = {"status": "done", "detail": "pod-restarts signed: 0123"}
    with Service(answer, others={("GET", PAGE): {"hash": "a" * 64}}) as service:
        result = run("runbook", "sign", "pod-restarts", "--reason", "read it", "--url", service.url)
    assert (result.exit_code, result.output) == (0, "pod-restarts signed: 0123\n")
    assert [asked[:2] for asked in service.asked] == [("GET", PAGE), ("POST", f"{PAGE}/sign")]
    assert service.bodies == [{"hash": "a" * 64, "reason": "read it"}]


def test_a_runbook_is_reset() -> None:
    with Service({"status": "done", "detail": "pod-restarts reset"}) as service:
        result = run("runbook", "reset", "pod-restarts", "--reason", "mended", "--url", service.url)
    assert (result.exit_code, result.output) == (0, "pod-restarts reset\n")
    assert ([asked[:2] for asked in service.asked], service.bodies) == (
        [("POST", f"{PAGE}/reset")],
        [{"reason": "mended"}],
    )


def test_a_page_that_is_not_the_one_in_force_is_neither_signed_nor_run() -> None:
    rules = Path(__file__).parents[2] / "rules"
    with Service({"hash": "a" * 64}) as service:
        signed = run(
            *("runbook", "sign", "pod-restarts", "--reason", "x", "--rules", rules), "--url", service.url
        )
        asked = run("runbook", "run", "pod-restarts", "--rules", rules, "--url", service.url)
    for result in (signed, asked):
        assert (result.exit_code, result.stderr.partition(" than ")[0]) == (
            1,
            f"{service.url} has another text of pod-restarts in force (aaaaaaaaaaaa...)",
        )
    assert [asked[:2] for asked in service.asked] == [("GET", PAGE)] * 2
