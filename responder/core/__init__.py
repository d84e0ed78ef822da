"""The decisions: pure functions over frozen values.

No module here performs I/O, reads a clock, draws a random number, logs, or imports asyncio.
"""
