"""A page's front matter: when it applies, to what, and how far it may go by itself.

`pages` reads it first, since the blocks below use its parameters. What contradicts itself is an
error; what its author may not have meant is a warning.
"""

import re
from collections.abc import Collection
from pathlib import PurePath
from typing import Final, cast

import msgspec

from responder.core.actioncatalogue import ACTIONS
from responder.core.guardrules import PATIENCE
from responder.core.matching import Matcher, MatcherError, all_match, parse_matchers, sort_matchers
from responder.core.model import HOUR, Nanoseconds, format_duration
from responder.core.parameters import ParameterType, parse_type
from responder.core.runbook import (
    CLUSTER,
    MODES,
    RISKS,
    Hold,
    Mode,
    Parameter,
    Risk,
    Target,
    Tightening,
)
from responder.document.fields import (
    Fields,
    choice,
    duration,
    duration_above_zero,
    name,
    percent,
    text,
    whole,
)
from responder.document.tree import MappingNode, Node, Problems, ScalarNode, SequenceNode
from responder.ruleset.runbooks.references import Names

LONGEST: Final = HOUR
"""What a step, a wait, a verification or a hold may take at most."""

_LABEL: Final = ParameterType("dns_label")
_SUBDOMAIN: Final = ParameterType("dns_subdomain")
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_FROM: Final = re.compile(r"labels\.([a-zA-Z_][a-zA-Z0-9_]*)")


class Front(msgspec.Struct):
    """What front matter says, and the names that the rest of the page may use.

    `fields`: for those who know more of the page, and find that something does not fit.
    """

    names: Names
    fields: Fields
    name: str = ""
    title: str = ""
    matchers: tuple[tuple[Matcher, ...], ...] = ()
    target: Target | None = None
    mode: Mode = "observe"
    risk: Risk = "low"
    tightening: Tightening = msgspec.field(default_factory=Tightening)
    hold: Hold | None = None


def read_front(node: Node, file: str, receivers: Collection[str] | None, problems: Problems) -> Front:
    """Everything in it; what is wrong is recorded. `receivers` None: nobody knows which there are."""
    fields = Fields(node, "the front matter", problems)
    front = Front(Names(_parameters(fields), receivers, problems), fields)
    front.name = _name(fields, file)
    if fields.require("title"):
        front.title = fields.read("title", _title, "")
    front.matchers = _matchers(fields)
    front.target = _target(fields, front.names)
    front.mode = cast(Mode, fields.read("mode", choice(*MODES), "observe"))
    front.risk = cast(Risk, fields.read("risk", choice(*RISKS), "low"))
    front.tightening = _tightening(fields)
    front.hold = _hold(fields, front.names)
    fields.close()
    return front


def bounded(node: ScalarNode) -> Nanoseconds:
    """A duration above zero, of an hour at most."""
    value = duration_above_zero(node)
    if value > LONGEST:
        raise ValueError("must not be longer than 1h")
    return value


# -- who and when -------------------------------------------------------------------------------


def _name(fields: Fields, file: str) -> str:
    """The runbook's name, which is its file's."""
    if not fields.require("runbook"):
        return ""
    called, stem = fields.read("runbook", name, ""), PurePath(file).stem
    if not called:
        return ""
    if fault := _LABEL.fault(called):
        fields.error("runbook", fault)
    elif called != stem:
        fields.error("runbook", f'the file must have the same name: {called}.md, or "runbook: {stem[:64]}"')
    return called


def _title(node: ScalarNode) -> str:
    if not node.text.strip() or len(node.text) > 200 or "\n" in node.text:
        raise ValueError("must be one line of at most 200 characters")
    return node.text.strip()


def _matchers(fields: Fields) -> tuple[tuple[Matcher, ...], ...]:
    """A list of texts, all of which must hold, or a list of such lists, of which one is enough."""
    nodes = fields.items("match")
    if nodes is None:
        return ()
    if not nodes:
        fields.error("match", "cannot be empty; leave it out of a runbook that only people start")
    if any(isinstance(node, SequenceNode) for node in nodes):
        found = tuple(_conjunction(fields, node) for node in nodes)
    else:
        found = (_all_of(fields, nodes),) if nodes else ()
    return tuple(matchers for matchers in found if matchers)


def _conjunction(fields: Fields, node: Node) -> tuple[Matcher, ...]:
    if isinstance(node, SequenceNode) and node.items:
        return _all_of(fields, node.items)
    fields.problems.error(
        node.place,
        "match: write texts, all of which must hold, or lists of texts, one of which is enough: not both",
    )
    return ()


def _all_of(fields: Fields, nodes: tuple[Node, ...]) -> tuple[Matcher, ...]:
    found: list[Matcher] = []
    for node in nodes:
        if not isinstance(node, ScalarNode) or node.null:
            fields.problems.error(node.place, "match: must be a text such as 'alertname=\"PodRestartsHigh\"'")
            return ()
        try:
            parsed = parse_matchers(node.text)
        except MatcherError as error:
            fields.problems.error(node.place, f"match: {error}")
            return ()
        for warning in parsed.warnings:
            fields.problems.warning(node.place, f"match: {warning}")
        found += parsed.matchers
    if all_match(found, {}):
        fields.problems.error(
            nodes[0].place, "match: it would match any alert; ask for an exact value, as of alertname"
        )
        return ()
    return sort_matchers(found)


# -- with what, and of what ---------------------------------------------------------------------


def _parameters(fields: Fields) -> dict[str, Parameter]:
    node = fields.take("parameters")
    if node is not None and not isinstance(node, MappingNode):
        fields.error("parameters", "must be a mapping of names, as in {namespace: {type: dns_label}}")
    if not isinstance(node, MappingNode):
        return {}
    found: dict[str, Parameter] = {}
    for called, entry in node.entries.items():
        if not _PARAMETER.fullmatch(called):
            fields.problems.error(
                entry.key, f'parameters: "{called[:64]}" must be lower-case letters, digits and _'
            )
        elif called == CLUSTER:
            fields.problems.error(
                entry.key, "parameters: leave cluster out; it is always there, from the label of that name"
            )
        elif parameter := _parameter(
            called, Fields(entry.value, f"the parameter {called}", fields.problems), entry.key.short
        ):
            found[called] = parameter
    return found


def _parameter(called: str, fields: Fields, place: str) -> Parameter | None:
    type_ = fields.read("type", lambda node: parse_type(node.text), None) if fields.require("type") else None
    label = fields.read("from", _label, "")
    default = fields.read("default", text, None)
    fields.close()
    if type_ is None:
        return None
    if default is not None and (fault := type_.fault(default)):
        fields.error("default", fault)
    return Parameter(called, type_, label, default, place)


def _label(node: ScalarNode) -> str:
    found = _FROM.fullmatch(node.text)
    if found is None:
        raise ValueError(f"{node.text[:64]!r} is not a label such as labels.namespace")
    return found[1]


def _target(fields: Fields, names: Names) -> Target | None:
    part = fields.fields("target", "the target")
    if part is None:
        return None
    if CLUSTER in part:
        part.take(CLUSTER)
        part.error(CLUSTER, "leave it out; it is always the value of the alert's label cluster")
    kinds = sorted({kind for action in ACTIONS.values() for kind in action.kinds})
    missing = [key for key in ("kind", "namespace", "name") if not part.require(key)]
    kind = part.read("kind", choice(*kinds), "")
    namespace = names.name_of_object(part, "namespace", _LABEL)
    called = names.name_of_object(part, "name", _SUBDOMAIN)
    part.close()
    return None if missing else Target(kind, called, namespace)


# -- how far ------------------------------------------------------------------------------------


def _tightening(fields: Fields) -> Tightening:
    part = fields.fields("guards", "guards")
    if part is None:
        return Tightening()
    found = Tightening(
        min_age=part.read("min_age", _age, None),
        cooldown=part.read("cooldown", duration, None),
        attempts_per_episode=part.read("attempts_per_episode", _positive, None),
        attempts_per_target=part.read("attempts_per_target", _positive, None),
        rate_per_hour=part.read("rate_per_hour", _positive, None),
        min_healthy=part.read("min_healthy", percent, None),
        min_healthy_count=part.read("min_healthy_count", whole, None),
        approvals=part.read("approvals", _persons, None),
        expires=part.read("expires", duration_above_zero, None),
    )
    part.close()
    return found


def _age(node: ScalarNode) -> Nanoseconds:
    if (value := duration(node)) > PATIENCE:
        raise ValueError(f"no run waits for longer than {format_duration(PATIENCE)}: no alert would start it")
    return value


def _positive(node: ScalarNode) -> int:
    if (value := whole(node)) < 1:
        raise ValueError("must be 1 at least: with 0 it would never run")
    return value


def _persons(node: ScalarNode) -> int:
    if (value := whole(node)) > 5:
        raise ValueError("must be 5 at most: how many persons are to agree")
    return value


def _hold(fields: Fields, names: Names) -> Hold | None:
    part = fields.fields("hold", "hold")
    if part is None:
        return None
    receivers = _receivers(part, names)
    length = part.read("for", bounded, 0) if part.require("for") else 0
    part.close()
    return Hold(receivers, length) if receivers and length else None


def _receivers(part: Fields, names: Names) -> tuple[str, ...]:
    if not part.require("receivers"):
        return ()
    nodes = part.items("receivers")
    if nodes == ():
        part.error("receivers", "cannot be empty")
    found: list[str] = []
    for node in nodes or ():
        if isinstance(node, ScalarNode) and not node.null:
            found.append(names.receiver(node, "receivers"))
        else:
            part.problems.error(node.place, "receivers: must be the name of a receiver")
    return tuple(dict.fromkeys(receiver for receiver in found if receiver))
