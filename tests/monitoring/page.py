"""docs/alerts.md, from rules/prometheus.

`python -m tests.monitoring.page` writes it; a test holds the page to what this says. It must never hold a
threshold or a reason of its own: they stand in the rules.
"""

from itertools import groupby
from pathlib import Path
from typing import Final

from tests.monitoring.shipped import ROOT, AlertRule, alerts, backup_ages

PAGE: Final = ROOT / "docs" / "alerts.md"

_HEAD: Final = """\
# Alerts

Every alert of [rules/prometheus/](../rules/prometheus): what it asks Prometheus, for how long the answer has
to last, and why. This page is made from the rules (`python -m tests.monitoring.page`): change them, and the
comment above each alert, which is its reason.

- What has to be scraped for them stands in [config/exporters.yaml](../config/exporters.yaml).
- Who is told follows from `severity`, in [rules/routing.yaml](../rules/routing.yaml): `critical` is paged,
  put into `#critical-alerts` and mailed; `warning` is put into `#alerts` and mailed; `none` is not told.
- Series such as `error_ratio_by_deployment` are made by a recording rule of the same file. The dashboards in
  [config/dashboards/](../config/dashboards) show them.
- Responder raises its other alerts about itself without Prometheus:
  [operations](operations.md#responders-own-alerts).

| alert | severity | runbook |
|---|---|---|
"""

_AGES: Final = """
## How old a backup may be

| backup | at most | since |
|---|---|---|
"""


def text() -> str:
    """The page."""
    rows = [
        f"| [`{name}`](#{name.lower()}) | {_severities(rules)} | {_runbook(rules[0])} |\n"
        for name, rules in _by_name()
    ]
    sections = [f"\n## {name}\n" + "".join(map(_section, rules)) for name, rules in _by_name()]
    ages = [f"| `{backup}` | {age} s | {reason} |\n" for backup, age, reason in backup_ages()]
    return _HEAD + "".join(rows) + "".join(sections) + _AGES + "".join(ages)


def _by_name() -> list[tuple[str, list[AlertRule]]]:
    return [(name, list(rules)) for name, rules in groupby(alerts(), key=lambda rule: rule.name)]


def _severities(rules: list[AlertRule]) -> str:
    return ", ".join(dict.fromkeys(rule.labels["severity"] for rule in rules))


def _runbook(rule: AlertRule) -> str:
    """Where its page is: a runbook's name, or a place in a guide."""
    where = rule.annotations["runbook_url"].rsplit("/", 1)[1]
    guide, _, heading = where.partition("#")
    return f"[{guide}]({guide}.md#{heading})" if heading else f"`{where}`"


def _section(rule: AlertRule) -> str:
    labels = ", ".join(f"`{name}: {value}`" for name, value in rule.labels.items() if "{{" not in value)
    lasting = f"for {rule.holds_for}" if rule.holds_for else "at once"
    return f"\n{labels}; {lasting}. {rule.reason}\n\n```promql\n{rule.expression}\n```\n"


def write(path: Path = PAGE) -> None:
    """Write the page."""
    path.write_text(text())


if __name__ == "__main__":
    write()
