"""What Grafana and karma ask, as their sources have it, put to the real service: every answer in full.

`clients/*.json` say which files of theirs the requests were read from. `UPDATE=1` writes the answers anew,
for somebody to read before they are kept.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.peers.fixtures import StartAlertmanager
from tests.web.serving import RULES, UNKNOWN, serving

CLIENTS: Final = Path(__file__).with_name("clients")
ALERT: Final = {
    "labels": {"alertname": "HighCPU", "instance": "a:9100", "job": "c"},
    "annotations": {"summary": "s"},
    "generatorURL": "http://prometheus.example.org/graph",
}


async def replay(url: str, client: dict[str, Any], **named: str) -> list[dict[str, Any]]:
    """Every answer: its status, what kind it is and what it says, with names for what is random.

    `named`: what stands for a word in the requests, such as `silence` for its id.
    """
    names = {f"{{{name}}}": value for name, value in named.items()}
    answers: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(auto_decompress=True) as session:
        for asked in client["requests"]:
            path, body = asked["path"], json.dumps(asked["body"]).encode() if "body" in asked else None
            for name, value in names.items():
                path = path.replace(name, value)
                body = body and body.replace(name.encode(), value.encode())
            async with session.request(
                asked["method"], f"{url}{path}", data=body, headers=asked["headers"]
            ) as got:
                text = await got.text()
                kind = got.headers.get("Content-Type", "").partition(";")[0]
            if kind == "application/json" and "silenceID" in text:
                names.setdefault("{silence}", json.loads(text)["silenceID"])
            for name, value in names.items():
                text = text.replace(value, name)
            said: Any = json.loads(text) if kind == "application/json" else text
            if asked["path"] == "/metrics":
                said = [line for line in text.splitlines() if line.startswith("alertmanager_build_info")]
            answers.append({"status": got.status, "type": kind, "says": said})
    return answers


@pytest.mark.parametrize("name", ["grafana", "karma"])
async def test_what_a_dashboard_asks_is_answered_as_it_was(tmp_path: Path, name: str) -> None:
    path = CLIENTS / f"{name}.json"
    client = json.loads(path.read_text())
    async with serving(tmp_path, hosts=["karma.example.org"]) as api:
        assert (await api.ask("POST", "/api/v2/alerts", [ALERT]))[0] == 200
        answers = await replay(api.url, client)
    for answer in answers:
        if isinstance(answer["says"], dict) and "config" in answer["says"]:
            answer["says"]["config"] = sorted(answer["says"]["config"])  # the rules of this test
            answer["says"]["versionInfo"] = sorted(answer["says"]["versionInfo"])
    if os.environ.get("UPDATE"):
        for asked, answer in zip(client["requests"], answers, strict=True):
            asked["answer"] = answer
        path.write_text(json.dumps(client, indent=2, ensure_ascii=False) + "\n")
    assert answers == [asked["answer"] for asked in client["requests"]]


async def test_a_page_that_nobody_named_may_not_have_karma_change_anything(tmp_path: Path) -> None:
    client = json.loads((CLIENTS / "karma.json").read_text())
    async with serving(tmp_path) as api:
        changing = {"requests": [asked for asked in client["requests"] if asked["method"] != "GET"]}
        answers = await replay(api.url, changing, silence=UNKNOWN)
        assert [answer["status"] for answer in answers] == [403, 403, 403]


# -- as Alertmanager answers ----------------------------------------------------------------------

OURS: Final = {"author", "mutedBy"}
"""Keys that its version of Debian 12 does not have: who it was by token, and a newer version's."""


def shape(value: Any) -> Any:
    """What there is of keys and types. A list has the shapes of what may be in it, if anything is."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key not in OURS}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return type(value).__name__


def alike(ours: Any, theirs: Any) -> bool:
    """Whether two shapes are one; an empty list is like any list, and names of labels are free."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return not (ours and theirs) or alike(ours[0], theirs[0])
    return bool(ours == theirs)


@pytest.mark.peers
@pytest.mark.parametrize("name", ["grafana", "karma"])
async def test_alertmanager_answers_the_same_in_kind(
    tmp_path: Path, start_alertmanager: StartAlertmanager, name: str
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    client = json.loads((CLIENTS / f"{name}.json").read_text().replace("2026-01-05", tomorrow))
    process = start_alertmanager(RULES)
    process.post_alerts([ALERT])
    for asked, theirs in zip(client["requests"], await replay(process.url, client), strict=True):
        ours = asked["answer"]
        assert ours["status"] == theirs["status"], asked["what"]
        if ours["status"] == 200 and asked["path"] not in ("/metrics", "/api/v2/status"):
            assert ours["type"] == theirs["type"] or not ours["says"], asked["what"]
            assert alike(shape(ours["says"]), shape(theirs["says"])), asked["what"]
