"""As much of a Kubernetes API server as kubectl needs to list, make and remove objects, on loopback.

Rehearsals of backups let the real kubectl speak to it (the stand-in of responder.sandbox knows the kinds that
Responder acts on, and no others). It allows what it was told to allow, and validates nothing.
"""

import copy
import json
import threading
import uuid
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from tests.peers.ports import free_port

Manifest = dict[str, Any]

# Kind: its plural and whether it lies in a namespace.
KINDS: Final[Mapping[tuple[str, str], str]] = {
    ("v1", "ConfigMap"): "configmaps",
    ("v1", "Namespace"): "namespaces",
    ("v1", "Secret"): "secrets",
    ("v1", "Service"): "services",
    ("v1", "ServiceAccount"): "serviceaccounts",
    ("apps/v1", "Deployment"): "deployments",
    ("apps/v1", "StatefulSet"): "statefulsets",
    ("batch/v1", "CronJob"): "cronjobs",
    ("batch/v1", "Job"): "jobs",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "horizontalpodautoscalers",
    ("policy/v1", "PodDisruptionBudget"): "poddisruptionbudgets",
    ("networking.k8s.io/v1", "NetworkPolicy"): "networkpolicies",
    ("rbac.authorization.k8s.io/v1", "Role"): "roles",
    ("rbac.authorization.k8s.io/v1", "RoleBinding"): "rolebindings",
    ("velero.io/v1", "Restore"): "restores",
}


class ApiServer:
    """Objects by (apiVersion, plural, namespace, name). `allowed`: (verb, group, plural); None: all."""

    def __init__(self, allowed: set[tuple[str, str, str]] | None = None) -> None:
        self.allowed = allowed
        self.objects: dict[tuple[str, str, str, str], Manifest] = {}
        self.on_create: Manifest = {}
        """What is put into each object that is made, as its controller would."""
        self.removed: list[str] = []
        self.port = free_port()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), type("Page", (_Page,), {"shown": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def kubeconfig(self) -> str:
        """The text of a kubeconfig for it."""
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
                "users": [{"name": "c", "user": {}}],
                "current-context": "c",
            }
        )

    def put(self, found: Manifest) -> None:
        """Store an object as a cluster has it: with what it adds."""
        added = copy.deepcopy(found)
        added["metadata"] |= {
            "uid": str(uuid.uuid4()),
            "resourceVersion": str(len(self.objects) + 1),
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "generation": 1,
        }
        added |= copy.deepcopy(self.on_create)
        self.objects[self._place(found)] = added

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @staticmethod
    def _place(found: Manifest) -> tuple[str, str, str, str]:
        version, kind, metadata = found["apiVersion"], found["kind"], found["metadata"]
        return version, KINDS[version, kind], metadata.get("namespace", ""), metadata["name"]


class _Page(BaseHTTPRequestHandler):
    shown: ApiServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the library's name
        pass

    def answer(self, status: int, body: Mapping[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status: int, reason: str, message: str) -> None:
        self.answer(
            status,
            {
                "kind": "Status",
                "apiVersion": "v1",
                "status": "Failure",
                "reason": reason,
                "message": message,
                "code": status,
            },
        )

    def look(self, verb: str) -> tuple[str, str, str, str] | None:
        """(apiVersion, plural, namespace, name); None: it is answered already."""
        parts = urlsplit(self.path).path.strip("/").split("/")
        version, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
        if parts[0] not in {"api", "apis"} or not rest:
            self.refuse(404, "NotFound", "the server could not find the requested resource")
            return None
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            namespace, rest = rest[1], rest[2:]
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        group = version.rpartition("/")[0]
        if verb == "get" and not name:
            verb = "list"
        if self.shown.allowed is not None and (verb, group, plural) not in self.shown.allowed:
            self.refuse(403, "Forbidden", f'{plural}.{group} is forbidden: cannot {verb} resource "{plural}"')
            return None
        return version, plural, namespace, name

    def discovery(self) -> Mapping[str, Any] | None:
        path = urlsplit(self.path).path.strip("/")
        versions = sorted({version for version, _ in KINDS if "/" in version})
        if path == "openapi/v3":
            paths = {
                f"apis/{version}": {"serverRelativeURL": f"/openapi/v3/apis/{version}"}
                for version in versions
            }
            return {"paths": {**paths, "api/v1": {"serverRelativeURL": "/openapi/v3/api/v1"}}}
        if path.startswith("openapi/v3/"):
            return _validates(path.removeprefix("openapi/v3/").removeprefix("apis/").removeprefix("api/"))
        if path == "api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "apis":
            groups = [
                {
                    "name": version.partition("/")[0],
                    "versions": [{"groupVersion": version, "version": version.partition("/")[2]}],
                    "preferredVersion": {"groupVersion": version, "version": version.partition("/")[2]},
                }
                for version in versions
            ]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        if path == "api/v1" or path.removeprefix("apis/") in versions:
            version = path.removeprefix("apis/").removeprefix("api/")
            resources = [
                {
                    "name": plural,
                    "singularName": kind.lower(),
                    "namespaced": kind != "Namespace",
                    "kind": kind,
                    "verbs": ["create", "delete", "get", "list", "patch"],
                }
                for (of, kind), plural in KINDS.items()
                if of == version
            ]
            return {
                "kind": "APIResourceList",
                "apiVersion": "v1",
                "groupVersion": version,
                "resources": resources,
            }
        return None

    def do_GET(self) -> None:
        found = self.discovery()
        if found is not None:
            self.answer(200, found)
            return
        place = self.look("get")
        if place is None:
            return
        version, plural, namespace, name = place
        if name:
            if place in self.shown.objects:
                self.answer(200, self.shown.objects[place])
            else:
                self.refuse(404, "NotFound", f'{plural} "{name}" not found')
            return
        kind = next(kind for (of, kind), named in KINDS.items() if (of, named) == (version, plural))
        items = [
            o for key, o in sorted(self.shown.objects.items()) if key[:3] == (version, plural, namespace)
        ]
        self.answer(200, {"kind": f"{kind}List", "apiVersion": version, "metadata": {}, "items": items})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        place = self.look("create")
        if place is None:
            return
        if body["metadata"].get("resourceVersion"):
            self.refuse(400, "BadRequest", "resourceVersion should not be set on objects to be created")
            return
        body["metadata"].setdefault("namespace", place[2])
        self.shown.put(body)
        self.answer(201, body)

    def do_DELETE(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        place = self.look("delete")
        if place is None:
            return
        self.shown.removed.append(f"{place[1]}/{place[3]}")
        if self.shown.objects.pop(place, None) is None:
            self.refuse(404, "NotFound", f'{place[1]} "{place[3]}" not found')
        else:
            self.answer(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})


def _validates(version: str) -> Manifest:
    """Says of each kind that the server looks at its fields itself: so kubectl leaves that to it."""
    group, _, name = version.rpartition("/")
    return {
        "openapi": "3.0.0",
        "paths": {
            f"/{plural}/{{name}}": {
                "patch": {
                    "x-kubernetes-group-version-kind": {"group": group, "version": name, "kind": kind},
                    "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                }
            }
            for (of, kind), plural in KINDS.items()
            if of == version
        },
    }
