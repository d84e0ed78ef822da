"""The section `guards`: the floors that no runbook can go below.

`settings.load` reads it, and `ruleset` keeps it beside the rules by `guards_flow`, since decisions
depend on it. Every key is the field of GuardRules that it sets; nothing here judges a run.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from responder.core.actioncatalogue import ACTIONS
from responder.core.guardrules import LONGEST_LOOK, PATIENCE, Allowed, Evidence, GuardRules, VerifyRules
from responder.core.model import DAY, HOUR, MINUTE, Nanoseconds, format_duration, go_quote, parse_duration
from responder.core.runbook import MODES, RISKS, Risk
from responder.document.fields import Fields, choice, decode_scalar, name, percent, whole
from responder.document.tree import ScalarNode

T = TypeVar("T")


class _Kind(msgspec.Struct, frozen=True):
    """How a scalar is read, and how it is written again."""

    read: Callable[[ScalarNode], Any]
    write: Callable[[Any], str]


def _count(least: int, most: int) -> _Kind:
    def read(node: ScalarNode) -> int:
        value = whole(node)
        if not least <= value <= most:
            raise ValueError(f"{node.text[:64]!r} is not a number from {least} to {most}")
        return value

    return _Kind(read, str)


def _length(least: Nanoseconds, most: Nanoseconds) -> _Kind:
    def read(node: ScalarNode) -> Nanoseconds:
        value = parse_duration(node.text)
        if not least <= value <= most:
            bounds = f"{format_duration(least)} to {format_duration(most)}"
            raise ValueError(f"{node.text[:64]!r} is not a duration from {bounds}")
        return value

    return _Kind(read, format_duration)


_SHARE: Final = _Kind(percent, lambda share: f"{round(share * 100)}%")
_MODE: Final = _Kind(choice(*MODES), str)
_SOON: Final = 1_000_000
"""Above zero: one millisecond, the shortest that can be written."""

_SCALARS: Final[Mapping[str, _Kind]] = {
    "mode": _MODE,
    "min_age": _length(0, PATIENCE),
    "fresh": _length(_SOON, 5 * MINUTE),
    "flaps": _count(0, 1000),
    "flaps_within": _length(_SOON, DAY),
    "attempts_per_episode": _count(1, 1000),
    "attempts_per_target": _count(1, 1000),
    "attempts_within": _length(_SOON, LONGEST_LOOK),
    "rate_runbook": _count(1, 10_000),
    "rate_service": _count(1, 10_000),
    "rate_global": _count(1, 10_000),
    "rate_day": _count(1, 100_000),
    "together": _count(1, 100),
    "gap": _length(0, PATIENCE),
    "min_healthy": _SHARE,
    "min_healthy_count": _count(0, 10_000),
    "expires": _length(_SOON, DAY),
    "precondition_fresh": _length(_SOON, MINUTE),
    "run_timeout": _length(_SOON, DAY),
    "failures_in_row": _count(1, 10),
    "failures_of_ten": _count(1, 10),
}
_EVIDENCE: Final[Mapping[str, _Kind]] = {
    "runs": _count(0, 1000),
    "verified": _SHARE,
    "within": _length(_SOON, LONGEST_LOOK),
}
_VERIFY: Final[Mapping[str, _Kind]] = {
    "settle": _length(0, HOUR),
    "every": _length(_SOON, HOUR),
    "within": _length(_SOON, DAY),
    "good": _count(1, 100),
}
_COOLDOWN: Final = _length(0, LONGEST_LOOK)
_APPROVALS: Final = _count(0, 10)


# -- reading ------------------------------------------------------------------------------------


def read_guards(settings: Fields) -> GuardRules:
    """The section `guards` of the settings; problems are recorded at their places."""
    section, default = settings.fields("guards", "guards"), GuardRules()
    if section is None:
        return default
    rules = replace(
        default,
        **_scalars(section, default, _SCALARS),
        allow=tuple(_allowed(line) for line in section.each("allow", "guards.allow")),
        triggers=tuple(found for found, _ in section.list_of("triggers", name) or ()),
        evidence=_evidence(section, default.evidence),
        cooldown=_cooldown(section, default.cooldown),
        approvals=_approvals(section, default.approvals),
        verify=_verify(section, default.verify),
    )
    section.close()
    return rules


def check_triggers(settings: Fields, tokens: tuple[str, ...]) -> None:
    """That `triggers` names tokens that exist, or `anonymous`."""
    section = settings.fields("guards", "guards")
    for trigger, place in (section.list_of("triggers", name) if section else None) or ():
        if trigger not in (*tokens, "anonymous"):
            settings.problems.error(place, f"triggers: the tokens file has no token {trigger[:64]!r}")


def _scalars(section: Fields, default: Any, kinds: Mapping[str, _Kind]) -> dict[str, Any]:
    return {key: section.read(key, kind.read, getattr(default, key)) for key, kind in kinds.items()}


def _allowed(line: Fields) -> Allowed:
    allowed = Allowed(
        line.read("action", _action, "") if line.require("action") else "",
        *(line.read(key, _selector, "*") for key in ("cluster", "namespace", "name")),
    )
    line.close()
    return allowed


def _action(node: ScalarNode) -> str:
    if node.text not in ACTIONS:
        near = get_close_matches(node.text, ACTIONS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(ACTIONS)}"
        raise ValueError(f"there is no action {node.text[:64]!r}; {hint}")
    return node.text


def _selector(node: ScalarNode) -> str:
    """A name, or `*`: never a pattern, so that nobody allows more than they see."""
    if node.text != "*" and ("*" in node.text or not node.text.strip() or node.text != node.text.strip()):
        raise ValueError(f"{node.text[:64]!r} is neither a name nor *")
    return node.text


def _evidence(section: Fields, default: Evidence) -> Evidence:
    """`evidence: 0` is short for `{runs: 0}`."""
    node = section.take("evidence")
    if isinstance(node, ScalarNode):
        found = decode_scalar(node, "evidence", _EVIDENCE["runs"].read, section.problems)
        return replace(default, runs=found[0]) if found else default
    return _part(section, "evidence", default, _EVIDENCE)


def _verify(section: Fields, default: VerifyRules) -> VerifyRules:
    rules = _part(section, "verify", default, _VERIFY)
    if (rules.good - 1) * rules.every > rules.within:
        section.error(
            "verify",
            f"{rules.good} probes, one every {format_duration(rules.every)}, do not fit"
            f" within {format_duration(rules.within)}",
        )
    return rules


def _part(section: Fields, key: str, default: T, kinds: Mapping[str, _Kind]) -> T:
    below = section.fields(key, f"guards.{key}")
    if below is None:
        return default
    values = _scalars(below, default, kinds)
    below.close()
    return type(default)(**values)


def _cooldown(section: Fields, default: Mapping[str, Nanoseconds]) -> Mapping[str, Nanoseconds]:
    below = section.fields("cooldown", "guards.cooldown")
    if below is None:
        return default
    found = {family: below.read(family, _COOLDOWN.read, rest) for family, rest in default.items()}
    below.close()
    return found


def _approvals(section: Fields, default: Mapping[Risk, int]) -> Mapping[Risk, int]:
    below = section.fields("approvals", "guards.approvals")
    if below is None:
        return default
    found: dict[Risk, int] = {risk: below.read(risk, _APPROVALS.read, default[risk]) for risk in RISKS}
    below.close()
    if not found["low"] <= found["medium"] <= found["high"]:
        section.error("approvals", "a greater risk cannot need fewer persons")
    return found


# -- writing ------------------------------------------------------------------------------------


def guards_flow(rules: GuardRules) -> str:
    """What differs from the defaults, as it would be written in one line; "" if nothing does."""
    default = GuardRules()
    said = _differing(rules, default, _SCALARS)
    if rules.allow != default.allow:
        said.append(f"allow: [{', '.join(_line(line) for line in rules.allow)}]")
    if rules.triggers != default.triggers:
        said.append(f"triggers: [{', '.join(go_quote(trigger) for trigger in rules.triggers)}]")
    for key, part, usual, kinds in (
        ("evidence", rules.evidence, default.evidence, _EVIDENCE),
        ("verify", rules.verify, default.verify, _VERIFY),
    ):
        if part != usual:
            said.append(f"{key}: {{{', '.join(_differing(part, usual, kinds))}}}")
    for key, values, usually, kind in (
        ("cooldown", rules.cooldown, default.cooldown, _COOLDOWN),
        ("approvals", rules.approvals, default.approvals, _APPROVALS),
    ):
        if values != usually:
            said.append(
                f"{key}: {{{', '.join(f'{one}: {kind.write(value)}' for one, value in values.items())}}}"
            )
    return f"{{{', '.join(said)}}}" if said else ""


def _differing(value: Any, default: Any, kinds: Mapping[str, _Kind]) -> list[str]:
    return [
        f"{key}: {kind.write(getattr(value, key))}"
        for key, kind in kinds.items()
        if getattr(value, key) != getattr(default, key)
    ]


def _line(line: Allowed) -> str:
    return f"{{{', '.join(f'{name}: {go_quote(getattr(line, name))}' for name in line.__struct_fields__)}}}"
