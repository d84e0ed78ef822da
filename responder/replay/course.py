"""The driver: inputs and timers in the engine's order, each order delivered at once.

`cli.simulate`, `trial` and `backtest` give it inputs and let time pass, tests share `apply`. It never
decides anything itself, and what it holds is gone with it.
"""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from responder.core.decide import decide, decide_timer
from responder.core.draft import Decision
from responder.core.messages import (
    Act,
    Body,
    Deliver,
    DeliveryEnded,
    Input,
    RulesLoaded,
    Show,
    Started,
    Succeed,
)
from responder.core.model import Nanoseconds
from responder.core.rules import Ruleset
from responder.core.state import State

Taken: TypeAlias = Callable[[Decision, Nanoseconds], None]
"""Told of every decision and its time, after it was applied."""

World: TypeAlias = Callable[[Act, Nanoseconds], Body | None]
"""Answers what a run asks of `actions`; None: never."""


def nobody(act: Act, now: Nanoseconds) -> None:
    """Nothing is answered: runs wait until their patience ends."""


def apply(state: State, decision: Decision, ruleset: Ruleset) -> None:
    """Make a decision true, as the engine does. `ruleset` is the one that it was made under."""
    before = state.rules
    state.apply(decision.changes)
    if state.rules != before:
        state.replace_rules(ruleset)


class Course:
    """What comes of inputs under a ruleset, from an empty state at `start`."""

    def __init__(self, ruleset: Ruleset, start: Nanoseconds, taken: Taken, world: World = nobody) -> None:
        self.ruleset = ruleset
        self.state = State(ruleset)
        self.now = start
        self.decisions = 0
        self._taken = taken
        self._seq = 0
        self._world = world
        self._endings: deque[tuple[str, Body]] = deque()
        self._decide(Started(ruleset.hash, 0), "responder")

    def give(self, body: Body, actor: str) -> object:
        """Decide an input at the present moment, after every timer that is due; its reply.

        Rules come by `load`, not as an input: `body` is not RulesLoaded.
        """
        assert not isinstance(body, RulesLoaded)
        self.advance(self.now)
        return self._decide(body, actor)

    def load(self, ruleset: Ruleset) -> None:
        """Put other rules in force at the present moment, after every timer that is due."""
        self.advance(self.now)
        self.ruleset = ruleset
        self._decide(RulesLoaded(ruleset.hash), "responder")

    def advance(self, until: Nanoseconds) -> None:
        """Let time pass: whatever is due at or before `until` is decided. Time never runs back."""
        assert until >= self.now
        while True:
            due = self.state.next_due()
            if due and due[0] <= self.now:
                self._take(decide_timer(self.state, self.ruleset, due[1], due[0]), due[0])
            elif self._endings:
                actor, body = self._endings.popleft()
                self._decide(body, actor)
            elif due and due[0] <= until:
                self.now = due[0]
            else:
                break
        self.now = until

    def _decide(self, body: Body, actor: str) -> object:
        self._seq += 1
        decision = decide(self.state, self.ruleset, Input(self._seq, self.now, actor, body))
        self._take(decision, self.now)
        return decision.reply

    def _take(self, decision: Decision, at: Nanoseconds) -> None:
        self.decisions += 1
        apply(self.state, decision, self.ruleset)
        for effect in decision.effects:
            if isinstance(effect, Deliver | Show):
                ended = DeliveryEnded(effect.notification.row, "delivered", attempts=1)
                self._endings.append(("delivery", ended))
            elif not isinstance(effect, Succeed):
                answer = self._world(effect, self.now)
                if answer is not None:
                    self._endings.append(("actions", answer))
        self._taken(decision, at)
