"""A PostgreSQL is backed up by the rendered jobs, destroyed, and restored; bad dumps are refused."""

import hashlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chaos.test_disk import own_mounts
from tests.charts.alertcheck import fires
from tests.charts.helm import CHARTS
from tests.charts.podrun import kill9
from tests.charts.rehearsal import CLUSTER, DATABASE, Rehearsal
from tests.peers.calls import wait_until
from tests.peers.objectstore import ObjectStore
from tests.peers.postgresql import PostgreSQL
from tests.peers.pushgateway import Pushgateway
from tests.peers.users import directory

pytestmark = pytest.mark.peers

DATA = r'''
CREATE SCHEMA "Sales Ops";
CREATE TYPE mood AS ENUM ('fine', 'bad');
CREATE TABLE "Sales Ops"."Order ""quoted""" (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL, paid numeric(20, 4), tags text[], extra jsonb,
    how mood, span tstzrange, raw bytea, name text CHECK (name <> ''),
    double_paid numeric GENERATED ALWAYS AS (paid * 2) STORED
);
INSERT INTO "Sales Ops"."Order ""quoted""" (at, paid, tags, extra, how, span, raw, name)
SELECT to_timestamp(1.7e9 + n), n * 1.2345, ARRAY['a', NULL, n::text],
    jsonb_build_object('n', n, 'x', E'\u2603'), CASE WHEN n % 2 = 0 THEN 'fine' ELSE 'bad' END::mood,
    tstzrange(to_timestamp(n), NULL), decode(md5(n::text), 'hex'),
    E'caf\u00e9 \U0001D11E ' || E'tab\there\nline \\ end' || n
FROM generate_series(1, 500) n;
CREATE TABLE large (id int PRIMARY KEY, body text);
INSERT INTO large SELECT n, string_agg(md5((n * 7919 + i)::text), '')
FROM generate_series(1, 3) n, generate_series(1, 10000) i GROUP BY n;
CREATE TABLE nothing (id int);
CREATE TABLE line (
    orders bigint REFERENCES "Sales Ops"."Order ""quoted""" (id), amount int, UNIQUE (orders, amount)
);
INSERT INTO line SELECT id, id % 7 FROM "Sales Ops"."Order ""quoted""";
CREATE TABLE measured (at date, value float8) PARTITION BY RANGE (at);
CREATE TABLE measured_2026 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
INSERT INTO measured VALUES ('2026-01-02', 'NaN'), ('2026-01-03', '-Infinity'), ('2026-01-04', 0.1);
CREATE SEQUENCE tickets START 100 INCREMENT 7;
SELECT nextval('tickets'), nextval('tickets');
CREATE VIEW paid AS SELECT id, paid FROM "Sales Ops"."Order ""quoted""" WHERE paid > 10;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE INDEX by_twice ON line (twice(amount));
GRANT SELECT ON line TO "shop reader";
ALTER DATABASE shop OWNER TO "shop reader";
ALTER DATABASE shop SET search_path TO "Sales Ops", public;
ALTER DATABASE shop SET work_mem TO '5MB';
ALTER ROLE "shop reader" IN DATABASE shop SET application_name TO 'it''s "a" name';
REVOKE CONNECT ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO backup WITH GRANT OPTION;
ALTER TABLE large OWNER TO "shop reader";
'''
ROWS = r"""
SELECT format('SELECT %L, to_jsonb(r)::text FROM %s r ORDER BY 2', c.oid::regclass, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
ORDER BY 1
\gexec
SELECT schemaname, sequencename, last_value, increment_by FROM pg_sequences ORDER BY 1, 2;
SELECT c.oid::regclass::text, pg_get_userbyid(relowner), relacl FROM pg_class c
WHERE relnamespace::regnamespace::text IN ('public', '"Sales Ops"') ORDER BY 1;
SELECT pg_get_userbyid(datdba), encoding, datcollate, datctype,
    (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a)
FROM pg_database WHERE datname = 'shop';
SELECT coalesce(pg_get_userbyid(nullif(setrole, 0)), ''), setconfig FROM pg_db_role_setting s
JOIN pg_database d ON d.oid = setdatabase WHERE datname = 'shop' ORDER BY 1;
"""


ONLY = {"redis": {"enabled": False}, "configuration": {"enabled": False}}
# pg_dump, but for the last hundred bytes of what it writes.
CUT_OFF = """
"$REAL" "$@" && size=$(wc -c < "$DUMP") && head -c $((size - 100)) "$DUMP" > "$WORK/cut" &&
    cat "$WORK/cut" > "$DUMP"
"""
VELERO_HOOKS = {
    hook["name"]: hook
    for hook in yaml.safe_load((CHARTS / "platform" / "values.yaml").read_text())["backups"]["velero"][
        "hooks"
    ]
}
BACKUP = {"system": "cronjob", "namespace": "production"}


@pytest.fixture
def server(postgresql: PostgreSQL) -> Iterator[PostgreSQL]:
    postgresql.sql(
        f'CREATE DATABASE {DATABASE} STRATEGY file_copy; CREATE ROLE "shop reader" LOGIN;'
        "CREATE ROLE backup LOGIN PASSWORD 'what-backup-is-asked' IN ROLE pg_read_all_data"
    )
    yield postgresql
    for name in postgresql.sql(
        f"SELECT datname FROM pg_database WHERE datname LIKE '{DATABASE}%'"
    ).splitlines():
        postgresql.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    postgresql.sql('DROP ROLE IF EXISTS "shop reader"; DROP ROLE backup')


@pytest.fixture
def rehearsal(server: PostgreSQL, object_store: ObjectStore, pushgateway: Pushgateway) -> Iterator[Rehearsal]:
    with directory() as place:
        yield Rehearsal(place, object_store, pushgateway, postgresql=server.port, values=ONLY)


def small(server: PostgreSQL) -> None:
    server.sql("CREATE TABLE t AS SELECT n, md5(n::text) FROM generate_series(1, 2000) n", DATABASE)


def test_a_database_that_was_destroyed_is_as_it_was_row_by_row(
    server: PostgreSQL, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    server.sql(DATA, DATABASE)
    before = server.sql(ROWS, DATABASE)
    began = int(time.time())

    ended = rehearsal.run("postgresql-backup")

    assert ended.status == 0, ended.log
    [name] = rehearsal.dumps("postgresql")
    files = [f"{name}.database", f"{name}.dump", f"{name}.roles", f"{name}.rows", f"{name}.sha256"]
    assert rehearsal.on_volume("postgresql") == files
    assert rehearsal.store.buckets["first"] == rehearsal.store.buckets["second"]
    assert sorted(rehearsal.store.buckets["first"]) == [f"{CLUSTER}/postgresql/{file}" for file in files]
    pushed = rehearsal.pushed("postgresql-backup")
    assert pushed == {
        "status": 1,
        "success_timestamp_seconds": pushed["success_timestamp_seconds"],
        "duration_seconds": pushed["duration_seconds"],
        "size_bytes": sum(map(len, rehearsal.store.buckets["first"].values())),
    }
    assert began <= pushed["success_timestamp_seconds"] <= time.time()

    # All of it is gone, the roles as well.
    server.sql(f'DROP DATABASE {DATABASE} WITH (FORCE); DROP ROLE "shop reader"')
    ended = rehearsal.run("postgresql-restore", SWAP="yes", ROLES="yes")
    assert ended.status == 0, ended.log
    assert server.sql(ROWS, DATABASE) == before

    # And the drill, from the second region alone, says how long it takes.
    rehearsal.store.buckets["first"].clear()
    ended = rehearsal.run("restore-drill")
    assert ended.status == 0, ended.log
    assert rehearsal.pushed("restore-drill")["status"] == 1
    for alert, cause in (("BackupFailed", "failed"), ("BackupTooOld", "too_old")):
        labels = {**BACKUP, "backup": "postgresql-backup", "cause": cause}
        assert not fires(rehearsal.pushgateway.pushed(), time.time(), tmp_path, alert, labels)


def test_without_a_swap_the_database_that_is_there_stays_and_with_one_it_is_kept(
    server: PostgreSQL, rehearsal: Rehearsal
) -> None:
    small(server)
    name = rehearsal.make("postgresql")
    server.sql("DELETE FROM t WHERE n > 10", DATABASE)

    ended = rehearsal.run("postgresql-restore")

    assert ended.status == 0, ended.log
    assert server.sql("SELECT count(*) FROM t", DATABASE) == "10\n"
    [restored] = server.sql(
        f"SELECT datname FROM pg_database WHERE datname LIKE '{DATABASE}_restored%'"
    ).splitlines()
    assert server.sql("SELECT count(*) FROM t", restored) == "2000\n"

    ended = rehearsal.run("postgresql-restore", SWAP="yes", DUMP=name)
    assert ended.status == 0, ended.log
    assert server.sql("SELECT count(*) FROM t", DATABASE) == "2000\n"
    [before] = server.sql(
        f"SELECT datname FROM pg_database WHERE datname LIKE '{DATABASE}_before%'"
    ).splitlines()
    assert server.sql("SELECT count(*) FROM t", before) == "10\n"


def test_dumps_that_cannot_be_used_are_refused_and_raise_the_alert(
    server: PostgreSQL, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    small(server)
    name = rehearsal.make("postgresql")
    good = dict(rehearsal.store.buckets["second"])
    place = f"{CLUSTER}/postgresql/{name}"
    dump = good[f"{place}.dump"]

    def with_dump(body: bytes) -> dict[str, bytes]:
        """As if pg_dump itself had written that: its checksum is right."""
        files = {end: good[f"{place}.{end}"] for end in ("database", "roles", "rows")} | {"dump": body}
        sums = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}.{end}\n" for end, text in files.items())
        return {**good, f"{place}.dump": body, f"{place}.sha256": sums.encode()}

    cases: dict[str, tuple[dict[str, bytes], str]] = {
        "cut off on the way": (
            {**good, f"{place}.dump": dump[:-1]},
            f"{name} is not as it was written: cut off, or damaged",
        ),
        "cut off by who wrote it": (
            with_dump(dump[: len(dump) * 3 // 4]),
            f"{name}.dump cannot be read to its end: cut off, or damaged",
        ),
        "empty": (with_dump(b""), f"{name}.dump has 0 bytes, fewer than 1024: it is empty, or cut off"),
        "no dump": (with_dump(b"x" * 5000), f"{name}.dump is no dump that pg_restore knows"),
        "without its checksums": (
            {f"{place}.dump": dump},
            f"there is no dump in offsite:second/{CLUSTER}/postgresql",
        ),
        "old": (
            {key.replace(name, "postgresql-20260101T000000Z"): body for key, body in good.items()},
            "postgresql-20260101T000000Z, the newest in offsite:second/production-1/postgresql, is ",
        ),
    }
    for case, (objects, words) in cases.items():
        rehearsal.pushgateway.clear()
        rehearsal.put("second", objects)

        ended = rehearsal.run("restore-drill")

        assert (ended.status, words in ended.log) == (65, True), f"{case}: {ended.log}"
        assert rehearsal.pushed("restore-drill").keys() == {"status", "duration_seconds"}
        if case in ("cut off by who wrote it", "empty", "old"):
            labels = {**BACKUP, "backup": "restore-drill", "cause": "failed"}
            assert fires(rehearsal.pushgateway.pushed(), time.time(), tmp_path, "BackupFailed", labels), case


def test_a_backup_that_fails_says_why_leaves_the_one_before_and_raises_the_alert(
    server: PostgreSQL, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    assert (
        "dump.part has 856 bytes, fewer than 1024: it is empty, or cut off"
        in rehearsal.run("postgresql-backup").log
    )
    server.sql(f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$SELECT '{'x' * 5000}'$$", DATABASE)
    words = "has the data of 0 tables, fewer than 1: the database was empty"
    assert words in rehearsal.run("postgresql-backup").log
    small(server)
    assert rehearsal.run("postgresql-backup").status == 0
    good = rehearsal.pushed("postgresql-backup")
    before = (rehearsal.on_volume("postgresql"), dict(rehearsal.store.buckets["first"]))

    def fails(words: str, status: int) -> None:
        ended = rehearsal.run("postgresql-backup")
        assert (ended.status, words in ended.log) == (status, True), ended.log
        assert "what-backup-is-asked" not in ended.log
        after = [file for file in rehearsal.on_volume("postgresql") if not file.startswith(".")]
        assert (after, rehearsal.store.buckets["first"]) == before
        pushed = rehearsal.pushed("postgresql-backup")
        assert pushed == {**good, "status": 0, "duration_seconds": pushed["duration_seconds"]}

    rehearsal.node.replace("postgres", "pg_dump", CUT_OFF)
    fails("cannot be read to its end: cut off, or damaged", 65)
    labels = {**BACKUP, "backup": "postgresql-backup", "cause": "failed"}
    assert fires(rehearsal.pushgateway.pushed(), time.time(), tmp_path, "BackupFailed", labels)
    old = {**BACKUP, "backup": "postgresql-backup", "cause": "too_old"}
    # Five hours, and the quarter of an hour that the alert waits.
    for later, expected in ((5 * 3600 + 600, False), (5 * 3600 + 1200, True)):
        assert (
            fires(rehearsal.pushgateway.pushed(), time.time() + later, tmp_path, "BackupTooOld", old)
            is expected
        )

    rehearsal.node.replace("postgres", "pg_dump", "exit 1")
    fails(f"could not dump shop on 127.0.0.1:{server.port} as backup to ", 69)
    rehearsal.node.restore()
    server.sql("ALTER ROLE backup PASSWORD 'another'")
    fails('password authentication failed for user "backup"', 69)


def test_two_runs_at_once_do_not_mix_and_one_that_is_killed_leaves_no_half_file(
    server: PostgreSQL, rehearsal: Rehearsal
) -> None:
    small(server)
    go = rehearsal.node.directory / "go"
    slow = f'"$REAL" "$@"; until [ -e {go} ]; do sleep 0.05; done'
    rehearsal.node.replace("postgres", "pg_dump", slow)
    pods = [rehearsal.pod("postgresql-backup") for _ in range(3)]
    first = pods[0].launch(pods[0].containers[0])
    wait_until(
        lambda: any(".dump.part" in file for file in rehearsal.on_volume("postgresql")), what="it dumps"
    )

    second = pods[1].run(pods[1].containers[0])

    assert "another run has held " in second.log
    assert (pods[1].volume("work") / "failed").read_text() == "postgresql-backup.sh 75\n"
    kill9(first)
    # As if it had been killed a moment later, between the names and the checksums.
    half = rehearsal.node.claim("postgresql-backup") / "postgresql-20260101T000000Z.dump"
    half.write_bytes(b"half")
    own = rehearsal.node.claim("postgresql-backup") / "postgresql-20260102T000000Z.sha256"
    own.write_text("a dump that is whole")
    named = [file for file in rehearsal.on_volume("postgresql") if not file.startswith(".")]
    assert named == [half.name, own.name]
    assert any(file.endswith(".dump.part") for file in rehearsal.on_volume("postgresql"))

    go.touch()
    third = pods[2].run(pods[2].containers[0])
    assert not (pods[2].volume("work") / "failed").exists(), third.log
    name = (pods[2].volume("work") / "made").read_text().strip()
    assert rehearsal.on_volume("postgresql") == [
        own.name,
        *(f"{name}.{ending}" for ending in ("database", "dump", "roles", "rows", "sha256")),
    ]


def test_the_hook_before_a_copy_of_its_volume_is_understood(server: PostgreSQL, rehearsal: Rehearsal) -> None:
    hook = VELERO_HOOKS["postgresql"]["command"]
    path = rehearsal.node.path("postgres")
    done = subprocess.run(
        hook, executable=f"{path.rpartition(':')[2]}/{hook[0]}", capture_output=True, text=True, check=False,
        env={"PATH": path, "PGHOST": str(server.directory), "PGPORT": str(server.port)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_volume_is_said_so_and_leaves_no_half_file(server: PostgreSQL, rehearsal: Rehearsal) -> None:
    server.sql("CREATE TABLE t AS SELECT md5(n::text) FROM generate_series(1, 20000) n", DATABASE)
    pod = rehearsal.pod("postgresql-backup")
    there = rehearsal.node.claim("postgresql-backup")
    script = 'mount -t tmpfs -o size=100k,mode=777 tmpfs "$0"; "$@"; ls "$0"'

    ended = pod.run(pod.containers[0], prefix=[*own_mounts(), "sh", "-c", script, str(there)])

    assert "No space left on device" in ended.log
    # The last thing that is said is this; a file by a good name would be listed after it.
    assert f"could not dump shop on 127.0.0.1:{server.port} as backup to " in ended.log.splitlines()[-1]
    assert (pod.volume("work") / "failed").read_text() == "postgresql-backup.sh 69\n"
