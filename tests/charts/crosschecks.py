"""What no schema sees: whether the objects that a chart renders fit each other.

The tests of both charts call `problems`, with all objects of a release. It knows names, labels, ports and
references, and nothing of what the objects are for.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from tests.charts.helm import Manifest
from tests.charts.pods import Pod, at, faults, pod

# Kinds that stand in no namespace; all others are taken to.
CLUSTER_WIDE: Final = frozenset(
    {
        *("ClusterRole", "ClusterRoleBinding", "ClusterIssuer", "CustomResourceDefinition", "Namespace"),
        *("PersistentVolume", "PriorityClass", "StorageClass", "ClusterSecretStore"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    }
)


class Release:
    """Objects by what others call them. `external`: "Kind/name" of what stands there without them."""

    def __init__(self, objects: Iterable[Manifest], namespace: str, external: Collection[str]) -> None:
        self.objects = list(objects)
        self.namespace = namespace
        self.external = external
        self.pods = [found for one in self.objects if (found := pod(one, namespace))]
        self._named: dict[tuple[str, str, str], Manifest] = {}
        for one in self.objects:
            self._named[(one["kind"], self.place(one), one["metadata"]["name"])] = one
            made = _makes_secret(one)
            if made:
                self._named.setdefault(("Secret", self.place(one), made), {"kind": "Secret"})

    def place(self, found: Manifest) -> str:
        """The namespace of an object; "" where its kind has none."""
        if found["kind"] in CLUSTER_WIDE:
            return ""
        return str(found["metadata"].get("namespace") or self.namespace)

    def named(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """One of the objects."""
        return self._named.get((kind, "" if kind in CLUSTER_WIDE else namespace, name))

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether something of that name is there, in the release or without it."""
        return self.named(kind, namespace, name) is not None or f"{kind}/{name}" in self.external

    def selected(self, selector: Any, namespaces: Collection[str]) -> list[Pod]:
        """Pods by a label selector; an empty one selects all of the namespace."""
        return [
            found
            for found in self.pods
            if found.namespace in namespaces and selects(selector or {}, found.labels)
        ]


def problems(
    objects: Iterable[Manifest],
    *,
    external: Collection[str] = (),
    others: Iterable[Manifest] = (),
    namespace: str = "production",
) -> list[str]:
    """What does not fit, each as "Kind/name: what"; empty if nothing.

    `external`: "Kind/name" of what is there without the chart and may be referred to. `others`: whole
    objects that are there without it, such as pods that its policies select; they are not judged themselves.
    `namespace`: the release's, where an object names none.
    """
    judged = list(objects)
    release = Release([*judged, *others], namespace, external)
    said = list(_twice(judged, release))
    for one in judged:
        where = f"{one['kind']}/{one['metadata']['name']}"
        said += [f"{where}: {text}" for text in _namespace(one, release)]
        found = pod(one, namespace)
        if found:
            said += [*faults(found), *(f"{where}: {text}" for text in _references(found, release))]
        said += [f"{where}: {text}" for text in CHECKS.get(one["kind"], _nothing)(one, release)]
    return said


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector (matchLabels, matchExpressions) selects these labels."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions") or ():
        value, values = labels.get(one["key"]), one.get("values") or ()
        holds = {
            "In": value in values,
            "NotIn": value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds[one["operator"]]:
            return False
    return True


# -- objects as such ----------------------------------------------------------------------------


def _nothing(one: Manifest, release: Release) -> Iterator[str]:
    yield from ()


def _twice(judged: list[Manifest], release: Release) -> Iterator[str]:
    seen = set()
    for one in judged:
        group = one["apiVersion"].rpartition("/")[0]
        key = (group, one["kind"], release.place(one), one["metadata"]["name"])
        if key in seen:
            yield f"{one['kind']}/{one['metadata']['name']}: there are two of it"
        seen.add(key)


def _namespace(one: Manifest, release: Release) -> Iterator[str]:
    said = one["metadata"].get("namespace")
    if one["kind"] in CLUSTER_WIDE:
        if said:
            yield f"its kind stands in no namespace, and it names {said}"
    elif said and said != release.namespace and not release.has("Namespace", "", said):
        yield f"there is no namespace {said}"


def _makes_secret(one: Manifest) -> str:
    """The Secret that another object has somebody make."""
    if one["kind"] == "Certificate":
        return str(at(one, "spec", "secretName") or "")
    if one["kind"] == "ExternalSecret":
        return str(at(one, "spec", "target", "name") or one["metadata"]["name"])
    return ""


# -- references ---------------------------------------------------------------------------------


def _references(found: Pod, release: Release) -> Iterator[str]:
    account = found.spec.get("serviceAccountName")
    if account and not release.has("ServiceAccount", found.namespace, account):
        yield f"there is no ServiceAccount {account}"
    for kind, name, keys in _asked(found):
        if not release.has(kind, found.namespace, name):
            yield f"there is no {kind} {name}"
            continue
        there = release.named(kind, found.namespace, name) or {}
        held = [
            there[part] for part in ("data", "stringData", "binaryData") if isinstance(there.get(part), dict)
        ]
        if kind in ("ConfigMap", "Secret") and held:
            for key in keys:
                if not any(key in part for part in held):
                    yield f"{kind} {name} has no key {key}"


def _asked(found: Pod) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """What a pod cannot start without: (kind, name, keys)."""
    for volume in found.spec.get("volumes") or ():
        claim = at(volume, "persistentVolumeClaim", "claimName")
        if claim:
            yield "PersistentVolumeClaim", claim, ()
        for source in (volume, *(at(volume, "projected", "sources") or ())):
            yield from _files(source, "configMap", "ConfigMap")
            yield from _files(source, "secret", "Secret")
    for pull in found.spec.get("imagePullSecrets") or ():
        yield "Secret", pull["name"], ()
    for container in found.containers:
        for source in container.get("envFrom") or ():
            yield from _files({"configMap": source.get("configMapRef")}, "configMap", "ConfigMap")
            yield from _files({"secret": source.get("secretRef")}, "secret", "Secret")
        for variable in container.get("env") or ():
            for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                source = at(variable, "valueFrom", key)
                if source and not source.get("optional"):
                    yield kind, source["name"], (source["key"],)


def _files(source: Manifest, key: str, kind: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    asked = source.get(key)
    if asked and not asked.get("optional"):
        name = asked.get("name") or asked.get("secretName")
        yield kind, name, tuple(item["key"] for item in asked.get("items") or ())


def _bound(one: Manifest, release: Release) -> Iterator[str]:
    role, place = one["roleRef"], release.place(one)
    if not release.has(role["kind"], place, role["name"]):
        yield f"there is no {role['kind']} {role['name']}"
    for subject in one.get("subjects") or ():
        if subject["kind"] == "ServiceAccount" and not release.has(
            "ServiceAccount", subject.get("namespace") or place, subject["name"]
        ):
            yield f"there is no ServiceAccount {subject['name']}"


def _rules(one: Manifest, release: Release) -> Iterator[str]:
    for rule in one.get("rules") or ():
        for key, values in rule.items():
            if any("*" in value for value in values):
                yield f"{key} has a wildcard"


# -- selectors and ports ------------------------------------------------------------------------


def _workload(one: Manifest, release: Release) -> Iterator[str]:
    found = pod(one, release.namespace)
    assert found is not None
    selector = at(one, "spec", "selector") or {}
    if not selector or not selects(selector, found.labels):
        yield "its selector does not match its own pods"
    service = at(one, "spec", "serviceName")
    if service and not release.has("Service", found.namespace, service):
        yield f"there is no Service {service}"


def _service(one: Manifest, release: Release) -> Iterator[str]:
    labels = at(one, "spec", "selector")
    if not labels:
        if at(one, "spec", "type") != "ExternalName":
            yield "it selects nothing"
        return
    found = release.selected({"matchLabels": labels}, {release.place(one)})
    if not found:
        yield "its selector matches no pod"
    for port in at(one, "spec", "ports") or ():
        target = port.get("targetPort", port["port"])
        for each in found:
            if target not in each.ports():
                yield f"{each.where} has no port {target}"


def _of_pods(*path: str) -> Callable[[Manifest, Release], Iterator[str]]:
    """A check that the selector at a path matches pods; none and an empty one select all that there are."""

    def check(one: Manifest, release: Release) -> Iterator[str]:
        selector = at(one, *path)
        if selector and not release.selected(selector, {release.place(one)}):
            yield "its selector matches no pod"

    return check


def _network(one: Manifest, release: Release) -> Iterator[str]:
    place, spec = release.place(one), one["spec"]
    selector = spec.get("podSelector") or {}
    mine = release.selected(selector, {place})
    if selector and not mine:
        yield "its selector matches no pod"
    for rule in spec.get("ingress") or ():
        for port in _names(rule):
            if mine and not any(port in each.ports() for each in mine):
                yield f"no pod of it has a port {port}"
    for rule in spec.get("egress") or ():
        for port in _names(rule):
            yield f"port {port} of pods that it does not know: name a number"
    kinds = spec.get("policyTypes") or ()
    for direction in ("ingress", "egress"):
        if direction in spec and direction.capitalize() not in kinds:
            yield f"{direction} without its policyType"


def _names(rule: Manifest) -> list[str]:
    return [port["port"] for port in rule.get("ports") or () if isinstance(port.get("port"), str)]


def _monitor(one: Manifest, release: Release) -> Iterator[str]:
    places: Collection[str] = at(one, "spec", "namespaceSelector", "matchNames") or [release.place(one)]
    selector = at(one, "spec", "selector") or {}
    if one["kind"] == "PodMonitor":
        there = [(each.where, each.ports()) for each in release.selected(selector, places)]
        asked = at(one, "spec", "podMetricsEndpoints") or ()
    else:
        there = [
            (f"Service/{each['metadata']['name']}", {port.get("name") for port in at(each, "spec", "ports")})
            for each in release.objects
            if each["kind"] == "Service"
            and release.place(each) in places
            and selects(selector, each["metadata"].get("labels") or {})
        ]
        asked = at(one, "spec", "endpoints") or ()
    if not there:
        yield "its selector matches nothing"
    for where, ports in there:
        for endpoint in asked:
            if endpoint.get("port") and endpoint["port"] not in ports:
                yield f"{where} has no port {endpoint['port']}"


def _ingress(one: Manifest, release: Release) -> Iterator[str]:
    place = release.place(one)
    backends = [at(one, "spec", "defaultBackend")] + [
        path["backend"] for rule in at(one, "spec", "rules") or () for path in at(rule, "http", "paths") or ()
    ]
    for backend in filter(None, backends):
        service = backend["service"]
        port = at(service, "port", "name") or at(service, "port", "number")
        yield from _served(release, place, service["name"], port)
    for tls in at(one, "spec", "tls") or ():
        name = tls.get("secretName")
        if name and not release.has("Secret", place, name):
            yield f"there is no Secret {name}"


def _served(release: Release, place: str, name: str, port: Any) -> Iterator[str]:
    if not release.has("Service", place, name):
        yield f"there is no Service {name}"
    found = release.named("Service", place, name)
    if found and port is not None:
        ports = {each[key] for each in at(found, "spec", "ports") for key in ("name", "port") if key in each}
        if port not in ports:
            yield f"Service {name} has no port {port}"


def _scaled(one: Manifest, release: Release) -> Iterator[str]:
    target = one["spec"]["scaleTargetRef"]
    if not release.has(target["kind"], release.place(one), target["name"]):
        yield f"there is no {target['kind']} {target['name']}"


# -- the mesh -----------------------------------------------------------------------------------


def _host(host: str, place: str, port: Any, release: Release) -> Iterator[str]:
    """A host that the mesh is to know: a Service, short or in full, or one that a ServiceEntry names."""
    entries = [each for each in release.objects if each["kind"] == "ServiceEntry"]
    if any(host in each["spec"]["hosts"] for each in entries) or f"Service/{host}" in release.external:
        return
    name, _, rest = host.partition(".")
    yield from _served(release, rest.partition(".")[0] or place, name, port)


def _destination(one: Manifest, release: Release) -> Iterator[str]:
    place = release.place(one)
    yield from _host(one["spec"]["host"], place, None, release)
    for subset in one["spec"].get("subsets") or ():
        if not any(
            selects({"matchLabels": subset.get("labels") or {}}, each.labels) for each in release.pods
        ):
            yield f"subset {subset['name']} matches no pod"


def _virtual(one: Manifest, release: Release) -> Iterator[str]:
    place, spec = release.place(one), one["spec"]
    for gateway in spec.get("gateways") or ():
        home, _, name = gateway.rpartition("/")
        if gateway != "mesh" and not (
            release.has("Gateway", home or place, name) or f"Gateway/{gateway}" in release.external
        ):
            yield f"there is no Gateway {gateway}"
    subsets = {
        (each["spec"]["host"], subset["name"])
        for each in release.objects
        if each["kind"] == "DestinationRule"
        for subset in each["spec"].get("subsets") or ()
    }
    for kind in ("http", "tcp", "tls"):
        for way in spec.get(kind) or ():
            for route in (
                *(way.get("route") or ()),
                *([{"destination": way["mirror"]}] if "mirror" in way else ()),
            ):
                to = route["destination"]
                yield from _host(to["host"], place, at(to, "port", "number"), release)
                if to.get("subset") and (to["host"], to["subset"]) not in subsets:
                    yield f"{to['host']} has no subset {to['subset']}"


def _gateway(one: Manifest, release: Release) -> Iterator[str]:
    selector = {"matchLabels": one["spec"].get("selector") or {}}
    if not any(selects(selector, each.labels) for each in release.pods):
        yield "its selector matches no pod"
    certified = {at(each, "spec", "secretName") for each in release.objects if each["kind"] == "Certificate"}
    for server in one["spec"].get("servers") or ():
        name = at(server, "tls", "credentialName")
        if name and name not in certified and not release.has("Secret", release.place(one), name):
            yield f"there is no Secret {name}"


CHECKS: Final[Mapping[str, Callable[[Manifest, Release], Iterator[str]]]] = {
    "AuthorizationPolicy": _of_pods("spec", "selector"),
    "ClusterRole": _rules,
    "ClusterRoleBinding": _bound,
    "DaemonSet": _workload,
    "Deployment": _workload,
    "DestinationRule": _destination,
    "Gateway": _gateway,
    "HorizontalPodAutoscaler": _scaled,
    "Ingress": _ingress,
    "NetworkPolicy": _network,
    "PeerAuthentication": _of_pods("spec", "selector"),
    "PodDisruptionBudget": _of_pods("spec", "selector"),
    "PodMonitor": _monitor,
    "RequestAuthentication": _of_pods("spec", "selector"),
    "Role": _rules,
    "RoleBinding": _bound,
    "Service": _service,
    "ServiceMonitor": _monitor,
    "StatefulSet": _workload,
    "Telemetry": _of_pods("spec", "selector"),
    "VirtualService": _virtual,
}
