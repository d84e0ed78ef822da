"""Pods as a node runs them: started, ready after a while, crashing, and gone.

`workloads` makes pods and ends them; this room gives them their status as time goes on. It starts
no process; what a pod does is what a test or the story said it would.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.kubernetes.kinds import NODES, PODS, Object
from responder.sandbox.kubernetes.objects import Objects, Writer, letters, stamp

KUBELET: Final = Writer("kubelet", "status")

_KEPT: Final = 10_000
"""Crashes that are remembered."""

_WAITING: Final = {
    "ImagePullBackOff": "Back-off pulling image",
    "CrashLoopBackOff": "back-off 5m0s restarting failed container",
}


@dataclass(frozen=True, slots=True)
class Crash:
    """A container's restart. `at` is monotonic."""

    at: Nanoseconds
    namespace: str
    workload: str
    pod: str
    container: str


@dataclass(slots=True)
class Conduct:
    """How the pods of one Deployment behave.

    `ready_after`: None takes the cluster's. `stuck`: the reason for which new pods never get ready,
    such as `ImagePullBackOff`. `crashing`: pods of this template's hash restart every `crash_every`
    and are `ready` in between, or not.
    """

    ready_after: Nanoseconds | None = None
    stuck: str = ""
    crashing: str = ""
    crash_every: Nanoseconds = 10 * SECOND
    crash_pods: int | None = None
    ready: bool = True


@dataclass(slots=True)
class _Life:
    """What a pod has before it; times are monotonic. `stuck`, and no node, keep it from ever being ready."""

    ready_at: Nanoseconds
    stuck: str = ""
    placed: bool = True
    ready_since: Nanoseconds | None = None
    crash_at: Nanoseconds | None = None
    gone_at: Nanoseconds | None = None


@dataclass(slots=True)
class Pods:
    """All pods of a cluster. `ready_after` and `gone_after`: how long starting and stopping take."""

    objects: Objects
    ready_after: Nanoseconds
    gone_after: Nanoseconds = 0
    conducts: dict[tuple[str, str], Conduct] = field(default_factory=dict)
    crashes: deque[Crash] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _lives: dict[str, _Life] = field(default_factory=dict)

    def conduct(self, namespace: str, workload: str) -> Conduct:
        """That of a Deployment; may be changed."""
        return self.conducts.setdefault((namespace, workload), Conduct())

    def due(self) -> Nanoseconds | None:
        """When something happens next."""
        times = [
            at
            for life in self._lives.values()
            for at in (
                life.ready_at if life.placed and life.ready_since is None and not life.stuck else None,
                life.crash_at,
                life.gone_at,
            )
            if at is not None
        ]
        return min(times, default=None)

    def ready_since(self, pod: Object) -> Nanoseconds | None:
        """Since when it has been ready; None: it is not."""
        life = self._lives.get(pod["metadata"]["uid"])
        return life.ready_since if life else None

    def step(self, at: Nanoseconds, wall: Nanoseconds) -> None:
        """Do what is due by `at`, and start what is new."""
        there = set()
        for pod in self.objects.all(PODS):
            uid = pod["metadata"]["uid"]
            there.add(uid)
            if uid not in self._lives:
                self._start(pod, at, wall)
            else:
                self._go_on(pod, self._lives[uid], at, wall)
        for uid in self._lives.keys() - there:
            del self._lives[uid]

    def end(self, pod: Object, at: Nanoseconds, wall: Nanoseconds, grace: int | None, by: Writer) -> Object:
        """Delete it, gracefully if that takes time here; returns it as it is then."""
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        life = self._lives.get(pod["metadata"]["uid"])
        seconds = pod["spec"].get("terminationGracePeriodSeconds", 30) if grace is None else grace
        ended = {
            **pod,
            "metadata": {
                **pod["metadata"],
                "deletionTimestamp": stamp(wall + seconds * SECOND),
                "deletionGracePeriodSeconds": seconds,
            },
        }
        if seconds == 0 or self.gone_after == 0 or life is None:
            self.objects.remove(PODS, namespace, name)
            return ended
        if "deletionTimestamp" in pod["metadata"]:
            return pod
        life.gone_at = at + min(self.gone_after, seconds * SECOND)
        return self.objects.put(PODS, ended, by)

    def crash(self, namespace: str, workload: str, at: Nanoseconds) -> None:
        """Let those pods begin to crash that its conduct names."""
        conduct = self.conduct(namespace, workload)
        chosen = [
            pod
            for pod in self.objects.all(PODS, namespace)
            if workload_of(pod) == workload and _hash(pod) == conduct.crashing
        ]
        for pod in chosen[: conduct.crash_pods]:
            if life := self._lives.get(pod["metadata"]["uid"]):
                life.crash_at = at + conduct.crash_every

    def calm(self, namespace: str, workload: str, at: Nanoseconds) -> None:
        """What is stuck comes to be ready, and nothing crashes any more."""
        conduct = self.conducts.pop((namespace, workload), Conduct())
        after = self.ready_after if conduct.ready_after is None else conduct.ready_after
        for pod in self.objects.all(PODS, namespace):
            life = self._lives.get(pod["metadata"]["uid"])
            if life and workload_of(pod) == workload:
                life.crash_at = None
                if life.stuck:
                    life.stuck, life.ready_at = "", at + after

    # -- one pod ----------------------------------------------------------------------------------

    def _start(self, pod: Object, at: Nanoseconds, wall: Nanoseconds) -> None:
        conduct = self.conducts.get((pod["metadata"]["namespace"], workload_of(pod)), Conduct())
        after = self.ready_after if conduct.ready_after is None else conduct.ready_after
        life = _Life(at + after, conduct.stuck)
        if conduct.crashing and _hash(pod) == conduct.crashing and conduct.crash_pods is None:
            life.crash_at = at + conduct.crash_every
        self._lives[pod["metadata"]["uid"]] = life
        if not pod["spec"].get("nodeName"):
            nodes = [
                one["metadata"]["name"]
                for one in self.objects.all(NODES)
                if not (one.get("spec") or {}).get("unschedulable")
            ]
            if not nodes:
                life.placed = False
                return
            node = nodes[len(self._lives) % len(nodes)]
            placed = {**pod, "spec": {**pod["spec"], "nodeName": node}}
            pod = self.objects.put(PODS, placed, Writer("kube-scheduler"))
        self._tell(pod, wall, ready=False, waiting=conduct.stuck)

    def _go_on(self, pod: Object, life: _Life, at: Nanoseconds, wall: Nanoseconds) -> None:
        if life.gone_at is not None and life.gone_at <= at:
            self.objects.remove(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
            return
        if (
            life.ready_since is None
            and not life.stuck
            and life.ready_at <= at
            and pod["spec"].get("nodeName")
        ):
            life.ready_since = at
            pod = self._tell(pod, wall, ready=True)
        if life.crash_at is not None and life.crash_at <= at:
            namespace, workload = pod["metadata"]["namespace"], workload_of(pod)
            conduct = self.conduct(namespace, workload)
            if _hash(pod) != conduct.crashing:
                life.crash_at = None
                return
            life.crash_at = at + conduct.crash_every
            name = pod["metadata"]["name"]
            for container in pod["spec"]["containers"]:
                self.crashes.append(Crash(at, namespace, workload, name, container["name"]))
            if not conduct.ready:
                life.ready_since, life.stuck = None, "CrashLoopBackOff"
            self._tell(pod, wall, ready=conduct.ready, waiting=life.stuck, restarted=True)

    def _tell(
        self, pod: Object, wall: Nanoseconds, *, ready: bool, waiting: str = "", restarted: bool = False
    ) -> Object:
        """Write its status."""
        old = pod.get("status") or {}
        before = {status["name"]: status for status in old.get("containerStatuses") or ()}
        containers = [
            _container(one, before.get(one["name"]), wall, ready=ready, waiting=waiting, restarted=restarted)
            for one in pod["spec"]["containers"]
        ]
        uid = pod["metadata"]["uid"]
        address = f"10.244.{int(uid[:2], 16)}.{int(uid[2:4], 16)}"
        status = {
            "phase": "Pending" if waiting == "ImagePullBackOff" else "Running",
            "conditions": _conditions(old.get("conditions") or [], wall, ready=ready),
            "hostIP": "10.0.0.1",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": old.get("startTime", stamp(wall)),
            "containerStatuses": containers,
            "qosClass": "BestEffort",
        }
        return self.objects.put(PODS, {**pod, "status": status}, KUBELET)


def _container(
    container: dict[str, Any],
    before: dict[str, Any] | None,
    wall: Nanoseconds,
    *,
    ready: bool,
    waiting: str,
    restarted: bool,
) -> dict[str, Any]:
    count = (before or {}).get("restartCount", 0) + restarted
    state: dict[str, Any] = {"running": {"startedAt": stamp(wall)}}
    if waiting:
        state = {"waiting": {"reason": waiting, "message": _WAITING.get(waiting, waiting)}}
    elif not ready:
        state = {"waiting": {"reason": "ContainerCreating"}}
    last = (before or {}).get("lastState", {})
    if restarted:
        ended = {"exitCode": 1, "reason": "Error", "finishedAt": stamp(wall)}
        last = {"terminated": {**ended, "containerID": f"containerd://{letters(str(count), 12)}"}}
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": f"sha256:{letters(container.get('image', ''), 12)}",
        "ready": ready,
        "started": ready,
        "restartCount": count,
        "state": state,
        "lastState": last,
    }


def _conditions(old: list[dict[str, Any]], wall: Nanoseconds, *, ready: bool) -> list[dict[str, Any]]:
    before = {condition["type"]: condition for condition in old}
    said = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    conditions = []
    for name, holds in said.items():
        status = "True" if holds else "False"
        kept = before.get(name)
        since = kept["lastTransitionTime"] if kept and kept["status"] == status else stamp(wall)
        condition = {"type": name, "status": status, "lastTransitionTime": since}
        conditions.append(condition if holds else {**condition, "reason": "ContainersNotReady"})
    return conditions


def _hash(pod: Object) -> str:
    return str((pod["metadata"].get("labels") or {}).get("pod-template-hash", ""))


def workload_of(pod: Object) -> str:
    """The name of the Deployment it belongs to, by the way ReplicaSets are named; else empty."""
    for owner in pod["metadata"].get("ownerReferences") or ():
        if owner["kind"] == "ReplicaSet" and owner["name"].endswith(f"-{_hash(pod)}"):
            return str(owner["name"]).removesuffix(f"-{_hash(pod)}")
    return ""


def is_ready(pod: Object) -> bool:
    """Whether its condition Ready is true."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
