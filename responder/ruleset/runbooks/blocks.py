"""A page's fenced blocks: what is done, how it is seen whether it helped, what if it did not.

`pages` hands them over in the order of the page. Actions and their arguments are those of the core's
catalogue; everything else is an error.
"""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

import msgspec

from responder.core.actioncatalogue import ACTIONS, ActionKind
from responder.core.model import Nanoseconds
from responder.core.parameters import ParameterType, references
from responder.core.runbook import ActionStep, NotifyStep, Query, Step, Target, Verify, WaitStep
from responder.document.fields import Fields
from responder.document.tree import MappingNode, Node, Place, Problems, ScalarNode, SequenceNode
from responder.ruleset.runbooks.frontmatter import bounded
from responder.ruleset.runbooks.markdown import KINDS, Block
from responder.ruleset.runbooks.references import Names

MOST: Final = 50
"""Steps of one page, of every kind together."""

_MOST_PROBES: Final = 20
_FOR: Final = re.compile(r"(\d{1,3}) of (\d{1,3}) probes?(?:, every (\w+))?(?:, within (\w+))?")
_EXAMPLE: Final = '"2 of 2 probes, every 15s, within 5m"'


class Procedure(msgspec.Struct):
    """What the blocks come to. `verified_at`: where the first `verify` stands."""

    preconditions: list[Query] = msgspec.field(default_factory=list)
    steps: list[Step] = msgspec.field(default_factory=list)
    verify: list[Verify] = msgspec.field(default_factory=list)
    verified_at: list[Fields] = msgspec.field(default_factory=list)
    on_failure: list[Step] = msgspec.field(default_factory=list)


def read_blocks(
    blocks: Sequence[Block], target: Target | None, names: Names, problems: Problems
) -> Procedure:
    """Everything that is done; what is wrong is recorded."""
    found = Procedure()
    _check_order(blocks, problems)
    for block in blocks:
        if block.kind == "on_failure":
            found.on_failure += _on_failure(block.node, target, names, problems)
            continue
        fields = Fields(block.node, f"a {block.kind} block", problems)
        match block.kind:
            case "precondition":
                query = names.query(fields, "prometheus")
                found.preconditions += [query] if query else []
            case "verify":
                verify = _verify(fields, names)
                found.verify += [verify] if verify else []
                found.verified_at.append(fields)
            case kind:
                step = _STEPS[kind](fields, target, names, block.place)
                found.steps += [step] if step else []
        fields.close()
    count = len(found.steps) + len(found.preconditions) + len(found.verify) + len(found.on_failure)
    if count > MOST:
        problems.error(blocks[-1].place, f"{count} steps, probes and so on; a page may have {MOST}")
    return found


def _check_order(blocks: Sequence[Block], problems: Problems) -> None:
    """Whoever reads from top to bottom must read what happens in its order."""
    ranks = [_RANKS[block.kind] for block in blocks]
    for index, block in enumerate(blocks):
        before = max(ranks[:index], default=0)
        if ranks[index] < before:
            later = next(other.kind for other in blocks if _RANKS[other.kind] == before)
            problems.error(block.place, f"{block.kind}: comes before {later}; so it must stand above it")
        if block.kind == "on_failure" and before == _RANKS["on_failure"]:
            problems.error(block.place, "on_failure: there is one already; write one list")


_RANKS: Final = {kind: 1 if kind in ("step", "wait", "notify") else KINDS.index(kind) for kind in KINDS}


# -- steps --------------------------------------------------------------------------------------


def _action(fields: Fields, target: Target | None, names: Names, place: Place) -> Step | None:
    node = fields.scalar("action") if fields.require("action") else None
    timeout = fields.read("timeout", bounded, 0)
    arguments = fields.pairs("arguments")
    if node is None:
        return None
    kind = ACTIONS.get(node.text)
    if kind is None:
        near = get_close_matches(node.text, ACTIONS, n=1, cutoff=0.4)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        fields.error("action", f'there is no action "{node.text[:64]}"{hint}')
        return None
    if target is not None and target.kind and target.kind not in kind.kinds:
        fields.error(
            "action", f"{kind.name} acts on {', '.join(kind.kinds)}, and the target is a {target.kind}"
        )
    filled = {
        name: value.text for name, value in arguments if _argument(fields.problems, kind, name, value, names)
    }
    return ActionStep(kind.name, filled, timeout or kind.timeout, place.short)


def _argument(problems: Problems, kind: ActionKind, name: str, node: ScalarNode, names: Names) -> bool:
    type_ = kind.arguments.get(name)
    if type_ is None:
        known = ", ".join(kind.arguments) or "none"
        problems.error(node.place, f'arguments: {kind.name} has no "{name[:64]}"; it has {known}')
        return False
    if not names.check(node, name, free=type_.kind == "text"):
        return False
    if fault := _misfit(type_, node.text, names):
        problems.error(node.place, f"{name}: {fault}")
    return not fault


def _misfit(type_: ParameterType, text: str, names: Names) -> str:
    """Why an argument can never be of its type: a plain value, or one parameter, or a text of several."""
    found = references(text)
    if not found:
        return type_.fault(text)
    if type_.kind == "text":
        return ""
    given = names.declared.get(found[0])
    if text != f"${{{found[0]}}}" or given is None:
        return f"must be a value, or one ${{...}} alone: it is of the type {type_}"
    if given.type.kind != type_.kind:
        return f"{found[0]} is of the type {given.type}, and this of the type {type_}"
    return "" if _within(given.type, type_) else f"{found[0]} ({given.type}) may be what {type_} is not"


def _within(one: ParameterType, other: ParameterType) -> bool:
    """Whether every value of a type is one of another of the same kind."""
    if one.kind == "enum":
        return set(one.values) <= set(other.values)
    return one.kind != "int" or (other.least <= one.least and one.most <= other.most)


def _wait(fields: Fields, target: Target | None, names: Names, place: Place) -> Step | None:
    length = fields.read("for", bounded, 0) if fields.require("for") else 0
    return WaitStep(length, place.short) if length else None


def _notify(fields: Fields, target: Target | None, names: Names, place: Place) -> Step | None:
    node = fields.scalar("receiver") if fields.require("receiver") else None
    name = names.receiver(node, "receiver") if node else ""
    return NotifyStep(name, place.short) if name else None


_STEPS: Final = {"step": _action, "wait": _wait, "notify": _notify}


def _on_failure(node: Node, target: Target | None, names: Names, problems: Problems) -> list[Step]:
    """A list of actions, `notify: {receiver: ...}` and `wait: {for: ...}`."""
    if not isinstance(node, SequenceNode):
        problems.error(node.place, "on_failure: must be a list, as in - notify: {receiver: ...}")
        return []
    found = [_entry(item, target, names, problems) for item in node.items]
    return [step for step in found if step is not None]


def _entry(item: Node, target: Target | None, names: Names, problems: Problems) -> Step | None:
    fields = Fields(item, "a step of on_failure", problems)
    given = [key for key in ("action", "notify", "wait") if key in fields]
    if isinstance(item, MappingNode) and len(given) != 1:
        problems.error(item.place, "a step of on_failure needs one of action, notify and wait")
        return None
    if not given or given == ["action"]:
        step = _action(fields, target, names, item.place) if given else None
    else:
        inner = fields.fields(given[0], given[0])
        assert inner is not None
        step = _STEPS[given[0]](inner, target, names, item.place)
        inner.close()
    if given:
        fields.close()
    return step


# -- whether it helped --------------------------------------------------------------------------


def _verify(fields: Fields, names: Names) -> Verify | None:
    query = names.query(fields, "prometheus")
    good, every, within = fields.read("for", _probes, (0, 0, 0))
    settle = fields.read("settle", bounded, 0)
    return Verify(query, good, every, within, settle) if query else None


def _probes(node: ScalarNode) -> tuple[int, Nanoseconds, Nanoseconds]:
    """`2 of 2 probes, every 15s, within 5m`: how many in a row, how often, for how long; 0: not said."""
    found = _FOR.fullmatch(node.text.strip())
    if found is None:
        raise ValueError(f"{node.text[:64]!r} is not such as {_EXAMPLE}")
    good, of, every, within = found.groups()
    if good != of:
        raise ValueError(f"probes must be good in a row: write {of} of {of}")
    if not 1 <= int(good) <= _MOST_PROBES:
        raise ValueError(f"from 1 to {_MOST_PROBES} probes")
    lengths = [bounded(_part(node, part)) if part else 0 for part in (every, within)]
    if all(lengths) and (int(good) - 1) * lengths[0] > lengths[1]:
        raise ValueError(f"{good} probes, one {every}, do not fit into {within}")
    return int(good), lengths[0], lengths[1]


def _part(node: ScalarNode, text: str) -> ScalarNode:
    return ScalarNode(node.place, text, plain=True, span=node.span)
