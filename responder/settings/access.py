"""Who is who: the files of people and of tokens.

`settings.load` reads both and `web` compares what callers show with them. A token is known by its
SHA-256 alone, and what a file has in that place is never repeated: it might be the token itself.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from responder.document.fields import Fields, choice, text
from responder.document.tree import Place, Problems, ScalarNode, SequenceNode, parse_bytes
from responder.settings.values import ROLES, Person, Role, Token

_HEX: Final = frozenset("0123456789abcdef")


def read_people(path: Path, named_at: Place, problems: Problems) -> tuple[Person, ...]:
    """The people file: a list of `{name, roles, slack, email}`; names and Slack ids are unique."""
    people: list[Person] = []
    names: dict[str, Place] = {}
    slack_ids: dict[str, Place] = {}
    for fields in _entries(path, named_at, "a person", problems):
        name = _name(fields)
        slack = fields.read("slack", text, "")
        person = Person(name, _roles(fields), slack, fields.read("email", text, ""))
        fields.close()
        _once(fields, "name", name, names)
        _once(fields, "slack", slack, slack_ids)
        people.append(person)
    return tuple(people)


def read_tokens(
    path: Path, named_at: Place, people: Iterable[Person] | None, problems: Problems
) -> tuple[Token, ...]:
    """The tokens file: a list of `{name, sha256, person?, roles}`.

    `people` None: no people file is set, so no token can have a person.
    """
    known = {person.name: person for person in people or ()}
    tokens: list[Token] = []
    names: dict[str, Place] = {}
    hashes: dict[str, Place] = {}
    for fields in _entries(path, named_at, "a token", problems):
        name = _name(fields)
        digest = fields.read("sha256", _digest, "") if fields.require("sha256") else ""
        person = fields.read("person", text, "")
        roles = _roles(fields)
        fields.close()
        _once(fields, "name", name, names)
        _once(fields, "sha256", digest, hashes, shown="the same token")
        if not person:
            if "approve" in roles:
                problems.warning(
                    fields.place("roles"), "roles: approve counts only for a token that has a person"
                )
            roles -= {"approve"}
        elif person in known:
            roles &= known[person].roles
        else:
            where = "no people file is set" if people is None else "the people file has nobody of that name"
            fields.error("person", f"{person!r} is unknown: {where}")
        tokens.append(Token(name, digest, roles, person or None))
    return tuple(tokens)


def _entries(path: Path, named_at: Place, what: str, problems: Problems) -> tuple[Fields, ...]:
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.error(named_at, f"{path} cannot be read: {error.strerror}")
        return ()
    root = parse_bytes(data, str(path), problems)
    if isinstance(root, SequenceNode):
        return tuple(Fields(node, what, problems) for node in root.items)
    if root is not None and not (isinstance(root, ScalarNode) and root.null):
        problems.error(root.place, f"the file must be a list, each entry {what}")
    return ()


def _name(fields: Fields) -> str:
    return fields.read("name", text, "") if fields.require("name") else ""


def _roles(fields: Fields) -> frozenset[Role]:
    if not fields.require("roles"):
        fields.take("roles")
        return frozenset()
    found = {value for value, _ in fields.list_of("roles", choice(*ROLES)) or ()}
    return frozenset(role for role in ROLES if role in found)


def _digest(node: ScalarNode) -> str:
    digest = node.text.lower()
    if len(digest) != 64 or not _HEX.issuperset(digest):
        raise ValueError(
            "must be 64 hexadecimal digits: the token's SHA-256 (printf %s TOKEN | sha256sum), not the token"
        )
    return digest


def _once(fields: Fields, key: str, value: str, seen: dict[str, Place], shown: str = "") -> None:
    """Record a value that an earlier entry has already."""
    if not value:
        return
    if value in seen:
        fields.error(key, f"{shown or repr(value)} is given twice: first at {seen[value]}")
    else:
        seen[value] = fields.place(key)
