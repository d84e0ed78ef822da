"""The cluster as a piece of a page: its Deployments with their pods, and what was asked to change.

`page` shows it. Names and paths come from whoever called, and are escaped.
"""

from html import escape
from typing import Any, Final

from responder.core.model import MILLISECOND, Nanoseconds, format_time
from responder.sandbox.kubernetes.cluster import Cluster
from responder.sandbox.kubernetes.control import PREFIX
from responder.sandbox.kubernetes.kinds import Object
from responder.sandbox.kubernetes.pods import is_ready, workload_of
from responder.sandbox.kubernetes.server import Call
from responder.sandbox.terminal import printable

_SHOWN: Final = 50
"""Calls, and pods of a Deployment."""

_TRY: Final = '{"namespace": "shop", "name": "cart", "every": 1}'


def crash_line(cluster: Cluster) -> str:
    """What people can type to let pods crash."""
    return f"curl {cluster.url}{PREFIX}/crash -d '{_TRY}'"


def as_html(cluster: Cluster) -> str:
    """The cluster as a piece of a page; "" if nothing runs in it."""
    deployments = cluster.objects("Deployment")
    if not deployments:
        return ""
    pods = cluster.objects("Pod")
    shown = "\n".join(_deployment(one, _pods_of(one, pods)) for one in deployments)
    calls = [call for call in cluster.calls if call.writes][-_SHOWN:][::-1]
    rows = "".join(map(_call, calls)) or '<li class="dim">Nothing was asked to change yet.</li>'
    return (
        f'{shown}\n<section class="conversation" id="calls">'
        f"<h2>What was asked to change</h2><ol>{rows}</ol></section>\n"
        f'<section class="conversation" id="try"><h2>Let pods crash</h2>'
        f"<p>An alert follows after a few seconds.</p><pre>{escape(crash_line(cluster))}</pre></section>"
    )


def _pods_of(deployment: Object, pods: list[Object]) -> list[Object]:
    metadata = deployment["metadata"]
    return [
        pod
        for pod in pods
        if pod["metadata"]["namespace"] == metadata["namespace"] and workload_of(pod) == metadata["name"]
    ]


def _deployment(deployment: Object, pods: list[Object]) -> str:
    metadata, status = deployment["metadata"], deployment.get("status") or {}
    ready, wanted = status.get("readyReplicas", 0), deployment["spec"]["replicas"]
    restarts = sum(map(_restarts, pods))
    tone = "resolved" if ready >= wanted and not restarts else "firing"
    rows = "".join(map(_pod, pods[:_SHOWN]))
    return (
        f'<article class="incident {tone}" id="d{escape(metadata["uid"])}">'
        f'<p class="dim">{_safe(metadata["namespace"])}</p>'
        f'<h2>{_safe(metadata["name"])}: <b class="status">{ready} of {wanted} ready</b>, '
        f"{restarts} restarts of its pods</h2><ol>{rows}</ol></article>"
    )


def _pod(pod: Object) -> str:
    ends = pod["metadata"].get("deletionTimestamp")
    state = "ends" if ends else "ready" if is_ready(pod) else "not ready"
    return f"<li>{_safe(pod['metadata']['name'])}: {state}, {_restarts(pod)} restarts</li>"


def _restarts(pod: Object) -> int:
    statuses: Any = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(one.get("restartCount", 0) for one in statuses)


def _call(call: Call) -> str:
    changed = "" if call.changed else ", nothing changed"
    return (
        f"<li><time>{_time(call.at)}</time> <b>{_safe(call.verb)}</b> {_safe(call.path)} "
        f'<span class="dim">{_safe(call.manager)}: {call.status}{changed}</span></li>'
    )


def _safe(text: str) -> str:
    return escape(printable(text))


def _time(at: Nanoseconds) -> str:
    return format_time(at // MILLISECOND * MILLISECOND)[11:-1]
