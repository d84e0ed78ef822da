"""Lists and watches: what there is, in pages, and what happens to it from some version on.

`server` calls it for GET on collections. It writes nothing, and it forgets only what the store has
forgotten.
"""

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

from responder.clock import Clock
from responder.core.model import MINUTE, SECOND, Nanoseconds
from responder.sandbox.kubernetes import failure
from responder.sandbox.kubernetes.kinds import Kind, Object, Target
from responder.sandbox.kubernetes.objects import Change, Objects, Place, place
from responder.sandbox.kubernetes.selectors import Selects, query_selector

_LONGEST: Final = 45 * MINUTE
_BOOKMARKS: Final = MINUTE

_TOO_OLD: Final = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results."
)


class Reads:
    """Lists and watches of one cluster. `late`: a watch hears of 410 in an event, not as its status."""

    def __init__(self, objects: Objects, clock: Clock) -> None:
        """Nobody watches yet."""
        self.late = False
        self._objects = objects
        self._clock = clock
        self._watches: set[asyncio.Queue[Change | str]] = set()
        objects.on_change.append(self._heard)

    def selector(self, target: Target, query: Mapping[str, str]) -> Selects:
        """What the query's selectors select. Raises Failure 400."""
        return query_selector(target.kind, query.get("labelSelector", ""), query.get("fieldSelector", ""))

    def collection(self, target: Target, query: Mapping[str, str]) -> Object:
        """A collection, or a page of it. Raises Failure (400, 410, 504)."""
        selects, kind = self.selector(target, query), target.kind
        limit, start = whole(query.get("limit", "0"), "limit"), ("", "")
        version = self._objects.version
        if token := query.get("continue"):
            asked, start = _continued(token)
            if 0 <= asked < self._objects.forgotten:
                raise failure.expired(_TOO_OLD, _continue(-1, start))
            version = asked if asked >= 0 else version
        else:
            asked = whole(query.get("resourceVersion") or "0", "resourceVersion")
            if asked > version:
                raise failure.too_new(asked, version)
            exact = query.get("resourceVersionMatch") == "Exact"
            if exact and asked < self._objects.forgotten:
                raise failure.expired(f"The provided resource version is too old: {asked}")
            version = asked if exact else version
        found = [
            document
            for key, document in sorted(self._at(kind, version).items())
            if key > start and target.namespace in ("", key[0]) and selects(document)
        ]
        page = found[:limit] if limit else found
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if len(page) < len(found):
            metadata["continue"] = _continue(version, place(page[-1]))
            # It is not known where something selects.
            if not (query.get("labelSelector") or query.get("fieldSelector")):
                metadata["remainingItemCount"] = len(found) - len(page)
        # Entries of a list do not say what they are; clients must know.
        items = [
            {name: value for name, value in document.items() if name not in ("kind", "apiVersion")}
            for document in page
        ]
        return {
            "kind": f"{kind.name}List",
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "items": items,
        }

    def _at(self, kind: Kind, version: int) -> dict[Place, Object]:
        """The objects of a kind as they were."""
        there = {place(document): document for document in self._objects.all(kind)}
        for change in reversed(self._objects.changes):
            if change.version <= version:
                break
            if change.kind is kind:
                if change.before is None:
                    del there[place(change.object)]
                else:
                    there[place(change.before)] = change.before
        return there

    # -- watches ----------------------------------------------------------------------------------

    def watch(self, target: Target, query: Mapping[str, str]) -> AsyncGenerator[Object, None]:
        """What happens, event by event, until its time is over. Raises Failure at once, or later 410."""
        selects = self.selector(target, query)
        given = query.get("resourceVersion", "")
        version = whole(given or "0", "resourceVersion")
        if version > self._objects.version:
            raise failure.too_new(version, self._objects.version)
        expired = version and version < self._objects.forgotten
        gone = failure.expired(f"too old resource version: {version} ({self._objects.forgotten})")
        if expired and not self.late:
            raise gone
        seconds = whole(query.get("timeoutSeconds", "0"), "timeoutSeconds")
        marks = _true(query.get("allowWatchBookmarks"))
        past: list[Object] = []
        if expired:
            past = [{"type": "ERROR", "object": gone.status()}]
        elif version == 0:
            for document in self._objects.all(target.kind, target.namespace):
                if selects(document):
                    past.append({"type": "ADDED", "object": document})
        else:
            changes = [change for change in self._objects.changes if change.version > version]
            past = [event for change in changes if (event := _event(change, target, selects))]
        queue: asyncio.Queue[Change | str] = asyncio.Queue()
        # From here on nothing is missed, though nobody reads yet.
        self._watches.add(queue)
        return self._events(target, selects, past, queue, seconds * SECOND or _LONGEST, marks)

    async def _events(
        self,
        target: Target,
        selects: Selects,
        past: list[Object],
        queue: asyncio.Queue[Change | str],
        lasts: Nanoseconds,
        marks: bool,
    ) -> AsyncGenerator[Object, None]:
        timers = [asyncio.create_task(self._later(queue, lasts, "end"))]
        if marks:
            timers.append(asyncio.create_task(self._every(queue, _BOOKMARKS, "bookmark")))
        try:
            for event in past:
                yield event
                if event["type"] == "ERROR":
                    return
            while (heard := await queue.get()) != "end":
                if isinstance(heard, str):
                    yield self._bookmark(target.kind)
                elif told := _event(heard, target, selects):
                    yield told
        finally:
            self._watches.discard(queue)
            for timer in timers:
                timer.cancel()

    def end_all(self) -> None:
        """End every watch."""
        for queue in self._watches:
            queue.put_nowait("end")

    def _heard(self, change: Change) -> None:
        for queue in self._watches:
            queue.put_nowait(change)

    def _bookmark(self, kind: Kind) -> Object:
        metadata = {"resourceVersion": str(self._objects.version), "creationTimestamp": None}
        marked = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
        return {"type": "BOOKMARK", "object": marked}

    async def _later(self, queue: asyncio.Queue[Change | str], after: Nanoseconds, what: str) -> None:
        await self._clock.sleep(after)
        queue.put_nowait(what)

    async def _every(self, queue: asyncio.Queue[Change | str], every: Nanoseconds, what: str) -> None:
        while True:
            await self._later(queue, every, what)


def _event(change: Change, target: Target, selects: Selects) -> Object | None:
    """What a watch hears of a change: an object that is no longer selected is gone to it."""
    if change.kind is not target.kind:
        return None
    if target.namespace not in ("", change.object["metadata"].get("namespace", "")):
        return None
    before = change.before is not None and selects(change.before)
    after = change.type != "DELETED" and selects(change.object)
    if not (before or after):
        return None
    kind = "MODIFIED" if before and after else "ADDED" if after else "DELETED"
    return {"type": kind, "object": change.object}


def whole(text: str, name: str) -> int:
    """The number that a query says. Raises Failure 400."""
    if not text.isdecimal():
        raise failure.bad_request(f'{name}: Invalid value: "{text}": must be a whole number')
    return int(text)


def _true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1")


def _continue(version: int, start: Place) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _continued(token: str) -> tuple[int, Place]:
    try:
        read = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, name = read["start"]
        return int(read["rv"]), (str(namespace), str(name))
    except (ValueError, KeyError, TypeError):
        raise failure.bad_request("continue key is not valid: it was not made here") from None
