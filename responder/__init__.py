"""Responder: who hears about an alert, and what is done about it.

The package's map is `docs/architecture.md`.
"""

__version__ = "0.1.0"
