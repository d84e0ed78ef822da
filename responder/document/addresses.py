"""Mail addresses and mail servers, as people write them in a configuration.

`settings` and the readers of routing files decode scalars with it. It looks nothing up.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from responder.document.tree import ScalarNode

if TYPE_CHECKING:
    from email.headerregistry import Address

_MOST_ADDRESSES: Final = 100


def addresses(node: ScalarNode) -> tuple[str, ...]:
    """One or more addresses of RFC 5322, with commas between them: `Ops <ops@example.com>, a@b.c`."""
    return parse_addresses(node.text)


def address(node: ScalarNode) -> str:
    """Exactly one address."""
    found = parse_addresses(node.text)
    if len(found) != 1:
        raise ValueError("must be one address, such as Responder <responder@example.com>")
    return found[0]


def parse_addresses(text: str) -> tuple[str, ...]:
    """The addresses, each in one spelling. The ValueError says which one is none."""
    if not text.strip():
        raise ValueError("cannot be empty")
    if not text.isprintable():
        raise ValueError("an address is one line of text")
    found = _parse(text)
    if not found:
        raise ValueError(f"{text[:64]!r} is not an address such as ops@example.com")
    if len(found) > _MOST_ADDRESSES:
        raise ValueError(f"more than {_MOST_ADDRESSES} addresses; make a list on the mail server")
    return tuple(str(one) for one in found)


@cache
def _headers() -> Any:
    # Imported with the first address: a start without one need not wait for it.
    from email.headerregistry import HeaderRegistry

    return HeaderRegistry()


def _parse(text: str) -> "tuple[Address, ...]":
    """The addresses, none if anything is wrong with one."""
    try:
        parsed = _headers()("To", text)
        found: tuple[Address, ...] = parsed.addresses
        spelled = [(one, one.addr_spec, str(one)) for one in found]
    except Exception:  # the standard library's parser fails in many ways on what is no address
        return ()
    # What it lets pass and a mail server does not. Other than ASCII needs SMTPUTF8; an encoded
    # name may hold a line break.
    fine = all(
        one.username and one.domain and spec.isascii() and " " not in spec and shown.isprintable()
        for one, spec, shown in spelled
    )
    return found if fine and not parsed.defects else ()


def greeting(node: ScalarNode) -> str:
    """What we call ourselves to a mail server: one word."""
    if not (node.text and node.text.isascii() and node.text.isprintable() and " " not in node.text):
        raise ValueError(f"{node.text[:64]!r} is not the name of a host such as responder.example.com")
    return node.text


def host_port(node: ScalarNode) -> tuple[str, int]:
    """`mail.example.com:587`, `192.0.2.1:25`, `[2001:db8::1]:25`."""
    host, _, port = node.text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    right = host and host.isprintable() and not set(host) & set(" /@") and (":" in bare) == (bare != host)
    if not right or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise ValueError(f"{node.text[:64]!r} is not a server and its port, such as mail.example.com:587")
    return bare, int(port)
