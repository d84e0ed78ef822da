"""Responder: who hears about an alert, and what is done about it.

The package's map is `docs/architecture.md`.
"""

__version__ = "0.1.0"

LIKE = "0.25.0"
"""The version of Alertmanager whose API `/api/v2` is; clients compare it with what they need."""
