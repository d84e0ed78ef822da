"""The real core on a virtual clock: whom rules would tell of what, without a service.

`responder simulate`, `test` and `backtest` drive it; whole days pass in seconds. It writes nowhere,
sends nothing and reads no clock: every order counts as delivered at the instant at which it was made.
"""

from responder.replay.course import Course, apply
from responder.replay.lines import Line, Lines
from responder.replay.reachable import reachable
from responder.replay.script import ENDLESS, Entry, read_script

__all__ = ["ENDLESS", "Course", "Entry", "Line", "Lines", "apply", "reachable", "read_script"]
