"""Reading the rules, at the start and again: when asked, or when their files change.

`service` makes one Reload and lets it watch; SIGHUP and `POST /-/reload` call it. Rules that cannot be
used never replace those in force, and whoever reads the outcome finds no secret in it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from responder.clock import Clock
from responder.core.messages import Declined
from responder.core.model import SECOND, Nanoseconds, format_duration, format_time
from responder.core.rules import Ruleset
from responder.errors import FileError, Problem, ProblemsError, Refused, ResponderError
from responder.ruleset import Loaded, compile_ruleset, load_ruleset
from responder.ruleset.opened import Opened
from responder.ruleset.signing import SigningSecrets
from responder.ruleset.watch import Watch
from responder.settings.values import Settings
from responder.telemetry import Metrics, logger

log = logger("reload")

Apply = Callable[[str, Ruleset], Awaitable[object]]
"""Put a ruleset in force for the person or part that is named; its reply."""


class Outcome(msgspec.Struct, frozen=True):
    """How the last attempt to read the rules went. `error`: why they are not in force, or "".

    `problems` are errors too where runbooks are broken, which are out of force while the rules are in it.
    """

    at: Nanoseconds
    by: str
    error: str = ""
    problems: tuple[Problem, ...] = ()


class Reload:
    """The rules as they are on disk, and how they came to be in force."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics) -> None:
        """Nothing is read yet; `first` does."""
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._watch = Watch()
        self._turn = asyncio.Lock()
        self._last = Outcome(0, "")
        self._succeeded_at: Nanoseconds = 0
        self._rules = ""
        self.signing_secrets = SigningSecrets()

    def first(self) -> Ruleset:
        """The rules to start with. Raises ProblemsError or FileError."""
        opened: Opened = {}
        loaded = self._load(opened)
        self._watch.expect(opened)
        self._succeed("start", loaded)
        return loaded.ruleset

    def recompile(self, source: Mapping[str, str], live: Ruleset) -> Ruleset | None:
        """Rules again from what was stored of them; None where they cannot be had."""
        try:
            return compile_ruleset(source, self._settings, live).ruleset
        except ResponderError as error:
            log.warning("stored_rules_unusable", error=str(error)[:500])
            return None

    async def again(self, actor: str, apply: Apply) -> None:
        """Read the rules and put them in force.

        Raises ProblemsError, FileError or Refused: the old ones stay in force.
        """
        async with self._turn:
            opened: Opened = {}
            try:
                loaded = await asyncio.to_thread(self._load, opened)
                reply = await apply(actor, loaded.ruleset)
                if isinstance(reply, Declined):
                    raise Refused(reply.reason)
            except ResponderError as error:
                self._fail(actor, error)
                if isinstance(error, ProblemsError | FileError):
                    self._watch.expect(opened)  # else they are fine, and the watch tries again
                raise
            self._watch.expect(opened)
            self._succeed(actor, loaded)
            log.info("reloaded", by=actor, rules=loaded.ruleset.hash[:12])

    async def watch(self, apply: Apply) -> None:
        """Read them again whenever a file that they came from is another one. Ends never, or at once."""
        every = self._settings.reload.watch
        while every:
            await self._clock.sleep(every)
            try:
                async with self._turn:
                    changed = await asyncio.to_thread(self._watch.changed)
                if changed:
                    await self.again("changed files", apply)
            except ResponderError:  # logged; the old ones stay
                continue
            except Exception:  # a bug: it must not end the watch
                log.exception("watch_failed")

    def shown(self) -> dict[str, Any]:
        """The last attempt, as JSON for people and programs."""
        last, every = self._last, self._settings.reload.watch
        return {
            "successful": not last.error,
            "at": format_time(last.at),
            "by": last.by,
            "error": last.error or None,
            "problems": [
                {
                    "file": problem.file,
                    "line": problem.line,
                    "column": problem.column,
                    "severity": problem.severity,
                    "message": problem.message,
                }
                for problem in last.problems
            ],
            "in_force": {"rules": self._rules, "since": format_time(self._succeeded_at)},
            "watch": format_duration(every) if every else None,
        }

    def _load(self, opened: Opened) -> Loaded:
        loaded = load_ruleset(self._settings.rules, self._settings, opened=opened)
        for problem in (*loaded.warnings, *loaded.unsupported):
            log.warning("rules", problem=str(problem))
        for problem in loaded.broken:
            log.error("runbook_broken", problem=str(problem))
        return loaded

    def _succeed(self, actor: str, loaded: Loaded) -> None:
        now = self._clock.now()
        self.signing_secrets.replace(loaded.signing_secrets)
        self._last = Outcome(now, actor, problems=(*loaded.broken, *loaded.warnings, *loaded.unsupported))
        self._succeeded_at, self._rules = now, loaded.ruleset.hash
        self._metrics.runbooks.labels("loaded").set(len(loaded.ruleset.runbooks))
        self._metrics.runbooks.labels("broken").set(len({problem.file for problem in loaded.broken}))
        self._metrics.reload_ok.set(1)
        self._metrics.reloaded_at.set(now // SECOND)

    def _fail(self, actor: str, error: ResponderError) -> None:
        problems = tuple(error.problems) if isinstance(error, ProblemsError) else ()
        text = f"{len(problems)} problems" if problems else str(error)
        self._last = Outcome(self._clock.now(), actor, text, problems)
        self._metrics.reload_ok.set(0)
        log.error("reload_failed", by=actor, problems=len(problems) or 1, error=str(error)[:2000])
