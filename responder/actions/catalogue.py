"""The implementations: one for each line of `core.actioncatalogue`, and what each needs of a cluster.

`worker` builds them, the doctor asks for their permissions. Nothing is imported here that is slow to
import.
"""

from collections.abc import Mapping
from typing import Final

from responder.actions.action import Action
from responder.actions.kubernetes import restart, undo
from responder.actions.kubernetes.client import Clusters
from responder.actions.kubernetes.rbac import Permission
from responder.actions.kubernetes.rollout import Rollouts
from responder.clock import Clock

NEEDS: Final[Mapping[str, tuple[Permission, ...]]] = {
    "kubernetes.rollout_restart": restart.NEEDS,
    "kubernetes.rollout_undo": undo.NEEDS,
}


def build(clusters: Clusters, clock: Clock) -> Mapping[str, Action]:
    """The actions by name."""
    rollouts = Rollouts(clusters, clock)
    return {
        "kubernetes.rollout_restart": restart.RolloutRestart(rollouts),
        "kubernetes.rollout_undo": undo.RolloutUndo(rollouts),
    }
