import hashlib
from pathlib import Path

import pytest

from responder.errors import ProblemsError
from responder.settings import Auth, Person, Settings, Token, load_settings

ONE = hashlib.sha256(b"one").hexdigest()
TWO = hashlib.sha256(b"two").hexdigest()


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(tokens: str, people: str | None = None) -> Settings:
    Path("tokens.yaml").write_text(tokens)
    text = "auth: {tokens_file: tokens.yaml, metrics: read}\n"
    if people is not None:
        Path("people.yaml").write_text(people)
        text += "people: people.yaml\n"
    Path("r.yaml").write_text(text)
    return load_settings(Path("r.yaml"), {})


def wrong(tokens: str, people: str | None = None) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(tokens, people)
    return str(caught.value).splitlines()


PEOPLE = """
- {name: ana, roles: [read, respond, approve], slack: U01, email: ana@example.com}
- {name: bob, roles: [read]}
"""


def test_effective_roles_are_what_token_and_person_share() -> None:
    settings = load(
        f"""
- {{name: ana-cli, sha256: {ONE}, person: ana, roles: [read, approve, admin]}}
- {{name: alertmanager, sha256: {TWO.upper()}, roles: [ingest]}}
""",
        PEOPLE,
    )
    assert settings.people == (
        Person("ana", frozenset({"read", "respond", "approve"}), "U01", "ana@example.com"),
        Person("bob", frozenset({"read"})),
    )
    assert settings.auth == Auth(
        Path("tokens.yaml"),
        (
            Token("ana-cli", ONE, frozenset({"read", "approve"}), "ana"),
            Token("alertmanager", TWO, frozenset({"ingest"})),
        ),
        "read",
    )


def test_a_token_without_a_person_never_approves() -> None:
    settings = load(f"- {{name: ci, sha256: {ONE}, roles: [read, approve]}}")
    assert settings.auth is not None
    assert settings.auth.tokens == (Token("ci", ONE, frozenset({"read"})),)
    assert [str(warning) for warning in settings.warnings] == [
        "tokens.yaml:1:95: warning: roles: approve counts only for a token that has a person"
    ]


def test_everything_that_is_wrong_in_both_files() -> None:
    tokens = f"""- {{name: a, sha256: {ONE}, roles: [read]}}
- {{name: a, sha256: {ONE}, roles: [raed], person: eve}}
- {{sha256: s3cr3t, roles: read}}
- {{name: c, rolls: [read]}}
- text
"""
    people = """- {name: ana, roles: [read], slack: U01}
- {name: ana, roles: [boss], slack: U01}
- {name: bob, role: [read]}
"""
    assert wrong(tokens, people) == [
        "people.yaml:2:10: error: name: 'ana' is given twice: first at people.yaml:1:10",
        "people.yaml:2:23: error: roles: 'boss' is not one of ingest, read, respond, approve, admin",
        "people.yaml:2:37: error: slack: 'U01' is given twice: first at people.yaml:1:37",
        "people.yaml:3:3: error: a person needs roles",
        'people.yaml:3:15: error: unknown key "role" in a person; did you mean "roles"?',
        "tokens.yaml:2:10: error: name: 'a' is given twice: first at tokens.yaml:1:10",
        "tokens.yaml:2:21: error: sha256: the same token is given twice: first at tokens.yaml:1:21",
        "tokens.yaml:2:95: error: roles: 'raed' is not one of ingest, read, respond, approve, admin",
        "tokens.yaml:2:110: error: person: 'eve' is unknown: the people file has nobody of that name",
        "tokens.yaml:3:3: error: a token needs name",
        (
            "tokens.yaml:3:12: error: sha256: must be 64 hexadecimal digits: the token's SHA-256 "
            "(printf %s TOKEN | sha256sum), not the token"
        ),
        "tokens.yaml:3:27: error: roles: must be a list, not a text",
        "tokens.yaml:4:3: error: a token needs roles",
        "tokens.yaml:4:3: error: a token needs sha256",
        'tokens.yaml:4:13: error: unknown key "rolls" in a token; did you mean "roles"?',
        "tokens.yaml:5:3: error: a token must be a mapping, not a text",
    ]


def test_a_person_without_a_people_file() -> None:
    assert wrong(f"- {{name: a, sha256: {ONE}, roles: [read], person: ana}}") == [
        "tokens.yaml:1:110: error: person: 'ana' is unknown: no people file is set"
    ]


def test_files_of_another_shape() -> None:
    assert wrong("tokens: []", "ana") == [
        "people.yaml:1:1: error: the file must be a list, each entry a person",
        "tokens.yaml:1:1: error: the file must be a list, each entry a token",
    ]


def test_files_that_are_not_there() -> None:
    Path("r.yaml").write_text("auth: {tokens_file: no-tokens.yaml}\npeople: no-people.yaml\n")
    with pytest.raises(ProblemsError) as caught:
        load_settings(Path("r.yaml"), {})
    assert str(caught.value).splitlines() == [
        "r.yaml:1:21: error: no-tokens.yaml cannot be read: No such file or directory",
        "r.yaml:2:9: error: no-people.yaml cannot be read: No such file or directory",
    ]


def test_auth_without_its_file() -> None:
    Path("r.yaml").write_text("auth: {metrics: read}\n")
    with pytest.raises(ProblemsError) as caught:
        load_settings(Path("r.yaml"), {})
    assert str(caught.value).splitlines() == ["r.yaml:1:7: error: auth needs tokens_file"]
