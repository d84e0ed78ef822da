"""The engine: accepted inputs in, decisions committed, delivery woken.

`service` starts it, `web` and `delivery` put Inputs in. It alone changes the State and appends to
the journal; it never awaits the network.
"""

from responder.engine.engine import Delivers, Engine, Pending
from responder.engine.stored import alert_limits

__all__ = ["Delivers", "Engine", "Pending", "alert_limits"]
