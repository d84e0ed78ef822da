"""The secrets with which Slack signs: one, or two while they are changed."""

from pathlib import Path

import pytest

from responder.core.catalogue import Secret
from responder.document.tree import Place
from responder.errors import ProblemsError
from responder.ruleset.signing import SigningSecrets
from responder.settings import Settings, Slack
from tests.ruleset.reading import BASE, load, warned

KEY = "slack.signing_secret_file"


def settings(directory: Path, content: str | None) -> Settings:
    file = directory / "signing"
    if content is not None:
        file.write_text(content)
    return Settings(slack=Slack(signing_secret_file=file), places={KEY: Place(f"{directory}/r.yaml", 3, 9)})


@pytest.mark.parametrize(
    ("content", "secrets"),
    [
        ("one", ["one"]),
        ("one\n", ["one"]),
        ("new\nold\n", ["new", "old"]),
        ("new\r\n\r\nold\r\n", ["new", "old"]),
    ],
)
def test_the_newest_comes_first(tmp_path: Path, content: str, secrets: list[str]) -> None:
    loaded = load(BASE, tmp_path, settings(tmp_path, content))
    assert [secret.reveal() for secret in loaded.signing_secrets] == secrets
    assert warned(loaded, tmp_path) == []


def test_rules_are_the_same_whatever_signs(tmp_path: Path) -> None:
    hashes = {load(BASE, tmp_path, settings(tmp_path, content)).ruleset.hash for content in ("a", "b\na")}
    assert hashes == {load(BASE, tmp_path, Settings(slack=Slack())).ruleset.hash}


def test_nobody_reads_it_who_only_asks_where_alerts_go(tmp_path: Path) -> None:
    assert load(BASE, tmp_path, settings(tmp_path, "a b"), read_files=False).signing_secrets == ()


def test_without_the_file_nothing_is_taken(tmp_path: Path) -> None:
    loaded = load(BASE, tmp_path, settings(tmp_path, None))
    assert loaded.signing_secrets == ()
    assert warned(loaded, tmp_path) == [
        "r.yaml:3:9: warning: slack.signing_secret_file: signing cannot be read: No such file or directory; "
        "nothing from Slack is taken"
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("canary\ncanary\ncanary\n", "more than two lines: one has the new secret, one the old one"),
        ("canary canary\n", "must be one word of ASCII"),
        ("\n", "signing is empty"),
    ],
)
def test_what_cannot_be_one(tmp_path: Path, content: str, problem: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        load(BASE, tmp_path, settings(tmp_path, content))
    told = str(caught.value).replace(f"{tmp_path}/", "")
    assert told == f"r.yaml:3:9: error: slack.signing_secret_file: {problem}"


def test_whoever_asks_is_told_those_of_now() -> None:
    secrets = SigningSecrets()
    assert secrets() == ()
    secrets.replace((Secret("new"), Secret("old")))
    assert secrets() == (Secret("new"), Secret("old"))
    assert "new" not in repr(secrets())
