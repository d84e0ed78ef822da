"""What a Deployment's own JSON says: how many serve, what a rollout takes away, whether one is under way.

`rollout` and the actions built on it read objects through it. It asks nobody, and a number that is not
there is never taken for good news.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from responder.actions.kubernetes.client import Object
from responder.core.plan import ObjectFacts

RESTARTED_AT: Final = "kubectl.kubernetes.io/restartedAt"
MARK: Final = "responder/run"
"""The annotation that names the step which made a pod template, or a Deployment, what it is."""

TEMPLATE_HASH: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Status:
    """The counts of a Deployment. A count that the server leaves out is 0."""

    generation: int
    observed: int
    desired: int
    replicas: int
    updated: int
    available: int
    paused: bool
    progress: str
    """The reason of the condition Progressing, "" if there is none."""

    @property
    def rollout(self) -> str:
        """What a rollout still waits for, as `kubectl rollout status` says it; "" when it is complete."""
        if self.generation > self.observed:
            return "the controller has not seen the change yet"
        if self.stuck:
            return "it does not get on: progress deadline exceeded"
        if self.updated < self.desired:
            return f"{self.updated} of {self.desired} pods are new"
        if self.replicas > self.updated:
            return f"{self.replicas - self.updated} old pods are still there"
        if self.available < self.updated:
            return f"{self.available} of {self.updated} new pods are available"
        return ""

    @property
    def stuck(self) -> bool:
        """Whether the controller gave the rollout up."""
        return self.generation <= self.observed and self.progress == "ProgressDeadlineExceeded"

    @property
    def under_way(self) -> str:
        """What of a rollout is not done, pods apart that ran and broke later; "" if nothing."""
        if self.generation > self.observed:
            return "the controller has not seen the last change yet"
        if self.stuck:
            return "its last rollout does not get on (progress deadline exceeded)"
        if self.updated < self.desired or self.replicas > self.updated:
            return f"a rollout is under way: {self.updated} of {self.desired} pods are new"
        if self.progress not in ("NewReplicaSetAvailable", ""):
            return f"a rollout is under way ({self.progress})"
        return ""


def status(deployment: Object) -> Status:
    """The counts of a Deployment."""
    spec, said = deployment.get("spec") or {}, deployment.get("status") or {}
    progress: Object = next(
        (one for one in said.get("conditions") or () if one.get("type") == "Progressing"), {}
    )
    return Status(
        generation=int(deployment["metadata"].get("generation") or 0),
        observed=int(said.get("observedGeneration") or 0),
        desired=replicas(deployment),
        replicas=int(said.get("replicas") or 0),
        updated=int(said.get("updatedReplicas") or 0),
        available=int(said.get("availableReplicas") or 0),
        paused=bool(spec.get("paused")),
        progress=str(progress.get("reason") or ""),
    )


def replicas(deployment: Object) -> int:
    """How many pods there should be; 1 where nobody said."""
    given = (deployment.get("spec") or {}).get("replicas")
    return 1 if given is None else int(given)


def takes(deployment: Object) -> int:
    """How many pods that serve its own rollout takes away at once.

    The controller keeps so many available as may not be missing, so that of what is missing already
    nothing more is taken. `Recreate` takes all.
    """
    desired, available = replicas(deployment), status(deployment).available
    strategy = (deployment.get("spec") or {}).get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return available
    rolling = strategy.get("rollingUpdate") or {}
    missing = _portion(rolling.get("maxUnavailable", "25%"), desired, up=False)
    surge = _portion(rolling.get("maxSurge", "25%"), desired, up=True)
    if missing == 0 and surge == 0:
        missing = 1  # as the controller has it, or nothing would ever move
    return max(0, min(available - (desired - missing), available))


def _portion(value: Any, of: int, *, up: bool) -> int:
    """An int-or-percent."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    percent = int(text[:-1])
    return -(-percent * of // 100) if up else percent * of // 100


def facts(deployment: Object, busy: str) -> ObjectFacts:
    """What guards are to know."""
    counts = status(deployment)
    return ObjectFacts(counts.desired, counts.available, takes(deployment), busy)


def annotations(of: Object) -> Mapping[str, str]:
    """The annotations of an object, or of a pod template."""
    found = (of.get("metadata") or {}).get("annotations") or {}
    return found if isinstance(found, dict) else {}


def template(of: Object) -> Object:
    """The pod template of a Deployment or a ReplicaSet."""
    found = (of.get("spec") or {}).get("template") or {}
    return found if isinstance(found, dict) else {}


def mark(of: Object) -> str:
    """Which of our steps made this pod template, "" if none."""
    return str(annotations(template(of)).get(MARK, ""))


def made_by(marked: str, run: str) -> bool:
    """Whether a mark is one of this run's. What follows the run's id in a step's key is no part of an id."""
    rest = marked.removeprefix(run)
    return bool(run) and rest != marked and not (rest and (rest[0].isalnum() or rest[0] == "_"))


def bare(pod_template: Object) -> Object:
    """A template without what a restart and the controller put into it: equal if only these differ."""
    metadata = dict(pod_template.get("metadata") or {})
    metadata.pop("creationTimestamp", None)
    left = {
        "labels": {k: v for k, v in (metadata.get("labels") or {}).items() if k != TEMPLATE_HASH},
        "annotations": {
            k: v for k, v in (metadata.get("annotations") or {}).items() if k not in (RESTARTED_AT, MARK)
        },
    }
    return {**pod_template, "metadata": {**metadata, **left}}


def revision(of: Object) -> int:
    """The number of a revision, 0 where there is none."""
    text = str(annotations(of).get(REVISION, "0"))
    return int(text) if text.isascii() and text.isdigit() else 0


def owned(by: Object, candidates: list[Object]) -> list[Object]:
    """The objects that belong to this one."""
    uid = by["metadata"].get("uid")
    return [
        one
        for one in candidates
        if any(
            owner.get("controller") and owner.get("uid") == uid
            for owner in (one.get("metadata") or {}).get("ownerReferences") or ()
        )
    ]
