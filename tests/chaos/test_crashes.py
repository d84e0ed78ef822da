"""The table of crashes and faults, row by row: what is left, and what happens."""

import shutil
import time
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.faults import (
    QUICK,
    Posting,
    check_books,
    count,
    forbid,
    key,
    ledger,
    opened,
    own_text,
    permit,
    routing,
    told,
    wait_settled,
    write_lock,
)
from tests.peers.calls import call, get, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import api_alert, webhook_alert, webhook_payload
from tests.peers.responder import ResponderProcess
from tests.peers.sink import HANG, OK, Answer, Sink

pytestmark = pytest.mark.chaos

FIRST: Final = "first_notification"


@pytest.fixture
def responder(start_responder: StartResponder, sink: Sink) -> ResponderProcess:
    return start_responder(routing(sink), {"delivery": QUICK})


def accept(process: ResponderProcess, name: str) -> None:
    assert process.post_alerts([api_alert(name)]).status == 200


# -- before the inputs log commit -------------------------------------------------------------


def test_killed_before_it_was_accepted(responder: ResponderProcess, sink: Sink) -> None:
    with write_lock(responder.database):
        postings = [Posting(responder, "Early"), Posting(responder, "Behind")]
        # What is counted waits for the append under way to end: so there is one under way.
        wait_until(lambda: responder.metric("responder_backlog_bytes") > 0, what="both are being appended")
        responder.kill9()
        for posting in postings:
            posting.join(10)
    assert [posting.answer for posting in postings] == [ConnectionError] * 2  # no 200: it is sent again
    responder.start()
    assert responder.cli_json("explain", "alertname=Early")["alert"] is None
    accept(responder, "Early")
    wait_settled(responder, 1)
    assert told(sink.received) == [(FIRST, "firing", ("Early",))]
    check_books(responder)


def test_refused_while_nothing_can_be_committed(responder: ResponderProcess, sink: Sink) -> None:
    with write_lock(responder.database):
        answer = responder.post_alerts([api_alert("Locked")])
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert get(f"{responder.url}/-/healthy").status == 200
    wait_until(lambda: responder.post_alerts([api_alert("Locked")]).status == 200)
    wait_settled(responder, 1)
    assert told(sink.received) == [(FIRST, "firing", ("Locked",))]
    check_books(responder)


def test_a_timer_that_falls_due_while_an_append_waits(responder: ResponderProcess, sink: Sink) -> None:
    accept(responder, "Ticking")
    wait_settled(responder, 1)
    with write_lock(responder.database):
        posting = Posting(responder, "Behind")
        until = time.monotonic() + 2.5  # its group is looked at every second
        while time.monotonic() < until:
            assert get(f"{responder.url}/-/healthy", timeout=2).status == 200
    posting.join(10)
    assert posting.answer == 200
    wait_settled(responder, 2)
    assert told(sink.received) == [(FIRST, "firing", ("Ticking",)), (FIRST, "firing", ("Behind",))]
    check_books(responder)


# -- after it, before decide ------------------------------------------------------------------


def undecided(responder: ResponderProcess) -> bool:
    """Whether the log of a process that has ended holds what no commit has consumed."""
    consumed = "SELECT value FROM meta WHERE name = 'consumed'"
    return count(responder.database, "SELECT max(seq) FROM inputs") > count(responder.database, consumed)


def test_killed_right_after_the_answer(responder: ResponderProcess, sink: Sink) -> None:
    accept(responder, "Before")
    wait_settled(responder, 1)
    forbid(responder.database, "INSERT ON journal")  # whatever is accepted stays undecided
    accept(responder, "First")
    sink.wait_count(2)  # told beside the record, which fails: from here on the engine is not idle
    accept(responder, "Second")
    ended = "SELECT count(*) FROM inputs WHERE kind = 'delivery_ended'"
    wait_until(lambda: count(responder.database, ended) == 2, what="that it was told is in the log")
    responder.kill9()
    permit(responder.database)
    assert undecided(responder)
    check_books(responder)
    responder.start()
    wait_settled(responder, 3)
    assert told(sink.received) == [(FIRST, "firing", (name,)) for name in ("Before", "First", "Second")]
    check_books(responder)


def test_killed_while_telling_beside_the_record(responder: ResponderProcess, sink: Sink) -> None:
    accept(responder, "Before")
    wait_settled(responder, 1)
    forbid(responder.database, "INSERT ON journal")
    sink.answer_always(HANG)
    accept(responder, "First")
    *_, first = sink.wait_until(lambda received: len(received) == 2)
    responder.kill9()
    permit(responder.database)
    assert undecided(responder)
    assert count(responder.database, "SELECT count(*) FROM deliveries") == 1  # there is no record of it
    sink.answer_always(OK)
    responder.start()
    wait_settled(responder, 2)
    again = sink.received[-1]
    assert (len(sink.received), key(again)) == (3, key(first))
    assert again.payload["alerts"] == first.payload["alerts"]
    check_books(responder)


def test_killed_right_after_telling_of_what_is_over_since(responder: ResponderProcess, sink: Sink) -> None:
    accept(responder, "Before")
    wait_settled(responder, 1)
    forbid(responder.database, "INSERT ON journal")
    over = webhook_alert("Over")
    assert responder.post_webhook(webhook_payload([over])).status == 200
    sink.wait_count(2)
    over |= {"status": "resolved", "endsAt": "2026-01-05T00:01:00Z"}
    assert responder.post_webhook(webhook_payload([over])).status == 200
    responder.kill9()
    permit(responder.database)
    assert undecided(responder)
    responder.start()
    sink.wait_until(lambda received: ("all_resolved", "resolved", ("Over",)) in told(received))
    wait_until(lambda: ledger(responder)["pending"] == 0, what="everything is closed")
    assert told(sink.received)[1] == (FIRST, "firing", ("Over",))
    assert told(sink.received)[-1] == ("all_resolved", "resolved", ("Over",))  # whoever was told hears of it
    check_books(responder)


# -- the commit of a decision fails -----------------------------------------------------------


def test_a_decision_that_cannot_be_committed(responder: ResponderProcess, sink: Sink) -> None:
    accept(responder, "Before")
    sink.wait_count(1)
    wait_settled(responder, 1)
    forbid(responder.database, "INSERT ON journal")
    accept(responder, "First")
    failures = "responder_commit_failures_total"
    wait_until(lambda: responder.metric(failures) >= 2, what="it was tried, and tried again")
    accept(responder, "Second")  # the log itself can commit
    # What follows from durable things alone was told beside its record; what does not, waits for it.
    assert told(sink.received) == [(FIRST, "firing", ("Before",)), (FIRST, "firing", ("First",))]
    permit(responder.database)
    wait_settled(responder, 3)
    assert told(sink.received) == [
        (FIRST, "firing", ("Before",)),
        (FIRST, "firing", ("First",)),
        (FIRST, "firing", ("Second",)),
    ]
    check_books(responder)


# -- decide raises ----------------------------------------------------------------------------


def test_an_input_that_cannot_be_read(responder: ResponderProcess, sink: Sink) -> None:
    assert responder.stop() == 0
    with opened(responder.database) as connection:
        connection.execute(
            "INSERT INTO inputs (seq, at, kind, actor, body)"
            " SELECT max(seq) + 1, max(at), 'from_another_time', 'somebody', x'7b7d' FROM inputs"
        )
    check_books(responder)
    responder.start()
    accept(responder, "Behind")
    wait_settled(responder, 2)
    assert told(sink.received) == [(FIRST, "firing", ("Behind",))]
    assert told(sink.received, "/own") == [(FIRST, "firing", ("ResponderUndecidable",))]
    (own,) = [request for request in sink.received if request.path == "/own"]
    assert "from_another_time" in own.payload["alerts"][0]["annotations"]["summary"]
    assert "from_another_time" in responder.cli("audit", "list", "--kind", "unreadable").stdout
    check_books(responder)


def test_an_input_on_which_decide_raises(start_responder: StartResponder, sink: Sink, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    digest = sha256(b"operator").hexdigest()
    tokens.write_text(f"- {{name: operator, sha256: {digest}, roles: [ingest, read, respond]}}\n")
    responder = start_responder(routing(sink), {"delivery": QUICK, "auth": {"tokens_file": str(tokens)}})
    headers = {"Authorization": "Bearer operator"}

    def send(path: str, body: object) -> None:
        assert call("POST", f"{responder.url}{path}", body, headers).status == 200

    sink.answer_next(Answer(401))
    over = webhook_alert("Refused")
    send("/webhooks/alertmanager", webhook_payload([over]))
    wait_until(lambda: told(sink.received, "/own") != [], what="the dead row is told of")
    over |= {"status": "resolved", "endsAt": "2026-01-05T00:01:00Z"}
    send("/webhooks/alertmanager", webhook_payload([over]))
    wait_until(lambda: responder.metric("responder_groups") == 1, what="only that is left to tell")
    assert responder.stop() == 0
    # An alert as no release writes it: whoever ends it looks for its receiver.
    with opened(responder.database) as connection:
        connection.execute(
            """UPDATE vocabulary SET body = CAST('["nobody","team"]' AS BLOB)
            WHERE CAST(body AS TEXT) = '["receiver","team"]'"""
        )
    responder.start()
    done = responder.cli("delivery", "dismiss", "1", "--token", "operator", check=False)
    assert (done.returncode, done.stderr) == (1, "this input could not be decided; see the journal\n")
    assert responder.metric("responder_inputs_undecidable_total") == 1
    send("/api/v2/alerts", [api_alert("Behind")])
    sink.wait_until(lambda received: told(received) == [(FIRST, "firing", ("Behind",))])
    sink.wait_until(
        lambda received: told(received, "/own")[1:] == [(FIRST, "firing", ("ResponderUndecidable",))]
    )
    dismissed = responder.cli("audit", "list", "--kind", "dismiss_delivery", "--token", "operator").stdout
    assert "undecidable: KeyError: 'receiver'" in dismissed
    check_books(responder)


# -- after the decision, before the claim -----------------------------------------------------


PAUSE: Final = Answer(429, {"Retry-After": "10"})


def paused(responder: ResponderProcess) -> None:
    """Wait until the destination's wish has been heard: what comes next is not claimed."""
    labels = {"integration": "webhook", "receiver": "team", "outcome": "rate_limited"}
    wait_until(lambda: responder.metric("responder_delivery_attempts_total", **labels) == 1, what="it pauses")


def decided_and_not_claimed(responder: ResponderProcess, sink: Sink, *names: str) -> None:
    """Leave rows that nobody was told of, because their destination asked for a pause."""
    sink.answer_always(PAUSE)
    accept(responder, "Paused")
    sink.wait_until(lambda received: len(received) == 1)
    paused(responder)
    for name in names:
        accept(responder, name)
    rows = 1 + len(names)
    wait_until(lambda: ledger(responder)["pending"] == rows, what=f"{rows} rows are open")
    assert count(responder.database, "SELECT count(*) FROM deliveries WHERE claimed_at > 0") == 1


def test_killed_before_the_claim(responder: ResponderProcess, sink: Sink) -> None:
    decided_and_not_claimed(responder, sink, "Waiting")
    responder.kill9()
    check_books(responder)
    sink.answer_always(OK)
    responder.start()
    wait_settled(responder, 2, timeout=40)  # a restart does not end the pause
    assert sorted(told(sink.received)) == [(FIRST, "firing", ("Paused",)), (FIRST, "firing", ("Waiting",))]
    check_books(responder)


def test_killed_before_the_claim_of_what_is_over_since(responder: ResponderProcess, sink: Sink) -> None:
    sink.answer_always(PAUSE)
    accept(responder, "Paused")
    sink.wait_until(lambda received: len(received) == 1)
    paused(responder)
    over = webhook_alert("Over")
    assert responder.post_webhook(webhook_payload([over])).status == 200
    wait_until(lambda: ledger(responder)["pending"] == 2, what="both are owed")
    forbid(responder.database, "INSERT ON journal")  # that it is over is accepted, and not decided
    over |= {"status": "resolved", "endsAt": "2026-01-05T00:01:00Z"}
    assert responder.post_webhook(webhook_payload([over])).status == 200
    responder.kill9()
    permit(responder.database)
    sink.answer_always(OK)
    responder.start()
    sums = wait_settled(responder, 3, timeout=40)
    assert told(sink.received) == [(FIRST, "firing", ("Paused",))]  # of the other nothing was left to tell
    assert sums["closed"] == {"delivered": 1, "superseded": 1, "suppressed": 1, "dead": 0}
    assert sums["reasons"] == {"suppressed(resolved_before_told)": 1}
    check_books(responder)


# -- while notifying, or before its outcome is stored -----------------------------------------


def test_killed_while_notifying(responder: ResponderProcess, sink: Sink) -> None:
    sink.answer_always(HANG)
    accept(responder, "Interrupted")
    (first,) = sink.wait_until(lambda received: len(received) == 1)
    responder.kill9()
    check_books(responder)
    sink.answer_always(OK)
    responder.start()
    wait_settled(responder, 1)
    again = sink.received[-1]
    assert (len(sink.received), key(again)) == (2, key(first))
    assert again.payload["alerts"] == first.payload["alerts"]
    assert told(sink.received) == [(FIRST, "firing", ("Interrupted",))]
    check_books(responder)


def test_killed_while_notifying_of_what_is_over_since(responder: ResponderProcess, sink: Sink) -> None:
    sink.answer_always(HANG)
    over = webhook_alert("Over")
    assert responder.post_webhook(webhook_payload([over])).status == 200
    sink.wait_until(lambda received: len(received) == 1)  # it may have understood it
    forbid(responder.database, "INSERT ON journal")
    over |= {"status": "resolved", "endsAt": "2026-01-05T00:01:00Z"}
    assert responder.post_webhook(webhook_payload([over])).status == 200
    responder.kill9()
    permit(responder.database)
    sink.answer_always(OK)
    responder.start()
    sink.wait_until(lambda received: ("all_resolved", "resolved", ("Over",)) in told(received))
    wait_until(lambda: ledger(responder)["pending"] == 0, what="everything is closed")
    assert told(sink.received)[-1] == ("all_resolved", "resolved", ("Over",))
    check_books(responder)


def test_killed_before_the_outcome_was_stored(responder: ResponderProcess, sink: Sink) -> None:
    forbid(responder.database, "INSERT ON inputs", "NEW.kind = 'delivery_ended'")
    accept(responder, "Told")
    (first,) = sink.wait_count(1)
    assert ledger(responder)["pending"] == 1
    responder.kill9()
    permit(responder.database)
    responder.start()
    wait_settled(responder, 1)
    assert [key(request) for request in sink.taken] == [key(first)] * 2  # at least once, under the same key
    check_books(responder)


def test_an_outcome_that_cannot_be_stored_is_not_forgotten(responder: ResponderProcess, sink: Sink) -> None:
    forbid(responder.database, "INSERT ON inputs", "NEW.kind = 'delivery_ended'")
    accept(responder, "Told")
    sink.wait_count(1)
    assert ledger(responder)["pending"] == 1
    permit(responder.database)
    wait_settled(responder, 1)
    assert len(sink.received) == 1
    check_books(responder)


# -- two writers ------------------------------------------------------------------------------


def test_a_second_process_on_the_same_storage(
    responder: ResponderProcess, start_responder: StartResponder, sink: Sink
) -> None:
    second = start_responder(routing(sink), name="two", start=False)
    second.configure({"storage": f"sqlite:///{responder.database}"})
    second.launch()
    assert second.wait() == 2
    assert second.log_tail(1) == (
        f"{responder.database} is in use by another responder; stop it, or give this one its own `storage:`"
    )
    accept(responder, "Undisturbed")
    wait_settled(responder, 1)
    responder.kill9()
    second.start()  # the lock went with its process
    assert ledger(second)["closed"]["delivered"] == 1
    check_books(second)


# -- a database restored from a backup --------------------------------------------------------


def test_a_backup_was_restored(responder: ResponderProcess, sink: Sink, tmp_path: Path) -> None:
    accept(responder, "Old")
    wait_settled(responder, 1)
    assert responder.stop() == 0
    backup = tmp_path / "backup.db"
    shutil.copy(responder.database, backup)
    responder.start()
    accept(responder, "New")
    wait_settled(responder, 2)
    assert responder.stop() == 0
    for name in ("", "-wal", "-shm"):
        Path(f"{responder.database}{name}").unlink(missing_ok=True)
    shutil.copy(backup, responder.database)

    found = responder.cli("audit", "verify", "--config", responder.config_path, check=False)
    assert found.returncode == 1
    assert "a backup was restored, or rows were cut off" in found.stdout
    sink.clear()
    responder.start()
    wait_settled(responder, 2)
    assert told(sink.received, "/own") == [(FIRST, "firing", ("ResponderChainBroken",))]
    assert "journal_older_than_anchor" in own_text(responder)
    check_books(responder)


def test_an_anchor_that_cannot_be_written(responder: ResponderProcess, sink: Sink) -> None:
    assert responder.stop() == 0
    head = Path(f"{responder.database}.head")
    head.unlink()
    head.mkdir()
    responder.start()
    accept(responder, "Told")
    wait_settled(responder, 1)
    assert told(sink.received) == [(FIRST, "firing", ("Told",))]
    check_books(responder)
