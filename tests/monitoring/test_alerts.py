"""rules/prometheus: each alert says what people and runbooks need, is told as promised, is on the page."""

import re
from typing import Final

import pytest
import yaml

from responder.core.model import labels_from
from responder.ruleset import load_ruleset
from responder.settings import Settings
from tests.monitoring.page import PAGE, text
from tests.monitoring.shipped import ROOT, RULES, AlertRule, alerts

RUNBOOK_OF: Final = {
    "HighErrorRate": "high-error-rate",
    "HighLatency": "high-latency",
    "HighMemoryUsage": "high-memory",
    "HighCPUUsage": "high-cpu",
    "PodRestartsHigh": "pod-restarts",
    "InsufficientReplicas": "insufficient-replicas",
    "Watchdog": "operations#the-heartbeat",
    "BackupFailed": "backup-failure",
    "BackupTooOld": "backup-failure",
    "RedisPrimaryDown": "cache-failover",
    "CertificateExpiringSoon": "certificate-renewal",
    "DatabaseConnectionFailures": "database-connection-failures",
    "DatabasePrimaryDown": "database-failover",
    "NodeDiskSpaceLow": "node-disk-low",
    "NodeMemoryHigh": "node-memory-high",
    "IstioHighErrorRate": "high-error-rate",
    "IstioHighLatency": "high-latency",
    "CircuitBreakerOpen": "circuit-breaker-open",
    "ResponderDown": "operations#responders-own-alerts",
}

CRITICAL: Final = ["mail-ops", "pagerduty-critical", "slack-critical"]
WARNING: Final = ["mail-ops", "slack-warnings"]

each = pytest.mark.parametrize(
    "rule", alerts(), ids=lambda rule: f"{rule.name}-{rule.labels.get('cause', '')}"
)


def test_the_alerts_that_are_shipped_lead_to_these_runbooks() -> None:
    site = "https://runbooks.machinenativeops.com/"
    assert {rule.name: rule.annotations["runbook_url"].removeprefix(site) for rule in alerts()} == RUNBOOK_OF


def test_guides_that_alerts_lead_to_have_the_place() -> None:
    for where in RUNBOOK_OF.values():
        guide, _, heading = where.partition("#")
        if heading:
            headings = re.findall(r"^## (.*)$", (ROOT / "docs" / f"{guide}.md").read_text(), re.MULTILINE)
            assert heading in [re.sub(r"[^a-z0-9-]", "", name.lower().replace(" ", "-")) for name in headings]


@each
def test_an_alert_says_what_it_is_and_why_it_is_as_it_is(rule: AlertRule) -> None:
    assert list(rule.annotations) == ["summary", "description", "runbook_url"]
    assert rule.annotations["description"].endswith(".")
    assert rule.reason.endswith(".")
    # How long it has to last is explained.
    assert rule.holds_for in rule.reason


def test_each_alert_fires_in_one_of_its_tests_and_does_not_in_another() -> None:
    fired, quiet = set(), set()
    for path in (RULES / "tests").glob("*.yaml"):
        for case in yaml.safe_load(path.read_text())["tests"]:
            for look in case.get("alert_rule_test", []):
                if not look["exp_alerts"]:
                    quiet.add(look["alertname"])
                for alert in look["exp_alerts"]:
                    labels = alert["exp_labels"]
                    fired.add((look["alertname"], labels["severity"], labels.get("cause")))
    assert fired == {(rule.name, rule.labels["severity"], rule.labels.get("cause")) for rule in alerts()}
    assert quiet == {rule.name for rule in alerts()} - {"Watchdog"}


@each
def test_an_alert_is_told_as_its_severity_promises(rule: AlertRule) -> None:
    router = load_ruleset(ROOT / "rules", Settings(), read_files=False).ruleset.router
    labels = labels_from({"namespace": "shop", "service": "checkout", **rule.labels, "alertname": rule.name})
    receivers = sorted(route.receiver for route in router.match(labels))
    assert (
        receivers == {"critical": CRITICAL, "warning": WARNING, "none": ["nobody"]}[rule.labels["severity"]]
    )


def test_the_page_is_what_the_rules_say() -> None:
    assert PAGE.read_text() == text()
