"""docs/RUNBOOKS.md is what the runbooks say, and the runbooks are what alerts and people look for."""

import re
from typing import Final

import pytest

from responder.core.model import labels_from
from responder.core.runbook import ActionStep
from tests.guides.index import PAGE, SECTIONS, runbooks, shipped, text
from tests.guides.pages import ROOT, RUNBOOKS, prose, spans
from tests.guides.programs import CHECKERS
from tests.guides.reading import unchecked
from tests.monitoring.shipped import AlertRule, alerts

PAGES: Final = sorted(path.stem for path in RUNBOOKS.glob("*.md"))
INCIDENTS: Final = {
    *SECTIONS["Incident response"],
    "database-failover",
    "cache-failover",
    "certificate-renewal",
}


def test_the_page_is_what_the_runbooks_say() -> None:
    assert PAGE.read_text() == text()


def test_every_runbook_stands_in_one_section() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == PAGES


@pytest.mark.parametrize(
    "rule", alerts(), ids=lambda rule: f"{rule.name}-{rule.labels.get('cause', '')}-{rule.labels['severity']}"
)
def test_an_alert_finds_the_runbook_that_its_link_names_and_no_other(rule: AlertRule) -> None:
    where = rule.annotations["runbook_url"].rsplit("/", 1)[1]
    found = shipped().runbooks_for(labels_from({**rule.labels, "alertname": rule.name}))
    assert [one.name for one in found] == ([] if "#" in where else [where])


def test_a_runbook_answers_no_alert_that_is_not_shipped() -> None:
    named = {alert for one in runbooks().values() for alert in one.alert_names}
    assert named - {rule.name for rule in alerts()} == set()


# What is done without anybody at the keyboard: a new line here is a decision.
def test_these_runbooks_act_and_no_other() -> None:
    acting = {
        name: (one.mode, sorted({step.action for step in one.steps if isinstance(step, ActionStep)}))
        for name, one in runbooks().items()
        if one.steps
    }
    assert acting == {
        "high-memory": ("approve", ["kubernetes.rollout_restart"]),
        "pod-restarts": ("auto", ["kubernetes.rollout_restart"]),
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_what_a_tired_person_needs_in_that_order(name: str) -> None:
    _, _, page = (RUNBOOKS / f"{name}.md").read_text().split("---\n", 2)
    lines = [line for _, line in prose(page)]
    marks = [line for line in lines if line.startswith(("# ", "## ", "**What"))]
    kinds = [re.sub(r"^(## When not to|\*\*What [a-z ]+\.\*\*).*", r"\1", line) for line in marks]
    means = "**What it means.**" if name in INCIDENTS else "**What it is for.**"
    assert kinds[0] == f"# {runbooks()[name].title}"
    assert kinds[1:3] == [means, "**What happens by itself.**"]
    assert kinds.count("## When not to") == 1
    assert kinds[-1] == "## Whom to call"
    if name in INCIDENTS:
        assert kinds[3] == "## Look first"
        assert any(mark.startswith("## Did it help?") for mark in marks)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_does_nothing_says_so(name: str) -> None:
    page, one = (RUNBOOKS / f"{name}.md").read_text(), runbooks()[name]
    [said] = re.findall(r"\*\*What happens by itself\.\*\*(.*?)\n\n", page, re.DOTALL)
    nothing = re.search(
        r"\bNothing\b|Responder\s+does\s+nothing|Responder\s+acts\s+on\s+(none|nothing)|never", said
    )
    assert (nothing is None) == bool(one.steps)


def test_what_is_on_the_list_of_unchecked_programs_is_used_and_cannot_be_asked() -> None:
    used = {
        word
        for path in [*RUNBOOKS.glob("*.md"), *(ROOT / "docs").glob("*GUIDE.md")]
        for word in re.findall(r"[a-z]+", path.read_text())
    }
    assert unchecked() - used == set()
    assert unchecked() & CHECKERS.keys() == set()


def test_names_of_other_pages_lead_somewhere() -> None:
    """Words with dashes in them, as code in a line: the pages, and what else has such a name."""
    known = {
        *PAGES,
        *("cluster-hourly", "cluster-daily", "cluster-weekly"),
        *("postgresql-backup", "redis-backup", "configuration-backup", "restore-drill"),
    }
    found = {
        span
        for path in RUNBOOKS.glob("*.md")
        for _, span in spans(path.read_text())
        if re.fullmatch(r"[a-z]+(-[a-z]+)+", span)
    }
    assert found - known == set()
