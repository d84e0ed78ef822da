from pathlib import Path

import pytest

from responder.core.guardrules import Allowed, Evidence, GuardRules, VerifyRules
from responder.core.model import DAY, HOUR, MINUTE, SECOND
from responder.document.fields import Fields
from responder.document.tree import Problems, parse
from responder.errors import ProblemsError
from responder.settings import load_settings
from responder.settings.guards import guards_flow, read_guards

ROOT = Path(__file__).parents[2]

EVERYTHING = """guards:
  mode: approve
  allow:
  - {action: kubernetes.rollout_restart, cluster: prod, namespace: shop, name: cart}
  - {action: kubernetes.rollout_undo, name: '*'}
  triggers: [prometheus, anonymous]
  min_age: 10m
  fresh: 1m
  flaps: 0
  flaps_within: 1h
  cooldown: {restart: 0s, scale: 1m, traffic: 2m, failover: 3m, backup: 4m}
  attempts_per_episode: 1
  attempts_per_target: 4
  attempts_within: 2d
  rate_runbook: 6
  rate_service: 7
  rate_global: 8
  rate_day: 9
  together: 2
  gap: 0s
  min_healthy: 66%
  min_healthy_count: 3
  approvals: {low: 1, medium: 2, high: 3}
  expires: 1h
  precondition_fresh: 2s
  run_timeout: 1h
  failures_in_row: 3
  failures_of_ten: 4
  evidence: {runs: 20, verified: 90%, within: 7d}
  verify: {settle: 0s, every: 1s, within: 10s, good: 3}
"""
RULES = GuardRules(
    allow=(
        Allowed("kubernetes.rollout_restart", "prod", "shop", "cart"),
        Allowed("kubernetes.rollout_undo"),
    ),
    triggers=("prometheus", "anonymous"),
    mode="approve",
    evidence=Evidence(20, 0.9, 7 * DAY),
    min_age=10 * MINUTE,
    fresh=MINUTE,
    flaps=0,
    flaps_within=HOUR,
    cooldown={
        "restart": 0,
        "scale": MINUTE,
        "traffic": 2 * MINUTE,
        "failover": 3 * MINUTE,
        "backup": 4 * MINUTE,
    },
    attempts_per_episode=1,
    attempts_per_target=4,
    attempts_within=2 * DAY,
    rate_runbook=6,
    rate_service=7,
    rate_global=8,
    rate_day=9,
    together=2,
    gap=0,
    min_healthy=0.66,
    min_healthy_count=3,
    approvals={"low": 1, "medium": 2, "high": 3},
    expires=HOUR,
    precondition_fresh=2 * SECOND,
    run_timeout=HOUR,
    failures_in_row=3,
    failures_of_ten=4,
    verify=VerifyRules(0, SECOND, 10 * SECOND, 3),
)


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str, **env: str) -> GuardRules:
    Path("r.yaml").write_text(text)
    return load_settings(Path("r.yaml"), env).guards


def wrong(text: str, **env: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text, **env)
    return str(caught.value).splitlines()


def test_every_key_has_its_field() -> None:
    assert load(EVERYTHING) == RULES
    # None of them has its default, so that none can be forgotten here.
    default = GuardRules()
    same = [name for name in GuardRules.__struct_fields__ if getattr(RULES, name) == getattr(default, name)]
    assert same == []


@pytest.mark.parametrize("text", ["", "guards:", "guards: {}", "guards: {allow: , evidence: }"])
def test_nothing_said_means_the_defaults(text: str) -> None:
    assert load(text) == GuardRules()


def test_the_shipped_file_says_every_key_with_its_default() -> None:
    root = parse((ROOT / "config/responder.yaml").read_text(), "responder.yaml", Problems())
    section = Fields(root, "the settings", Problems()).fields("guards", "guards")
    assert section is not None
    assert set(section.written()) == set(GuardRules.__struct_fields__)
    assert read_guards(Fields(root, "the settings", Problems())) == GuardRules()


def test_evidence_may_be_a_number() -> None:
    assert load("guards: {evidence: 0}").evidence == Evidence(runs=0)
    assert load("guards: {evidence: {runs: 3}}").evidence == Evidence(runs=3)


def test_the_environment_wins() -> None:
    rules = load(
        "guards: {min_age: 5m, cooldown: {restart: 1m}}",
        RESPONDER__GUARDS__MIN_AGE="0s",
        RESPONDER__GUARDS__EVIDENCE__RUNS="0",
        RESPONDER__GUARDS__COOLDOWN__SCALE="1h",
        RESPONDER__GUARDS__ALLOW="[{action: kubernetes.rollout_restart}]",
    )
    assert rules.min_age == 0
    assert rules.evidence == Evidence(runs=0)
    assert (rules.cooldown["restart"], rules.cooldown["scale"]) == (MINUTE, HOUR)
    assert rules.allow == (Allowed("kubernetes.rollout_restart"),)
    assert wrong("", RESPONDER__GUARDS__GAP="1h") == [
        "RESPONDER__GUARDS__GAP: error: gap: '1h' is not a duration from 0s to 10m"
    ]


def test_every_problem_at_once_with_its_place() -> None:
    assert wrong("""guards:
  mode: manual
  allow:
  - {action: kubernetes.rollout_restrat, cluster: pro*, namespaces: shop, name: ' '}
  - {cluster: prod}
  - {action: nothing_like_it}
  - everything
  triggers: prometheus
  min_age: 10m1s
  flaps: many
  cooldown: {restrat: 1m, scale: 31d}
  rate_day: 0
  approvals: {low: 3}
  min_healthy: 0.66
  evidence: {verified: 1}
  verify: {good: 100}
  cooldwon: 1m
""") == [
        "r.yaml:2:9: error: mode: 'manual' is not one of observe, suggest, approve, auto",
        (
            "r.yaml:4:14: error: action: there is no action 'kubernetes.rollout_restrat';"
            " did you mean kubernetes.rollout_restart?"
        ),
        "r.yaml:4:51: error: cluster: 'pro*' is neither a name nor *",
        'r.yaml:4:57: error: unknown key "namespaces" in guards.allow; did you mean "namespace"?',
        "r.yaml:4:81: error: name: ' ' is neither a name nor *",
        "r.yaml:5:5: error: guards.allow needs action",
        (
            "r.yaml:6:14: error: action: there is no action 'nothing_like_it';"
            " there are kubernetes.rollout_restart, kubernetes.rollout_undo"
        ),
        "r.yaml:7:5: error: guards.allow must be a mapping, not a text",
        "r.yaml:8:13: error: triggers: must be a list, not a text",
        "r.yaml:9:12: error: min_age: '10m1s' is not a duration from 0s to 10m",
        "r.yaml:10:10: error: flaps: 'many' is not a whole number such as 100",
        'r.yaml:11:14: error: unknown key "restrat" in guards.cooldown; did you mean "restart"?',
        "r.yaml:11:34: error: scale: '31d' is not a duration from 0s to 30d",
        "r.yaml:12:13: error: rate_day: '0' is not a number from 1 to 100000",
        "r.yaml:13:14: error: approvals: a greater risk cannot need fewer persons",
        "r.yaml:14:16: error: min_healthy: '0.66' is not a percentage from 0% to 100%",
        "r.yaml:15:24: error: verified: '1' is not a percentage from 0% to 100%",
        "r.yaml:16:11: error: verify: 100 probes, one every 15s, do not fit within 5m",
        'r.yaml:17:3: error: unknown key "cooldwon" in guards; did you mean "cooldown"?',
    ]


def test_triggers_name_tokens_that_exist() -> None:
    token = f"[{{name: prometheus, sha256: {'0' * 64}, roles: [ingest]}}]"
    Path("tokens.yaml").write_text(token)
    auth = "auth: {tokens_file: tokens.yaml}\n"
    assert load(f"{auth}guards: {{triggers: [prometheus, anonymous]}}").triggers == (
        "prometheus",
        "anonymous",
    )
    assert wrong(f"{auth}guards: {{triggers: [prometheus, promteheus]}}") == [
        "r.yaml:2:33: error: triggers: the tokens file has no token 'promteheus'"
    ]
    assert load("guards: {triggers: [anybody]}").triggers == ("anybody",)


# -- as it is kept ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [RULES, GuardRules(), GuardRules(triggers=('a "quoted" name', "a, b")), GuardRules(evidence=Evidence(0))],
)
def test_what_is_written_reads_back_the_same(rules: GuardRules) -> None:
    problems = Problems()
    root = parse(f"guards: {guards_flow(rules)}", "stored", problems)
    assert read_guards(Fields(root, "the stored settings", problems)) == rules
    assert problems.listed() == []


def test_only_what_differs_is_written() -> None:
    assert guards_flow(GuardRules()) == ""
    assert guards_flow(GuardRules(gap=0, evidence=Evidence(runs=3))) == "{gap: 0s, evidence: {runs: 3}}"
