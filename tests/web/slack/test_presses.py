"""Buttons: each does what it says once, for those who may, and only while it is up to date."""

import asyncio
from typing import Final

from msgspec.structs import replace

from responder.core.messages import StartRun
from responder.core.run import Run
from responder.notify.slackcard import card
from responder.sandbox.slackroom import Message
from tests.web.slack.place import ANA, BEN, FLOORS, GUEST, READER, RUNBOOK, Place

PARAMETERS = {"namespace": "shop"}


async def waiting(place: Place, persons: int = 1) -> Run:
    """A run that an alert began and that waits for so many persons."""
    place.use(floors=replace(FLOORS, approvals={"medium": persons}))
    engine = place.service.engine
    await engine.command("x", StartRun(RUNBOOK.name, PARAMETERS, via="api"))
    [run] = place.runs
    return await place.gather(run.id)


def shown(place: Place, run: Run) -> Message:
    """Its card in the channel, as it would stand there."""
    made = card(run, pressable=True)
    message = Message(place.slack.room.stamp(), "Responder", made.text, made.blocks, made.attachments)
    place.slack.room.put(place.slack.room.channel("ops"), message)
    return message


async def test_one_person_approves_and_a_second_press_says_that_it_was_done(place: Place) -> None:
    run = await waiting(place)
    message = shown(place, run)
    assert await place.press(message, "approve", BEN) == f"{run.id} approved"
    after = place.run(run.id)
    assert (after.state, [(one.person, one.via) for one in after.approvals]) == (
        "approved",
        [("ben", "slack")],
    )
    said = f"Not done: run {run.id} is approved, about to begin, approved by ben: this button is out of date"
    for user in (BEN, ANA):
        assert await place.press(message, "approve", user) == said


async def test_two_at_once_and_a_double_press(place: Place) -> None:
    run = await waiting(place)
    message = shown(place, run)
    presses = [place.people.press(user, "ops", message.ts, "approve") for user in (ANA, BEN, ANA, BEN)]
    await asyncio.gather(*presses)
    await place.until(lambda: len(place.whispers(ANA)) + len(place.whispers(BEN)) == 4)
    said = [*place.whispers(ANA), *place.whispers(BEN)]
    assert (said.count(f"{run.id} approved"), sum(one.startswith("Not done: ") for one in said)) == (1, 3)
    assert len(place.run(run.id).approvals) == 1


async def test_high_risk_needs_two_persons(place: Place) -> None:
    run = await waiting(place, 2)
    message = shown(place, run)
    assert await place.press(message, "approve", ANA) == f"{run.id}: 1 of 2 persons have approved"
    assert await place.press(message, "approve", ANA) == (
        f"Not done: you have approved run {run.id} already: another person must"
    )
    assert place.run(run.id).state == "awaiting_approval"
    assert await place.press(message, "approve", BEN) == f"{run.id} approved"


async def test_somebody_denies(place: Place) -> None:
    run = await waiting(place)
    message = shown(place, run)
    assert await place.press(message, "deny", BEN) == f"{run.id} denied"
    after = place.run(run.id)
    assert (after.state, after.story[-1].by) == ("denied", "ben")
    assert await place.press(message, "approve", ANA) == (
        f"Not done: run {run.id} is denied: this button is out of date"
    )


async def test_who_may_not_is_told_which_role_is_missing(place: Place) -> None:
    run = await waiting(place)
    message = shown(place, run)
    for action, needs in (
        ("approve", "approving needs the role 'approve'"),
        ("deny", "denying a run needs the role 'respond'"),
    ):
        for user, rest in ((READER, ", which rita lacks"), (GUEST, NOBODY)):
            assert await place.press(message, action, user) == f"Not done: {needs}{rest}"
    assert place.run(run.id).state == "awaiting_approval"


NOBODY: Final = (
    ", and U0GUEST is nobody in the people file: such users may acknowledge and read, nothing else"
)


async def test_a_card_of_an_earlier_plan_does_nothing(place: Place) -> None:
    run = await waiting(place)
    old = replace_nonce(run, "1-000000000000")
    for stale in (old, replace_plan(run)):
        assert await place.press(shown(place, stale), "approve") == (
            f"Not done: run {run.id} has another plan by now: look at its newest card"
        )
    assert place.run(run.id).state == "awaiting_approval"


def replace_nonce(run: Run, nonce: str) -> Run:
    return replace(run, nonce=nonce)


def replace_plan(run: Run) -> Run:
    assert run.plan is not None
    return replace(run, plan=replace(run.plan, runbook="another"))


async def test_a_button_that_carries_nonsense_does_nothing(place: Place) -> None:
    run = await waiting(place)
    message = shown(place, run)
    [button] = [b for b in message.attachments[0]["blocks"][-1]["elements"] if b["action_id"] == "deny"]
    for value in ("", "r9-0 abc n", "r1", "<!channel>", "x" * 2_000):
        button["value"] = value
        assert await place.press(message, "deny") == "Not done: this run is not known any more"


async def test_a_button_of_another_version_does_nothing(place: Place) -> None:
    message = shown(place, await waiting(place))
    message.attachments[0]["blocks"][-1]["elements"][0]["action_id"] = "explode"
    assert await place.press(message, "explode") == (
        "Not done: nobody knows this button any more: it is of another version"
    )


async def test_an_incident_is_taken_on_and_given_back_by_its_buttons(place: Place) -> None:
    await place.fire("HighCPU")
    [message] = place.slack.messages("ops")
    incident = place.service.engine.state.groups[1].incident
    assert await place.press(message, "acknowledge", GUEST) == f"{incident} acknowledged"
    await place.until(lambda: "Give it back" in str(message.attachments))
    assert await place.press(message, "unacknowledge", GUEST) == (
        "Not done: giving an incident back needs the role 'respond', and U0GUEST is nobody in the people "
        "file: such users may acknowledge and read, nothing else"
    )
    assert place.incidents() == [("HighCPU", f"slack:{GUEST}")]
    assert await place.press(message, "unacknowledge", ANA) == f"{incident} given back"
    await place.until(lambda: "Give it back" not in str(message.attachments))
    assert place.incidents() == [("HighCPU", "")]
