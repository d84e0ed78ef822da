"""A Redis is backed up by the rendered job, destroyed, and restored; bad dumps are refused."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.charts.alertcheck import fires
from tests.charts.rehearsal import CLUSTER, Rehearsal
from tests.peers.authority import Authority
from tests.peers.objectstore import ObjectStore
from tests.peers.pushgateway import Pushgateway
from tests.peers.redis import PASSWORD, Redis
from tests.peers.users import directory, own

pytestmark = pytest.mark.peers

ONLY: Final = {"postgresql": {"enabled": False}, "configuration": {"enabled": False}}
FAILED: Final = {"system": "cronjob", "namespace": "production", "cause": "failed"}
DATA: Final = [
    r'SET plain "caf\xc3\xa9 \xe2\x98\x83 \"quoted\"\nline"',
    "SET counted 9007199254740993",
    "SETEX brief 3600 gone-in-an-hour",
    "SETBIT bits 70000 1",
    "HSET hash a 1 b two 'c d' ''",
    *(f"HSET large field-{n} {'x' * 70}{n}" for n in range(300)),
    "RPUSH list one two one",
    "SADD set 1 2 three",
    "ZADD scores 1.5 a -1e300 b 3 c",
    "XADD stream 1-1 temperature 20.5",
    "XADD stream 2-1 temperature 21 unit C",
    "XGROUP CREATE stream readers 0",
    "XREADGROUP GROUP readers me COUNT 1 STREAMS stream >",
]


@pytest.fixture
def rehearsal(redis: Redis, object_store: ObjectStore, pushgateway: Pushgateway) -> Iterator[Rehearsal]:
    redis.ask("FLUSHALL")
    with directory() as place:
        rehearsal = Rehearsal(place, object_store, pushgateway, redis=redis.tls_port, values=ONLY)
        rehearsal.node.secrets["redis-ca"] = {"ca.crt": redis.authority}
        yield rehearsal


@pytest.mark.parametrize("append_only", [False, True], ids=["snapshots", "append-only file"])
def test_a_redis_that_was_destroyed_holds_what_it_held(
    append_only: bool, redis: Redis, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    redis.feed(DATA)
    before = redis.contents()
    assert [before[key][0] for key in ("plain", "hash", "list", "set", "scores", "stream")] == [
        *("string", "hash", "list", "set", "zset", "stream")
    ]
    if append_only:
        ended = rehearsal.run("redis-backup")
        assert ended.status == 0, ended.log
        [name] = rehearsal.dumps("redis")
    else:
        name = rehearsal.make("redis")
    assert rehearsal.on_volume("redis") == [f"{name}.rdb", f"{name}.sha256"]
    assert rehearsal.store.buckets["first"] == rehearsal.store.buckets["second"]
    redis.ask("FLUSHALL")

    # Another server's directory, in which something else lies: it is stopped, and gets the dump.
    data = rehearsal.node.claim("data-redis-0")
    (data / "dump.rdb").write_text("what was there")
    own(data / "appendonlydir")
    # Nobody needs Redis' password for it, nor who signed its certificate.
    for secret in ("redis-backup", "redis-ca"):
        del rehearsal.node.secrets[secret]
    ended = rehearsal.run("redis-restore", REDIS_PORT="1")
    assert ended.status == 0, ended.log
    [aside] = data.glob("before-*")
    assert (aside / "dump.rdb").read_text() == "what was there"

    restored = Redis(data, append_only=append_only)
    restored.start()
    try:
        assert restored.contents() == before
    finally:
        restored.kill9()

    if append_only:
        ended = rehearsal.run("restore-drill")
        assert ended.status == 0, ended.log
        pushed = rehearsal.pushgateway.pushed()
        for backup in ("redis-backup", "restore-drill"):
            assert rehearsal.pushed(backup)["status"] == 1
            assert not fires(pushed, time.time(), tmp_path, "BackupFailed", {**FAILED, "backup": backup})


def test_what_cannot_be_copied_is_refused_with_its_reason(
    redis: Redis, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    def fails(words: str, status: int) -> None:
        ended = rehearsal.run("redis-backup")
        assert (ended.status, words in ended.log) == (status, True), ended.log
        assert [file for file in rehearsal.on_volume("redis") if not file.startswith(".")] == []
        assert rehearsal.pushed("redis-backup")["status"] == 0

    fails("rdb.part has 0 keys, fewer than 1: Redis was empty", 65)
    redis.feed(DATA)
    rehearsal.node.replace(
        "redis",
        "redis-cli",
        'for f; do :; done; "$REAL" "$@" && head -c 5000 "$f" > "$WORK/cut" && cat "$WORK/cut" > "$f"',
    )
    fails("cannot be read to its end: cut off, or damaged", 65)
    labels = {**FAILED, "backup": "redis-backup"}
    assert fires(rehearsal.pushgateway.pushed(), time.time(), tmp_path, "BackupFailed", labels)
    rehearsal.node.restore()
    rehearsal.node.secrets["redis-backup"]["password"] = "wrong"  # made up
    fails(f"could not copy Redis on 127.0.0.1:{redis.tls_port} to ", 69)
    rehearsal.node.secrets["redis-ca"]["ca.crt"] = Authority().certificate
    at = f"127.0.0.1:{redis.tls_port}"
    fails(f"Could not connect to Redis at {at}: SSL_connect failed: certificate verify failed", 69)
    rehearsal.node.secrets["redis-ca"]["ca.crt"] = ""
    fails("Could not negotiate a TLS connection: Invalid CA Certificate File/Directory", 69)


def test_dumps_that_cannot_be_used_are_refused_and_raise_the_alert(
    redis: Redis, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    redis.feed(DATA)
    name = rehearsal.make("redis")
    good = dict(rehearsal.store.buckets["second"])
    dump = f"{CLUSTER}/redis/{name}.rdb"
    cases = {
        "is not as it was written: cut off, or damaged": {**good, dump: good[dump][:-10]},
        "redis-20260101T000000Z, the newest in ": {
            key.replace(name, "redis-20260101T000000Z"): body for key, body in good.items()
        },
    }
    for words, objects in cases.items():
        rehearsal.pushgateway.clear()
        rehearsal.put("second", objects)
        ended = rehearsal.run("restore-drill")
        assert (ended.status, words in ended.log) == (65, True), ended.log
        labels = {**FAILED, "backup": "restore-drill"}
        assert fires(rehearsal.pushgateway.pushed(), time.time(), tmp_path, "BackupFailed", labels)


def test_a_redis_that_runs_is_not_restored_over(redis: Redis, rehearsal: Rehearsal) -> None:
    redis.feed(DATA)
    rehearsal.make("redis")
    data = rehearsal.node.claim("data-redis-0")
    for port in (redis.tls_port, redis.port):
        ended = rehearsal.run("redis-restore", REDIS_PORT=str(port))
        words = f"Redis on 127.0.0.1:{port} runs: stop it first, it would write over what is restored"
        assert (ended.status, words in ended.log) == (75, True), ended.log
    assert list(data.iterdir()) == []


def test_the_hook_before_a_copy_of_its_volume_ends_when_redis_has_written(
    object_store: ObjectStore, pushgateway: Pushgateway
) -> None:
    """The very command of the rendered schedule; its pod has the password, and the authority in /tls."""
    with directory() as place:
        rehearsal = Rehearsal(place, object_store, pushgateway, values={**ONLY, "velero": {"enabled": True}})
        [schedule] = [o for o in rehearsal.objects if o["metadata"]["name"] == "cluster-hourly"]
        [hook] = [h for h in schedule["spec"]["template"]["hooks"]["resources"] if h["name"] == "redis"]
        data = own(place / "data")
        server = Redis(data)
        server.start()
        try:
            server.feed(DATA)
            authority = place / "ca.crt"
            authority.write_text(server.authority)
            rehearsal.node.replace(
                "redis",
                "redis-cli",
                'for word; do shift; if [ "$word" = /tls/ca.crt ]; then word='
                f'{authority}; fi; set -- "$@" "$word"; done; exec "$REAL" -p {server.tls_port} "$@"',
            )
            [command] = [pre["exec"]["command"] for pre in hook["pre"]]
            path = rehearsal.node.path("redis")
            done = subprocess.run(
                [f"{path.rpartition(':')[2]}/sh", *command[1:]],
                env={"PATH": path, "REDISCLI_AUTH": PASSWORD},
                check=False,
                timeout=30,
            )
            assert done.returncode == 0
            assert (data / "dump.rdb").stat().st_size > 1000
        finally:
            server.kill9()
