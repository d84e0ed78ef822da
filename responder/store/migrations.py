"""The schema, as the list of steps that led to it.

`store.database` runs the steps that a database has not seen. A released step is never edited:
what must change becomes a new step, and databases of earlier releases are kept as fixtures.
`INTEGER PRIMARY KEY` and `WITHOUT ROWID` are SQLite's names for a table that is stored in the order
of its key (any other key is a second tree beside the table); another database needs neither.
"""

from typing import Final

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        # What was accepted, exactly as it came. seq order is commit order.
        "CREATE TABLE inputs (seq INTEGER PRIMARY KEY, at BIGINT NOT NULL, kind TEXT NOT NULL,"
        " actor TEXT NOT NULL, body BLOB NOT NULL)",
        # The state as of `consumed`; bodies are arrays, see store.vocabulary, core.state.Group,
        # core.ledger.Told.
        "CREATE TABLE alerts (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE groups (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        "CREATE TABLE told (group_id BIGINT NOT NULL, integration TEXT NOT NULL, body BLOB NOT NULL,"
        " PRIMARY KEY (group_id, integration)) WITHOUT ROWID",
        # The ledger, which is also the outbox. state: pending -> delivered | suppressed |
        # superseded | dead. listed: how many dead rows this one stands for on people's list.
        # claimed_at, attempts, next_at, last_*: delivery's own bookkeeping.
        "CREATE TABLE deliveries (id INTEGER PRIMARY KEY, group_id BIGINT NOT NULL, group_key TEXT NOT NULL,"
        " receiver TEXT NOT NULL, integration TEXT NOT NULL, at BIGINT NOT NULL, reason TEXT NOT NULL,"
        " content BLOB NOT NULL, state TEXT NOT NULL, closed_at BIGINT NOT NULL, close_reason TEXT NOT NULL,"
        " detail TEXT NOT NULL, closed_by TEXT NOT NULL, listed BIGINT NOT NULL,"
        " claimed_at BIGINT NOT NULL DEFAULT 0, attempts BIGINT NOT NULL DEFAULT 0,"
        " next_at BIGINT NOT NULL DEFAULT 0, last_reason TEXT NOT NULL DEFAULT '',"
        " last_detail TEXT NOT NULL DEFAULT '',"
        " CHECK (state IN ('pending', 'delivered', 'suppressed', 'superseded', 'dead')))",
        "CREATE INDEX deliveries_open ON deliveries (id) WHERE state = 'pending'",
        "CREATE INDEX deliveries_listed ON deliveries (id) WHERE listed > 0",
        "CREATE INDEX deliveries_closed ON deliveries (closed_at) WHERE state <> 'pending'",
        # One row per decision, hash-chained, gapless n.
        "CREATE TABLE journal (n INTEGER PRIMARY KEY, at BIGINT NOT NULL, seq BIGINT NOT NULL,"
        " body BLOB NOT NULL, hash TEXT NOT NULL)",
        "CREATE TABLE checkpoints (n INTEGER PRIMARY KEY, at BIGINT NOT NULL, hash TEXT NOT NULL)",
        "CREATE TABLE snapshots (seq INTEGER PRIMARY KEY, at BIGINT NOT NULL, body BLOB NOT NULL)",
        "CREATE TABLE rejected (id INTEGER PRIMARY KEY, at BIGINT NOT NULL, sender TEXT NOT NULL,"
        " status BIGINT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL)",
        "CREATE TABLE rulesets (hash TEXT PRIMARY KEY, at BIGINT NOT NULL, source BLOB NOT NULL)",
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        # The ledger's sums, kept in the transactions that open and close rows.
        "CREATE TABLE sums (name TEXT PRIMARY KEY, value BIGINT NOT NULL) WITHOUT ROWID",
    ),
    (
        # What an integration gave for a pending row of which people were told and a part is left.
        "ALTER TABLE deliveries ADD COLUMN receipt TEXT NOT NULL DEFAULT ''",
    ),
    (
        # Silences, those included that are over and not forgotten yet; see core.silence.Silence.
        "CREATE TABLE silences (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    ),
    (
        # Runs, see core.run.Run; ended_at 0: it is open.
        "CREATE TABLE runs (id INTEGER PRIMARY KEY, body BLOB NOT NULL, ended_at BIGINT NOT NULL)",
        # Freezes that are in force, see core.freeze.Freeze. A claim reads them in its own transaction.
        "CREATE TABLE freezes (id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        # Who vouched for which text of a runbook, and since when its failures count.
        "CREATE TABLE signatures (runbook TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        # Steps that were ordered, each carried out once at most: pending -> claimed -> ended. What is
        # withdrawn before it is claimed is ended at once. `namespace` is "" for what has none.
        "CREATE TABLE executions (key TEXT PRIMARY KEY, run BIGINT NOT NULL, lap BIGINT NOT NULL,"
        " action TEXT NOT NULL, runbook TEXT NOT NULL, cluster TEXT NOT NULL, namespace TEXT NOT NULL,"
        " kind TEXT NOT NULL, name TEXT NOT NULL, not_after BIGINT NOT NULL, state TEXT NOT NULL,"
        " claimed_at BIGINT NOT NULL,"
        " CHECK (state IN ('pending', 'claimed', 'ended'))) WITHOUT ROWID",
    ),
    (
        # Signatures of what Slack has sent: each request counts once, across restarts too.
        "CREATE TABLE slack_seen (signature TEXT PRIMARY KEY, at BIGINT NOT NULL) WITHOUT ROWID",
    ),
    (
        # What was told last, as Alertmanager keeps it, under `compatibility: alertmanager` alone; see
        # core.state.LogEntry.
        "CREATE TABLE notification_log (key TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
        # Where in a trace something belongs that is not over yet, see store.traces. Empty without tracing.
        "CREATE TABLE traces (about TEXT NOT NULL, id BIGINT NOT NULL, part BIGINT NOT NULL,"
        " body BLOB NOT NULL, PRIMARY KEY (about, id, part)) WITHOUT ROWID",
    ),
    (
        # What the rows of alerts have in common since this step, by number; see store.vocabulary.
        "CREATE TABLE vocabulary (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
    ),
)
