"""Who may do what: bearer tokens, and the rules of each, as role-based access control has them.

`server` asks before anything else. A token that is not known opens nothing, and what no rule allows
is forbidden in the real one's words.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from responder.sandbox.kubernetes.failure import Failure, forbidden, unauthorized
from responder.sandbox.kubernetes.kinds import Target

TOKEN: Final = "sandbox-kubernetes-token"  # noqa: S105 (opens these stand-ins and nothing else)
USER: Final = "system:serviceaccount:responder:responder"


class Rule(NamedTuple):
    """Verbs on resources (`deployments/scale` is one of its own) of a group; `*` is all of them."""

    verbs: str
    resources: str
    group: str = ""
    namespaces: str = "*"

    def allows(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether it says yes. The lists are words with spaces between them."""
        return (
            _within(verb, self.verbs)
            and _within(resource, self.resources)
            and self.group in ("*", group)
            and _within(namespace, self.namespaces)
        )


def _within(word: str, words: str) -> bool:
    return words == "*" or word in words.split()


ROLE: Final = (
    Rule("get list watch patch", "deployments", "apps"),
    Rule("get patch", "deployments/scale", "apps"),
    Rule("get list watch", "replicasets", "apps"),
    Rule("get list watch delete", "pods"),
    Rule("create", "pods/eviction"),
    Rule("get list watch", "poddisruptionbudgets", "policy"),
    Rule("get list watch", "horizontalpodautoscalers", "autoscaling"),
    Rule("list create", "events"),
    Rule("get list", "namespaces nodes"),
)
"""What Responder's own account may do unless a test says otherwise: what its actions need, no more."""

EVERYTHING: Final = (Rule("*", "*", "*"),)


@dataclass(slots=True)
class User:
    """An account and its rules; a test may give and take."""

    name: str
    rules: list[Rule]

    def may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether a rule allows it."""
        return any(rule.allows(verb, group, resource, namespace) for rule in self.rules)


@dataclass(slots=True)
class Access:
    """The accounts, by their tokens."""

    users: dict[str, User] = field(default_factory=dict)

    def who(self, authorization: str) -> User:
        """Whose token it is. Raises Failure 401."""
        scheme, _, token = authorization.partition(" ")
        user = self.users.get(token) if scheme == "Bearer" else None
        if user is None:
            raise unauthorized()
        return user

    def check(self, user: User, verb: str, target: Target) -> None:
        """Raises Failure 403."""
        kind = target.kind
        if not user.may(verb, kind.group, target.resource, target.namespace):
            raise refusal(user, verb, target)


def refusal(user: User, verb: str, target: Target) -> Failure:
    """The 403 for what this user asks."""
    kind = target.kind
    scope = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
    why = f'User "{user.name}" cannot {verb} resource "{target.resource}" in API group "{kind.group}" {scope}'
    return forbidden(kind.plural, kind.group, target.name, why)
