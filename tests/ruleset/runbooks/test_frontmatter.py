from hashlib import sha256

import pytest

from responder.core.matching import Matcher
from responder.core.model import HOUR, MINUTE, SECOND
from responder.core.parameters import parse_type
from responder.core.runbook import Hold, Parameter, Runbook, Target, Tightening
from tests.ruleset.runbooks.writing import (
    BODY,
    HEAD,
    STEP,
    VERIFY,
    compiled,
    front_wrong,
    page,
    read,
    warned,
    wrong,
)

DNS_LABEL = "(lower-case letters, digits and -, as a namespace, at most 63 characters)"
DNS_SUBDOMAIN = "(lower-case letters, digits, - and ., as a Deployment's name, at most 253 characters)"


def test_everything_that_front_matter_may_say() -> None:
    found = read(
        page(
            "mode: auto\nrisk: high\n"
            "guards:\n  min_age: 3m\n  cooldown: 2h\n  attempts_per_episode: 1\n  attempts_per_target: 2\n"
            "  rate_per_hour: 3\n  min_healthy: 75%\n  min_healthy_count: 4\n  approvals: 2\n  expires: 10m\n"
            "hold: {receivers: [pager, chat], for: 90s}\n"
        )
    )
    assert (found.name, found.title, found.mode, found.risk, found.place) == (
        "page",
        "A page",
        "auto",
        "high",
        "page.md:2",
    )
    assert found.matchers == ((Matcher("alertname", "=", "A"),),)
    assert found.parameters == (
        Parameter("namespace", parse_type("dns_label"), "namespace", None, "page.md:6"),
        Parameter("name", parse_type("dns_subdomain"), "name", None, "page.md:7"),
    )
    assert found.target == Target("Deployment", "${name}", "${namespace}")
    assert found.guards == Tightening(3 * MINUTE, 2 * HOUR, 1, 2, 3, 0.75, 4, 2, 10 * MINUTE)
    assert found.hold == Hold(("pager", "chat"), 90 * SECOND)


def test_the_least_that_is_a_runbook_only_tells_people_what_to_do() -> None:
    text = "---\nrunbook: page\ntitle: T\n---\n# Only prose\n"
    assert read(text) == Runbook(
        "page", "T", sha256(text.encode()).hexdigest(), prose="# Only prose", place="page.md:2"
    )


# -- its name -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        ("title: T", "2:1: the front matter needs runbook"),
        ("runbook: page", "2:1: the front matter needs title"),
        (
            "runbook: other\ntitle: T",
            '2:10: runbook: the file must have the same name: other.md, or "runbook: page"',
        ),
        ("runbook: Page\ntitle: T", f"2:10: runbook: 'Page' is no dns_label {DNS_LABEL}"),
        ("runbook: ../page\ntitle: T", f"2:10: runbook: '../page' is no dns_label {DNS_LABEL}"),
        ("runbook: [page]\ntitle: T", "2:10: runbook: must be a text, not a list"),
        ("runbook: ''\ntitle: T", "2:10: runbook: cannot be empty"),
        ("runbook: page\ntitle: ' '", "3:8: title: must be one line of at most 200 characters"),
        ("runbook: page\ntitle: |\n  a\n  b", "3:8: title: must be one line of at most 200 characters"),
        (f"runbook: page\ntitle: {'x' * 201}", "3:8: title: must be one line of at most 200 characters"),
        (
            "runbook: page\ntitle: T\ntitel: T",
            '4:1: unknown key "titel" in the front matter; did you mean "title"?',
        ),
        ("runbook: page\ntitle: T\nallow: []", '4:1: unknown key "allow" in the front matter'),
        ("- page", "2:1: the front matter must be a mapping, not a list"),
    ],
)
def test_name_and_title(head: str, problem: str) -> None:
    assert wrong(f"---\n{head}\n---\n") == [problem]


# -- when it applies ----------------------------------------------------------------------------


def matching(match: str) -> str:
    return page().replace("match: ['alertname=\"A\"']", f"match: {match}")


@pytest.mark.parametrize(
    ("match", "lists"),
    [
        ("['alertname=\"A\"']", ['alertname="A"']),
        ("['severity=\"x\"', 'alertname=\"A\"']", ['alertname="A",severity="x"']),
        ('[\'alertname="A",severity="x"\']', ['alertname="A",severity="x"']),
        (
            "[['alertname=\"A\"'], ['alertname=\"B\"', 'x=~\"y.*\"']]",
            ['alertname="A"', 'alertname="B",x=~"y.*"'],
        ),
    ],
)
def test_a_list_of_texts_must_all_hold_and_of_a_list_of_lists_one(match: str, lists: list[str]) -> None:
    assert [",".join(map(str, matchers)) for matchers in read(matching(match)).matchers] == lists


ANY = "match: it would match any alert; ask for an exact value, as of alertname"
BOTH = "match: write texts, all of which must hold, or lists of texts, one of which is enough: not both"


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ("alertname", "4:8: match: must be a list, not a text"),
        ("[]", "4:8: match: cannot be empty; leave it out of a runbook that only people start"),
        ("['']", f"4:9: {ANY}"),
        ("['{}']", f"4:9: {ANY}"),
        ("['alertname=~\".*\"']", f"4:9: {ANY}"),
        ("['alertname!=\"Watchdog\"']", f"4:9: {ANY}"),
        ("[['alertname=\"A\"'], ['x!=\"\"', 'y=~\"|z\"'], ['y=~\"|z\"']]", f"4:51: {ANY}"),
        ("['alertname=\"A\"', []]", f"4:9: {BOTH}"),
        ("[[]]", f"4:9: {BOTH}"),
        ("[{a: b}]", "4:9: match: must be a text such as 'alertname=\"PodRestartsHigh\"'"),
        (
            "['alertname=~\"(\"']",
            "4:9: match: the regular expression '(' is not RE2: missing ): ^(?:()$ "
            "(there is no lookaround and no backreference in RE2)",
        ),
    ],
)
def test_what_is_no_match(match: str, problem: str) -> None:
    [found, *_] = wrong(matching(match))
    assert found == problem


def test_a_page_that_alerts_cannot_start_says_so() -> None:
    assert warned(page("mode: auto\n").replace("match: ['alertname=\"A\"']\n", "")) == [
        "8:7: mode: only people start it, since it has no match"
    ]
    assert warned(page().replace(", from: labels.name}", "}")) == [
        "5:1: parameters: no alert can give name, which has neither from nor default"
    ]
    assert (
        warned(page().replace("match: ['alertname=\"A\"']\n", "").replace(", from: labels.name}", "}")) == []
    )


# -- parameters ---------------------------------------------------------------------------------


def test_defaults_and_every_type() -> None:
    text = page().replace(
        "  name:",
        "  count: {type: 'int(1,9)', default: 3}\n  how: {type: 'enum(a,b)', default: b}\n"
        "  long: {type: duration, default: 5m}\n  which: {type: uid, from: labels.uid}\n"
        "  why: {type: text, default: 'no: reason'}\n  name:",
    )
    assert warned(text) == [
        f"5:1: parameters: {name} is used nowhere, and yet a run is denied without it"
        for name in ("count", "how", "long", "which", "why")
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("x: dns_label", "6:6: the parameter x must be a mapping, not a text"),
        ("x: {from: labels.x}", "6:6: the parameter x needs type"),
        (
            "x: {type: string}",
            "6:13: type: 'string' is no type: dns_label, dns_subdomain, int(min,max), duration, "
            "enum(a,b), uid or text",
        ),
        (
            "x: {type: uid, from: annotations.x}",
            "6:24: from: 'annotations.x' is not a label such as labels.namespace",
        ),
        ("x: {type: uid, from: labels.}", "6:24: from: 'labels.' is not a label such as labels.namespace"),
        ("x: {type: 'int(1,3)', default: 4}", "6:34: default: '4' is no number from 1 to 3"),
        ("x: {type: dns_label, default: '*'}", f"6:33: default: '*' is no dns_label {DNS_LABEL}"),
        (
            "x: {type: uid, form: labels.x}",
            '6:18: unknown key "form" in the parameter x; did you mean "from"?',
        ),
        ("X: {type: uid}", '6:3: parameters: "X" must be lower-case letters, digits and _'),
        ("a-b: {type: uid}", '6:3: parameters: "a-b" must be lower-case letters, digits and _'),
        (
            "cluster: {type: dns_label, from: labels.cluster}",
            "6:3: parameters: leave cluster out; it is always there, from the label of that name",
        ),
    ],
)
def test_what_is_no_parameter(line: str, problem: str) -> None:
    [found, *_] = wrong(page().replace("  namespace: {", f"  {line}\n  namespace: {{", 1))
    assert found == problem


def test_parameters_are_a_mapping() -> None:
    [found, *_] = wrong("---\nrunbook: page\ntitle: T\nparameters: [a]\n---\n")
    assert found == "4:13: parameters: must be a mapping of names, as in {namespace: {type: dns_label}}"


# -- target -------------------------------------------------------------------------------------


def targeting(target: str) -> str:
    start, _, _ = HEAD.partition("target:")
    return f"{start}target: {target}\n{BODY}"


def test_a_target_may_be_fixed_or_put_together() -> None:
    text = targeting("{kind: Deployment, namespace: shop, name: '${name}-${namespace}-${cluster}'}")
    assert read(text).target == Target("Deployment", "${name}-${namespace}-${cluster}", "shop")


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("x", "8:9: the target must be a mapping, not a text"),
        ("{kind: Deployment, name: a}", "8:9: the target needs namespace"),
        ("{namespace: a, name: a}", "8:9: the target needs kind"),
        ("{kind: Deployment, namespace: a}", "8:9: the target needs name"),
        ("{kind: Node, namespace: a, name: a}", "8:16: kind: 'Node' is not one of Deployment"),
        (
            "{kind: Deployment, namespace: a, name: '*'}",
            f"8:48: name: '*' is no dns_subdomain {DNS_SUBDOMAIN}",
        ),
        ("{kind: Deployment, namespace: a, name: ''}", "8:48: name: '' is never a value"),
        ("{kind: Deployment, namespace: a, name: ..}", "8:48: name: '..' is never a value"),
        (
            "{kind: Deployment, namespace: a, name: '${name}/x'}",
            f"8:48: name: 'a/x' is no dns_subdomain {DNS_SUBDOMAIN} (with a for each ${{...}})",
        ),
        (
            "{kind: Deployment, namespace: '${namespace}.x', name: a}",
            f"8:39: namespace: 'a.x' is no dns_label {DNS_LABEL} (with a for each ${{...}})",
        ),
        (
            "{kind: Deployment, namespace: a, name: '${nam}'}",
            '8:48: name: there is no parameter "nam"; did you mean "name"?',
        ),
        ("{kind: Deployment, namespace: a, name: '${}'}", '8:48: name: there is no parameter ""'),
        ("{kind: Deployment, namespace: a, name: '${name'}", "8:48: name: a ${ without }"),
        (
            "{kind: Deployment, namespace: a, name: a, cluster: b}",
            "8:60: cluster: leave it out; it is always the value of the alert's label cluster",
        ),
        (
            "{kind: Deployment, namespace: a, name: a, uid: b}",
            '8:51: unknown key "uid" in the target; it may have kind, name, namespace',
        ),
    ],
)
def test_what_is_no_target(target: str, problem: str) -> None:
    [found, *_] = wrong(targeting(target))
    assert found == problem


def test_a_text_is_never_part_of_a_name() -> None:
    text = page().replace("{type: dns_subdomain,", "{type: text,")
    assert wrong(text) == ["8:61: name: name is a text, which never enters a name, a URL or a query"]


# -- how far ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("front", "problem"),
    [
        ("mode: always", "9:7: mode: 'always' is not one of observe, suggest, approve, auto"),
        ("risk: none", "9:7: risk: 'none' is not one of low, medium, high"),
        ("guards: [cooldown]", "9:9: guards must be a mapping, not a list"),
        ("guards: {cooldown: soon}", "9:20: cooldown: 'soon' is not a duration such as 30s, 5m, 1h30m or 4d"),
        (
            "guards: {min_age: 601s}",
            "9:19: min_age: no run waits for longer than 10m: no alert would start it",
        ),
        ("guards: {min_healthy: 0.66}", "9:23: min_healthy: '0.66' is not a percentage from 0% to 100%"),
        ("guards: {min_healthy: 101%}", "9:23: min_healthy: '101%' is not a percentage from 0% to 100%"),
        (
            "guards: {attempts_per_episode: 0}",
            "9:32: attempts_per_episode: must be 1 at least: with 0 it would never run",
        ),
        ("guards: {approvals: 6}", "9:21: approvals: must be 5 at most: how many persons are to agree"),
        ("guards: {approvals: -1}", "9:21: approvals: '-1' is not a whole number such as 100"),
        ("guards: {expires: 0s}", "9:19: expires: cannot be zero"),
        ("guards: {allow: all}", '9:10: unknown key "allow" in guards'),
        ("guards: {cool_down: 1h}", '9:10: unknown key "cool_down" in guards; did you mean "cooldown"?'),
        ("hold: {receivers: [pager]}", "9:7: hold needs for"),
        ("hold: {for: 5m}", "9:7: hold needs receivers"),
        ("hold: {receivers: [], for: 5m}", "9:19: receivers: cannot be empty"),
        ("hold: {receivers: pager, for: 5m}", "9:19: receivers: must be a list, not a text"),
        (
            "hold: {receivers: [pagr], for: 5m}",
            '9:20: receivers: there is no receiver "pagr"; did you mean "pager"?',
        ),
        ("hold: {receivers: [[pager]], for: 5m}", "9:20: receivers: must be the name of a receiver"),
        ("hold: {receivers: [pager], for: 0s}", "9:33: for: cannot be zero"),
        ("hold: {receivers: [pager], for: 61m}", "9:33: for: must not be longer than 1h"),
        (
            "hold: {receivers: [pager], for: 5m, until: 6m}",
            '9:37: unknown key "until" in hold; it may have for, receivers',
        ),
    ],
)
def test_what_is_no_mode_guard_or_hold(front: str, problem: str) -> None:
    assert front_wrong(f"{front}\n") == [problem]


def test_without_the_routing_nothing_is_said_of_receivers() -> None:
    text = page(
        "hold: {receivers: [nobody], for: 5m}\n",
        f"---\n{STEP}{VERIFY}```on_failure\n- notify: {{receiver: x}}\n```\n",
    )
    assert wrong(text, receivers=["pager"]) == [
        '9:20: receivers: there is no receiver "nobody"',
        '18:22: receiver: there is no receiver "x"',
    ]
    assert compiled(text, receivers=None).broken == []
