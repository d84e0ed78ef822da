"""All controllers together: whatever is asked of them in any order, they come to rest where they should."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.model import HOUR, SECOND, Nanoseconds
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.kinds import Object
from responder.sandbox.kubernetes.platform import autoscaler, budget, deployment, node
from tests.clock import MONDAY
from tests.sandbox.kubernetes.shop import RESTARTED


@dataclass
class StillClock:
    """Stands until it is moved; nobody sleeps on it."""

    passed: Nanoseconds = 0

    def now(self) -> Nanoseconds:
        return MONDAY + self.passed

    def monotonic(self) -> Nanoseconds:
        return 1_000 * SECOND + self.passed

    async def sleep(self, duration: Nanoseconds) -> None:
        raise AssertionError("nobody sleeps here")


ACTS = st.one_of(
    st.tuples(st.just("restart"), st.integers(1, 3)),
    st.tuples(st.just("scale"), st.integers(0, 7)),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1, 3, 15, 700])),
    st.tuples(st.just("stick"), st.just(0)),
    st.tuples(st.just("calm"), st.just(0)),
    st.tuples(st.just("crash"), st.booleans()),
    st.tuples(st.just("kill"), st.integers(0, 3)),
)
STRATEGIES = st.one_of(
    st.just({"type": "Recreate"}),
    st.tuples(st.sampled_from([1, 2, "50%"]), st.sampled_from([0, 1, "50%"])).map(
        lambda given: {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": given[0], "maxUnavailable": given[1]},
        }
    ),
)


def act(cluster: Cluster, clock: StillClock, what: str, value: Any) -> None:
    document: Object = cluster.get("Deployment", "default", "web")
    spec = document["spec"]
    if what == "restart":
        template = spec["template"]
        metadata = {**template["metadata"], "annotations": {RESTARTED: str(value)}}
        cluster.apply({**document, "spec": {**spec, "template": {**template, "metadata": metadata}}})
    elif what == "scale":
        cluster.apply({**document, "spec": {**spec, "replicas": value}})
    elif what == "pause":
        cluster.apply({**document, "spec": {**spec, "paused": value}})
    elif what == "wait":
        clock.passed += value * SECOND
        cluster.tick()
    elif what == "stick":
        cluster.stick("default", "web")
    elif what == "calm":
        cluster.calm("default", "web")
    elif what == "crash":
        cluster.crash("default", "web", ready=value)
    elif what == "kill":
        for pod in cluster.objects("Pod")[:value]:
            cluster.delete("Pod", "default", pod["metadata"]["name"])


@given(strategy=STRATEGIES, gone_after=st.sampled_from([0, 2 * SECOND]), acts=st.lists(ACTS, max_size=12))
@settings(max_examples=20, deadline=None)
def test_they_come_to_rest_where_they_should(
    strategy: dict[str, Any], gone_after: Nanoseconds, acts: list[tuple[str, Any]]
) -> None:
    clock = StillClock()
    cluster = Cluster(clock, ready_after=2 * SECOND)
    cluster.gone_after(gone_after)
    for name in ("node-1", "node-2"):
        cluster.apply(node(name))
    cluster.apply(deployment("default", "web", 3, strategy=strategy))
    cluster.apply(budget("default", "web", maxUnavailable="50%"))
    cluster.apply(autoscaler("default", "web", 1, 5))
    for what, value in acts:
        act(cluster, clock, what, value)
    act(cluster, clock, "calm", 0)
    act(cluster, clock, "pause", False)
    clock.passed += HOUR
    document = cluster.get("Deployment", "default", "web")
    replicas, status = document["spec"]["replicas"], document["status"]
    assert replicas <= 5
    counts = ("updatedReplicas", "readyReplicas", "availableReplicas", "replicas", "unavailableReplicas")
    assert [status.get(count, 0) for count in counts] == [replicas] * 4 + [0]
    assert status["observedGeneration"] == document["metadata"]["generation"]
    reasons = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert reasons["Available"] == ("True", "MinimumReplicasAvailable")
    assert reasons["Progressing"] == ("True", "NewReplicaSetAvailable")
    assert len(cluster.objects("Pod")) == replicas
    sets = [one["spec"]["replicas"] for one in cluster.objects("ReplicaSet")]
    assert sorted(sets)[:-1] == [0] * (len(sets) - 1)
    (kept,) = cluster.objects("PodDisruptionBudget")
    assert kept["status"]["currentHealthy"] == replicas
    # And at rest they stay.
    version = cluster.version
    clock.passed += HOUR
    cluster.tick()
    assert cluster.version == version
