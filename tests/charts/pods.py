"""The pods in what a chart renders: where they stand in their objects, and whether each could run restricted.

`crosschecks` and the tests of both charts call it. It looks at one pod at a time, never at what surrounds it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.charts.helm import Manifest

# Where a kind keeps its pod template.
TEMPLATES: Final = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
# What the restricted level of Pod Security lets a volume be.
VOLUMES: Final = frozenset(
    {
        *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"),
        *("persistentVolumeClaim", "projected", "secret"),
    }
)


def at(found: Any, *path: str) -> Any:
    """What stands at a path of keys; None where there is none."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


@dataclass(frozen=True)
class Pod:
    """A pod or a template for pods. `where`: its object, as "Kind/name"."""

    where: str
    namespace: str
    labels: dict[str, str]
    spec: Manifest
    claims: frozenset[str]

    @property
    def containers(self) -> Sequence[Manifest]:
        """All of them, those that run first included."""
        return [*(self.spec.get("initContainers") or ()), *(self.spec.get("containers") or ())]

    def ports(self) -> set[Any]:
        """Names and numbers of the ports that its containers declare."""
        declared = [port for one in self.containers for port in one.get("ports") or ()]
        return {port[key] for port in declared for key in ("name", "containerPort") if key in port}


def pod(found: Manifest, namespace: str) -> Pod | None:
    """The pod template of an object; None where its kind has none."""
    if found["kind"] not in TEMPLATES:
        return None
    template = at(found, *TEMPLATES[found["kind"]]) or {}
    metadata = found["metadata"]
    claims = at(found, "spec", "volumeClaimTemplates") or ()
    return Pod(
        where=f"{found['kind']}/{metadata['name']}",
        namespace=metadata.get("namespace") or namespace,
        labels=at(template, "metadata", "labels") or {},
        spec=template.get("spec") or {},
        claims=frozenset(claim["metadata"]["name"] for claim in claims),
    )


def faults(found: Pod) -> Iterator[str]:
    """What keeps a pod from running under the restricted level, limited and pinned."""
    spec = found.spec
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(key):
            yield f"{found.where}: {key}"
    for volume in spec.get("volumes") or ():
        for kind in sorted(volume.keys() - VOLUMES - {"name"}):
            yield f"{found.where}: volume {volume['name']} is a {kind}"
    if spec.get("automountServiceAccountToken") is None:
        yield f"{found.where}: automountServiceAccountToken is left open"
    if not spec.get("containers"):
        yield f"{found.where}: no container"
    for container in found.containers:
        where = f"{found.where}: container {container['name']}"
        for text in (*_security(spec, container), *_resources(container), *_image(container)):
            yield f"{where}: {text}"
        yield from (f"{where}: {text}" for text in _own(found, container))


def _security(spec: Manifest, container: Manifest) -> Iterator[str]:
    everybody, own = spec.get("securityContext") or {}, container.get("securityContext") or {}
    both = everybody | own
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield "may run as root"
    if at(both, "seccompProfile", "type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if own.get("privileged"):
        yield "is privileged"
    if own.get("readOnlyRootFilesystem") is not True:
        yield "may write to its root file system"
    dropped, added = at(own, "capabilities", "drop") or [], at(own, "capabilities", "add") or []
    if dropped != ["ALL"] or set(added) - {"NET_BIND_SERVICE"}:
        yield "keeps capabilities"
    if any("hostPort" in port for port in container.get("ports") or ()):
        yield "takes a port of its node"


def _resources(container: Manifest) -> Iterator[str]:
    for path in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
        if not at(container, "resources", *path):
            yield f"has no {' '.join(path)}"


def _image(container: Manifest) -> Iterator[str]:
    image, _, digest = str(container.get("image", "")).partition("@")
    tag = image.rpartition("/")[2].partition(":")[2]
    if not digest.startswith("sha256:") and tag in ("", "latest"):
        yield f"its image is not pinned ({image})"


def _own(found: Pod, container: Manifest) -> Iterator[str]:
    """Names within the pod: of volumes and ports."""
    volumes = {volume["name"] for volume in found.spec.get("volumes") or ()} | found.claims
    for mount in container.get("volumeMounts") or ():
        if mount["name"] not in volumes:
            yield f"mounts {mount['name']}, which is no volume"
    paths = [mount["mountPath"] for mount in container.get("volumeMounts") or ()]
    for path in sorted({path for path in paths if paths.count(path) > 1}):
        yield f"mounts two volumes at {path}"
    ports = {
        port[key] for port in container.get("ports") or () for key in ("name", "containerPort") if key in port
    }
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        for way in ("httpGet", "tcpSocket", "grpc"):
            port = at(container, kind, way, "port")
            if port is not None and port not in ports:
                yield f"{kind} asks port {port}, which it does not have"
