"""A run's life: its states, the moves that are legal, and what is remembered of it.

`core.propose` and `core.advance` move Runs, `store` keeps them, everybody may read them. An illegal
move raises and changes nothing; no state is left by time alone where a person or a probe must decide.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec

from responder.core.model import Nanoseconds
from responder.core.plan import Facts, Plan, TargetRef
from responder.core.runbook import Mode, Risk

RunState: TypeAlias = Literal[
    "proposed",
    "awaiting_approval",
    "approved",
    "executing",
    "waiting",
    "unknown",
    "verifying",
    "succeeded",
    "failed",
    "rolling_back",
    "rolled_back",
    "rollback_failed",
    "denied",
    "expired",
    "cancelled",
]

MOVES: Final[Mapping[RunState, frozenset[RunState]]] = {
    "proposed": frozenset({"awaiting_approval", "approved", "denied", "cancelled", "expired"}),
    "awaiting_approval": frozenset({"approved", "denied", "expired", "cancelled"}),
    "approved": frozenset({"executing", "denied", "expired", "cancelled"}),
    "executing": frozenset({"executing", "waiting", "verifying", "failed", "unknown", "cancelled"}),
    "waiting": frozenset({"executing", "expired", "cancelled"}),
    "unknown": frozenset({"executing", "verifying", "failed"}),
    "verifying": frozenset({"succeeded", "failed", "unknown"}),
    "failed": frozenset({"rolling_back"}),
    "rolling_back": frozenset({"rolled_back", "rollback_failed"}),
    "succeeded": frozenset(),
    "rolled_back": frozenset(),
    "rollback_failed": frozenset(),
    "denied": frozenset(),
    "expired": frozenset(),
    "cancelled": frozenset(),
}

ENDS: Final[frozenset[RunState]] = frozenset(
    {"succeeded", "failed", "denied", "expired", "cancelled", "rolled_back", "rollback_failed"}
)
"""States that a run can end in; `failed` only where nothing takes it back."""

Verdict: TypeAlias = Literal["allow", "ask", "deny"]


class GuardResult(msgspec.Struct, frozen=True):
    """What one guard says. `approvals`: how many persons an `ask` needs in all.

    `retry_at`: when a `deny` may be another verdict (0: not by time).
    """

    guard: str
    verdict: Verdict
    reason: str
    data: dict[str, str | int | float | bool] = {}
    retry_at: Nanoseconds = 0
    approvals: int = 0


class Approval(msgspec.Struct, frozen=True):
    """A person's yes to the plan with this hash."""

    person: str
    at: Nanoseconds
    plan_hash: str
    via: str = ""


class Moment(msgspec.Struct, frozen=True):
    """One line of a run's story. `state` is the one that it was in afterwards."""

    at: Nanoseconds
    state: RunState
    text: str
    by: str = ""


class Episode(msgspec.Struct, frozen=True):
    """An alert that a run answers: its fingerprint, when this life of it began, and its id."""

    fingerprint: str
    starts_at: Nanoseconds
    alert: int


class Run(msgspec.Struct, frozen=True):
    """One execution of a runbook, from its proposal to its end.

    `number` counts from 1; `target` is None where the parameters could not be bound.
    `requested_by`: the name of whoever asked, `person` the person behind it ("" for an alert), `via` how.
    `trigger`: who sent the alert. `episodes`: the alerts that it answers, the first one first; others
    joined. `groups`: the incidents that these are in, as far as they were known.
    `mode`, `risk`: the effective ones when it was judged last; `needed`: persons in all.
    `lap` counts what was asked of `actions`, so that a late answer to an earlier question is known as such.
    `step`: the index of the step that is under way or next; `ordered_at`: when its intent was recorded
    (0: it was not), under `key`. `acted_at`: when it first reached `executing` (0: never); budgets count
    from it.
    `applied`: steps that were carried out. `due_at`: the next thing that happens by time (0: nothing).
    `rolling`: what `on_failure` asks for is being done; `step` counts in that. `only_plan`: it ends when
    its plan is judged. `nonce`: of the card that is shown now; a button with another is out of date.
    """

    number: int
    runbook: str
    runbook_hash: str
    parameters: dict[str, str]
    target: TargetRef | None
    state: RunState
    created_at: Nanoseconds
    mode: Mode
    risk: Risk
    requested_by: str = ""
    person: str = ""
    via: str = "alert"
    trigger: str = ""
    why: str = ""
    episodes: tuple[Episode, ...] = ()
    groups: tuple[int, ...] = ()
    reason: str = ""
    plan: Plan | None = None
    facts: Facts | None = None
    verdicts: tuple[GuardResult, ...] = ()
    approvals: tuple[Approval, ...] = ()
    needed: int = 0
    lap: int = 0
    step: int = 0
    ordered_at: Nanoseconds = 0
    key: str = ""
    acted_at: Nanoseconds = 0
    applied: int = 0
    rolling: bool = False
    only_plan: bool = False
    due_at: Nanoseconds = 0
    expires_at: Nanoseconds = 0
    hold_until: Nanoseconds = 0
    ended_at: Nanoseconds = 0
    nonce: str = ""
    story: tuple[Moment, ...] = ()

    @property
    def id(self) -> str:
        """What people call it: unique in one database, and across databases as far as the second tells."""
        return f"r{self.number}-{self.created_at // 1_000_000_000:x}"

    @property
    def open(self) -> bool:
        """Whether something may still happen."""
        return not self.ended_at

    @property
    def target_key(self) -> str:
        """What budgets count by; "" without a target."""
        return self.target.key if self.target else ""


class IllegalMove(ValueError):
    """A move that the transition table does not have."""


def move(run: Run, to: RunState, at: Nanoseconds, text: str, by: str = "", reason: str = "") -> Run:
    """The run after a move, with the story's next line. Raises IllegalMove; `run` is as it was.

    `failed` is left open: whoever moves there says whether something takes it back, or ends it with `end`.
    """
    if run.ended_at or to not in MOVES[run.state]:
        ended = " and has ended" if run.ended_at else ""
        raise IllegalMove(f"run {run.id} is {run.state}{ended}: it cannot become {to}")
    final = to in ENDS and to != "failed"
    return msgspec.structs.replace(
        run,
        state=to,
        reason=reason or (run.reason if not final else ""),
        story=(*run.story, Moment(at, to, text, by)),
        ended_at=at if final else 0,
        acted_at=run.acted_at or (at if to == "executing" else 0),
        due_at=0,
    )


def note(run: Run, at: Nanoseconds, text: str, by: str = "") -> Run:
    """A line in the story that moves nothing."""
    return msgspec.structs.replace(run, story=(*run.story, Moment(at, run.state, text, by)))


def end(run: Run, at: Nanoseconds) -> Run:
    """A failed run that nothing takes back is over."""
    if run.state != "failed":
        raise IllegalMove(f"run {run.id} is {run.state}: only a failed run ends like this")
    return msgspec.structs.replace(run, ended_at=at, due_at=0)


class RunIndex:
    """Which run is open for a target, which answered a life of an alert last, and which have acted.

    `lives`: by an alert's fingerprint, when each life of it began, and when the newest run about it did.
    A run that only makes a plan is open for nobody.
    """

    __slots__ = ("_seen", "acted", "answered", "lives", "open", "refused")

    def __init__(self) -> None:
        """Of no run."""
        self.open: dict[tuple[str, str], int] = {}
        self.answered: dict[tuple[str, str, Nanoseconds], int] = {}
        self.refused: dict[tuple[str, str], int] = {}
        self.acted: set[int] = set()
        self.lives: dict[str, dict[Nanoseconds, Nanoseconds]] = {}
        self._seen: dict[int, int] = {}

    def put(self, run: Run) -> None:
        """Take a run's new value in. Its episodes only ever become more."""
        place = run.runbook, run.target_key
        if run.open and not run.only_plan:
            self.open[place] = run.number
        elif self.open.get(place) == run.number:
            del self.open[place]
        if run.acted_at:
            self.acted.add(run.number)
        for episode in run.episodes[self._seen.get(run.number, 0) :]:
            key = run.runbook, episode.fingerprint, episode.starts_at
            self.answered[key] = max(run.number, self.answered.get(key, 0))
            lives = self.lives.setdefault(episode.fingerprint, {})
            lives[episode.starts_at] = max(run.created_at, lives.get(episode.starts_at, 0))
        self._seen[run.number] = len(run.episodes)
        if run.target is None:
            refusal = run.runbook, run.why
            self.refused[refusal] = max(run.number, self.refused.get(refusal, 0))

    def last(self, runbook: str, episode: Episode, why: str) -> int | None:
        """The number of the newest run that answered this, or was refused with the same words."""
        number = self.answered.get((runbook, episode.fingerprint, episode.starts_at))
        return number or (self.refused.get((runbook, why)) if why else None)
