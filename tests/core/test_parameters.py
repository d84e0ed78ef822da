import pytest
import re2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from responder.core.matcherparse import parse_utf8
from responder.core.parameters import (
    ParameterType,
    fill,
    fill_query,
    parse_type,
    query_fault,
    references,
)

BAD = [
    "",
    "; rm -rf /",
    "a/../../kube-system",
    "../kube-system",
    ".",
    "..",
    "prod\n",
    "prod\r",
    "prod\x00",
    " prod",
    "*",
    ".*",
    "a" * 10_240,
    "ρrod",  # a Greek letter
    "prоd",  # a Cyrillic one
    "ｐrod",
    "prod\u200b",
    "prod\u202e",
    "Prod",
    "-prod",
    "prod-",
    "$(id)",
    "`id`",
    "${namespace}",
    "a%2fb",
    'a"} or vector(1)',
    "\ud800",
]
"""What no name of an object may be."""


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dns_label", "dns_subdomain", "uid", "int(0,9)", "duration", "enum(a,b)"])
@pytest.mark.parametrize("value", BAD, ids=ascii)
def test_a_value_that_is_none_is_refused_whole_and_shown_harmlessly(kind: str, value: str) -> None:
    fault = parse_type(kind).fault(value)
    assert fault
    assert fault.isascii()
    assert fault.isprintable()
    assert len(fault) < 200


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("dns_label", ["a", "0", "shop-2", "a" * 63], ["a.b", "a" * 64, "a_b"]),
        (
            "dns_subdomain",
            ["a", "a.b", "web-2.example.com", ".".join(["a" * 50] * 5)[:253]],
            ["a..b", ".a", "a."],
        ),
        ("int(-2,10)", ["0", "-2", "10"], ["-3", "11", "01", "-0", "+1", "1.0", "1e1", "٣", "1" * 19]),
        ("int(5,5)", ["5"], ["4", "6"]),
        ("duration", ["5m", "1h30m", "0"], ["5", "-5m", "5 m", "m", "5M"]),
        ("enum(prod,stage)", ["prod", "stage"], ["Prod", "pro", "prod,stage"]),
        ("uid", ["6f1c0d3e-0000-4000-8000-0123456789ab"], ["6F1C0D3E-0000-4000-8000-0123456789AB", "6f1c"]),
        (
            "text",
            ["anything at all: <b>;'\"*", "é☃𝄞", "x" * 1024],
            ["a\nb", "\x1b[2J", "\u202ea", "\u2028", "x" * 1025],
        ),
    ],
)
def test_each_type_at_its_edges(kind: str, good: list[str], bad: list[str]) -> None:
    type_ = parse_type(kind)
    assert [value for value in good if type_.fault(value)] == []
    assert [value for value in bad if not type_.fault(value)] == []


def test_a_fault_says_what_would_be_right() -> None:
    assert [parse_type(kind).fault("?") for kind in ("dns_label", "int(1,9)", "enum(a,b)", "duration")] == [
        "'?' is no dns_label (lower-case letters, digits and -, as a namespace, at most 63 characters)",
        "'?' is no number from 1 to 9",
        "'?' is none of a, b",
        "'?' is no duration such as 5m",
    ]


# -- types --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("dns_label", ParameterType("dns_label")),
        (" uid ", ParameterType("uid")),
        ("int(1,10)", ParameterType("int", 1, 10)),
        ("int( -5 , 5 )", ParameterType("int", -5, 5)),
        ("enum(a)", ParameterType("enum", values=("a",))),
        ("enum(a, b)", ParameterType("enum", values=("a", "b"))),
    ],
)
def test_a_type_is_read_and_printed_back(text: str, type_: ParameterType) -> None:
    assert parse_type(text) == type_
    assert parse_type(str(type_)) == type_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "string",
        "int",
        "int(1)",
        "int(2,1)",
        "int(1,2",
        "int(a,b)",
        "int(1,2,3)",
        "dns_label(63)",
        "enum()",
        "enum(a,,b)",
        "enum(a,a)",
        "enum(.)",
        "enum(..,a)",
        "enum",
        "DNS_LABEL",
    ],
)
def test_what_is_no_type(text: str) -> None:
    with pytest.raises(ValueError, match="is no type: dns_label, dns_subdomain, int"):
        parse_type(text)


# -- names --------------------------------------------------------------------------------------


def test_references_are_filled_once_and_nothing_else_is() -> None:
    assert references("${a}-${b_c}$d ${a}") == ["a", "b_c", "a"]
    assert fill("${a}-${b}$a $${a}", {"a": "${b}", "b": "x"}) == "${b}-x$a $${b}"
    with pytest.raises(KeyError):
        fill("${c}", {})


# -- queries ------------------------------------------------------------------------------------

WHOLE = (
    "a ${...} must be the whole value of a label's matcher, in double quotes, as in "
    '{namespace="${namespace}"}'
)
OUTSIDE = 'a ${...} stands outside of quotes; write label="${name}"'


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ('up{a="${n}",b!="${n}",c=~"${n}",d!~"${n}"} == 1', ""),
        ('up{a= "${n}" , b=~ # why\n "${n}"}', ""),
        ("up{a='b\\'c', d=`e\"f`, g=\"h\\\"i\"} # it's ( fine", ""),
        ('up{a="x${n}"}', WHOLE),
        ('up{a="${n}x"}', WHOLE),
        ('up{a="${n}${n}"}', WHOLE),
        ("up{a='${n}'}", WHOLE),
        ("up{a=`${n}`}", WHOLE),
        ('up{a=`"${n}"`}', WHOLE),
        ("up{a='\"${n}\"'}", WHOLE),
        ('up{a="\\"${n}\\""}', WHOLE),
        ('up # "${n}"', WHOLE),
        ('label_replace(up, "a", "${n}", "b", "${n}")', WHOLE),
        ('up == "${n}"', WHOLE),
        ("up[${n}]", OUTSIDE),
        ("up{${n}}", OUTSIDE),
        ("${n}", OUTSIDE),
        ('up{""${n}""}', OUTSIDE),
        ('up{a="${n}', 'a string that begins with " has no end'),
        ("up{a='b\n'}", "a string that begins with ' has no end"),
        ("up{a=`b}", "a string that begins with ` has no end"),
        ("sum(up", "a ) is missing"),
        ("up{a[}]", "a } closes nothing"),
        ("up)", "a ) closes nothing"),
        ("", ""),
    ],
)
def test_where_a_reference_may_stand_in_a_query(query: str, fault: str) -> None:
    assert query_fault(query) == fault
    if fault:
        with pytest.raises(ValueError, match=r"\$|string|missing|closes"):
            fill_query(query, {"n": "x"})


@pytest.mark.parametrize(
    ("value", "equal", "regex"),
    [
        ("shop", '"shop"', '"shop"'),
        ("a.b", '"a.b"', '"a\\\\.b"'),
        ('a"} or vector(1)', '"a\\"} or vector(1)"', '"a\\\\\\"\\\\}\\\\ or\\\\ vector\\\\(1\\\\)"'),
        ("a\nb", '"a\\nb"', '"a\\\\\\nb"'),
        (".*", '".*"', '"\\\\.\\\\*"'),
        ("${n}", '"${n}"', '"\\\\$\\\\{n\\\\}"'),
    ],
)
def test_a_value_is_quoted_and_quoted_twice_for_a_regular_expression(
    value: str, equal: str, regex: str
) -> None:
    query = 'up{a="${n}", b!="${n}", c=~"${n}", d!~ #\n"${n}"} > 1'
    assert fill_query(query, {"n": value}) == (f"up{{a={equal}, b!={equal}, c=~{regex}, d!~ #\n{regex}}} > 1")


def test_a_query_with_a_name_that_is_not_bound_is_never_asked() -> None:
    with pytest.raises(KeyError):
        fill_query('up{a="${n}"}', {"m": "x"})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_value_escapes_from_its_string(value: str) -> None:
    filled = fill_query('{a="${n}",b=~"${n}",z="end"}', {"n": value})
    # Alertmanager's grammar reads strings as PromQL does.
    (_, _, plain), (_, _, pattern), last = parse_utf8(filled)
    assert (plain, last) == (value, ("z", "=", "end"))
    assert re2.fullmatch(pattern, value)
    assert not query_fault(filled.replace("${", ""))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_value_in_a_regular_expression_matches_itself_alone(value: str, other: str) -> None:
    filled = fill_query('{b=~"${n}"}', {"n": value})
    [(_, _, pattern)] = parse_utf8(filled)
    assert (re2.fullmatch(pattern, other) is not None) == (value == other)


@given(st.text("abc${}\"'`\\\n#=~!()[] ", max_size=40))
def test_any_text_is_judged_and_what_is_right_is_filled_without_loss(query: str) -> None:
    if not query_fault(query):
        names = dict.fromkeys(references(query), "v")
        filled = fill_query(query, names)
        assert filled == fill(query, names)
        assert "${" not in filled
