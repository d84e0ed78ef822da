"""A run's card in Slack: what would be done or was, what every guard said, and who decides.

`slackcards` keeps it in the incident's thread, and `web.slack` answers with it where there is no
incident. It stays within Slack's limits, and nothing in it that came from elsewhere is markup.
"""

from collections.abc import Iterator
from typing import Final

from responder.core.model import SECOND, Nanoseconds, format_duration
from responder.core.plan import PlannedStep
from responder.core.run import GuardResult, Moment, Run, RunState, Verdict
from responder.core.truncation import truncate_runes
from responder.notify import content, runs
from responder.notify.slackblocks import Message
from responder.notify.slackmarkup import (
    MRKDWN,
    Block,
    Page,
    button,
    buttons,
    code,
    confirmation,
    context,
    cut_mrkdwn,
    header,
    mrkdwn,
    plain,
    section,
)

HASH: Final = 16
"""Characters of a plan's hash that a button carries: enough to tell that it is the same plan."""

_LINE: Final = 400
_NAME: Final = 200
_CALLS: Final = 1_600
_VERDICTS: Final = 2_400
_VERDICT: Final = 200
_STORY: Final = 1_500
_MOMENTS: Final = 12
_STEPS: Final = 6
"""All of these together stay below what a Page holds, so that the buttons are never left out."""

_ORDER: Final[tuple[Verdict, ...]] = ("deny", "ask", "allow")
_MARKS: Final[dict[Verdict, str]] = {"deny": "✗", "ask": "?", "allow": "✓"}

_RED, _AMBER, _BLUE, _GREEN, _GREY = "#c62828", "#ef9f1c", "#7b8fa6", "#2e8b57", "#9e9e9e"
_COLORS: Final[dict[RunState, str]] = {
    "awaiting_approval": _AMBER,
    "unknown": _RED,
    "succeeded": _GREEN,
    "failed": _RED,
    "rolling_back": _RED,
    "rolled_back": _AMBER,
    "rollback_failed": _RED,
    "denied": _GREY,
    "expired": _GREY,
    "cancelled": _GREY,
}


def card(run: Run, *, pressable: bool = False) -> Message:
    """The run as it is now. `pressable`: somebody hears of it when a button is pressed.

    The same run gives the same card: the time at which it is made is not in it.
    """
    page = Page()
    page.add(context(mrkdwn(cut_mrkdwn(" · ".join(_facts(run)), _LINE))))
    if run.target is not None:
        page.add(section(mrkdwn(cut_mrkdwn(f"*Target* {runs.target(run, MRKDWN)}", _LINE))))
    _plan(page, run)
    if run.verdicts:
        page.add(section(plain(_verdicts(run.verdicts))))
    if line := _approvals(run):
        page.add(context(mrkdwn(cut_mrkdwn(line, _LINE))))
    if run.story:
        page.add(section(mrkdwn(_story(run.story))))
    if row := _row(run, pressable=pressable):
        page.add(row)
    headline = f"{content.one_line(run.runbook)}: {runs.STATES[run.state]}"
    return Message(
        text=cut_mrkdwn(runs.line(run, MRKDWN), _LINE),
        blocks=[header(headline)],
        attachments=[{"color": _COLORS.get(run.state, _BLUE), "blocks": page.blocks}],
    )


def plain_card(run: Run, *, pressable: bool = False) -> Message:
    """The same as text and buttons alone, for when Slack refuses our blocks."""
    row = _row(run, pressable=pressable)
    text = cut_mrkdwn(runs.line(run, MRKDWN), _LINE)
    return Message(text, [section(mrkdwn(text)), row] if row else [], [])


def waits(run: Run) -> bool:
    """Whether a person is to say yes or no to it now."""
    return run.state == "awaiting_approval"


def _row(run: Run, *, pressable: bool) -> Block | None:
    """Yes and no. What a button carries tells whether the card is out of date."""
    if not (pressable and waits(run) and run.plan):
        return None
    value = f"{run.id} {run.plan.hash[:HASH]} {run.nonce}"
    steps = ", ".join(step.action for step in run.plan.steps if step.mutates)
    what = f"{steps or 'Nothing that changes anything'} on {runs.target(run)}"
    sure = confirmation(f"Approve {run.runbook}?", content.one_line(what), "Approve", "Not now")
    return buttons(
        button("Approve", "approve", value, "primary", sure),
        button("Deny", "deny", value, "danger"),
    )


# -- parts ------------------------------------------------------------------------------------


def _facts(run: Run) -> list[str]:
    return [
        f"*{runs.STATES[run.state] if waits(run) else runs.stands(run, MRKDWN)}*",
        f"run {run.id}",
        f"{run.risk} risk",
        f"asked for by {runs.asked(run, MRKDWN)}",
    ]


def _plan(page: Page, run: Run) -> None:
    """What would be done, exactly: each step with what it changes, and its calls."""
    if run.plan is None:
        return
    steps = run.plan.steps
    for number, step in enumerate(steps[:_STEPS], 1):
        if step.mutates:
            page.add(
                section(mrkdwn(cut_mrkdwn(f"*{number}.* {MRKDWN.text(step.action)}", _NAME))),
                section(mrkdwn(code("\n".join(_exactly(step)) or "nothing is called", _CALLS // len(steps)))),
            )
        else:
            page.add(section(mrkdwn(cut_mrkdwn(f"*{number}.* {MRKDWN.text(_does(step))}", _NAME))))
    if len(steps) > _STEPS:
        page.add(context(plain(f"And {len(steps) - _STEPS} more steps")))
    if run.plan.on_failure:
        last = ", ".join(step.action if step.mutates else _does(step) for step in run.plan.on_failure)
        page.add(context(plain(truncate_runes(f"If it does not help: {content.one_line(last)}", _LINE))))


def _does(step: PlannedStep) -> str:
    """A step that changes nothing, in words."""
    intended = step.intended
    if step.action == "wait" and isinstance(intended.get("nanoseconds"), int):
        return f"wait {format_duration(intended['nanoseconds'])}"
    if step.action == "notify" and "receiver" in intended:
        return f"tell {intended['receiver']}"
    return step.action


def _exactly(step: PlannedStep) -> Iterator[str]:
    """The values that change, as a diff, then the calls."""
    for name, value in step.intended.items():
        if step.observed.get(name, ...) == value:
            yield f"  {name}: {value}"
            continue
        if name in step.observed:
            yield f"- {name}: {step.observed[name]}"
        yield f"+ {name}: {value}"
    yield from step.calls
    if step.bounds:
        yield f"bounds: {step.bounds}"


def _verdicts(verdicts: tuple[GuardResult, ...]) -> str:
    """What every guard said: what denies first, then what asks."""
    lines: list[str] = []
    ordered = sorted(verdicts, key=lambda one: _ORDER.index(one.verdict))
    for one in ordered:
        again = f" (until {runs.utc(one.retry_at)})" if one.retry_at else ""
        reason = truncate_runes(content.one_line(one.reason), _VERDICT)
        line = (
            f"{_MARKS[one.verdict]} {one.guard}: {reason}{again}"
            if reason
            else (f"{_MARKS[one.verdict]} {one.guard}")
        )
        if sum(map(len, lines)) + len(lines) + len(line) > _VERDICTS:
            lines.append(f"and {len(ordered) - len(lines)} more guards")
            break
        lines.append(line)
    return "\n".join(lines)


def _approvals(run: Run) -> str:
    said = [f"{MRKDWN.text(one.person)} at {MRKDWN.moment(one.at)}" for one in run.approvals]
    if not (said or waits(run)):
        return ""
    text = f"Approvals: {runs.have(run)} of {run.needed}"
    if said:
        text += f" ({', '.join(said)})"
    return text + (f" · expires {MRKDWN.moment(run.expires_at)}" if waits(run) and run.expires_at else "")


def _story(story: tuple[Moment, ...]) -> str:
    """The newest moments, as many as there is room for."""
    lines: list[str] = []
    for moment in reversed(story[-_MOMENTS:]):
        by = f" ({MRKDWN.text(moment.by)})" if moment.by else ""
        text = MRKDWN.text(truncate_runes(moment.text or runs.STATES[moment.state], _VERDICT))
        line = f"{time_of(moment.at)} {text}{by}"
        if sum(len(one.encode()) + 1 for one in lines) + len(line.encode()) > _STORY:
            break
        lines.insert(0, line)
    earlier = len(story) - len(lines)
    return "\n".join([f"{earlier} earlier", *lines] if earlier else lines)


def time_of(at: Nanoseconds) -> str:
    """The time of day to the second, in each reader's own zone; elsewhere it reads as UTC."""
    utc = runs.utc(at).split()[1]
    return f"<!date^{at // SECOND}^{{time_secs}}|{utc}>"
