"""The alerts of the benchmarks: 10 labels, 3 annotations, about 600 bytes, each as distinct as one wants.

`load` and post.lua fill the same templates, so that every load is made of the same alerts. Nothing here talks
to anybody.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

MARK: Final = "@@"
"""Stands where an alert's own number goes; twice in each template."""

TEMPLATES: Final = 1_000
SERVICES: Final = 100
TEAMS: Final = 1_000


def templates() -> list[str]:
    """An alert as JSON for each team, with MARK where its number goes; they fire from now for an hour."""
    now = datetime.now(UTC)
    starts = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ends = (now + timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return [_template(number, starts, ends) for number in range(TEMPLATES)]


def _template(number: int, starts: str, ends: str) -> str:
    service = number % SERVICES
    alert = {
        "labels": {
            "alertname": f"HighErrorRate{service % 20:02}",
            "cluster": "production",
            "instance": f"i-{MARK}",
            "job": f"job-{service:03}",
            "namespace": "shop",
            "pod": f"service-{service:03}-{MARK}",
            "region": "eu-central-1",
            "service": f"service-{service:03}",
            "severity": "critical" if number % 4 == 0 else "warning",
            "team": f"team-{number % TEAMS:04}",
        },
        "annotations": {
            "summary": "Too many requests of this service fail",
            "description": "More than 5 % of the requests have failed for 10 minutes.",
            "runbook_url": "http://runbooks.example/high-error-rate",
        },
        "startsAt": starts,
        "endsAt": ends,
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=errors",
    }
    return msgspec.json.encode(alert).decode()


def alerts(count: int) -> Iterator[str]:
    """`count` distinct alerts as JSON, numbered from 0: the number is what `instance` ends with."""
    made = templates()
    for number in range(count):
        yield made[number % TEMPLATES].replace(MARK, str(number))


def bodies(count: int, per_request: int) -> list[bytes]:
    """`count` distinct alerts as request bodies of `per_request` alerts each."""
    each = list(alerts(count))
    return [
        f"[{','.join(each[first : first + per_request])}]".encode() for first in range(0, count, per_request)
    ]


def webhook_body(alert: str, url: str) -> bytes:
    """One alert as Alertmanager's webhook sends it."""
    fields = msgspec.json.decode(alert, type=dict[str, object])
    payload = {
        "version": "4",
        "groupKey": f'{{}}:{{instance="{fields["labels"]}"}}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "responder",
        "groupLabels": fields["labels"],
        "commonLabels": fields["labels"],
        "commonAnnotations": fields["annotations"],
        "externalURL": url,
        "alerts": [{**fields, "status": "firing", "endsAt": "0001-01-01T00:00:00Z"}],
    }
    return msgspec.json.encode(payload)


def write_templates(path: Path) -> None:
    """The templates as post.lua reads them: one a line."""
    path.write_text("\n".join(templates()) + "\n")
