"""The sandbox's tokens and its person, as the settings read them."""

from hashlib import sha256
from pathlib import Path

import pytest

from responder.errors import UsageError
from responder.sandbox.newcomer import draw_keys, make_badges, make_people, write_keys
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


def test_everything_is_drawn_anew_and_for_its_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "sandbox"
    first, second = (make_badges(directory / "tokens.yaml", []) for _ in range(2))
    keys, others = draw_keys(), draw_keys()
    for each in (keys, others):
        write_keys(each, directory / "bot", directory / "key")
    assert (directory / "token").read_text() == f"{second.newcomer}\n"
    assert (directory / "bot").read_text() == f"{others.slack}\n"
    assert (directory / "key").read_text() == f"{others.pagerduty}\n"
    drawn = {one.newcomer for one in (first, second)} | {one.sender for one in (first, second)}
    drawn |= {one.slack for one in (keys, others)} | {one.pagerduty for one in (keys, others)}
    assert len(drawn) == 8
    assert {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()} == {
        "token": 0o600,
        "tokens.yaml": 0o600,
        "bot": 0o600,
        "key": 0o600,
    }
    assert directory.stat().st_mode & 0o777 == 0o700
    assert second.newcomer not in (directory / "tokens.yaml").read_text()


def test_a_file_that_others_may_read_is_theirs_no_more(tmp_path: Path) -> None:
    (tmp_path / "bot").write_text("left")
    (tmp_path / "bot").chmod(0o644)
    write_keys(draw_keys(), tmp_path / "bot", tmp_path / "key")
    assert (tmp_path / "bot").stat().st_mode & 0o777 == 0o600


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file")
    with pytest.raises(UsageError, match=r"var/sandbox/token cannot be \w+: Not a directory"):
        make_badges(tmp_path / "var" / "sandbox" / "tokens.yaml", [])
