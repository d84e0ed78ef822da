"""A platform at work for two hours, as Prometheus would have scraped it.

The test of the dashboards loads it into a real Prometheus. What it holds is made up, one sample a minute, and
the same at each run; series that come from recording rules are never among it: the rules make them.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, TypeAlias

START: Final = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp())
MINUTES: Final = 118
"""Less than two hours: one block, and one for each rule."""
END: Final = START + 60 * MINUTES

Course: TypeAlias = Callable[[int], float]
"""A value by the minute."""


def always(value: float) -> Course:
    """The same all along."""
    return lambda minute: value


def growing(by: float) -> Course:
    """A counter."""
    return lambda minute: by * minute


def _application() -> Iterator[tuple[str, Course]]:
    for number, pod in enumerate(("checkout-1-a", "checkout-1-b")):
        where = f'namespace="shop",pod="{pod}"'
        yield (
            f'kube_pod_owner{{{where},owner_kind="ReplicaSet",owner_name="checkout-1"}}',
            always(1),
        )
        yield f'http_requests_total{{{where},code="200"}}', growing(540)
        yield f'http_requests_total{{{where},code="503"}}', growing(60 * number)
        for le, rate in (("0.1", 300), ("1", 560), ("2.5", 600), ("+Inf", 600)):
            yield f'http_request_duration_seconds_bucket{{{where},le="{le}"}}', growing(rate)
        for resource, limit in (("cpu", 1), ("memory", 1000)):
            yield (
                f'kube_pod_container_resource_limits{{{where},container="app",resource="{resource}"}}',
                always(limit),
            )
        yield f'container_memory_working_set_bytes{{{where},container="app"}}', always(500)
        yield f'container_cpu_usage_seconds_total{{{where},container="app"}}', growing(30)
        yield f'kube_pod_container_status_restarts_total{{{where},container="app"}}', growing(0.1 * number)
    owner = 'namespace="shop",replicaset="checkout-1",owner_kind="Deployment",owner_name="checkout"'
    yield f"kube_replicaset_owner{{{owner}}}", always(1)
    yield 'kube_deployment_spec_replicas{namespace="shop",deployment="checkout"}', always(3)
    yield 'kube_deployment_status_replicas_available{namespace="shop",deployment="checkout"}', always(2)


def _mesh() -> Iterator[tuple[str, Course]]:
    asked = (
        'reporter="source",destination_service_namespace="shop",destination_service_name="checkout",'
        'destination_workload="checkout",namespace="web",pod="web-1"'
    )
    for code, rate in (("200", 570), ("503", 30)):
        yield f'istio_requests_total{{{asked},response_code="{code}"}}', growing(rate)
    for le, rate in (("100", 300), ("1000", 560), ("2500", 600), ("+Inf", 600)):
        yield f'istio_request_duration_milliseconds_bucket{{{asked},le="{le}"}}', growing(rate)
    answering = asked.replace('reporter="source"', 'reporter="destination"')
    for reporter, taken in ((asked, 30_000), (answering, 24_000)):
        yield f"istio_request_duration_milliseconds_count{{{reporter}}}", growing(600)
        yield f"istio_request_duration_milliseconds_sum{{{reporter}}}", growing(taken)
    cluster = 'cluster_name="outbound|8080||checkout.shop.svc.cluster.local",namespace="web",pod="web-1"'
    yield f"envoy_cluster_outlier_detection_ejections_active{{{cluster}}}", always(1)
    for kind in ("cx", "rq", "rq_pending"):
        yield f"envoy_cluster_circuit_breakers_default_{kind}_open{{{cluster}}}", always(0)


def _cache() -> Iterator[tuple[str, Course]]:
    for pod, hits in (("redis-0", 950), ("redis-1", 900)):
        of = f'namespace="production",pod="{pod}"'
        yield f"redis_keyspace_hits_total{{{of}}}", growing(hits)
        yield f"redis_keyspace_misses_total{{{of}}}", growing(1000 - hits)


def _node() -> Iterator[tuple[str, Course]]:
    node = 'instance="10.0.0.1:9100"'
    disk = f'{node},device="/dev/sda1",mountpoint="/",fstype="ext4"'
    yield f'node_uname_info{{{node},nodename="node-1"}}', always(1)
    yield f"node_filesystem_avail_bytes{{{disk}}}", always(400)
    yield f"node_filesystem_size_bytes{{{disk}}}", always(1000)
    yield f"node_filesystem_readonly{{{disk}}}", always(0)
    yield f"node_memory_MemAvailable_bytes{{{node}}}", always(300)
    yield f"node_memory_MemTotal_bytes{{{node}}}", always(1000)


def _backups() -> Iterator[tuple[str, Course]]:
    of = 'namespace="velero",schedule="cluster-hourly"'
    hours: Course = lambda minute: minute // 60  # noqa: E731 # a course like the others
    yield f"velero_backup_last_successful_timestamp{{{of}}}", lambda minute: START + 3600 * (minute // 60)
    yield f"velero_backup_duration_seconds_count{{{of}}}", hours
    yield f"velero_backup_duration_seconds_sum{{{of}}}", lambda minute: 240.0 * (minute // 60)
    yield f"velero_backup_tarball_size_bytes{{{of}}}", always(5e6)
    yield f"velero_backup_failure_total{{{of}}}", lambda minute: float(minute >= 30)
    yield f"velero_backup_partial_failure_total{{{of}}}", always(0)
    yield f"velero_backup_validation_failure_total{{{of}}}", always(0)
    of = 'namespace="production",backup="postgresql-backup"'
    yield f"backup_last_success_timestamp_seconds{{{of}}}", always(START)
    yield f"backup_last_status{{{of}}}", always(0)
    yield f"backup_last_duration_seconds{{{of}}}", always(90)
    yield f"backup_last_size_bytes{{{of}}}", always(7e8)


def _responder() -> Iterator[tuple[str, Course]]:
    def series(name: str, value: Course, labels: str = "") -> tuple[str, Course]:
        return f'responder_{name}{{job="responder"{"," if labels else ""}{labels}}}', value

    closed = "notifications_closed_total"
    yield series(closed, growing(2), 'state="delivered",reason="first_notification"')
    yield series(closed, growing(1), 'state="delivered",reason="all_resolved"')
    yield series(closed, growing(1), 'state="suppressed",reason="silence"')
    yield series(closed, growing(1), 'state="suppressed",reason="inhibition"')
    for state, reason in (("succeeded", ""), ("denied", "cooldown"), ("expired", "expired")):
        yield series("run_moves_total", growing(1), f'state="{state}",reason="{reason}"')
    for integration, outcome in (("slack", "delivered"), ("email", "timeout")):
        labels = f'integration="{integration}",receiver="ops",outcome="{outcome}"'
        yield series("delivery_attempts_total", growing(1), labels)
    for name in ("lag_seconds", "ledger_difference", "delivery_breakers_open", "deliveries_pending"):
        yield series(name, always(0))
    for name in ("backlog_bytes", "storage_bytes"):
        yield series(name, always(4096))
    yield series("runbooks", always(1), 'state="loaded"')
    yield series("runbooks", always(0), 'state="broken"')
    for state in ("active", "resolved", "stale"):
        yield series("alerts", always(3), f'state="{state}"')
    yield series("http_requests_total", growing(60), 'entrance="webhook",code="200"')
    for le, rate in (("0.001", 10), ("0.01", 60), ("+Inf", 60)):
        yield series("commit_seconds_bucket", growing(rate), f'le="{le}"')


def openmetrics() -> str:
    """All of it, for `promtool tsdb create-blocks-from openmetrics`."""
    parts = (_application, _mesh, _cache, _node, _backups, _responder)
    lines = [
        f"{series} {course(minute):g} {START + 60 * minute}"
        if course(minute) < 1e9
        else f"{series} {course(minute):.0f} {START + 60 * minute}"
        for part in parts
        for series, course in part()
        for minute in range(MINUTES + 1)
    ]
    return "\n".join([*lines, "# EOF", ""])
