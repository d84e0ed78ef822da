"""What carries runs out: it looks, plans, changes something once, and finds out whether that helped.

The engine gives `worker.Acts` what was decided and gets Inputs back. Nothing here decides whether
anything may be done, and nothing is ever done twice.
"""
