import pytest

from responder.core.parameters import parse_type
from responder.core.runbook import Parameter
from responder.document.tree import Place, Problems, ScalarNode
from responder.ruleset.runbooks.references import Names


def names(receivers: list[str] | None = None) -> Names:
    declared = {name: Parameter(name, parse_type(kind)) for name, kind in (("a", "dns_label"), ("t", "text"))}
    return Names(declared, receivers, Problems())


def node(text: str) -> ScalarNode:
    return ScalarNode(Place("p.md", 1, 2), text, True, (0, 0))


@pytest.mark.parametrize(
    ("text", "free", "problem"),
    [
        ("plain $a {a}", False, ""),
        ("${a}-${cluster}", False, ""),
        ("${t}", True, ""),
        ("${t}", False, "k: t is a text, which never enters a name, a URL or a query"),
        ("${A}", False, 'k: there is no parameter "A"'),
        ("${cluste}", False, 'k: there is no parameter "cluste"; did you mean "cluster"?'),
        ("${a", True, "k: a ${ without }"),
        ("${${a}}", True, "k: a ${ without }"),
    ],
)
def test_every_reference_is_known_and_where_it_may_be(text: str, free: bool, problem: str) -> None:
    known = names()
    assert known.check(node(text), "k", free) == (problem == "")
    assert [found.message for found in known.problems.listed()] == ([problem] if problem else [])


def test_what_was_used_is_remembered_even_where_it_was_wrong() -> None:
    known = names()
    known.check(node("${a} ${x}"), "k")
    assert known.used == {"a", "x"}


def test_receivers_are_those_of_the_routing_if_that_is_known() -> None:
    assert names(["pager"]).receiver(node("pager"), "k") == "pager"
    assert names(None).receiver(node("anybody"), "k") == "anybody"
    known = names(["pager"])
    assert known.receiver(node("page"), "k") == ""
    [problem] = known.problems.listed()
    assert str(problem) == 'p.md:1:2: error: k: there is no receiver "page"; did you mean "pager"?'
