"""The guards: one pure function each, all of them asked, every time.

`core.judging` asks them at the proposal, after an approval and before every step that changes something.
A guard that cannot tell denies; none of them knows a clock, and none may raise into an allow.
"""

from responder.core.guards.autonomy import effective_mode
from responder.core.guards.evaluation import GUARDS, evaluate, lacking
from responder.core.guards.situation import Situation, When

__all__ = ["GUARDS", "Situation", "When", "effective_mode", "evaluate", "lacking"]
