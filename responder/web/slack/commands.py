"""The slash commands: `/ack`, and `/runbook` with its sub-commands.

`entrance` calls it with what somebody typed. Each command becomes one input of the engine, or reads the
state; what is wrong is said to whoever typed, and nothing they type is evaluated.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from responder.core.messages import Acknowledge, Body, StartRun
from responder.core.model import format_duration
from responder.core.runbook import ActionStep, NotifyStep, Runbook, Step, WaitStep
from responder.core.truncation import truncate_runes
from responder.engine import Engine
from responder.errors import NotFound, UsageError
from responder.notify import content
from responder.notify.slackmarkup import Block, button, code, escape, header, mrkdwn, plain, section
from responder.web.slack.asking import ask
from responder.web.slack.caller import Caller
from responder.web.slack.following import Following
from responder.web.slack.incidents import Told, waiting_in
from responder.web.slack.reply import Reply, plainly
from responder.web.slack.words import matchers, pairs, words

ACK: Final = "/ack"
RUNBOOK: Final = "/runbook"

_INCIDENT: Final = re.compile(r"\d+-[0-9a-f]+")
_LISTED: Final = 10
_RUNBOOKS: Final = 40
_NAME: Final = 100
_PROSE: Final = 2_000

HELP: Final = (
    "`/ack` takes on the incident that was told in this channel, or lists them; "
    "`/ack ALERTNAME`, `/ack INCIDENT` or `/ack LABEL=VALUE` says which\n"
    "`/runbook list` what there is\n"
    "`/runbook show NAME` what it does, and what it wants to know\n"
    "`/runbook plan NAME key=value...` what it would do now, and what every guard says; nothing is done\n"
    "`/runbook run NAME key=value... [--reason TEXT]` ask for it to be done, under all guards\n"
    'Values with spaces stand in quotes: `key="two words"`'
)


@dataclass(frozen=True, slots=True)
class Typed:
    """A command as it came. `channel` is its id; `response_url` is where more may be said."""

    command: str
    text: str
    channel: str
    response_url: str


class Commands:
    """What can be typed."""

    def __init__(self, engine: Engine, following: Following) -> None:
        """Command and read through `engine`; runs that were asked for are followed."""
        self._engine = engine
        self._following = following

    async def run(self, caller: Caller, typed: Typed) -> Reply:
        """Do what was typed. Raises what `responder.errors` has."""
        given = words(typed.text)
        if typed.command == ACK:
            return await self._ack(caller, typed.channel, given)
        if typed.command != RUNBOOK or not given:
            return Reply(HELP)
        what, *rest = given
        match what:
            case "list" if not rest:
                return self._list()
            case "show" if len(rest) == 1:
                return self._show(self._runbook(rest[0]))
            case "plan" | "run" if rest:
                return await self._start(caller, typed, rest, only_plan=what == "plan")
            case _:
                return Reply(HELP)

    # -- incidents ------------------------------------------------------------------------

    async def _ack(self, caller: Caller, channel: str, given: list[str]) -> Reply:
        caller.check("acknowledge", "acknowledging")
        if given:
            body = _meant(caller, given)
        else:
            await self._engine.caught_up()
            waiting = waiting_in(self._engine.state, channel, self._engine.log.now())
            if len(waiting) != 1:
                return _which(waiting)
            body = Acknowledge(incidents=(waiting[0].id,), person=caller.person, via="slack")
        return plainly(await self._ask(caller, body))

    # -- runbooks -------------------------------------------------------------------------

    def _list(self) -> Reply:
        known = [*self._engine.ruleset.runbooks.values()]
        if not known:
            return plainly("There are no runbooks in the rules.")
        lines = [
            f"*{escape(one.name)}* {escape(truncate_runes(content.one_line(one.title), _NAME))} "
            f"({one.mode}, {one.risk} risk)"
            for one in known[:_RUNBOOKS]
        ]
        if len(known) > _RUNBOOKS:
            lines.append(f"and {len(known) - _RUNBOOKS} more")
        chunks = [lines[start : start + 10] for start in range(0, len(lines), 10)]
        blocks = [section(mrkdwn("\n".join(chunk))) for chunk in chunks]
        return Reply(f"{len(known)} runbooks", tuple(blocks))

    def _show(self, runbook: Runbook) -> Reply:
        blocks: list[Block] = [
            header(content.one_line(runbook.title) or runbook.name),
            section(mrkdwn(f"*{escape(runbook.name)}* · {runbook.mode} · {runbook.risk} risk")),
        ]
        if runbook.parameters:
            wants = [
                f"{one.name}: {one.type}"
                + (f", from the alert's label {one.label}" if one.label else "")
                + (f", {one.default!r} if it is not given" if one.default is not None else "")
                for one in runbook.parameters
            ]
            blocks.append(section(mrkdwn("*Parameters*\n" + code("\n".join(wants), 2_000))))
        steps = [f"{number}. {_step(step)}" for number, step in enumerate(runbook.steps, 1)]
        steps += [f"if it does not help: {_step(step)}" for step in runbook.on_failure]
        blocks.append(section(mrkdwn("*Steps*\n" + code("\n".join(steps) or "none", 2_000))))
        if prose := content.visible(runbook.prose).strip():
            blocks.append(section(plain(truncate_runes(prose, _PROSE))))
        return Reply(escape(content.one_line(runbook.title)), tuple(blocks))

    async def _start(self, caller: Caller, typed: Typed, given: list[str], *, only_plan: bool) -> Reply:
        caller.check("respond", "planning a run" if only_plan else "asking for a run")
        given, why = _reason(given)
        runbook = self._runbook(given[0])
        body = StartRun(
            runbook=runbook.name,
            parameters=pairs(given[1:]),
            person=caller.person,
            why=why,
            via="slack",
            only_plan=only_plan,
        )
        run = await self._ask(caller, body)
        followed = self._following.follow(run, typed.response_url)
        rest = "; what comes of it is said here" if followed else f": look at it with `responder runs {run}`"
        did = "is being planned" if only_plan else f"of {runbook.name} was asked for"
        return Reply(f"Run {escape(run)} {escape(did)}{rest}.")

    def _runbook(self, name: str) -> Runbook:
        known = self._engine.ruleset.runbooks
        if found := known.get(name):
            return found
        near = get_close_matches(name[:_NAME], known, 1)
        hint = f"did you mean {near[0]}?" if near else "see /runbook list"
        raise NotFound(f"there is no runbook {name[:_NAME]!r}: {hint}")

    async def _ask(self, caller: Caller, body: Body) -> str:
        return await ask(self._engine, caller.actor, body)


def _meant(caller: Caller, given: list[str]) -> Acknowledge:
    if all(_INCIDENT.fullmatch(word) for word in given):
        return Acknowledge(incidents=tuple(given), person=caller.person, via="slack")
    return Acknowledge(matchers=matchers(given), person=caller.person, via="slack")


def _which(waiting: list[Told]) -> Reply:
    """None, or several to choose from."""
    if not waiting:
        return plainly(
            "Nothing that was told in this channel waits for somebody. "
            "Say which: /ack ALERTNAME, /ack INCIDENT or /ack LABEL=VALUE"
        )
    blocks: list[Block] = [
        {
            **section(plain(f"{one.title} ({one.id})")),
            "accessory": button("Acknowledge", "acknowledge", one.id),
        }
        for one in waiting[:_LISTED]
    ]
    if len(waiting) > _LISTED:
        blocks.append(section(plain(f"and {len(waiting) - _LISTED} more, which began earlier")))
    return Reply(f"{len(waiting)} incidents wait for somebody", tuple(blocks))


def _reason(given: list[str]) -> tuple[list[str], str]:
    """The words without `--reason TEXT`, and the text."""
    if "--reason" not in given:
        return given, ""
    at = given.index("--reason")
    if at == 0 or at + 1 == len(given):
        raise UsageError('--reason needs a text after the runbook\'s name: --reason "it is slow"')
    return given[:at] + given[at + 2 :], given[at + 1]


def _step(step: Step) -> str:
    match step:
        case ActionStep():
            arguments = " ".join(f"{name}={value}" for name, value in step.arguments.items())
            return f"{step.action} {arguments}".rstrip()
        case WaitStep():
            return f"wait {format_duration(step.duration)}"
        case NotifyStep():
            return f"tell {step.receiver}"
