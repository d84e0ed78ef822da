"""Matchers as people type them."""

import pytest

from responder.cli.matchers import matchers_of
from responder.errors import UsageError


def test_a_first_word_is_an_alertname() -> None:
    assert [str(one) for one in matchers_of(["HighCPU", 'job=~"a|b"', "env!=dev,x!~y"])] == [
        'alertname="HighCPU"',
        'job=~"a|b"',
        'env!="dev"',
        'x!~"y"',
    ]
    assert matchers_of([]) == []


@pytest.mark.parametrize("texts", [["a=b", "HighCPU"], ["a=~("], [""], ["{"]])
def test_what_is_no_matcher_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        matchers_of(texts)
