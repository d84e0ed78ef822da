"""From a rule in Prometheus to people: Slack, PagerDuty and mail hear one incident, each in its own way."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.chaos.faults import QUICK, check_books
from tests.peers.alertmanager import Alertmanager
from tests.peers.fixtures import StartAlertmanager, StartPrometheus
from tests.peers.prometheus import Exposition
from tests.peers.responder import ResponderProcess
from tests.peers.standins import ROUTING_KEY, StandInThread, receiver

pytestmark = [pytest.mark.acceptance, pytest.mark.peers]

SNIPPET: Final = Path(__file__).parents[2] / "config" / "alertmanager-snippet.yml"
RULES: Final = [
    {
        "alert": "ShopFails",
        "expr": f"shop_{part}_fails == 1",
        "labels": {"severity": "critical", "service": "shop", "part": part},
        "annotations": {"summary": f"the {part} of the {{{{ $labels.job }}}} fails"},
    }
    for part in ("cart", "search")
]
ROUTING: Final = {
    "route": {
        "receiver": "team",
        "group_by": ["alertname", "service"],
        "group_wait": "0s",
        "group_interval": "1s",
    },
    "receivers": [receiver()],
}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandInThread]:
    with StandInThread(tmp_path_factory.mktemp("secrets")) as started:
        yield started


@pytest.fixture(scope="module")
def responder(people: StandInThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResponderProcess]:
    config = {**people.config, "delivery": QUICK}
    started = ResponderProcess(tmp_path_factory.mktemp("responder"), ROUTING, config)
    started.start()
    yield started
    started.kill9()


@pytest.fixture(scope="module")
def alertmanager(
    start_alertmanager: StartAlertmanager,
    responder: ResponderProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Alertmanager:
    config: dict[str, Any] = yaml.safe_load(SNIPPET.read_text())
    key = tmp_path_factory.mktemp("keys") / "pagerduty.key"
    key.write_text("k" * 32)
    ours, pagerduty = config["receivers"]
    ours["webhook_configs"][0]["url"] = f"{responder.url}/webhooks/alertmanager"
    pagerduty["pagerduty_configs"][0] |= {"routing_key_file": str(key), "url": responder.url}
    config["route"]["group_interval"] = "1s"  # 10 s there: how soon an end is passed on
    return start_alertmanager(config)


@pytest.fixture(scope="module")
def story(
    start_prometheus: StartPrometheus,
    exposition: Exposition,
    alertmanager: Alertmanager,
    people: StandInThread,
    responder: ResponderProcess,
) -> StandInThread:
    """One part of the shop fails, then another, then both are well; whom it was told."""
    exposition.set("shop_cart_fails", 0)
    exposition.set("shop_search_fails", 0)
    start_prometheus(exposition, RULES, [f"127.0.0.1:{alertmanager.port}"])
    slack, pager, mail = people.slack, people.pagerduty, people.mail

    def told(number: int) -> bool:
        """Everybody has heard so many things: in Slack the message itself, and its thread."""
        messages = slack.messages("ops")
        heard = sum(1 + len(one.replies) for one in messages)
        return (heard, len(pager.events), mail.count) == (number, number, number)

    exposition.set("shop_cart_fails", 1)
    people.wait(lambda: told(1), "the first is told")
    exposition.set("shop_search_fails", 1)
    people.wait(lambda: told(2), "that there is another")
    exposition.set("shop_cart_fails", 0)
    people.wait(lambda: told(3), "that one of them is over")
    exposition.set("shop_search_fails", 0)
    people.wait(lambda: told(4), "that all is over")
    return people


def test_slack_has_one_message_that_changed_and_its_thread(
    story: StandInThread, exposition: Exposition
) -> None:
    (message,) = story.messages()
    assert [call.method for call in story.slack.calls] == [
        "chat.postMessage",
        *["chat.update", "chat.postMessage"] * 3,
    ]
    assert {call.status for call in story.slack.calls} == {200}
    where = f"ShopFails, shop / 127.0.0.1:{exposition.port} / app"
    assert [*message.versions, message.text] == [
        f"🔴 Firing: {where}",
        f"🔴 Firing (2): {where}",
        f"🔴 Firing: {where}",
        f"🟢 Resolved: {where}",
    ]
    assert [re.sub(r"\d+s", "Ns", reply.text) for reply in message.replies] == [
        "More: the search of the app fails (part=search)",
        "Over: the cart of the app fails (part=cart)",
        "Over after Ns.",
    ]


def test_pagerduty_has_one_incident_under_one_key(story: StandInThread, exposition: Exposition) -> None:
    (incident,) = story.incidents()
    assert (incident.routing_key, incident.status) == (ROUTING_KEY, "resolved")
    assert [entry.action for entry in incident.log] == ["trigger"] * 3 + ["resolve"]
    assert {event["dedup_key"] for event in story.pagerduty.events} == {incident.dedup_key}
    where = f"ShopFails, shop / 127.0.0.1:{exposition.port} / app"
    assert [entry.summary for entry in incident.log] == [
        f"{where}: the cart of the app fails",
        where,
        f"{where}: the search of the app fails",
        "",
    ]


def test_mail_has_one_thread(story: StandInThread) -> None:
    mails = story.mails()
    assert len({mail.message["Message-ID"] for mail in mails}) == 4
    assert len({mail.message["References"] for mail in mails}) == 1
    assert len({mail.message["Thread-Topic"] for mail in mails}) == 1
    assert [mail.recipients for mail in mails] == [("ops@example.com",)] * 4
    assert [mail.message["Subject"] for mail in mails] == [
        "[Firing, critical] ShopFails, shop",
        "[Firing 2, critical] ShopFails, shop",
        "[Firing, critical] ShopFails, shop",
        "[Resolved] ShopFails, shop",
    ]


def test_everything_is_accounted_for(story: StandInThread, responder: ResponderProcess) -> None:
    sums = responder.cli_json("ledger")
    assert (sums["owed"], sums["closed"]["delivered"], sums["pending"]) == (12, 12, 0)
    check_books(responder)
