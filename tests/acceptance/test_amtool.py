"""Debian's amtool, unmodified: the same commands against its own Alertmanager and against us.

What it prints must be the same, but for ids and times: those are given names in the order in which they
appear. Where we differ on purpose, a test of its own says so.
"""

import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.peers.calls import get
from tests.peers.fixtures import StartAlertmanager, StartResponder
from tests.peers.process import environment
from tests.peers.responder import ResponderProcess

pytestmark = [pytest.mark.acceptance, pytest.mark.peers]

ROUTING: Final = {
    "route": {
        "receiver": "team",
        "group_by": ["alertname"],
        "routes": [
            {"receiver": "pager", "matchers": ['severity="critical"'], "continue": True},
            {"receiver": "ops", "matchers": ['severity=~"critical|warning"']},
        ],
    },
    "receivers": [{"name": "team"}, {"name": "pager"}, {"name": "ops"}],
    "inhibit_rules": [
        {"source_matchers": ["kind=source"], "target_matchers": ["kind=target"], "equal": ["alertname"]}
    ],
}
UNKNOWN: Final = "8e4b0a5c-7e0a-4a0b-9d8e-3a5a8e1f0a11"
UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: UTC|Z)")


class Amtool:
    """amtool against one server; `{n}` in an argument stands for the n-th id that it printed."""

    def __init__(self, program: str, home: Path, url: str) -> None:
        self._program, self._home, self._url = program, home, url
        self.ids: list[str] = []

    def raw(self, *arguments: str) -> tuple[int, str, str]:
        given = [argument.format(*self.ids) if "{" in argument else argument for argument in arguments]
        done = subprocess.run(
            [self._program, f"--alertmanager.url={self._url}", *given],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            env=environment({"HOME": str(self._home), "TZ": "UTC"}),
            check=False,
        )
        for found in UUID.findall(done.stdout):
            if found not in self.ids:
                self.ids.append(found)
        return done.returncode, done.stdout, done.stderr

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit status and what was printed, with names for ids and times."""
        status, *texts = self.raw(*arguments)
        for at, text in enumerate(texts):
            text = TIME.sub("TIME", text.replace(self._url, "URL"))
            named = UUID.sub(lambda found: f"ID{self.ids.index(found[0])}", text)
            # Columns are as wide as what was in them.
            texts[at] = "\n".join(" ".join(line.split()) for line in named.splitlines())
        return status, texts[0], texts[1]


@pytest.fixture
def responder(start_responder: StartResponder) -> ResponderProcess:
    return start_responder(ROUTING)


@pytest.fixture
def ours(amtool: str, tmp_path: Path, responder: ResponderProcess) -> Amtool:
    return Amtool(amtool, tmp_path, responder.url)


@pytest.fixture
def theirs(amtool: str, tmp_path: Path, start_alertmanager: StartAlertmanager) -> Amtool:
    return Amtool(amtool, tmp_path, start_alertmanager(ROUTING).url)


def alike(ours: Amtool, theirs: Amtool, *arguments: str) -> str:
    """What both print; they must print the same."""
    mine, wanted = ours(*arguments), theirs(*arguments)
    assert mine == wanted, arguments
    return mine[1]


def test_alerts(ours: Amtool, theirs: Amtool) -> None:
    for labels in (
        ("A", "severity=critical", "kind=source"),
        ("A", "severity=warning", "kind=target"),
        ("B", "instance=1"),
        ("B", "instance=2"),
    ):
        alike(ours, theirs, "alert", "add", *labels, "--annotation=summary=it is so")
    alike(ours, theirs, "silence", "add", "B", "instance=2", "-c", "why", "-a", "me")
    shown = alike(ours, theirs, "alert", "query")
    assert len(shown.splitlines()) == 3
    for query in (
        ("A",),
        ("--silenced",),
        ("--inhibited",),
        ("--active", "--silenced", "--inhibited"),
        ("severity=~crit.*",),
        ("instance!=1", "--active", "--silenced"),
        ("--receiver", "ops"),
        ("--receiver", "p.*r"),
        ("--receiver", "page"),
        ("-o", "extended"),
    ):
        alike(ours, theirs, "alert", "query", *query)
    refused = [tool("alert", "query", "--receiver", "(") for tool in (ours, theirs)]
    words = "amtool: error: [GET /alerts][400] getAlertsBadRequest failed to parse receiver param: "
    assert [(status, text[: len(words)]) for status, _, text in refused] == [(1, words)] * 2
    documents = [
        json.loads(tool.raw("alert", "query", "-o", "json", "-s", "-i", "-a")[1]) for tool in (ours, theirs)
    ]
    mine, wanted = [[comparable(alert) for alert in document] for document in documents]
    assert sorted(mine, key=str) == sorted(wanted, key=str)
    assert len(mine) == 4


def comparable(alert: dict[str, Any]) -> dict[str, Any]:
    silenced = len(alert["status"].pop("silencedBy"))
    return {
        name: value for name, value in alert.items() if name not in ("startsAt", "endsAt", "updatedAt")
    } | {"silenced": silenced}


def test_silences_are_made_asked_for_changed_and_ended(ours: Amtool, theirs: Amtool) -> None:
    assert alike(ours, theirs, "silence", "add", "A", "-c", "first", "-a", "me") == "ID0"
    alike(ours, theirs, "silence", "add", "B", "job=~a|b", "env!=dev", "-c", "second", "-a", "me", "-d", "2h")
    late = ("--start", "2090-01-01T00:00:00+00:00", "--end", "2090-01-02T00:00:00+00:00")
    alike(ours, theirs, "silence", "add", "C", "-c", "later", "-a", "you", *late)
    later = ("--start", "2091-01-01T00:00:00+00:00", "--end", "2091-01-02T00:00:00+00:00")
    for query in (
        (),
        ("-q",),
        ("A",),
        ('job=~"a|b"',),
        ("job=~a",),
        ("--created-by=you",),
        ("--within=90m",),
        ("-o", "extended"),
        ("--expired",),
    ):
        alike(ours, theirs, "silence", "query", *query)
    # The same one, for longer: it keeps its id.
    assert "ID0" in alike(ours, theirs, "silence", "update", "-d", "3h", "-c", "for longer", "{0}")
    alike(ours, theirs, "silence", "query", "-o", "extended")
    # One that has begun cannot begin at another time: another takes its place.
    assert "ID3" in alike(ours, theirs, "silence", "update", *later, "{1}")
    alike(ours, theirs, "silence", "query", "--expired")
    alike(ours, theirs, "silence", "expire", "{0}")
    alike(ours, theirs, "silence", "expire", "{0}")
    alike(ours, theirs, "silence", "query")
    alike(ours, theirs, "silence", "query", "--expired")
    # Of one that is over a new one is made.
    assert "ID4" in alike(ours, theirs, "silence", "update", "-d", "1h", "-c", "again", "{0}")
    alike(ours, theirs, "silence", "query")


def test_silences_that_cannot_be_had(ours: Amtool, theirs: Amtool) -> None:
    for arguments in (
        ("add", "a=", "-c", "x", "-a", "me"),
        ("add", "a=~.*", "-c", "x", "-a", "me"),
        ("add", "A", "-a", "me"),
        ("add", "A", "-c", "x", "-a", "me", "--end", "2020-01-02T00:00:00+00:00"),
        ("query", "a=~("),
        ("expire", "nonsense"),
        ("update", "-d", "1h", UNKNOWN),
    ):
        alike(ours, theirs, "silence", *arguments)


def test_silences_are_carried_from_an_alertmanager_to_us(
    ours: Amtool, theirs: Amtool, tmp_path: Path
) -> None:
    theirs("silence", "add", "A", "-c", "first", "-a", "me")
    theirs("silence", "add", "B", "job!~a|b", "-c", "second", "-a", "you", "-d", "2h")
    carried = theirs.raw("silence", "query", "-o", "json")[1]
    path = tmp_path / "silences.json"
    path.write_text(carried)
    for tool in (ours, theirs):
        assert tool("silence", "import", "--force", str(path))[0] == 0
    known = [
        sorted((s["comment"], s["createdBy"], str(s["matchers"]), s["endsAt"]) for s in json.loads(text))
        for text in (carried, ours.raw("silence", "query", "-o", "json")[1])
    ]
    assert known[0] == known[1]
    assert len(known[0]) == 2


def test_the_configuration_in_force(ours: Amtool, theirs: Amtool, responder: ResponderProcess) -> None:
    for arguments in (
        ("routes", "show"),
        ("routes", "test", "severity=critical"),
        ("routes", "test", "severity=warning", "--verify.receivers=pager"),
        ("routes", "test", "--tree", "alertname=X"),
    ):
        assert alike(ours, theirs, "config", *arguments)
    assert ours("cluster", "show") == theirs("cluster", "show")
    status, text, _ = ours("config", "show")
    assert (status, "receiver: team" in text) == (0, True)


def test_what_amtool_does_is_journaled_with_who_it_was(ours: Amtool, responder: ResponderProcess) -> None:
    ours("silence", "add", "A", "-c", "deploying", "-a", "the boss")
    (silence_id,) = ours.ids
    ours("silence", "expire", "{0}")
    entries = get(f"{responder.url}/api/v1/audit").json()
    events = [event for entry in entries for event in entry["body"]["events"]]
    made, ended = [event for event in events if event["type"].startswith("silence")]
    assert (made["silence"], made["author"], made["created_by"], made["comment"], made["matchers"]) == (
        silence_id,
        "anonymous",
        "the boss",
        "deploying",
        '{alertname="A"}',
    )
    assert (ended["type"], ended["silence"], ended["by"]) == ("silence_expired", silence_id, "anonymous")
    responder.cli("audit", "verify", "--config", responder.config_path)


def test_our_own_command_and_amtool_see_the_same(ours: Amtool, responder: ResponderProcess) -> None:
    made = responder.cli(
        "silence", "add", "A", "job=~a|b", "--comment", "why", "--duration", "2h"
    ).stdout.strip()
    assert ours.raw("silence", "query", "-q")[1].split() == [made]
    listed = responder.cli("silence", "list").stdout.splitlines()
    assert listed[:2] == [f"{made}  active", '  {alertname="A", job=~"a|b"}']
    assert ours("silence", "expire", "{0}")[0] == 0
    assert responder.cli("silence", "list").stdout == "nothing is silenced\n"
    (known,) = responder.cli_json("silence", "list", "--expired")
    assert (known["id"], known["status"], known["author"]) == (made, {"state": "expired"}, "anonymous")
    assert (
        responder.cli("silence", "expire", "8e4b0a5c-7e0a-4a0b-9d8e-3a5a8e1f0a11", check=False).returncode
        == 1
    )
