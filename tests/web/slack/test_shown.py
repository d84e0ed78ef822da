"""A run of an alert, as its incident's people see it: the card in the thread, pressed, and changed."""

from msgspec.structs import replace

from responder.core.matching import parse_matchers
from responder.sandbox.slackroom import Message
from tests.web.slack.place import BEN, FLOORS, RUNBOOK, Place


def headline(message: Message) -> str:
    return str(message.blocks[0]["text"]["text"])


async def test_a_run_is_shown_approved_in_its_thread_and_shown_again(place: Place) -> None:
    page = replace(RUNBOOK, matchers=(parse_matchers('alertname="PodRestartsHigh"').matchers,))
    place.use(page, replace(FLOORS, triggers=("anonymous",)))
    await place.fire("PodRestartsHigh")
    [message] = place.slack.messages("ops")
    [run] = place.runs
    assert (run.state, run.groups) == ("proposed", (1,))
    await place.until(lambda: f"Run {run.id}: pod-restarts" in str(message.attachments))
    assert message.replies == []
    run = await place.gather(run.id)
    assert (run.state, run.needed) == ("awaiting_approval", 1), run.verdicts
    await place.until(lambda: message.replies)
    [card] = message.replies
    assert (headline(card), card.broadcast) == ("pod-restarts: waits for an approval", True)
    await place.until(lambda: "waits for an approval (0 of 1)" in str(message.attachments))
    assert await place.press(card, "approve", BEN) == f"{run.id} approved"
    await place.until(lambda: headline(card) == "pod-restarts: approved, about to begin")
    await place.until(lambda: f"{run.id}: pod-restarts" in str(message.attachments))
    assert await place.press(message, "acknowledge", BEN) == (
        f"{place.service.engine.state.groups[1].incident} acknowledged"
    )
    await place.until(lambda: "Acknowledged by ben" in str(message.attachments))
    assert len(message.replies) == 1
    assert [one.ts for one in place.slack.messages("ops")] == [message.ts]
