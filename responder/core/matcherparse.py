"""The two grammars in which Alertmanager reads matchers: text to (name, operator, value).

`core.matching` calls them and decides which reading counts; nobody else needs to. They know
nothing of regular expressions, and must never accept what Alertmanager refuses.
"""

import re
from typing import Final, Literal, NamedTuple, TypeAlias, cast

Op: TypeAlias = Literal["=", "!=", "=~", "!~"]
Triple: TypeAlias = tuple[str, Op, str]

# Go's unicode.IsSpace; Python's str.isspace also takes U+001C..U+001F.
SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
RESERVED: Final = frozenset(SPACE + "{}!=~,\\\"'`")
"""What an unquoted name or value may not contain in the UTF-8 grammar."""


class MatcherError(ValueError):
    """A matcher that cannot be read; the message says what is wrong and what would be right."""


# -- UTF-8 grammar ----------------------------------------------------------------------------

_Kind: TypeAlias = Literal["{", "}", ",", "operator", "word", "quoted", "end"]


class _Token(NamedTuple):
    kind: _Kind
    text: str
    column: int


def parse_utf8(text: str) -> list[Triple]:
    """Alertmanager's UTF-8 grammar: zero or more matchers, braces around all or none.

    Names and values are plain words without reserved characters, or double-quoted with Go's
    escapes. A value is mandatory. One trailing comma is fine. Raises MatcherError.
    """
    tokens = _tokens(text)
    at = 1 if tokens[0].kind == "{" else 0
    triples: list[Triple] = []
    while tokens[at].kind not in ("}", "end"):
        name = _word(text, tokens[at], 'a label name such as foo or "foo bar"')
        operator = tokens[at + 1]
        if operator.kind != "operator":
            raise _unexpected(text, operator, "one of the operators =, !=, =~, !~")
        value = _word(text, tokens[at + 2], 'a value such as bar or "foo bar"; the empty value is ""')
        triples.append((name, cast(Op, operator.text), value))
        at += 3
        if tokens[at].kind == ",":
            at += 1
        elif tokens[at].kind not in ("}", "end"):
            raise _unexpected(text, tokens[at], "a comma or the end")
    if tokens[0].kind == "{":
        if tokens[at].kind != "}":
            raise _unexpected(text, tokens[at], "the closing brace }")
        at += 1
    if tokens[at].kind == "}":
        raise _unexpected(text, tokens[at], "the end: there is no opening brace {")
    if tokens[at].kind != "end":
        raise _unexpected(text, tokens[at], "nothing after the closing brace")
    return triples


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char in SPACE:
            at += 1
            continue
        if char in "{},":
            token = _Token(cast(_Kind, char), char, at)
        elif char in "!=":
            token = _operator(text, at)
        elif char == '"':
            token = _Token("quoted", text[at : _closing_quote(text, at) + 1], at)
        elif char in RESERVED:
            raise MatcherError(f"{text!r}, column {at + 1}: {char!r} must stand inside double quotes")
        else:
            end = next((i for i in range(at, len(text)) if text[i] in RESERVED), len(text))
            token = _Token("word", text[at:end], at)
        tokens.append(token)
        at += len(token.text)
    # Three: a look at what follows a name and an operator never runs off the list.
    return tokens + [_Token("end", "", len(text))] * 3


def _operator(text: str, at: int) -> _Token:
    operator = text[at : at + 2]
    if operator in ("!=", "!~", "=~"):
        return _Token("operator", operator, at)
    if text[at] == "=":
        return _Token("operator", "=", at)
    raise MatcherError(f"{text!r}, column {at + 1}: a lone ! is no operator; write != or !~")


def _closing_quote(text: str, at: int) -> int:
    end = at + 1
    while end < len(text) and text[end] != '"':
        end += 2 if text[end] == "\\" else 1
    if end >= len(text):
        raise MatcherError(f'{text!r}, column {at + 1}: the closing " is missing')
    return end


def _word(text: str, token: _Token, wanted: str) -> str:
    if token.kind == "word":
        return token.text
    if token.kind == "quoted":
        return _unquote(text, token)
    raise _unexpected(text, token, wanted)


def _unexpected(text: str, token: _Token, wanted: str) -> MatcherError:
    found = repr(token.text) if token.text else "the end"
    return MatcherError(f"{text!r}, column {token.column + 1}: expected {wanted}, found {found}")


_SIMPLE: Final = {
    "a": b"\a",
    "b": b"\b",
    "f": b"\f",
    "n": b"\n",
    "r": b"\r",
    "t": b"\t",
    "v": b"\v",
    "\\": b"\\",
    '"': b'"',
}
_GO_ESCAPE: Final = re.compile(
    r'\\(?:(?P<simple>[abfnrtv\\"])|x(?P<byte>[0-9a-fA-F]{2})|(?P<octal>[0-3][0-7]{2})'
    r"|u(?P<short>[0-9a-fA-F]{4})|U(?P<long>[0-9a-fA-F]{8}))"
)


def _unquote(text: str, token: _Token) -> str:
    """A double-quoted Go string literal; escapes may build UTF-8 byte by byte."""
    body, out, at = token.text[1:-1], bytearray(), 0
    while at < len(body):
        if body[at] == "\n":
            raise MatcherError(
                f"{text!r}, column {token.column + at + 2}: write \\n for a newline inside quotes"
            )
        if body[at] != "\\":
            out += body[at].encode()
            at += 1
            continue
        match = _GO_ESCAPE.match(body, at)
        if match is None:
            raise MatcherError(
                f"{text!r}, column {token.column + at + 2}: {body[at : at + 2]!r} is no escape; "
                r"write \\ for a backslash"
            )
        out += _unescaped(text, token, match)
        at = match.end()
    try:
        return out.decode()
    except UnicodeDecodeError:
        raise MatcherError(
            f"{text!r}, column {token.column + 1}: the quoted text is not valid UTF-8"
        ) from None


def _unescaped(text: str, token: _Token, match: re.Match[str]) -> bytes:
    if simple := match["simple"]:
        return _SIMPLE[simple]
    if byte := match["byte"]:
        return bytes([int(byte, 16)])
    if octal := match["octal"]:
        return bytes([int(octal, 8)])
    point = int(match["short"] or match["long"], 16)
    if point > 0x10FFFF or 0xD800 <= point < 0xE000:
        raise MatcherError(f"{text!r}, column {token.column + 1}: {match[0]} is no Unicode character")
    return chr(point).encode()


# -- classic grammar --------------------------------------------------------------------------

_CLASSIC_SPACE: Final = "\t\n\f\r "  # Go's \s
_CLASSIC: Final = re.compile(r"[\t\n\f\r ]*([a-zA-Z_:][a-zA-Z0-9_:]*)[\t\n\f\r ]*(=~|=|!=|!~)")


def parse_classic(text: str) -> list[Triple]:
    """Alertmanager's classic grammar: matchers divided by commas outside of quotes.

    One leading { and one trailing } are dropped, each whether or not the other is there.
    Raises MatcherError.
    """
    body = text.removeprefix("{").removesuffix("}")
    parts: list[str] = []
    start, quoted, escaped = 0, False, False
    for at, char in enumerate(body):
        if char == "," and not quoted:
            parts.append(body[start:at])
            start = at + 1
        elif char == '"':
            quoted, escaped = quoted != (not escaped), False
        elif char == "\\":
            escaped = not escaped
        elif char != ",":  # Alertmanager: a comma inside quotes does not end an escape
            escaped = False
    if rest := body[start:].strip(SPACE):
        parts.append(rest)
    return [parse_classic_one(part) for part in parts]


def parse_classic_one(text: str) -> Triple:
    r"""One matcher in the classic grammar; commas and braces in it are ordinary characters.

    The value may be quoted or not, and may be empty; only `\"`, `\\` and `\n` are escapes, any
    other backslash stands for itself. Raises MatcherError.
    """
    match = _CLASSIC.match(text)
    if match is None:
        raise MatcherError(
            f'{text!r} is not a matcher such as foo="bar", foo!="bar", foo=~"b.*" or foo!~"b.*"'
        )
    return match[1], cast(Op, match[2]), _classic_value(text, text[match.end() :].strip(_CLASSIC_SPACE))


def _classic_value(text: str, raw: str) -> str:
    quoted = raw.startswith('"')
    out: list[str] = []
    at, last = int(quoted), len(raw) - 1
    while at <= last:
        char = raw[at]
        if char == "\\" and at < last:
            following = raw[at + 1]
            out.append({"n": "\n", '"': '"', "\\": "\\"}.get(following, char + following))
            at += 2
        elif char != '"':
            out.append(char)
            at += 1
        elif quoted and at == last:
            return "".join(out)
        else:
            raise MatcherError(f'{text!r}: a " inside the value must be written \\"')
    if quoted:
        raise MatcherError(f'{text!r}: the closing " is missing')
    return "".join(out)
