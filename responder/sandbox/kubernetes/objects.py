"""What is in the cluster, and what happened to it: the store behind the API server.

`writes` and the controllers put objects there, `reads` looks and listens. It judges nothing; it
keeps what an API server keeps of its own accord: uid, generation, resourceVersion, managedFields.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from responder.core.model import SECOND, Nanoseconds, format_time
from responder.sandbox.kubernetes.kinds import Kind, Object
from responder.sandbox.kubernetes.patches import MERGE_KEYS

_KEPT: Final = 10_000
"""Changes that are remembered, for watches that begin in the past."""

_UNOWNED: Final = frozenset({"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"})


class Writer(NamedTuple):
    """Who writes: what managedFields say."""

    manager: str
    subresource: str = ""


class Change(NamedTuple):
    """One thing that happened. `before`: the object as it was, None for a new one."""

    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    kind: Kind
    object: Object
    before: Object | None


Place: TypeAlias = tuple[str, str]
"""Namespace and name."""


def stamp(at: Nanoseconds) -> str:
    """A time as Kubernetes writes it: whole seconds."""
    return format_time(at // SECOND * SECOND)


def place(document: Object) -> Place:
    """Where an object is."""
    return document["metadata"].get("namespace", ""), document["metadata"]["name"]


class Objects:
    """The store. `now` is the time that is written into objects; `seed` makes the uids its own."""

    def __init__(self, now: Callable[[], Nanoseconds], seed: str) -> None:
        """Empty."""
        self.version = 1_000
        self.changes: deque[Change] = deque()
        self.forgotten = self.version
        self.on_change: list[Callable[[Change], None]] = []
        self._now = now
        self._seed = seed
        self._made = 0
        self._objects: dict[Kind, dict[Place, Object]] = {}

    def __iter__(self) -> Iterator[Object]:
        """Every object there is."""
        for kept in self._objects.values():
            yield from list(kept.values())

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """One object, not to be changed."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all(self, kind: Kind, namespace: str = "") -> list[Object]:
        """Those of one kind, in the order of their places; without a namespace, of all."""
        kept = self._objects.get(kind, {})
        return [kept[key] for key in sorted(kept) if namespace in ("", key[0])]

    def put(self, kind: Kind, new: Object, by: Writer) -> Object:
        """Create the object, or put it in place of the one with its name; what is the same is no write."""
        old = self.get(kind, *place(new))
        new = self.prepared(kind, new, old, by)
        if new is old:
            return new
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        self._objects.setdefault(kind, {})[place(new)] = new
        self._changed(Change(self.version, "MODIFIED" if old else "ADDED", kind, new, old))
        return new

    def prepared(self, kind: Kind, new: Object, old: Object | None, by: Writer) -> Object:
        """What `put` would store, but for its resourceVersion; `old` itself where nothing changes."""
        metadata = {name: value for name, value in new["metadata"].items() if name not in _UNOWNED}
        if old is not None:
            kept = {name: value for name, value in old["metadata"].items() if name in _UNOWNED}
            new = {**new, "metadata": {**metadata, **kept}}
            if new == old:
                return old
            if kind.counts and new.get("spec") != old.get("spec"):
                new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        else:
            self._made += 1
            digest = hashlib.sha256(f"{self._seed}/{self._made}".encode()).digest()
            metadata |= {
                "uid": str(UUID(bytes=digest[:16], version=4)),
                "creationTimestamp": stamp(self._now()),
            }
            metadata |= {"resourceVersion": str(self.version + 1)}
            if kind.counts:
                metadata["generation"] = 1
            new = {**new, "metadata": metadata}
        new["metadata"]["managedFields"] = self._managed(kind, new, old, by)
        return new

    def remove(self, kind: Kind, namespace: str, name: str) -> Object:
        """Take it away; returns it as it was, with the version of its end. Raises KeyError."""
        old = self._objects[kind].pop((namespace, name))
        self.version += 1
        gone = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}}
        self._changed(Change(self.version, "DELETED", kind, gone, old))
        return gone

    def forget(self) -> None:
        """Forget what has happened so far: who asks for it is told that it has expired."""
        self.changes.clear()
        self.forgotten = self.version

    def name(self, prefix: str, length: int = 5) -> str:
        """A name of its own, as generateName makes it."""
        self._made += 1
        return prefix + letters(f"{self._seed}/{self._made}", length)

    def _changed(self, change: Change) -> None:
        self.changes.append(change)
        if len(self.changes) > _KEPT:
            self.forgotten = self.changes.popleft().version
        for hear in list(self.on_change):
            hear(change)

    # -- managedFields ----------------------------------------------------------------------------

    def _managed(self, kind: Kind, new: Object, old: Object | None, by: Writer) -> list[Object]:
        # Most writes touch one part: what is the same on both sides is nobody's news.
        parts = {name for name in new.keys() | (old or {}).keys() if new.get(name) != (old or {}).get(name)}
        before, after = _leaves(old or {}, parts), _leaves(new, parts)
        written = {path for path, value in after.items() if before.get(path, _ABSENT) != value}
        gone = before.keys() - after.keys()
        entries = []
        own: set[_Path] = set(written)
        for entry in (old or {}).get("metadata", {}).get("managedFields") or ():
            if (entry["manager"], entry.get("subresource", "")) == by:
                own |= _paths(entry["fieldsV1"]) - gone
            elif left := _paths(entry["fieldsV1"]) - written - gone:
                entries.append({**entry, "fieldsV1": _fields(left)})
        entry = {
            "manager": by.manager,
            "operation": "Update",
            "apiVersion": kind.api_version,
            "time": stamp(self._now()),
            "fieldsType": "FieldsV1",
            "fieldsV1": _fields(own),
        }
        return [*entries, {**entry, "subresource": by.subresource} if by.subresource else entry]


def letters(text: str, length: int) -> str:
    """So many of the letters that Kubernetes makes names of, always the same for the same text."""
    alphabet = "bcdfghjklmnpqrstvwxz2456789"
    return "".join(alphabet[byte % len(alphabet)] for byte in hashlib.sha256(text.encode()).digest()[:length])


_Path: TypeAlias = tuple[str, ...]
_ABSENT: Final = object()
_NOBODYS: Final = frozenset({"apiVersion", "kind"})


def _leaves(document: Object, parts: set[str]) -> dict[_Path, Any]:
    """Every field of these parts that somebody may own, under its path in the manner of fieldsV1."""
    found: dict[_Path, Any] = {}

    def walk(path: _Path, name: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                walk((*path, f"f:{key}"), key, inner)
        elif isinstance(value, list) and value and (key := MERGE_KEYS.get(name)) and key in value[0]:
            for entry in value:
                step = "k:" + json.dumps({key: entry.get(key)}, separators=(",", ":"))
                for inner_key, inner in entry.items():
                    walk((*path, step, f"f:{inner_key}"), inner_key, inner)
        else:
            found[path] = value

    for name in parts & document.keys():
        value = document[name]
        if name == "metadata":
            for key, inner in value.items():
                if key not in _UNOWNED and key not in ("name", "namespace"):
                    walk(("f:metadata", f"f:{key}"), key, inner)
        elif name not in _NOBODYS:
            walk((f"f:{name}",), name, value)
    return found


def _fields(paths: set[_Path]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        at = tree
        for step in path:
            at = at.setdefault(step, {})
    return tree


def _paths(fields: dict[str, Any]) -> set[_Path]:
    if not fields:
        return {()}
    return {(step, *rest) for step, inner in fields.items() for rest in _paths(inner)}
