import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.document.addresses import address, addresses, greeting, host_port, parse_addresses
from responder.document.tree import Place, ScalarNode


def node(text: str) -> ScalarNode:
    return ScalarNode(Place("f", 1, 1), text, True, (0, 0))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ops@example.com", ("ops@example.com",)),
        (" Ops <ops@example.com> , a@b.c", ("Ops <ops@example.com>", "a@b.c")),
        ('"Ops, Team" <ops@example.com>', ('"Ops, Team" <ops@example.com>',)),
        ("Jürgen <j@example.com>", ("Jürgen <j@example.com>",)),
        ("root@[127.0.0.1]", ("root@[127.0.0.1]",)),
    ],
)
def test_addresses_that_are_some(text: str, found: tuple[str, ...]) -> None:
    assert addresses(node(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "ops",
        "ops@",
        "@example.com",
        "a@b@c",
        "a b@c",
        "a@b;c@d",
        "Ops, Team <a@b>",
        "a@b, c",
        "ö@example.com",
        "a@münchen.example",
        "=?utf-8?q?x=0Ay?= <a@b>",
    ],
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not an address such as ops@example\.com$"):
        addresses(node(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be empty"),
        ("a@b\nBcc: c@d", "an address is one line of text"),
        (", ".join(["a@b.c"] * 101), "more than 100 addresses; make a list on the mail server"),
    ],
)
def test_other_reasons(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        parse_addresses(text)


def test_exactly_one() -> None:
    assert address(node("R <r@example.com>")) == "R <r@example.com>"
    with pytest.raises(ValueError, match=r"^must be one address"):
        address(node("a@b.c, d@e.f"))


@given(st.text(alphabet=st.sampled_from('a@.,;:<>()[]"\\ =?é\x00\n'), max_size=20))
def test_any_text_is_addresses_or_not(text: str) -> None:
    try:
        found = parse_addresses(text)
    except ValueError:
        return
    assert found
    assert all(one.isprintable() for one in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail.example.com:587", ("mail.example.com", 587)),
        ("192.0.2.1:25", ("192.0.2.1", 25)),
        ("[2001:db8::1]:465", ("2001:db8::1", 465)),
    ],
)
def test_servers(text: str, found: tuple[str, int]) -> None:
    assert host_port(node(text)) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mail",
        "mail:",
        ":25",
        "mail:smtp",
        "mail:0",
        "mail:65536",
        "2001:db8::1:25",
        "[mail]:25",
        "a b:25",
    ],
)
def test_servers_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a server and its port, such as mail\.example\.com:587$"):
        host_port(node(text))


def test_what_we_call_ourselves() -> None:
    assert greeting(node("responder.example.com")) == "responder.example.com"
    for text in ("", "a b", "a\r\nb", "münchen"):
        with pytest.raises(ValueError, match=r"is not the name of a host such as responder\.example\.com$"):
            greeting(node(text))
