"""The stand-ins beside a test: they listen, fail, hang and come back as they are told."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.calls import call
from tests.peers.standins import ROUTING_KEY, TOKEN, StandInThread


@pytest.fixture
def people(tmp_path: Path) -> Iterator[StandInThread]:
    with StandInThread(tmp_path / "secrets") as started:
        yield started


def post(people: StandInThread) -> int:
    url = people.config["slack"]["api_url"] + "chat.postMessage"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return call("POST", url, {"channel": "#ops", "text": "hello"}, headers).status


def test_the_configuration_leads_to_them(people: StandInThread) -> None:
    assert post(people) == 200
    assert [message.text for message in people.messages()] == ["hello"]
    event = {
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "payload": {"summary": "it fails", "source": "test", "severity": "error"},
    }
    assert call("POST", people.config["pagerduty"]["events_url"], event).status == 202
    assert [incident.summary for incident in people.incidents()] == ["it fails"]
    assert Path(people.config["slack"]["bot_token_file"]).read_text() == TOKEN
    assert people.mails() == []


def test_one_that_is_down_refuses_and_comes_back_as_it_was(people: StandInThread) -> None:
    people.run(people.there.down("slack"))
    with pytest.raises(ConnectionRefusedError):
        post(people)
    people.run(people.there.up("slack"))
    assert post(people) == 200
    assert len(people.messages()) == 1
