"""How each kind of service is told: one module per kind of integration.

`delivery` asks `integration` for a Sender and calls it. Nothing here retries, paces or remembers
what was told.
"""
