"""One cluster: its API server on loopback, its controllers, and what may be done to it from outside.

The sandbox, the story and tests start it, steer it, and look at what was asked of it. What they do
here is no request: it needs no token, meets no fault, and is on no record.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Self

from aiohttp import web

from responder.clock import Clock
from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.kubernetes import control
from responder.sandbox.kubernetes.access import ROLE, TOKEN, USER, Rule, User
from responder.sandbox.kubernetes.faults import Fault
from responder.sandbox.kubernetes.kinds import NAMESPACES, Object, Target, kind_named, kind_of
from responder.sandbox.kubernetes.pods import Crash
from responder.sandbox.kubernetes.server import Call, Server
from responder.sandbox.kubernetes.workloads import Workloads
from responder.sandbox.kubernetes.writes import Request, Writes
from responder.sandbox.loopback import listen, own_names_only
from responder.settings import Address

RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
"""The annotation that a restart puts on a template."""

_BODY: Final = 3 << 20
"""Bytes of a request that are read, as by the real one."""

_ANYWHERE: Final = Address("127.0.0.1", 0)


class Cluster:
    """A cluster called `name`, whose API opens to `token`.

    `ready_after` is how long a pod takes to be ready. Time is the clock's: what is due happens when
    it has come, at the next `tick` or request at the latest. `user` is Responder's own account; its
    `rules` may be changed. `on_call` hears each request once it is handled, before it is answered.
    """

    def __init__(
        self,
        clock: Clock,
        name: str = "sandbox",
        *,
        address: Address = _ANYWHERE,
        token: str = TOKEN,
        ready_after: Nanoseconds = 2 * SECOND,
    ) -> None:
        """Empty but for the namespaces `default` and `kube-system`; it listens nowhere yet."""
        self.name = name
        self.address = address
        self.token = token
        self.user = User(USER, [*ROLE])
        self._clock = clock
        self._workloads = Workloads(clock, name, ready_after)
        self._writes = Writes(self._workloads.objects, self._workloads)
        self._server = Server(clock, self._workloads)
        self.on_call: Callable[[Call], None] = lambda call: None
        self._server.on_step = self._wake
        self._server.on_call = self._called
        self._server.access.users[token] = self.user
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._task: asyncio.Task[None] | None = None
        for namespace in ("default", "kube-system"):
            self.add_namespace(namespace)

    # -- listening --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{self.address}"

    @property
    def busy(self) -> bool:
        """Whether it is handling a request: for clocks that stand still meanwhile."""
        return self._server.busy

    async def start(self) -> None:
        """Listen. Raises UsageError when the port is taken."""
        app = web.Application(client_max_size=_BODY, middlewares=[own_names_only])
        control.add_routes(app, self)
        app.router.add_route("*", "/{path:.*}", self._server.serve)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
        self.address = await listen(runner, self.address)
        self._runner = runner
        self._task = asyncio.create_task(self._go_on())

    async def stop(self) -> None:
        """Listen no more."""
        runner, self._runner = self._runner, None
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if runner is not None:
            self.release()
            self.end_watches()
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *failed: object) -> None:
        await self.stop()

    async def _go_on(self) -> None:
        """Let happen what is due, when it is due."""
        while True:
            self._changed.clear()
            self._workloads.step()
            waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._changed.wait())]
            if (due := self._workloads.due()) is not None:
                waiting.append(asyncio.ensure_future(self._clock.sleep(due - self._clock.monotonic())))
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waiting:
                    one.cancel()

    def _called(self, call: Call) -> None:
        self.on_call(call)

    def _wake(self) -> None:
        self._changed.set()

    # -- what is in it ----------------------------------------------------------------------------

    def tick(self) -> None:
        """Let everything happen that is due by now, each thing at its time."""
        self._workloads.step()
        self._wake()

    def get(self, kind: str, namespace: str, name: str) -> Object:
        """An object, by `Deployment` or `deployments`; not to be changed. Raises KeyError."""
        self.tick()
        found = self._workloads.objects.get(kind_named(kind), namespace, name)
        if found is None:
            raise KeyError(f"{kind} {namespace}/{name}")
        return found

    def objects(self, kind: str, namespace: str = "") -> list[Object]:
        """The objects of a kind, of one namespace or of all."""
        self.tick()
        return self._workloads.objects.all(kind_named(kind), namespace)

    @property
    def version(self) -> int:
        """The newest resourceVersion."""
        return self._workloads.objects.version

    def add_namespace(self, name: str) -> None:
        """A namespace, unless it is there."""
        if self._workloads.objects.get(NAMESPACES, "", name) is None:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def apply(self, document: Object, manager: str = "kubectl-client-side-apply") -> Object:
        """Make an object, or put this in the place of the one that there is. Raises Failure."""
        kind = kind_of(document)
        metadata = document["metadata"]
        namespace = metadata.get("namespace", "default") if kind.namespaced else ""
        named = Target(kind, namespace, metadata["name"], "")
        request = Request(named, manager, document=document)
        self._workloads.step()
        if self._workloads.objects.get(kind, namespace, metadata["name"]) is None:
            _, stored = self._writes.create(request)
        else:
            _, stored = self._writes.replace(request)
        self.tick()
        return stored

    def delete(self, kind: str, namespace: str, name: str) -> None:
        """Take an object away. Raises Failure 404."""
        self._writes.delete(Request(Target(kind_named(kind), namespace, name, ""), "kubectl"))
        self.tick()

    # -- what was asked of it ---------------------------------------------------------------------

    @property
    def calls(self) -> list[Call]:
        """Every request, oldest first; the last ten thousand are kept."""
        return [*self._server.calls]

    def writes(self, resource: str = "", namespace: str = "", name: str = "") -> list[Call]:
        """The requests that would change something, of this resource (`deployments/scale` is its own)."""
        return [
            call
            for call in self._server.calls
            if call.writes
            and resource in ("", call.resource)
            and namespace in ("", call.namespace)
            and name in ("", call.name)
        ]

    def restarts(self, namespace: str, name: str) -> list[Call]:
        """The requests that did restart a Deployment, answered or not."""
        return [
            call
            for call in self.writes("deployments", namespace, name)
            if call.changed and RESTARTED in json.dumps(call.body)
        ]

    # -- what goes wrong --------------------------------------------------------------------------

    def fault(
        self, kind: str, times: int = 1, *, verb: str = "*", resource: str = "*", name: str = "*"
    ) -> None:
        """Let the next requests that fit go wrong, in the order of asking. Raises UsageError.

        `verb` is Kubernetes' own, or `writes`. `kind`: a status (`401 403 404 409 409:AlreadyExists
        410 422 429 500 503 504`), `410_event` (in a watch), `html_502` and `bad_json` (a proxy's),
        `slow:SECONDS`, `reset` and `hang` (nothing is done), `reset_after` and `hang_after` (it is
        done, and not answered).
        """
        self._server.faults.add(Fault(kind, times, verb, resource, name))

    def clear_faults(self) -> None:
        """Nothing goes wrong any more, but for what hangs already."""
        self._server.faults.waiting.clear()

    @property
    def faults(self) -> Iterable[Fault]:
        """Those that are still to come."""
        return tuple(self._server.faults.waiting)

    def release(self) -> None:
        """Let what hangs end, unanswered."""
        self._server.release()

    def add_user(self, token: str, name: str, *rules: Rule) -> User:
        """Another account."""
        user = self._server.access.users[token] = User(name, [*rules])
        return user

    def revoke(self, token: str) -> None:
        """The token opens nothing any more."""
        self._server.access.users.pop(token, None)

    def expire(self, *, late: bool = False) -> None:
        """Forget what has happened so far: 410. `late`: watches hear of it in an event."""
        self._workloads.objects.forget()
        self._server.reads.late = late

    def end_watches(self) -> None:
        """End those that are under way, as a server that restarts does."""
        self._server.reads.end_all()

    # -- how it behaves ---------------------------------------------------------------------------

    def ready_after(self, duration: Nanoseconds, namespace: str = "", name: str = "") -> None:
        """How long new pods take to be ready: all, or those of one Deployment."""
        if name:
            self._workloads.pods.conduct(namespace, name).ready_after = duration
        else:
            self._workloads.pods.ready_after = duration

    def gone_after(self, duration: Nanoseconds) -> None:
        """How long pods take to stop; 0 (so it begins): they are gone at once."""
        self._workloads.pods.gone_after = duration

    def stick(self, namespace: str, name: str, reason: str = "ImagePullBackOff") -> None:
        """New pods of a Deployment never get ready."""
        self._workloads.pods.conduct(namespace, name).stuck = reason

    def crash(
        self,
        namespace: str,
        name: str,
        *,
        every: Nanoseconds = 10 * SECOND,
        pods: int | None = None,
        ready: bool = True,
    ) -> None:
        """Let the pods of a Deployment's present template crash again and again, until it is restarted.

        `pods`: only so many of those that there are. `ready`: they serve in between. Raises KeyError.
        """
        self._workloads.step()
        self._workloads.crash(namespace, name, every, pods, ready)
        self.tick()

    @property
    def crashes(self) -> list[Crash]:
        """Every restart of a container so far."""
        self.tick()
        return [*self._workloads.pods.crashes]

    def crashed(self, namespace: str, name: str, within: Nanoseconds) -> int:
        """How often containers of a Deployment restarted in the time up to now."""
        since = self._clock.monotonic() - within
        return sum(
            (crash.namespace, crash.workload) == (namespace, name) and crash.at > since
            for crash in self.crashes
        )

    def fight(
        self,
        namespace: str,
        name: str,
        *,
        manager: str = "argocd-controller",
        after: Nanoseconds = 5 * SECOND,
        what: Iterable[str] = ("template",),
    ) -> None:
        """Let somebody hold a Deployment's `template` or `replicas` to what they are now. Raises KeyError."""
        self._workloads.step()
        self._workloads.fights.start(namespace, name, manager, after, set(what))

    def want(self, namespace: str, name: str, replicas: int) -> None:
        """Let an autoscaler want so many replicas; it looks every fifteen seconds."""
        self._workloads.autoscalers.wanted[namespace, name] = replicas
        self._workloads.look_again()
        self.tick()

    def calm(self, namespace: str, name: str) -> None:
        """The Deployment behaves: nothing is stuck, nothing crashes, nobody fights."""
        self._workloads.calm(namespace, name)
        self.tick()

    def budgets_lag(self, *, lag: bool = True) -> None:
        """Whether the controller of disruption budgets has stopped to look."""
        self._workloads.budgets_lag = lag
        self._workloads.look_again()
        self.tick()
