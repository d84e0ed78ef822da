"""An API server on the wire: who asks, what for, whether they may, and what they are told.

`cluster` mounts it on loopback. Every request is on record, with what came of it; each is handled
whole before the next one touches the store.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from aiohttp import web

from responder.clock import Clock
from responder.core.model import SECOND, Nanoseconds
from responder.sandbox.kubernetes import failure
from responder.sandbox.kubernetes.access import Access, User
from responder.sandbox.kubernetes.failure import Failure, PlainFailure
from responder.sandbox.kubernetes.faults import WRITING, Faults, raise_for
from responder.sandbox.kubernetes.kinds import Object, Target, target
from responder.sandbox.kubernetes.reads import Reads, whole
from responder.sandbox.kubernetes.workloads import Workloads
from responder.sandbox.kubernetes.writes import Request, Writes, scale_of

_KEPT: Final = 10_000
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_WHO_AM_I: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
_TOO_OLD: Final = "too old resource version: 1 (1000)"
_VERSION: Final = {
    "major": "1",
    "minor": "37",
    "gitVersion": "v1.37.0+responder-sandbox",
    "gitCommit": "",
    "gitTreeState": "",
    "buildDate": "",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


class _Silence(Exception):
    """No answer is given: the connection hangs, or is cut."""


@dataclass(slots=True)
class _Asking:
    """A request that could be read. `target` None: it names nothing that is served."""

    request: web.Request
    body: bytes
    verb: str
    target: Target | None = None
    user: User | None = None
    changed: bool = False

    @property
    def manager(self) -> str:
        """As managedFields name it: what it calls itself, else the beginning of its User-Agent."""
        agent = self.request.headers.get("User-Agent", "unknown").partition("/")[0]
        return self.request.query.get("fieldManager") or agent


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and what came of it.

    `verb` is Kubernetes' own (get, list, watch, create, update, patch, delete). `manager`: the field
    manager it wrote under. `status` 0: no answer was given. `changed`: the store is another one.
    """

    number: int
    at: Nanoseconds
    verb: str
    resource: str
    namespace: str
    name: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any
    manager: str
    user: str
    status: int
    changed: bool

    @property
    def writes(self) -> bool:
        """Whether it is of those that change something."""
        return self.verb in WRITING

    def document(self) -> dict[str, Any]:
        """It as JSON."""
        return asdict(self)


class Server:
    """The API of one cluster."""

    def __init__(self, clock: Clock, workloads: Workloads) -> None:
        """Nobody has a token yet."""
        self.access = Access()
        self.faults = Faults()
        self.calls: deque[Call] = deque(maxlen=_KEPT)
        self.reads = Reads(workloads.objects, clock)
        self._workloads = workloads
        self._writes = Writes(workloads.objects, workloads)
        self._clock = clock
        self._counted = 0
        self._under_way = 0
        self._hanging: set[asyncio.Future[None]] = set()
        self.on_step: Callable[[], None] = lambda: None
        self.on_call: Callable[[Call], None] = lambda call: None

    @property
    def busy(self) -> bool:
        """Whether a request is being handled; those that wait on the clock, or watch, do not count."""
        return self._under_way > 0

    def release(self) -> None:
        """Let what hangs end."""
        for waiter in self._hanging:
            if not waiter.done():
                waiter.set_result(None)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self._under_way += 1
        try:
            asking = _Asking(request, await request.read(), request.method.lower())
            return await self._answered(asking)
        finally:
            self._under_way -= 1

    async def _answered(self, asking: _Asking) -> web.StreamResponse:
        try:
            status, answer = await self._handle(asking)
        except Failure as refused:
            retry = {"Retry-After": str(refused.retry_after)} if refused.retry_after else {}
            self._record(asking, refused.code)
            return _json(refused.code, refused.status(), retry)
        except PlainFailure as refused:
            self._record(asking, refused.code)
            headers = {"Content-Type": "text/plain; charset=utf-8"} | refused.headers
            return web.Response(status=refused.code, text=refused.text, headers=headers)
        except _Silence as silence:
            self._record(asking, 0)
            if str(silence).startswith("hang"):
                await self._hang()
            if asking.request.transport is not None:
                asking.request.transport.abort()
            return web.Response(status=500)
        self._record(asking, status)
        if isinstance(answer, AsyncGenerator):
            return await self._stream(asking, answer)
        return _json(status, answer)

    async def _handle(self, asking: _Asking) -> tuple[int, Object | AsyncGenerator[Object, None]]:
        """Status and body, or the events of a watch. Raises Failure, PlainFailure, _Silence."""
        request = asking.request
        user = asking.user = self.access.who(request.headers.get("Authorization", ""))
        if request.method == "GET" and request.path.rstrip("/") == "/version":
            return 200, dict(_VERSION)
        if request.method == "POST" and request.path == _REVIEWS:
            return 201, _review(user, _read(asking.body))
        if request.method == "POST" and request.path == _WHO_AM_I:
            return 201, _self(user)
        named = asking.target = target(request.path)
        verb = asking.verb = _verb(request, named)
        self.access.check(user, verb, named)
        kind = self.faults.take(verb, named)
        if kind.startswith("slow:"):
            with self._idle():
                await self._clock.sleep(int(float(kind[5:]) * SECOND))
        if kind in ("hang", "reset"):
            raise _Silence(kind)
        if kind == "410_event":
            return 200, _only({"type": "ERROR", "object": failure.expired(_TOO_OLD).status()})
        raise_for(kind, user, verb, named)
        # What was due by now has happened; what the request brings about begins now.
        self._workloads.step()
        before = self._workloads.objects.version
        try:
            status, answer = self._run(asking, named)
        finally:
            asking.changed = self._workloads.objects.version != before
            self._workloads.step()
            self.on_step()
        if kind in ("hang_after", "reset_after"):
            raise _Silence(kind)
        return status, answer

    def _run(self, asking: _Asking, named: Target) -> tuple[int, Object | AsyncGenerator[Object, None]]:
        query, verb = asking.request.query, asking.verb
        if verb == "get":
            found = self._writes.find(named)
            return 200, scale_of(found) if named.subresource == "scale" else found
        if verb == "list":
            return 200, self.reads.collection(named, query)
        if verb == "watch":
            return 200, self.reads.watch(named, query)
        dry = query.getall("dryRun", [])
        if dry not in ([], ["All"]):
            raise failure.bad_request(f'dryRun: Unsupported value: "{dry[0]}": supported values: "All"')
        wanted = Request(named, asking.manager, bool(dry))
        if verb == "patch":
            content_type = asking.request.content_type
            return self._writes.patch(replace(wanted, content_type=content_type, body=asking.body))
        if verb == "delete":
            options = _read(asking.body) if asking.body else {}
            if isinstance(options, dict) and (grace := query.get("gracePeriodSeconds")):
                options.setdefault("gracePeriodSeconds", whole(grace, "gracePeriodSeconds"))
            return self._writes.delete(replace(wanted, document=options))
        wanted = replace(wanted, document=_read(asking.body))
        if verb == "update":
            return self._writes.replace(wanted)
        return self._writes.evict(wanted) if named.subresource else self._writes.create(wanted)

    async def _stream(self, asking: _Asking, events: AsyncGenerator[Object, None]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        with self._idle():
            await response.prepare(asking.request)
            # Who watched may have gone.
            with suppress(ConnectionResetError):
                async with aclosing(events):
                    async for event in events:
                        await response.write(json.dumps(event, separators=(",", ":")).encode() + b"\n")
                await response.write_eof()
        return response

    async def _hang(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._hanging.add(waiter)
        with self._idle():
            await waiter
        self._hanging.discard(waiter)

    @contextmanager
    def _idle(self) -> Iterator[None]:
        self._under_way -= 1
        try:
            yield
        finally:
            self._under_way += 1

    def _record(self, asking: _Asking, status: int) -> None:
        named, request = asking.target, asking.request
        self._counted += 1
        try:
            body = json.loads(asking.body) if asking.body else None
        except ValueError:
            body = asking.body.decode(errors="replace")
        call = Call(
            number=self._counted,
            at=self._clock.now(),
            verb=asking.verb,
            resource=named.resource if named else "",
            namespace=named.namespace if named else "",
            name=named.name if named else "",
            path=request.path,
            query=dict(request.query),
            content_type=request.content_type if asking.body else "",
            body=body,
            manager=asking.manager,
            user=asking.user.name if asking.user else "",
            status=status,
            changed=asking.changed,
        )
        self.calls.append(call)
        self.on_call(call)


def _verb(request: web.Request, named: Target) -> str:
    """Kubernetes' name for what is asked. Raises Failure 405."""
    match request.method, bool(named.name), named.subresource:
        case "GET", True, "" | "scale" | "status":
            return "get"
        case "GET", False, _:
            return "watch" if request.query.get("watch", "").lower() in ("true", "1") else "list"
        case ("POST", False, _) | ("POST", True, "eviction"):
            return "create"
        case "PUT", True, "" | "scale":
            return "update"
        case "PATCH", True, "" | "scale":
            return "patch"
        case "DELETE", True, "":
            return "delete"
        case _:
            raise failure.method_not_allowed()


def _read(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise failure.bad_request(f"couldn't get version/kind; json parse error: {error}") from None


def _review(user: User, document: Any) -> Object:
    """Whether the user may, as a SelfSubjectAccessReview answers it."""
    spec = document.get("spec") if isinstance(document, dict) else None
    asked = (spec or {}).get("resourceAttributes") or {}
    resource = asked.get("resource", "")
    if subresource := asked.get("subresource"):
        resource = f"{resource}/{subresource}"
    allowed = user.may(asked.get("verb", ""), asked.get("group", ""), resource, asked.get("namespace", ""))
    return {
        "kind": "SelfSubjectAccessReview",
        "apiVersion": "authorization.k8s.io/v1",
        "metadata": {"creationTimestamp": None},
        "spec": spec or {},
        "status": {"allowed": allowed},
    }


def _self(user: User) -> Object:
    """Who is asking, as a SelfSubjectReview answers it."""
    return {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": None},
        "status": {"userInfo": {"username": user.name, "groups": ["system:authenticated"]}},
    }


async def _only(event: Object) -> AsyncGenerator[Object, None]:
    yield event


def _json(status: int, answer: Object, headers: dict[str, str] | None = None) -> web.Response:
    body = json.dumps(answer, separators=(",", ":")).encode()
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)
