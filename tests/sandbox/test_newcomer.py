"""The sandbox's tokens and its person, as the settings read them."""

from hashlib import sha256
from pathlib import Path

import pytest

from responder.errors import UsageError
from responder.sandbox.newcomer import make_badges, make_people
from responder.settings import Settings, load_settings


def load(directory: Path, *, people: bool) -> Settings:
    named = f"people: {directory}/people.yaml\n" if people else ""
    config = directory / "sandbox.yaml"
    config.write_text(f"sandbox: true\nauth: {{tokens_file: {directory}/tokens.yaml}}\n{named}")
    return load_settings(config, {})


def test_a_token_with_a_person_has_every_role(tmp_path: Path) -> None:
    make_people(tmp_path)
    badges = make_badges(tmp_path / "tokens.yaml", ["newcomer"])
    settings = load(tmp_path, people=True)
    assert settings.auth is not None
    newcomer, sender = settings.auth.tokens
    assert (newcomer.name, newcomer.person) == ("newcomer", "newcomer")
    assert newcomer.roles == {"ingest", "read", "respond", "approve", "admin"}
    assert newcomer.sha256 == sha256(badges.newcomer.encode()).hexdigest()
    assert (sender.name, sender.person) == ("alertmanager", None)
    assert sender.roles == {"ingest"}
    assert sender.sha256 == sha256(badges.sender.encode()).hexdigest()
    assert settings.warnings == ()


def test_a_token_without_a_person_cannot_approve(tmp_path: Path) -> None:
    make_badges(tmp_path / "tokens.yaml", [])
    settings = load(tmp_path, people=False)
    assert settings.auth is not None
    assert settings.auth.tokens[0].person is None
    assert settings.auth.tokens[0].roles == {"ingest", "read", "respond", "admin"}
    assert settings.warnings == ()


def test_tokens_are_drawn_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "sandbox"
    first = make_badges(directory / "tokens.yaml", [])
    again = make_badges(directory / "tokens.yaml", [])
    assert first == again
    assert first.file == directory / "token"
    assert first.file.read_text() == f"{first.newcomer}\n"
    assert len({first.newcomer, first.sender}) == 2
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "token": 0o600,
        "alertmanager-token": 0o600,
        "tokens.yaml": 0o600,
    }
    assert directory.stat().st_mode & 0o777 == 0o700
    assert first.newcomer not in (directory / "tokens.yaml").read_text()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(UsageError, match=r"var/sandbox/token cannot be \w+: Not a directory"):
        make_badges(tmp_path / "var" / "sandbox" / "tokens.yaml", [])
