"""A run as `/api/v1/runs` has it, for commands that print one."""

from typing import Any, Final

HASH: Final = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"

STEP: Final[dict[str, Any]] = {
    "action": "kubernetes.rollout_restart",
    "target": "prod/shop/Deployment/checkout",
    "mutates": True,
    "calls": ["PATCH /apis/apps/v1/namespaces/shop/deployments/checkout: restartedAt"],
    "intended": {"restartedAt": "r1-695aff00"},
    "observed": {"generation": 3},
    "arguments": {},
    "bounds": "",
    "timeout": "5m",
    "risk": "medium",
    "undo": "kubernetes.rollout_undo",
}

RUN: Final[dict[str, Any]] = {
    "id": "r1-695aff00",
    "runbook": "pod-restarts",
    "runbook_hash": "a" * 64,
    "state": "awaiting_approval",
    "open": True,
    "reason": "",
    "mode": "approve",
    "risk": "medium",
    "parameters": {"namespace": "shop", "deployment": "checkout"},
    "target": {
        "cluster": "prod",
        "namespace": "shop",
        "kind": "Deployment",
        "name": "checkout",
        "uid": "u-1",
    },
    "requested_by": "",
    "person": "",
    "via": "alert",
    "why": "",
    "trigger": "alertmanager",
    "alerts": [{"fingerprint": "0123456789abcdef", "startsAt": "2026-01-05T00:00:00Z"}],
    "incidents": ["1-695aff00"],
    "plan": {"hash": HASH, "risk": "medium", "steps": [STEP], "on_failure": []},
    "facts": None,
    "verdicts": [
        {
            "guard": "freeze",
            "verdict": "allow",
            "reason": "nothing is frozen",
            "data": {},
            "retry_at": None,
            "approvals": 0,
        },
        {
            "guard": "approval",
            "verdict": "ask",
            "reason": "1 person",
            "data": {},
            "retry_at": None,
            "approvals": 1,
        },
    ],
    "needed": 1,
    "approvals": [],
    "step": 0,
    "applied": 0,
    "rolling_back": False,
    "created_at": "2026-01-05T00:00:00Z",
    "acted_at": None,
    "ended_at": None,
    "due_at": "2026-01-05T00:15:00Z",
    "expires_at": "2026-01-05T00:15:00Z",
    "hold_until": None,
    "story": [
        {"at": "2026-01-05T00:00:00Z", "state": "proposed", "text": "Pods restart too often", "by": ""},
        {"at": "2026-01-05T00:00:02.5Z", "state": "awaiting_approval", "text": "waits", "by": ""},
    ],
}

TEXT: Final = [
    "r1-695aff00  pod-restarts  awaiting_approval",
    "  target prod/shop/Deployment/checkout, uid u-1",
    "  asked for by an alert of alertmanager at 2026-01-05T00:00:00Z",
    "  risk medium, mode approve",
    "  parameters deployment=checkout namespace=shop",
    "  incidents 1-695aff00",
    "  persons needed in all: 1; nobody has approved yet; expires 2026-01-05T00:15:00Z",
    f"plan {HASH}",
    "  1. kubernetes.rollout_restart prod/shop/Deployment/checkout"
    " (risk medium, at most 5m, undone by kubernetes.rollout_undo)",
    "       PATCH /apis/apps/v1/namespaces/shop/deployments/checkout: restartedAt",
    "       observed generation: 3",
    "       intended restartedAt: r1-695aff00",
    "guards",
    "  ask   approval: 1 person",
    "  allow freeze: nothing is frozen",
    "story",
    "  2026-01-05T00:00:00Z  proposed: Pods restart too often",
    "  2026-01-05T00:00:02Z  awaiting_approval: waits",
]
