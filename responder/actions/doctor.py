"""What `responder doctor` finds out about clusters and Prometheus: reached, as whom, and what we may do.

`cli.doctor` calls it. It asks and changes nothing, and no credential is in what it found.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from responder.actions.catalogue import NEEDS
from responder.actions.kubernetes import rbac
from responder.actions.kubernetes.client import Api, Clusters, Object, Place
from responder.actions.kubernetes.failure import CallFailed
from responder.actions.prometheus import Oracle, alerts_query
from responder.core.guardrules import Allowed
from responder.finding import Finding, Findings
from responder.settings.values import Cluster, Prometheus

_WHO: Final = Place("authentication.k8s.io/v1", "selfsubjectreviews")
_MAY: Final = Place("authorization.k8s.io/v1", "selfsubjectaccessreviews")

_LEAST: Final = "`responder doctor kubernetes --rbac` prints the least Roles, for kubectl apply"
_GRANT: Final = f"grant it: {_LEAST}"


class _Question(NamedTuple):
    """May we? `namespace` "": everywhere."""

    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    optional: bool = False

    @property
    def shown(self) -> str:
        """As `kubectl auth can-i` takes it."""
        what = f"{self.verb} {self.resource}" + (f".{self.group}" if self.group else "")
        return what + (f"/{self.name}" if self.name else "")


async def examine_clusters(settings: tuple[Cluster, ...], allow: tuple[Allowed, ...]) -> list[Finding]:
    """Look at each cluster. `allow`: what is to be done there, and needs permissions."""
    clusters, found = Clusters(settings), list[Finding]()
    try:
        for one in settings:
            api = clusters.named(one.cluster)
            assert api is not None
            found += await _cluster(api, [line for line in allow if line.cluster in ("*", one.cluster)])
    finally:
        await clusters.close()
    return found


async def _cluster(api: Api, allow: list[Allowed]) -> list[Finding]:
    notes = Findings(f"kubernetes {api.name}")
    if not await _who(api, notes):
        return notes.found
    if not allow:
        notes.warning(
            "nothing is allowed in it, so nothing will ever be done there",
            "name actions, clusters and namespaces in guards.allow",
        )
    for namespace in sorted({line.namespace for line in allow}):
        await _namespace(api, [line for line in allow if line.namespace == namespace], namespace, notes)
    with suppress(CallFailed):  # said already, if it lasts
        if allow and await _may(api, _Question("*", "*", "*", "", "")):
            notes.warning("we may do everything in it", f"take away what is not needed: {_LEAST}")
    return notes.found


async def _who(api: Api, notes: Findings) -> bool:
    """Whether it can be talked to."""
    review = {"apiVersion": _WHO.api, "kind": "SelfSubjectReview"}
    try:
        said = await api.create(_WHO, review)
    except CallFailed as failed:
        if failed.status in (403, 404, 405):
            notes.ok("it answers; who we are it does not say (it does since Kubernetes 1.28)")
            return True
        advice = "check the kubeconfig, its context, and that this machine may reach the API server"
        if failed.status == 401:
            advice = "put a token or certificate that is valid into the kubeconfig"
        notes.problem(f"it cannot be used: {failed.words}", advice)
        return False
    user = ((said.get("status") or {}).get("userInfo") or {}).get("username", "?")
    notes.ok(f"it answers, and we are {user}")
    return True


async def _namespace(api: Api, allow: list[Allowed], namespace: str, notes: Findings) -> None:
    where = "every namespace" if namespace == "*" else f"namespace {namespace}"
    unknown = sorted({line.action for line in allow if line.action not in NEEDS})
    if unknown:
        notes.warning(f"{', '.join(unknown)} in {where}: not known to this version", "correct guards.allow")
    questions = _questions(allow, "" if namespace == "*" else namespace)
    try:
        answers = await asyncio.gather(*(_may(api, question) for question in questions))
    except CallFailed as failed:
        notes.problem(f"what we may do in {where} cannot be asked: {failed.words}", "look at the API server")
        return
    missing = [question for question, may in zip(questions, answers, strict=True) if not may]
    needed = [question.shown for question in missing if not question.optional]
    useful = [question.shown for question in missing if question.optional]
    if needed:
        notes.problem(f"in {where} we may not: {', '.join(needed)}", _GRANT)
    elif questions:
        actions = sorted({line.action for line in allow if line.action in NEEDS})
        notes.ok(f"in {where} we may do what is needed for {', '.join(actions)}")
    if useful:
        notes.warning(f"in {where} we may not: {', '.join(useful)}; people are told less", _GRANT)


def _questions(allow: Iterable[Allowed], namespace: str) -> Sequence[_Question]:
    found: dict[_Question, None] = {}
    for line in allow:
        for one in NEEDS.get(line.action, ()):
            for verb in one.verbs:
                name = line.name if line.name != "*" and rbac.single(one, verb) else ""
                question = _Question(verb, one.group, one.resource, namespace, name, one.optional)
                if not (one.optional and question._replace(optional=False) in found):
                    found[question] = None
    return tuple(found)


async def _may(api: Api, question: _Question) -> bool:
    asked = {
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "namespace": question.namespace,
        "name": question.name,
    }
    review: Object = {
        "apiVersion": _MAY.api,
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in asked.items() if value}},
    }
    said = await api.create(_MAY, review)
    return (said.get("status") or {}).get("allowed") is True


def roles(allow: tuple[Allowed, ...], cluster: str, account: str) -> str:
    """YAML that grants a cluster's service account (NAMESPACE/NAME) what is needed there, and no more."""
    return rbac.roles(allow, NEEDS, cluster, account)


async def examine_prometheus(settings: Prometheus) -> list[Finding]:
    """Ask it for the one alert that always fires."""
    notes, oracle = Findings("prometheus"), Oracle(settings)
    try:
        answer = await oracle.ask(alerts_query((("alertname", "Watchdog"),)))
    finally:
        await oracle.close()
    if answer.problem:
        notes.problem(
            f"it cannot be asked: {answer.problem}",
            "check prometheus.url, and that this machine may reach it: until then nothing is done by itself",
        )
    elif answer.holds:
        notes.ok("it answers, and Watchdog fires in it")
    else:
        notes.warning(
            "it answers, and the alert Watchdog does not fire in it",
            "check that it evaluates the alerts' rules: what does not fire in it is not acted on",
        )
    return notes.found
