"""The shipped app manifest and people: within Slack's limits, and true of what is served."""

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from responder.document.tree import Place, Problems
from responder.sandbox.slackapi import SCOPES
from responder.settings.access import read_people
from responder.web.slack.commands import ACK, RUNBOOK
from responder.web.slack.entrance import COMMANDS, INTERACTIONS
from tests.web.slack.place import Place as Served

CONFIG: Final = Path(__file__).parents[3] / "config"
MANIFEST: Final[dict[str, Any]] = yaml.safe_load((CONFIG / "slack-app-manifest.yaml").read_text())
SCOPE: Final = re.compile(r"[a-z]+(\.[a-z]+)?:[a-z]+(\.[a-z]+)?|commands")


def test_it_keeps_to_slacks_limits() -> None:
    assert set(MANIFEST) == {"_metadata", "display_information", "features", "oauth_config", "settings"}
    assert MANIFEST["_metadata"]["major_version"] in (1, 2)
    shown = MANIFEST["display_information"]
    assert 0 < len(shown["name"]) <= 35
    assert len(shown["description"]) <= 140
    assert re.fullmatch(r"[a-z0-9._-]{1,80}", MANIFEST["features"]["bot_user"]["display_name"])
    commands = MANIFEST["features"]["slash_commands"]
    assert 0 < len(commands) <= 50
    for command in commands:
        assert set(command) == {"command", "description", "usage_hint", "url", "should_escape"}
        assert re.fullmatch(r"/[a-z-]{1,31}", command["command"])
        assert 0 < len(command["description"]) <= 2_000
        assert len(command["usage_hint"]) <= 1_000
        assert command["url"].startswith("https://")
    scopes = MANIFEST["oauth_config"]["scopes"]["bot"]
    assert 0 < len(scopes) == len(set(scopes)) <= 255
    assert [scope for scope in scopes if not SCOPE.fullmatch(scope)] == []
    assert "connections:write" not in scopes  # that one is an app-level token's
    assert MANIFEST["settings"]["interactivity"]["is_enabled"] is True
    assert MANIFEST["settings"]["socket_mode_enabled"] is False


async def test_its_commands_and_addresses_are_those_that_are_served(place: Served) -> None:
    commands = {one["command"]: urlsplit(one["url"]).path for one in MANIFEST["features"]["slash_commands"]}
    assert commands == {ACK: COMMANDS, RUNBOOK: COMMANDS}
    assert urlsplit(MANIFEST["settings"]["interactivity"]["request_url"]).path == INTERACTIONS
    for path in (COMMANDS, INTERACTIONS):  # they are there, and want more than this
        assert (await place.people.send(path, f"path={path}".encode())).status == 400, path


def test_its_scopes_are_those_that_the_stand_in_asks_for() -> None:
    wanted = set(SCOPES) - {"chat:write.customize", "users:read"}  # only who sets a username needs the first
    assert set(MANIFEST["oauth_config"]["scopes"]["bot"]) == wanted | {"commands"}


def test_the_example_of_people_can_be_read() -> None:
    problems = Problems()
    path = CONFIG / "people.example.yaml"
    people = read_people(path, Place(str(path), 1, 1), problems)
    assert problems.listed() == []
    assert [(one.name, len(one.roles), one.slack[:5]) for one in people] == [
        ("ana", 4, "U0123"),
        ("ben", 3, "U0123"),
        ("cleo", 2, "U0123"),
    ]
