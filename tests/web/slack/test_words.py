"""What somebody typed, as words, values and matchers."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.errors import UsageError
from responder.web.slack.words import matchers, pairs, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  a   b ", ["a", "b"]),
        ("a='b c' \"d e\"", ["a=b c", "d e"]),
        ("a=“b c” ‘d e’", ["a=b c", "d e"]),
        ("a\xa0b", ["a", "b"]),
        ("a=x&amp;y &lt;b&gt; &amp;lt;", ["a=x&y", "<b>", "&lt;"]),
        ("$(reboot) `x` ${HOME} *", ["$(reboot)", "`x`", "${HOME}", "*"]),
        ("a=b # c", ["a=b", "#", "c"]),
    ],
)
def test_words_are_as_in_a_shell_and_nothing_is_expanded(text: str, found: list[str]) -> None:
    assert words(text) == found


@given(st.text(max_size=200))
def test_any_text_is_words_or_an_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert all(isinstance(word, str) for word in words(text))


def test_values_have_names() -> None:
    assert pairs(["a=1", "b=", "c=x=y"]) == {"a": "1", "b": "", "c": "x=y"}
    for wrong, why in ((["a"], "'a' is no NAME=VALUE"), (["=a"], "no NAME"), (["a=1", "a=2"], "given twice")):
        with pytest.raises(UsageError, match=why):
            pairs(wrong)


def test_a_name_alone_is_an_alertname() -> None:
    assert matchers(["HighCPU", "cluster=prod", 'pod=~"web-.*"', "a!=b"]) == (
        ("alertname", "=", "HighCPU"),
        ("cluster", "=", "prod"),
        ("pod", "=~", "web-.*"),
        ("a", "!=", "b"),
    )
    for wrong, why in (("pod=~(", "not RE2"), ("1a=b", "is not a matcher")):
        with pytest.raises(UsageError, match=why):
            matchers([wrong])
