from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from responder.core.catalogue import Template
from responder.core.model import Alert, labels_from
from responder.templating import MOST, Fault, TemplateFailed, check, context_of, render
from responder.templating.samples import samples
from tests.notify.notices import MONDAY, alert, notification

MANY: dict[str, Any] = dict(samples())["many alerts"]
PLACE = "routing.yaml:7:3"


def text(source: str, context: dict[str, Any] | None = None, **options: Any) -> str:
    return render(Template(source, place=PLACE), MANY if context is None else context, **options)


def failed(source: str, context: dict[str, Any] | None = None, **options: Any) -> str:
    with pytest.raises(TemplateFailed) as caught:
        text(source, context, **options)
    return str(caught.value)


# -- what it gives ------------------------------------------------------------------------------


def test_a_plain_text_is_sent_as_it_stands() -> None:
    assert render(Template(" {{ x }} <b> ", plain=True), {}) == " {{ x }} <b> "
    assert render(Template("abcdef", plain=True), {}, most=5) == "abcd…"
    assert check(Template("{{ x", plain=True)) == []


@pytest.mark.parametrize(
    ("source", "given"),
    [
        ("{{ counts.firing }} of {{ counts.all }}", "20 of 21"),
        ("{{ common_labels.alertname }}{{ common_labels.nope }}", "HighErrorRate"),
        ("{{ common_labels['nope'] or 'none' }}", "none"),
        ("{{ common_labels.get('nope', 'none') }}", "none"),
        ("{{ firing|map(attribute='labels.pod')|sort|unique|join(', ')|truncate(16) }}", "web-0,..."),
        (
            "{% for alert in resolved %}\n  {{ loop.index }}: {{ alert.labels.pod }}\n{% endfor %}\n",
            "1: web-30",
        ),
        ("{% for alert in stale %}x{% else %}none{% endfor %}", "none"),
        (
            "{% for name, value in group_labels.items() %}{{ name }}={{ value }}{% endfor %}",
            "alertname=HighErrorRate",
        ),
        (
            "{% set some = firing|selectattr('labels.pod', 'in', ['web-1', 'x'])|list %}{{ some|length }}",
            "1",
        ),
        (
            "{% for who, alerts in alerts|groupby('status') %}{{ who }} {{ alerts|length }} {% endfor %}",
            "firing 20 resolved 1",
        ),
        ("{{ alerts[0].starts_at[11:16] }} {{ alerts[0].lasted }}", "23:00 1h"),
        ("{{ 'late by ' ~ late if late else 'in time' }}", "late by 2m"),
        ("{{ (counts.firing + 1) * 2 // 3 }} {{ -1 }} {{ counts.firing > 3 }} {{ none }}", "14 -1 true"),
        ("{{ receiver.split('-')|last|upper }} {{ receiver|replace('-', '/') }}", "CRITICAL slack/critical"),
        ("{{ group_labels|tojson }}", '{"alertname": "HighErrorRate"}'),
        (
            "{% set n = namespace(x=0) %}{% for a in firing %}{% set n.x = n.x + 1 %}{% endfor %}{{ n.x }}",
            "20",
        ),
        ("{% raw %}{{ x }}{% endraw %}{# note #}", "{{ x }}"),
        ("{{ 7|round(1) }} {{ 2.567|round(1) }} {{ 2.5|round }}", "7 2.6 2"),
    ],
)
def test_what_a_template_can_say(source: str, given: str) -> None:
    assert check(Template(source)) == []
    assert text(source) == given


def test_html_escapes_what_comes_with_an_alert() -> None:
    context = context_of(notification(firing=(alert(1, alertname="<b>&"),)), "", MONDAY)
    assert text("<p>{{ common_labels.alertname }}</p>", context, html=True) == "<p>&lt;b&gt;&amp;</p>"
    name = "common_labels.alertname"
    assert text(f"{{{{ '<i>' ~ {name} }}}}", context, html=True) == "&lt;i&gt;&lt;b&gt;&amp;"
    assert text(f"{{{{ '<i>'|safe ~ {name} }}}}", context, html=True) == "<i>&lt;b&gt;&amp;"
    assert text(f"{{{{ [1, {name}]|join('<br>'|safe) }}}}", context, html=True) == "1<br>&lt;b&gt;&amp;"
    assert text("{{ common_labels.alertname }}", context) == "<b>&"


def test_text_in_an_alert_is_no_template() -> None:
    context = context_of(notification(firing=(alert(1, alertname="{{ 7 * 7 }}{% raw %}"),)), "", MONDAY)
    assert text("{{ common_labels.alertname }}", context) == "{{ 7 * 7 }}{% raw %}"


def test_a_copy_of_a_context_does_as_well() -> None:
    # Slack's is a copy with everything escaped: plain dicts and lists.
    context = {"common_labels": {"alertname": "A"}, "alerts": [{"labels": {}}]}
    given = text("{{ common_labels.alertname }}{{ common_labels.nope }}{{ alerts[0].labels.nope }}", context)
    assert given == "A"


def test_a_long_text_is_cut_and_marked() -> None:
    assert text("{{ 'x' ~ 'y' }}" * 10, most=7) == "xyxyxy…"
    endless = "{% for a in range(1000) %}{% for b in range(100) %}0123456789{% endfor %}{% endfor %}"
    assert text(endless) == "0123456789" * (MOST // 10 - 1) + "012345678…"


def test_html_is_not_cut_in_two() -> None:
    endless = "{% for a in range(1000) %}{% for b in range(100) %}<b>01</b>{% endfor %}{% endfor %}"
    assert failed(endless, html=True) == f"{PLACE}: gives more than 40,000 characters"


# -- what it refuses ----------------------------------------------------------------------------


def test_a_failure_says_where_and_nothing_of_the_alert() -> None:
    context = context_of(notification(firing=(alert(1, alertname="hunter2"),)), "", MONDAY)
    assert failed("a\n\n{{ alerts[0][common_labels.alertname] }}", context) == (
        f"{PLACE}: line 3 of the template: there is no such entry here"
    )
    assert failed("{{ common_labels.alertname|abs }}", context) == f"{PLACE}: cannot be rendered (TypeError)"
    assert failed("{{ x", context).startswith(f"{PLACE}: unexpected end of template")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("\n{{ summry }}", Fault(2, 'unknown name "summry"; there are ')),
        (
            "{% if false %}{{ comon_labels }}{% endif %}",
            Fault(1, 'unknown name "comon_labels"; did you mean "common_labels"?'),
        ),
        ("{{ alerts[0].lables }}", Fault(1, "there is no 'lables' here (tried on one alert)")),
        ("{{ firing[0].labels.pod }}", Fault(1, "there are not so many (tried on a resolved alert)")),
        ("{{ status|uper }}", Fault(1, 'there is no filter "uper"; did you mean "upper"?')),
        ("{{ status", Fault(1, "unexpected end of template, expected 'end of print statement'.")),
        (
            "{{ alerts }}",
            Fault(1, "shows a list or a mapping; loop over it, or join it (tried on one alert)"),
        ),
        ("{{ alerts|upper }}", Fault(1, "upper: takes a text, not a list or a mapping (tried on one alert)")),
        (
            "{{ status + 1 }}",
            Fault(
                1,
                "+: not between these; + joins texts, lists or numbers, ~ joins anything (tried on ",
            ),
        ),
    ],
)
def test_mistakes_are_found_when_the_rules_are_loaded(source: str, fault: Fault) -> None:
    (found,) = check(Template(source))
    assert (found.line, found.message[: len(fault.message)]) == fault


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''['__class__'] }}",
    "{{ alerts.__class__.__mro__ }}",
    "{{ alerts[0].labels.get.__self__ }}",
    "{{ alerts|map(attribute='__class__')|list|length }}{{ (alerts|map(attribute='__class__')|first).x }}",
    "{{ alerts.append(1) }}",
    "{{ alerts[0].update({'a': 1}) }}",
    "{{ alerts[0].labels.pop('alertname') }}",
    "{{ '{0.__class__}'.format(1) }}",
    "{{ '%s' % alerts }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ range.__globals__ }}",
    "{{ namespace.__init__ }}",
    "{% for a in alerts %}{{ loop._iterator }}{% endfor %}",
    "{{ cycler }}",
    "{{ lipsum() }}",
    "{{ dict(a=1) }}",
    "{{ status|attr('x') }}",
    "{{ status|_counted }}",
    "{% include 'x' %}",
    "{% import 'x' as x %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% block x %}{% endblock %}",
    "{% macro x() %}{% endmacro %}",
    "{% call x() %}{% endcall %}",
    "{% filter upper %}x{% endfilter %}",
    "{% set x %}x{% endset %}",
    "{% with x = 1 %}{% endwith %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% for a in alerts recursive %}{% endfor %}",
]


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("source", ESCAPES)
def test_nothing_else_can_be_reached(source: str, html: bool) -> None:
    assert check(Template(source), html)
    failed(source, html=html)


HEAVY = [
    "{% for a in range(999) %}{% for b in range(999) %}{% set c = a + b %}{% endfor %}{% endfor %}",
    "{% for a in range(1000) %}{% for b in range(1000) %}{% if a == b %}{% endif %}{% endfor %}{% endfor %}",
    "{% for a in range(1000) %}"
    + "{% if alerts|sort(attribute='labels.pod') %}{% endif %}" * 99
    + "{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='x') %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x='\"') %}{% for a in range(99) %}{% set ns.x = ns.x|tojson %}{% endfor %}",
    "{% set n = namespace(x='x') %}{% for a in range(99) %}{% set n.x = n.x|replace('x','xx') %}{% endfor %}",
    "{% set ns = namespace(x=1) %}{% for a in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
    "{% set ns = namespace(x=2) %}{% for a in range(99) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "{{ 'x' * 10000000000 }}",
    "{{ 5|round(-10000000000) }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'x'|center(10000000000) }}",
    "{{ '%9999999999d' % 1 }}",
    "{{ range(10000000000) }}",
    "{{ range(10000000000)|list }}",
    "{{" + "(" * 5000 + "1" + ")" * 5000 + "}}",
    "{% for a in alerts %}" * 200 + "{% endfor %}" * 200,
    "{{ " + "9" * 5000 + " }}",
    "x" * 16_001,
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("source", HEAVY)
def test_nothing_runs_for_ever_or_fills_the_memory(source: str) -> None:
    failed(source)


WORDS = [
    "{{",
    "}}",
    "{%",
    "%}",
    "for",
    "a",
    "in",
    "alerts",
    "firing",
    "endfor",
    "if",
    "endif",
    "else",
    "set",
    "x",
    "=",
    "status",
    "common_labels",
    ".labels",
    ".pod",
    "|",
    "join",
    "upper",
    "map(attribute='labels')",
    "sort",
    "list",
    "groupby('status')",
    "tojson",
    "length",
    "default('x')",
    "(",
    ")",
    "[",
    "]",
    "0",
    ":",
    "1",
    "'",
    "~",
    "+",
    "*",
    "==",
    "in",
    "is",
    "defined",
    "loop",
    ".index",
    "range(9)",
    "namespace()",
    "__class__",
    "{#",
    "#}",
    "x",
]
PIECES = st.sampled_from([*WORDS, " ", "\n"])


@given(st.lists(PIECES, max_size=25).map(" ".join) | st.text(max_size=40), st.booleans())
@hypothesis_settings(max_examples=300, deadline=None)
def test_any_template_gives_a_text_or_says_why_not(source: str, html: bool) -> None:
    template = Template(source, place=PLACE)
    faults = check(template, html)
    for _, context in samples():
        try:
            given, reason = render(template, context, html=html, most=500), ""
        except TemplateFailed as error:
            given, reason = "", str(error)
        assert len(given) <= 500
        assert reason.startswith(f"{PLACE}: " if reason else "")
        # That HTML is too long is the one thing that the samples need not show.
        assert faults or not reason or "gives more than" in reason


EVERYTHING = """
{% for a in alerts %}
{{ a.labels.x }}{% for name, value in a.labels.items() %}{{ name }}={{ value|e }}{% endfor %}
{% endfor %}
"""


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4))
@hypothesis_settings(max_examples=100, deadline=None)
def test_any_alert_can_be_told_by_a_template_that_was_checked(labels: dict[str, str]) -> None:
    told = Alert(1, labels_from({"alertname": "A"} | labels), (), MONDAY, 0, MONDAY)
    context = context_of(notification(firing=(told,)), "", MONDAY)
    assert check(Template(EVERYTHING), html=True) == []
    assert "<" not in render(Template(EVERYTHING), context, html=True)
