"""The control endpoint of a cluster's stand-in: its record and its levers, for other processes.

Tests and people that cannot call `Cluster` ask here, beside the API, under `/_standin/`. It asks for
no token: it is on loopback, and steers a toy.
"""

from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from responder.core.model import SECOND, Nanoseconds, format_time
from responder.errors import UsageError
from responder.sandbox.kubernetes.failure import Failure

if TYPE_CHECKING:
    from responder.sandbox.kubernetes.cluster import Cluster

PREFIX: Final = "/_standin"


class _Command(msgspec.Struct, forbid_unknown_fields=True):
    """A lever: its fields are the JSON it takes. Durations are seconds."""

    def pull(self, cluster: "Cluster") -> None:
        """Do it."""
        raise NotImplementedError


class _Fault(_Command, forbid_unknown_fields=True):
    kind: str
    times: int = 1
    verb: str = "*"
    resource: str = "*"
    name: str = "*"

    def pull(self, cluster: "Cluster") -> None:
        cluster.fault(self.kind, self.times, verb=self.verb, resource=self.resource, name=self.name)


class _ClearFaults(_Command, forbid_unknown_fields=True):
    def pull(self, cluster: "Cluster") -> None:
        cluster.clear_faults()


class _Release(_Command, forbid_unknown_fields=True):
    def pull(self, cluster: "Cluster") -> None:
        cluster.release()


class _Stick(_Command, forbid_unknown_fields=True):
    namespace: str
    name: str
    reason: str = "ImagePullBackOff"

    def pull(self, cluster: "Cluster") -> None:
        cluster.stick(self.namespace, self.name, self.reason)


class _Crash(_Command, forbid_unknown_fields=True):
    namespace: str
    name: str
    every: float = 10
    pods: int | None = None
    ready: bool = True

    def pull(self, cluster: "Cluster") -> None:
        every = _nanoseconds(self.every)
        cluster.crash(self.namespace, self.name, every=every, pods=self.pods, ready=self.ready)


class _Fight(_Command, forbid_unknown_fields=True):
    namespace: str
    name: str
    manager: str = "argocd-controller"
    after: float = 5
    what: tuple[str, ...] = ("template",)

    def pull(self, cluster: "Cluster") -> None:
        after = _nanoseconds(self.after)
        cluster.fight(self.namespace, self.name, manager=self.manager, after=after, what=self.what)


class _Calm(_Command, forbid_unknown_fields=True):
    namespace: str
    name: str

    def pull(self, cluster: "Cluster") -> None:
        cluster.calm(self.namespace, self.name)


class _Want(_Command, forbid_unknown_fields=True):
    namespace: str
    name: str
    replicas: int

    def pull(self, cluster: "Cluster") -> None:
        cluster.want(self.namespace, self.name, self.replicas)


class _ReadyAfter(_Command, forbid_unknown_fields=True):
    seconds: float
    namespace: str = ""
    name: str = ""

    def pull(self, cluster: "Cluster") -> None:
        cluster.ready_after(_nanoseconds(self.seconds), self.namespace, self.name)


class _Expire(_Command, forbid_unknown_fields=True):
    late: bool = False

    def pull(self, cluster: "Cluster") -> None:
        cluster.expire(late=self.late)


class _EndWatches(_Command, forbid_unknown_fields=True):
    def pull(self, cluster: "Cluster") -> None:
        cluster.end_watches()


class _Apply(_Command, forbid_unknown_fields=True):
    document: dict[str, Any]
    manager: str = "kubectl-client-side-apply"

    def pull(self, cluster: "Cluster") -> None:
        cluster.apply(self.document, self.manager)


_COMMANDS: Final[dict[str, type[_Command]]] = {
    "apply": _Apply,
    "calm": _Calm,
    "clear_faults": _ClearFaults,
    "crash": _Crash,
    "end_watches": _EndWatches,
    "expire": _Expire,
    "fault": _Fault,
    "fight": _Fight,
    "ready_after": _ReadyAfter,
    "release": _Release,
    "stick": _Stick,
    "want": _Want,
}


def _nanoseconds(seconds: float) -> Nanoseconds:
    return int(seconds * SECOND)


def add_routes(app: web.Application, cluster: "Cluster") -> None:
    """Serve `/_standin`, `/_standin/calls`, `/_standin/objects/PLURAL` and `POST /_standin/COMMAND`."""

    async def state(request: web.Request) -> web.Response:
        return _json(
            {
                "cluster": cluster.name,
                "resourceVersion": str(cluster.version),
                "calls": len(cluster.calls),
                "faults": [fault.document() for fault in cluster.faults],
                "crashes": len(cluster.crashes),
            }
        )

    async def calls(request: web.Request) -> web.Response:
        writes = request.query.get("writes") == "1"
        kept = [call for call in cluster.calls if call.writes or not writes]
        return _json([{**call.document(), "at": format_time(call.at)} for call in kept])

    async def objects(request: web.Request) -> web.Response:
        plural = request.match_info["plural"]
        try:
            return _json(cluster.objects(plural, request.query.get("namespace", "")))
        except KeyError:
            return web.Response(status=404, text=f"no kind of object is called {plural!r} here\n")

    async def command(request: web.Request) -> web.Response:
        name = request.match_info["command"]
        if name not in _COMMANDS:
            return web.Response(status=404, text=f"there are: {', '.join(_COMMANDS)}\n")
        try:
            msgspec.json.decode(await request.read() or b"{}", type=_COMMANDS[name]).pull(cluster)
        except (msgspec.DecodeError, UsageError, Failure) as error:
            return web.Response(status=400, text=f"{error}\n")
        except KeyError as error:
            return web.Response(status=404, text=f"there is no {error.args[0]}\n")
        return _json({})

    app.router.add_get(PREFIX, state)
    app.router.add_get(f"{PREFIX}/calls", calls)
    app.router.add_get(f"{PREFIX}/objects/{{plural}}", objects)
    app.router.add_post(f"{PREFIX}/{{command}}", command)


def _json(document: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json")
