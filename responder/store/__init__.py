"""Storage: the inputs log, the state's rows, the journal and the outbox, in one database.

Used by `engine`, `delivery` and the CLI's readers. Three places open a transaction: accept
(append), engine (commit) and delivery (claim, attempts). No decision is made here.
"""
