"""The harness around the service itself: start, post, kill, start again, ask."""

from pathlib import Path
from typing import Any

import pytest

from tests.peers.calls import answers_ok, post
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert, webhook_alert, webhook_payload
from tests.peers.process import ProcessFailed
from tests.peers.sink import Sink

pytestmark = pytest.mark.acceptance


def routing(sink: Sink) -> dict[str, Any]:
    return {
        "route": {
            "receiver": "sink",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": "200ms",
        },
        "receivers": [{"name": "sink", "webhook_configs": [{"url": sink.url, "send_resolved": True}]}],
    }


def test_both_entrances_lead_to_the_sink(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink))
    assert responder.post_alerts([api_alert("ByApi")]).status == 200
    assert responder.post_webhook(webhook_payload([webhook_alert("ByWebhook")])).status == 200
    told = [request.alertnames("firing") for request in sink.wait_count(2)]
    assert sorted(told) == [["ByApi"], ["ByWebhook"]]
    assert responder.metric("responder_alerts_received_total") == 2
    assert responder.stop() == 0


def test_killed_and_started_again_it_knows_what_it_knew(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink))
    assert responder.post_webhook(webhook_payload([webhook_alert("Kept")])).status == 200
    sink.wait_count(1)
    responder.kill9()
    assert not responder.alive
    responder.start()
    assert responder.metric("responder_alerts", state="active") == 1
    over = webhook_alert("Kept", status="resolved", ends_at="2026-01-05T00:01:00Z")
    assert responder.post_webhook(webhook_payload([over])).status == 200
    # The kill may have come before the first telling was on record: then it is told once more.
    sink.wait_until(lambda received: received[-1].alertnames("resolved") == ["Kept"])
    assert responder.restart() > 0
    assert answers_ok(f"{responder.url}/-/healthy")


def test_its_command_line_is_at_hand(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink), start=False)
    assert responder.cli("route", "test", "--rules", responder.rules, "alertname=X").stdout == "sink\n"
    with pytest.raises(AssertionError, match="exit 2"):
        responder.cli("no-such-command")


def test_what_it_cannot_start_with_is_in_the_failure(start_responder: StartResponder, sink: Sink) -> None:
    responder = start_responder(routing(sink), {"no_such_key": 1}, start=False)
    with pytest.raises(ProcessFailed, match="no_such_key"):
        responder.start()


def test_a_second_one_with_the_same_name_finds_the_same_database(
    start_responder: StartResponder, sink: Sink, tmp_path: Path
) -> None:
    first = start_responder(routing(sink), name="pair")
    assert post(f"{first.url}/api/v2/alerts", [api_alert("Shared")]).status == 200
    sink.wait_count(1)
    first.stop()
    second = start_responder(routing(sink), name="pair")
    assert second.database == tmp_path / "pair" / "responder.db"
    assert second.metric("responder_alerts", state="active") == 1
