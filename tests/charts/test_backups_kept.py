"""What becomes of dumps: carried to two regions, kept for their time, and what Velero stored is copied."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Final

import pytest

from tests.charts.podrun import Ended, Pod
from tests.charts.rehearsal import CLUSTER, Rehearsal
from tests.peers.apiserver import ApiServer
from tests.peers.objectstore import ObjectStore
from tests.peers.pushgateway import Pushgateway
from tests.peers.users import directory

pytestmark = pytest.mark.peers

DAY: Final = 86400


@pytest.fixture
def rehearsal(object_store: ObjectStore, pushgateway: Pushgateway) -> Iterator[Rehearsal]:
    with directory() as place:
        yield Rehearsal(place, object_store, pushgateway)


def name_of(age: float, kind: str = "configuration") -> str:
    """The name of a dump that was made so many days ago."""
    return f"{kind}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(time.time() - age * DAY))}"


def dump(name: str, text: str = "x") -> dict[str, bytes]:
    """A dump's files; to carry it, nobody looks what is in it."""
    body = text.encode()
    return {
        f"{name}.yaml.gz": body,
        f"{name}.sha256": f"{hashlib.sha256(body).hexdigest()}  {name}.yaml.gz\n".encode(),
    }


def stored(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{CLUSTER}/configuration/{file}": body for file, body in files.items()}


def made(rehearsal: Rehearsal, name: str, *others: str) -> Pod:
    """The pod of configuration-backup, whose first container has made this dump; others lie on the volume."""
    pod = rehearsal.pod("configuration-backup")
    (pod.volume("work") / "began").write_text(f"{int(time.time())}\n")
    (pod.volume("work") / "made").write_text(f"{name}\n")
    for other in (name, *others):
        for file, body in dump(other).items():
            (pod.volume("backups") / file).write_bytes(body)
    return pod


def store(pod: Pod) -> Ended:
    return pod.run(pod.containers[-1])


def test_what_is_older_than_it_is_kept_goes_and_the_rest_stays(rehearsal: Rehearsal) -> None:
    new, ages = name_of(0), [1, 6, 8, 89, 91, 400]
    dated = {age: name_of(age) for age in ages}
    objects = [stored(dump(name)) for name in dated.values()]
    # Of another kind, and what nobody can take for a dump.
    foreign = {
        f"{CLUSTER}/redis/{name_of(400, 'redis')}.sha256": b"x",
        f"{CLUSTER}/configuration/README": b"x",
    }
    for bucket in ("first", "second"):
        rehearsal.put(bucket, {key: body for found in (*objects, foreign) for key, body in found.items()})
    pod = made(rehearsal, new, *dated.values())

    ended = store(pod)

    assert ended.status == 0, ended.log
    kept = {key: body for age in (1, 6, 8, 89) for key, body in stored(dump(dated[age])).items()}
    for bucket in ("first", "second"):
        assert rehearsal.store.buckets[bucket] == {**kept, **foreign, **stored(dump(new))}
    # A week on the volume.
    assert rehearsal.on_volume("configuration") == sorted(
        file for name in (new, dated[1], dated[6]) for file in dump(name)
    )
    assert f"store.sh: {dated[91]} is gone from offsite:second/{CLUSTER}/configuration" in ended.log


def test_the_newest_three_stay_however_old_they_are(rehearsal: Rehearsal) -> None:
    new, old = name_of(0), [name_of(age) for age in (200, 300, 400)]
    rehearsal.put("first", {key: body for name in old for key, body in stored(dump(name)).items()})
    assert store(made(rehearsal, new)).status == 0
    assert rehearsal.dumps("configuration") == sorted([new, *old[:2]])


def test_nothing_goes_where_the_new_one_did_not_arrive(rehearsal: Rehearsal) -> None:
    old = {key: body for age in (100, 200, 300, 400) for key, body in stored(dump(name_of(age))).items()}
    rehearsal.put("first", old)
    rehearsal.put("second", old)

    def fails(words: str, status: int) -> None:
        ended = store(made(rehearsal, name_of(0)))
        assert (ended.status, words in ended.log) == (status, True), ended.log
        assert old.items() <= rehearsal.store.buckets["first"].items()
        assert rehearsal.store.buckets["second"] == old
        assert rehearsal.pushed("configuration-backup")["status"] == 0
        assert not {"one", "two"} & set(ended.log.split())

    rehearsal.store.down = True
    fails(f"primary:first/{CLUSTER}/configuration did not take configuration-", 69)
    rehearsal.store.down = False
    rehearsal.store.damages = True
    fails(f"primary:first/{CLUSTER}/configuration ", 69)
    rehearsal.store.damages = False
    rehearsal.put("first", old)
    rehearsal.node.secrets["backup-storage-offsite"]["access-key-id"] = "key-of-first"
    fails(f"offsite:second/{CLUSTER}/configuration did not take configuration-", 69)
    # What is on the volume is looked at again before it is sent.
    pod = made(rehearsal, name_of(0))
    (pod.volume("backups") / f"{(pod.volume('work') / 'made').read_text().strip()}.yaml.gz").write_bytes(b"y")
    ended = store(pod)
    assert (ended.status, "is not as it was written: cut off, or damaged" in ended.log) == (65, True)


def test_a_pushgateway_that_is_away_does_not_lose_the_backup_and_is_no_success(rehearsal: Rehearsal) -> None:
    pod = made(rehearsal, name_of(0))
    [variable] = [v for v in pod.containers[-1]["env"] if v["name"] == "PUSHGATEWAY"]
    there, variable["value"] = variable["value"], "http://127.0.0.1:1"
    try:
        ended = store(pod)
    finally:
        variable["value"] = there
    assert (
        ended.status,
        "configuration-backup succeeded, and http://127.0.0.1:1 could not be told" in ended.log,
    ) == (69, True)
    assert len(rehearsal.dumps("configuration")) == 1


def test_the_copy_in_the_second_region_keeps_what_goes_in_the_first(rehearsal: Rehearsal) -> None:
    velero = {f"{CLUSTER}/velero/backups/a/velero-backup.json": b"{}", f"{CLUSTER}/velero/kopia/p1": b"pack"}
    rehearsal.put("first", velero)
    ended = rehearsal.run("offsite-copy")
    assert ended.status == 0, ended.log
    assert rehearsal.store.buckets["second"] == velero
    pushed = rehearsal.pushed("offsite-copy")
    assert (pushed["status"], pushed["size_bytes"]) == (1, 6)

    # Somebody removes one and writes over the other; what was moved aside long ago goes.
    old = f"{CLUSTER}/velero-aside/aside-20260101T000000Z/backups/b"
    rehearsal.store.buckets["second"][old] = b"old"
    rehearsal.store.headers["second", old] = {}
    rehearsal.put("first", {f"{CLUSTER}/velero/kopia/p1": b"encrypted by a stranger"})
    ended = rehearsal.run("offsite-copy")
    assert ended.status == 0, ended.log
    there = rehearsal.store.buckets["second"]
    assert there[f"{CLUSTER}/velero/kopia/p1"] == b"encrypted by a stranger"
    aside = {
        key.partition("/aside-")[2].partition("/")[2]: body for key, body in there.items() if "/aside-" in key
    }
    assert aside == {"backups/a/velero-backup.json": b"{}", "kopia/p1": b"pack"}

    # And an empty first bucket is no reason to empty the second.
    rehearsal.store.buckets["first"].clear()
    ended = rehearsal.run("offsite-copy")
    words = f"primary:first/{CLUSTER}/velero is empty: nothing is copied, and what was copied before stays"
    assert (ended.status, words in ended.log) == (65, True), ended.log
    assert rehearsal.store.buckets["second"] == there
    assert rehearsal.pushed("offsite-copy")["status"] == 0


VELERO: Final = {
    "velero": {"enabled": True},
    **{kind: {"enabled": kind == "configuration"} for kind in ("postgresql", "redis", "configuration")},
}


@pytest.mark.parametrize(
    ("status", "expected", "words"),
    [
        (
            {"phase": "Completed", "progress": {"itemsRestored": 12}},
            0,
            "Velero restored 12 objects into restore-validation",
        ),
        (
            {"phase": "Completed", "progress": {"itemsRestored": 1}},
            65,
            "brought back 1 objects, fewer than 5",
        ),
        ({"phase": "PartiallyFailed"}, 65, "ended as PartiallyFailed"),
        ({"phase": "FailedValidation", "validationErrors": ["no such schedule"]}, 65, "no such schedule"),
        ({"phase": "InProgress"}, 69, "of Velero is still InProgress after 10 s"),
    ],
    ids=["restored", "too little", "partly", "refused", "hangs"],
)
def test_velero_is_asked_for_a_restore_beside_the_application_which_is_removed_again(
    status: dict[str, object], expected: int, words: str, object_store: ObjectStore, pushgateway: Pushgateway
) -> None:
    with directory() as place:
        rehearsal = Rehearsal(
            place, object_store, pushgateway, values={**VELERO, "validation": {"velero": {"patience": 1}}}
        )
        roles = [
            o for o in rehearsal.objects if o["metadata"]["name"] == "backup-validation" and "rules" in o
        ]
        allowed = {
            (verb, group, plural)
            for role in roles
            for rule in role["rules"]
            for verb in rule["verbs"]
            for group in rule["apiGroups"]
            for plural in rule["resources"]
        }
        server = ApiServer(allowed)
        server.on_create = {"status": status}
        server.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "restore-validation"}})
        rehearsal.node.home[".kube/config"] = server.kubeconfig
        pod = rehearsal.pod("backup-validation")
        [container] = [c for c in pod.containers if c["name"] == "velero"]
        # Nobody waits in a test: the clock of the script is `sleep`.
        rehearsal.node.replace("alpine/kubectl", "sleep", "exit 0")

        ended = pod.run(container)

        server.close()
        failed = pod.volume("work") / "failed"
        code = int(failed.read_text().split()[1]) if failed.exists() else 0
        assert (code, words in ended.log) == (expected, True), ended.log
        [restore] = [o for o in server.objects.values() if o["kind"] == "Restore"]
        assert restore["spec"] == {
            "scheduleName": "cluster-daily",
            "includedNamespaces": ["production"],
            "includedResources": [
                "configmaps",
                "services",
                "serviceaccounts",
                "persistentvolumeclaims",
                "persistentvolumes",
            ],
            "namespaceMapping": {"production": "restore-validation"},
            "restorePVs": True,
        }
        assert server.removed == ["namespaces/restore-validation"]
