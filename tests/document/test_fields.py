import re
from collections.abc import Callable

import pytest

from responder.core.model import HOUR, MILLISECOND, MINUTE, SECOND
from responder.document.fields import (
    Fields,
    choice,
    duration,
    duration_above_zero,
    flag,
    go_duration,
    percent,
    size,
    text,
    url,
    whole,
)
from responder.document.tree import Place, Problems, ScalarNode, parse


def fields(source: str) -> Fields:
    problems = Problems()
    return Fields(parse(source, "f.yaml", problems), "a thing", problems)


def lines(read: Fields) -> list[str]:
    return [str(problem) for problem in read.problems.listed()]


def scalar(source: str) -> ScalarNode:
    node = parse(source, "f.yaml", Problems())
    assert isinstance(node, ScalarNode)
    return node


@pytest.mark.parametrize(
    ("decode", "source", "value"),
    [
        (text, "0123", "0123"),
        (flag, "yes", True),
        (flag, "Off", False),
        (whole, "250000", 250_000),
        (whole, "0", 0),
        (duration, "1h30m", 90 * MINUTE),
        (duration, "'0'", 0),
        (go_duration, "1m30s", 90 * SECOND),
        (go_duration, "1.5s", 1500 * MILLISECOND),
        (go_duration, "100ms", 100 * MILLISECOND),
        (go_duration, "0", 0),
        (go_duration, "2h", 2 * HOUR),
        (size, "4KiB", 4096),
        (size, "10GiB", 10 << 30),
        (size, "512B", 512),
        (percent, "50%", 0.5),
        (percent, "0%", 0.0),
        (choice("open", "read"), "read", "read"),
        (url, "https://h.example:8443/p?q=1", "https://h.example:8443/p?q=1"),
    ],
)
def test_decoders(decode: Callable[[ScalarNode], object], source: str, value: object) -> None:
    assert decode(scalar(source)) == value


@pytest.mark.parametrize(
    ("decode", "source", "message"),
    [
        (flag, "'true'", "'true' is not true or false (without quotes)"),
        (flag, "1", "'1' is not true or false (without quotes)"),
        (whole, "-1", "'-1' is not a whole number such as 100"),
        (whole, "'5'", "'5' is not a whole number such as 100"),
        (whole, "1e3", "'1e3' is not a whole number such as 100"),
        (whole, "010", "'010' begins with 0, which YAML reads as octal: write 10"),
        (duration, "5 minutes", "'5 minutes' is not a duration such as 30s, 5m, 1h30m or 4d"),
        (duration, "1m1h", "'1m1h' is not a duration such as 30s, 5m, 1h30m or 4d"),
        (duration_above_zero, "0s", "cannot be zero"),
        (go_duration, "1d", "'1d' is not a duration such as 10s or 1m30s"),
        (go_duration, "10", "'10' is not a duration such as 10s or 1m30s"),
        (go_duration, ".s", "'.s' is not a duration such as 10s or 1m30s"),
        (size, "32MB", "'32MB' is not a size such as 4KiB, 32MiB or 10GiB"),
        (size, "32", "'32' is not a size such as 4KiB, 32MiB or 10GiB"),
        (percent, "0.5", "'0.5' is not a percentage from 0% to 100%"),
        (percent, "150%", "'150%' is not a percentage from 0% to 100%"),
        (choice("open", "read"), "shut", "'shut' is not one of open, read"),
        (url, "ftp://user:hunter2@h/", "not a URL such as https://example.com/path"),
        (url, "https:///path", "not a URL such as https://example.com/path"),
        (url, "https://h:port/", "not a URL such as https://example.com/path"),
        (url, "https://h/a b", "not a URL such as https://example.com/path"),
    ],
)
def test_decoders_say_what_would_be_right(
    decode: Callable[[ScalarNode], object], source: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        decode(scalar(source))


def test_a_null_counts_as_absent() -> None:
    read = fields("a:\nb: ~\n")
    assert (read.read("a", text, "default"), read.items("b"), "a" in read) == ("default", None, False)
    read.close()
    assert lines(read) == []


def test_what_is_of_another_kind() -> None:
    read = fields("a: [x]\nb: text\nc: {k: v}\nd: [x, {k: v}, ~]\ne: [text]\nf: {k: [x]}\ng: x\n")
    read.read("a", text, "")
    read.items("b")
    read.items("c")
    assert read.list_of("d", text) == (("x", Place("f.yaml", 4, 5)),)
    read.each("e", "an entry")
    assert read.pairs("f") == ()
    read.pairs("g")
    assert lines(read) == [
        "f.yaml:1:4: error: a: must be a text, not a list",
        "f.yaml:2:4: error: b: must be a list, not a text",
        "f.yaml:3:4: error: c: must be a list, not a mapping",
        "f.yaml:4:8: error: d: must be a text, not a mapping",
        "f.yaml:4:16: error: d: must be a text, not nothing",
        "f.yaml:5:5: error: an entry must be a mapping, not a text",
        "f.yaml:6:8: error: f: k must be a text, not a list",
        "f.yaml:7:4: error: g: must be a mapping, not a text",
    ]


def test_unknown_keys_with_the_nearest_that_exists() -> None:
    read = fields("reciever: a\nxyz: 1\nknown: 1\n")
    read.read("receiver", text, "")
    read.read("known", text, "")
    read.close()
    assert lines(read) == [
        'f.yaml:1:1: error: unknown key "reciever" in a thing; did you mean "receiver"?',
        'f.yaml:2:1: error: unknown key "xyz" in a thing; it may have known, receiver',
    ]


def test_needed_and_excluding_keys() -> None:
    read = fields("url: a\nurl_file: b\n")
    read.require("name")
    read.at_most_one("url", "url_file", "other")
    assert lines(read) == [
        "f.yaml:1:1: error: a thing needs name",
        "f.yaml:2:1: error: url_file: url is set already; at most one of url, url_file, other",
    ]


def test_pairs_keep_order_and_nulls() -> None:
    read = fields("match: {b: 1, a: }\n")
    assert [(name, node.text, node.null) for name, node in read.pairs("match")] == [
        ("b", "1", False),
        ("a", "", True),
    ]


def test_a_list_that_is_empty_is_not_an_absent_one() -> None:
    read = fields("a: []\n")
    assert (read.items("a"), read.items("b"), read.list_of("a", text)) == ((), None, ())
