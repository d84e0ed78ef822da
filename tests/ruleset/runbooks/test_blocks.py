from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from responder.core import actioncatalogue
from responder.core.actioncatalogue import ACTIONS
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.parameters import parse_type
from responder.core.runbook import ActionStep, NotifyStep, Query, Verify, WaitStep
from responder.ruleset.runbooks import blocks, markdown
from tests.ruleset.runbooks.writing import STEP, VERIFY, body_wrong, compiled, page, read, warned, wrong

FULL = """\
---
```precondition
prometheus: up{namespace="${namespace}"} == 1
```
```notify
receiver: chat
```
```step
action: kubernetes.rollout_restart
timeout: 3m
```
Prose.
```wait
for: 30s
```
```step
action: kubernetes.rollout_restart
```
```verify
prometheus: |
  sum(up{name="${name}",
    x=~"${namespace}"}) > 0
for: 3 of 3 probes, every 10s, within 4m
settle: 45s
```
```verify
prometheus: vector(1)
for: 2 of 2 probes
```
```on_failure
- action: kubernetes.rollout_undo
  timeout: 1h
- wait: {for: 1m}
- notify: {receiver: pager}
```
"""


def test_steps_are_done_in_the_order_of_the_page() -> None:
    found = read(page(body=FULL))
    restart = "kubernetes.rollout_restart"
    assert found.preconditions == (Query('up{namespace="${namespace}"} == 1', "page.md:11"),)
    assert found.steps == (
        NotifyStep("chat", "page.md:13"),
        ActionStep(restart, {}, 3 * MINUTE, "page.md:16"),
        WaitStep(30 * SECOND, "page.md:21"),
        ActionStep(restart, {}, 5 * MINUTE, "page.md:24"),
    )
    assert found.verify == (
        Verify(
            Query('sum(up{name="${name}",\n  x=~"${namespace}"}) > 0', "page.md:28"),
            3,
            10 * SECOND,
            4 * MINUTE,
            45 * SECOND,
        ),
        Verify(Query("vector(1)", "page.md:35"), 2),
    )
    assert found.on_failure == (
        ActionStep("kubernetes.rollout_undo", {}, HOUR, "page.md:39"),
        WaitStep(MINUTE, "page.md:41"),
        NotifyStep("pager", "page.md:42"),
    )
    assert found.prose == FULL.removeprefix("---\n").rstrip("\n")


# -- steps --------------------------------------------------------------------------------------


def block(kind: str, text: str) -> str:
    return f"```{kind}\n{text}\n```\n"


@pytest.mark.parametrize(
    ("kind", "text", "problem"),
    [
        ("step", "timeout: 5m", "12:1: a step block needs action"),
        ("step", "- action: kubernetes.rollout_restart", "12:1: a step block must be a mapping, not a list"),
        ("step", "action: rm -rf /", '12:9: action: there is no action "rm -rf /"'),
        (
            "step",
            "action: kubernetes.restart",
            '12:9: action: there is no action "kubernetes.restart"; '
            'did you mean "kubernetes.rollout_restart"?',
        ),
        ("step", "action: [a]", "12:9: action: must be a text, not a list"),
        (
            "step",
            "action: kubernetes.rollout_restart\ntimeout: 2h",
            "13:10: timeout: must not be longer than 1h",
        ),
        ("step", "action: kubernetes.rollout_restart\ntimeout: 0", "13:10: timeout: cannot be zero"),
        (
            "step",
            "action: kubernetes.rollout_restart\ntimout: 5m",
            '13:1: unknown key "timout" in a step block; did you mean "timeout"?',
        ),
        (
            "step",
            "action: kubernetes.rollout_restart\narguments: {replicas: 0}",
            '13:23: arguments: kubernetes.rollout_restart has no "replicas"; it has none',
        ),
        ("wait", "for: soon", "12:6: for: 'soon' is not a duration such as 30s, 5m, 1h30m or 4d"),
        ("wait", "for: 2h", "12:6: for: must not be longer than 1h"),
        ("wait", "length: 5m", "12:1: a wait block needs for"),
        (
            "notify",
            "receiver: pagers",
            '12:11: receiver: there is no receiver "pagers"; did you mean "pager"?',
        ),
        ("notify", "channel: '#a'", "12:1: a notify block needs receiver"),
        ("notify", "receiver: {name: pager}", "12:11: receiver: must be a text, not a mapping"),
    ],
)
def test_what_is_no_step(kind: str, text: str, problem: str) -> None:
    [found, *_] = body_wrong(block(kind, text))
    assert found == problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "action: kubernetes.rollout_undo",
            "18:1: on_failure: must be a list, as in - notify: {receiver: ...}",
        ),
        ("- kubernetes.rollout_undo", "18:3: a step of on_failure must be a mapping, not a text"),
        ("- {}", "18:3: a step of on_failure needs one of action, notify and wait"),
        ("- receiver: pager", "18:3: a step of on_failure needs one of action, notify and wait"),
        (
            "- action: kubernetes.rollout_undo\n  notify: {receiver: pager}",
            "18:3: a step of on_failure needs one of action, notify and wait",
        ),
        ("- notify: pager", "18:11: notify must be a mapping, not a text"),
        ("- notify: {receiver: pager, x: y}", '18:29: unknown key "x" in notify; it may have receiver'),
        ("- wait: {for: 2h}", "18:15: for: must not be longer than 1h"),
        ("- action: x\n  y: z", '18:11: action: there is no action "x"'),
    ],
)
def test_what_is_no_step_if_it_did_not_help(text: str, problem: str) -> None:
    [found, *_] = body_wrong(f"{STEP}{VERIFY}{block('on_failure', text)}")
    assert found == problem


@pytest.mark.parametrize(
    "body", [block("wait", "for: 1m"), block("verify", "prometheus: up"), block("notify", "receiver: chat")]
)
def test_steps_need_a_target(body: str) -> None:
    assert wrong(f"---\nrunbook: page\ntitle: T\n---\n{body}") == [
        "2:1: it has steps, and so needs a target: a run is about one object"
    ]


def test_an_action_acts_on_what_it_can_act_on(monkeypatch: pytest.MonkeyPatch) -> None:
    drain = replace(ACTIONS["kubernetes.rollout_undo"], name="kubernetes.drain", kinds=("Node",))
    catalogue(monkeypatch, {**ACTIONS, drain.name: drain})
    assert body_wrong(block("step", "action: kubernetes.drain")) == [
        "12:9: action: kubernetes.drain acts on Node, and the target is a Deployment"
    ]


# -- arguments ----------------------------------------------------------------------------------

SCALE = replace(
    ACTIONS["kubernetes.rollout_undo"],
    name="kubernetes.scale",
    arguments={
        "replicas": parse_type("int(1,50)"),
        "reason": parse_type("text"),
        "place": parse_type("enum(a,b,c)"),
    },
)


def catalogue(monkeypatch: pytest.MonkeyPatch, actions: Mapping[str, actioncatalogue.ActionKind]) -> None:
    """Other actions than those that exist today, in the places where pages are read."""
    for name in ("blocks", "floors", "frontmatter"):
        monkeypatch.setattr(f"responder.ruleset.runbooks.{name}.ACTIONS", actions)


PARAMETERS = (
    "  few: {type: 'int(1,10)', default: 2}\n  many: {type: 'int(0,10)', default: 2}\n"
    "  why: {type: text, default: x}\n"
    "  ab: {type: 'enum(a,b)', default: a}\n  ad: {type: 'enum(a,d)', default: a}\n"
)


def scaling(arguments: str) -> str:
    step = block("step", f"action: kubernetes.scale\narguments: {arguments}")
    text = page(body=f"---\n{step}{VERIFY}")
    return text.replace("  name:", f"{PARAMETERS}  name:", 1)


@pytest.mark.parametrize(
    ("arguments", "filled"),
    [
        ("{replicas: 3}", {"replicas": "3"}),
        ("{replicas: '${few}'}", {"replicas": "${few}"}),
        ("{place: b}", {"place": "b"}),
        ("{place: '${ab}'}", {"place": "${ab}"}),
        ("{reason: 'because ${why}, ${few}'}", {"reason": "because ${why}, ${few}"}),
    ],
)
def test_an_argument_is_a_value_or_a_parameter_of_its_type(
    arguments: str, filled: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(monkeypatch, {**ACTIONS, SCALE.name: SCALE})
    pages = compiled(scaling(arguments))  # with warnings of parameters that are not used
    assert pages.runbooks["page"].steps == (ActionStep("kubernetes.scale", filled, 5 * MINUTE, "page.md:15"),)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("{replicas: 51}", "replicas: '51' is no number from 1 to 50"),
        ("{replicas: '${many}'}", "replicas: many (int(0,10)) may be what int(1,50) is not"),
        (
            "{replicas: '${few}0'}",
            "replicas: must be a value, or one ${...} alone: it is of the type int(1,50)",
        ),
        (
            "{replicas: '${namespace}'}",
            "replicas: namespace is of the type dns_label, and this of the type int(1,50)",
        ),
        ("{replicas: '${why}'}", "replicas: why is a text, which never enters a name, a URL or a query"),
        ("{place: '${ad}'}", "place: ad (enum(a,d)) may be what enum(a,b,c) is not"),
        ("{reason: '${whi}'}", 'reason: there is no parameter "whi"; did you mean "why"?'),
        ('{reason: "a\\nb"}', "reason: 'a\\nb' is no text (printable text, at most 1024 characters)"),
    ],
)
def test_an_argument_that_could_be_of_another_type(
    arguments: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue(monkeypatch, {**ACTIONS, SCALE.name: SCALE})
    [found] = wrong(scaling(arguments))
    assert found.partition(": ")[2] == problem


# -- whether it helped --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("for: 2 of 2 probes", "15:1: a verify block needs prometheus"),
        ("prometheus: ''", "15:13: prometheus: cannot be empty"),
        (f"prometheus: {'x' * 4097}", "15:13: prometheus: longer than 4096 characters"),
        ('prometheus: up{a="${namespace}', '15:13: prometheus: a string that begins with " has no end'),
        (
            'prometheus: up{a="x-${namespace}"}',
            "15:13: prometheus: a ${...} must be the whole value of a label's matcher, in double quotes, "
            "as in "
            '{namespace="${namespace}"}',
        ),
        (
            "prometheus: up[${namespace}]",
            '15:13: prometheus: a ${...} stands outside of quotes; write label="${name}"',
        ),
        ('prometheus: up{a="${nope}"}', '15:13: prometheus: there is no parameter "nope"'),
        ("prometheus: sum(up", "15:13: prometheus: a ) is missing"),
        ("prometheus: up\nfor: 5m", "16:6: for: '5m' is not such as \"2 of 2 probes, every 15s, within 5m\""),
        (
            "prometheus: up\nfor: 2 of 2 probes, within 5m, every 15s",
            "16:6: for: '2 of 2 probes, within 5m, every 15s' is not such as "
            '"2 of 2 probes, every 15s, within 5m"',
        ),
        ("prometheus: up\nfor: 2 of 3 probes", "16:6: for: probes must be good in a row: write 3 of 3"),
        ("prometheus: up\nfor: 0 of 0 probes", "16:6: for: from 1 to 20 probes"),
        ("prometheus: up\nfor: 21 of 21 probes", "16:6: for: from 1 to 20 probes"),
        (
            "prometheus: up\nfor: 2 of 2 probes, every soon",
            "16:6: for: 'soon' is not a duration such as 30s, 5m, 1h30m or 4d",
        ),
        ("prometheus: up\nfor: 2 of 2 probes, every 0s", "16:6: for: cannot be zero"),
        (
            "prometheus: up\nfor: 3 of 3 probes, every 3m, within 5m",
            "16:6: for: 3 probes, one 3m, do not fit into 5m",
        ),
        ("prometheus: up\nsettle: 2h", "16:9: settle: must not be longer than 1h"),
        (
            "prometheus: up\nshell: true",
            '16:1: unknown key "shell" in a verify block; it may have for, prometheus, settle',
        ),
    ],
)
def test_what_is_no_verification(text: str, problem: str) -> None:
    assert body_wrong(STEP + block("verify", text)) == [problem]


def test_a_text_never_enters_a_query() -> None:
    text = page().replace("{type: dns_label,", "{type: text,")
    assert wrong(text) == [
        "8:39: namespace: namespace is a text, which never enters a name, a URL or a query",
        "15:13: prometheus: namespace is a text, which never enters a name, a URL or a query",
    ]


# -- all together -------------------------------------------------------------------------------

PRECONDITION = block("precondition", "prometheus: up")
ON_FAILURE = block("on_failure", "- notify: {receiver: pager}")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (STEP + PRECONDITION + VERIFY, "14:1: precondition: comes before step; so it must stand above it"),
        (
            STEP + VERIFY + block("wait", "for: 1m"),
            "17:1: wait: comes before verify; so it must stand above it",
        ),
        (STEP + ON_FAILURE + VERIFY, "17:1: verify: comes before on_failure; so it must stand above it"),
        (STEP + VERIFY + ON_FAILURE * 2, "20:1: on_failure: there is one already; write one list"),
    ],
)
def test_who_reads_from_top_to_bottom_reads_what_happens_in_its_order(body: str, problem: str) -> None:
    assert body_wrong(body) == [problem]


def test_a_page_has_fifty_steps_at_most() -> None:
    assert (blocks.MOST, markdown.MOST) == (50, 50)
    assert warned(page(body=f"---\n{STEP * 49}{VERIFY}")) == []
    assert body_wrong(STEP * 50 + VERIFY) == ["161:1: more than 50 blocks that are not prose"]
    two = block("on_failure", "- notify: {receiver: pager}\n- wait: {for: 1m}")
    assert body_wrong(STEP * 48 + VERIFY + two) == ["158:1: 51 steps, probes and so on; a page may have 50"]
