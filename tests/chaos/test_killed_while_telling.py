"""kill -9 while Slack, PagerDuty and a mail server are told: what people then see, and that nothing is lost.

The stand-ins hold the answer back, before or after they did what was asked; meanwhile the process is killed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.faults import QUICK, check_books, ledger, wait_settled
from tests.peers.calls import wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import webhook_alert, webhook_payload
from tests.peers.responder import ResponderProcess
from tests.peers.standins import StandInThread, receiver

pytestmark = pytest.mark.chaos

PATIENT: Final = {**QUICK, "timeout": "30s"}


@pytest.fixture
def people(tmp_path: Path) -> Iterator[StandInThread]:
    with StandInThread(tmp_path / "secrets") as started:
        yield started


@pytest.fixture
def responder(start_responder: StartResponder, people: StandInThread) -> ResponderProcess:
    route = {"receiver": "team", "group_by": ["alertname"], "group_wait": "0s", "group_interval": "200ms"}
    routing = {"route": route, "receivers": [receiver()]}
    return start_responder(routing, {**people.config, "delivery": PATIENT})


def post(responder: ResponderProcess, *pods: str, status: str = "firing") -> None:
    over = {"ends_at": "2026-01-05T00:01:00Z"} if status == "resolved" else {}
    alerts = [webhook_alert("Down", status=status, pod=pod, **over) for pod in pods]
    assert responder.post_webhook(webhook_payload(alerts)).status == 200


def kill_and_start(responder: ResponderProcess, people: StandInThread) -> None:
    responder.kill9()
    people.look(people.there.release)
    responder.start()


def wait_for_the_others(responder: ResponderProcess) -> None:
    """Until it is on record that all but one were told: what is not may be told twice."""
    wait_until(lambda: ledger(responder)["pending"] == 1, what="the others were told")


def last_call(people: StandInThread) -> Callable[[], tuple[str, int]]:
    """Of Slack: the method and the status, 0 while it hangs."""
    return lambda: (people.slack.calls[-1].method, people.slack.calls[-1].status)


@pytest.mark.parametrize("fault", ["hang", "hang_after"])
def test_killed_at_every_turn(responder: ResponderProcess, people: StandInThread, fault: str) -> None:
    slack, pager, mail = people.slack, people.pagerduty, people.mail
    done = fault == "hang_after"
    called = last_call(people)

    slack.fault("chat.postMessage", fault)
    pager.fault(fault)
    mail.fault("dot", "hang_after")  # before it has the mail, nobody sees how far it is
    post(responder, "a")
    people.wait(lambda: len(slack.calls) == pager.requests == mail.count == 1, "all three are told")
    assert len(people.incidents()) == len(people.messages()) == done
    kill_and_start(responder, people)
    wait_settled(responder, 3, 30)

    slack.fault("chat.update", fault)
    post(responder, "b")
    people.wait(lambda: called() == ("chat.update", 0), "the message is edited")
    wait_for_the_others(responder)
    kill_and_start(responder, people)
    wait_settled(responder, 6, 30)

    slack.fault("chat.postMessage", fault)
    post(responder, "c")
    people.wait(lambda: called() == ("chat.postMessage", 0), "the thread is replied to")
    wait_for_the_others(responder)
    kill_and_start(responder, people)
    wait_settled(responder, 9, 30)

    before = people.look(lambda: pager.requests)
    pager.fault(fault)
    post(responder, "a", "b", "c", status="resolved")
    people.wait(lambda: pager.requests == before + 1, "the incident is resolved")
    people.wait(
        lambda: (pager.incidents[0].status == "resolved") == done, "if that is done, it has been done"
    )
    wait_for_the_others(responder)
    kill_and_start(responder, people)
    assert wait_settled(responder, 12, 30)["closed"]["delivered"] == 12
    check_books(responder)

    twice = 1 + done
    (message,) = people.messages()
    texts = (
        ["🟠 Firing: Down, a"] * twice
        + ["🟠 Firing (2): Down"] * twice
        + ["🟠 Firing (3): Down", "🟢 Resolved (3): Down"]
    )
    assert [*message.versions, message.text] == texts
    assert [reply.text.partition(" after")[0] for reply in message.replies] == [
        "More: Down happened (pod=b)",
        *["More: Down happened (pod=c)"] * twice,
        "All over",
    ]
    (incident,) = people.incidents()  # under one key, so that twice is once
    log = ["trigger"] * (twice + 2) + ["resolve"]
    assert ([entry.action for entry in incident.log], incident.status) == (log, "resolved")
    assert people.look(pager.dropped.total) == done
    subjects = [f"[Firing{number}, error] Down, a" for number in ["", " 2", " 3"]] + ["[Resolved 3] Down, a"]
    assert [one.message["Subject"] for one in people.mails()] == subjects[:1] * 2 + subjects[1:]
    # One mail to whoever drops what has been seen.
    assert len({one.message["Message-ID"] for one in people.mails()}) == 4


def test_killed_between_the_edit_and_the_reply(responder: ResponderProcess, people: StandInThread) -> None:
    called = last_call(people)
    post(responder, "a")
    wait_settled(responder, 3, 30)
    post(responder, "b")
    people.wait(lambda: called() == ("chat.update", 200), "it was edited")
    kill_and_start(responder, people)  # the reply was to go out a second later
    assert wait_settled(responder, 6, 30)["closed"]["delivered"] == 6
    (message,) = people.messages()
    assert [reply.text for reply in message.replies] == ["More: Down happened (pod=b)"]
    # That it was edited may have been on record or not: if not, it was edited once more.
    texts = [*message.versions, message.text]
    assert texts in [["🟠 Firing: Down, a", *["🟠 Firing (2): Down"] * times] for times in (1, 2)]
    check_books(responder)
