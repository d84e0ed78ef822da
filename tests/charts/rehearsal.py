"""The rendered backups of charts/platform against real servers: where their jobs run, and what came of it.

The tests of each kind of dump begin here. Nothing of the chart's jobs is changed but by its values, and by
what a person may change (`kubectl set env`).
"""

import functools
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.charts.helm import Manifest, rendered
from tests.charts.podrun import Ended, Node, Pod
from tests.peers.binaries import peer
from tests.peers.objectstore import ObjectStore
from tests.peers.postgresql import PASSWORD as POSTGRESQL_PASSWORD
from tests.peers.pushgateway import Pushgateway
from tests.peers.redis import PASSWORD as REDIS_PASSWORD

DATABASE: Final = "shop"
CLUSTER: Final = "production-1"


def of_backups(text: str) -> list[Manifest]:
    """The objects of the section `backups` in what was rendered; other sections have their own tests."""
    mine = re.findall(r"(?ms)^---\n# Source: platform/templates/backups/.*?(?=^---\n# Source|\Z)", text)
    return [found for found in yaml.load_all("".join(mine), Loader=yaml.CSafeLoader) if found is not None]


@functools.cache
def _rendered(*values: str) -> list[Manifest]:
    return of_backups(rendered("platform", *({"backups": json.loads(given)} for given in values)))


class Rehearsal:
    """The jobs, where they run (`node`), what they tell (`pushgateway`) and where they put it (`store`)."""

    def __init__(
        self,
        directory: Path,
        store: ObjectStore,
        pushgateway: Pushgateway,
        *,
        postgresql: int = 1,
        redis: int = 1,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        store.clear()
        pushgateway.clear()
        self.store = store
        self.pushgateway = pushgateway
        place = {"region": "eu-central-1", "url": store.url}
        given = {
            "pushgateway": pushgateway.url,
            "jobs": {"lockWait": 1},
            "storage": {
                "provider": "Other",
                "retries": 1,
                "primary": {**place, "bucket": "first"},
                "offsite": {**place, "bucket": "second"},
            },
            "postgresql": {
                "host": "127.0.0.1",
                "port": postgresql,
                "database": DATABASE,
                "sslmode": "disable",
                "restore": {"user": "postgres"},
            },
            "redis": {"host": "127.0.0.1", "port": redis},
            "velero": {"enabled": False},
        }
        self.objects = _rendered(json.dumps(given), json.dumps(values or {}))
        self.node = Node(
            directory,
            {
                "backup-storage": {"access-key-id": "key-of-first", "secret-access-key": "one"},
                "backup-storage-offsite": {"access-key-id": "key-of-second", "secret-access-key": "two"},
                "postgresql-backup": {"password": "what-backup-is-asked"},
                "postgresql-restore": {"password": POSTGRESQL_PASSWORD},
                "redis-backup": {"password": REDIS_PASSWORD},
            },
        )

    def job(self, name: str, **variables: str) -> Manifest:
        """A CronJob; with `variables` as `kubectl set env` puts them into it."""
        [found] = [o for o in self.objects if (o["kind"], o["metadata"]["name"]) == ("CronJob", name)]
        if not variables:
            return found
        argv = [peer("kubectl"), "set", "env", "--local", "--filename=-", "--output=yaml"]
        argv += [f"{variable}={value}" for variable, value in variables.items()]
        done = subprocess.run(argv, input=yaml.safe_dump(found), capture_output=True, text=True, check=True)
        changed: Manifest = yaml.safe_load(done.stdout)
        return changed

    def run(self, name: str, **variables: str) -> Ended:
        """Runs a CronJob's pod to its end."""
        return self.node.run(self.job(name, **variables), self.objects)

    def make(self, kind: str) -> str:
        """Makes a dump by the job's first container, and puts it where `store.sh` would: its name."""
        pod = self.pod(f"{kind}-backup")
        ended = pod.run(pod.containers[0])
        assert not (pod.volume("work") / "failed").exists(), ended.log
        files = {f"{CLUSTER}/{kind}/{file}": pod.volume("backups") / file for file in self.on_volume(kind)}
        for bucket in ("first", "second"):
            self.put(bucket, {key: path.read_bytes() for key, path in files.items()})
        return self.dumps(kind)[-1]

    def pod(self, name: str) -> Pod:
        """A CronJob's pod of which nothing runs yet."""
        return self.node.pod(self.job(name), self.objects)

    def pushed(self, backup: str) -> dict[str, float]:
        """What the Pushgateway has of a backup, by the name of the series without `backup_last_`."""
        return {
            series.partition("{")[0].removeprefix("backup_last_"): value
            for series, value in self.pushgateway.pushed().items()
            if f'backup="{backup}"' in series and 'namespace="production"' in series
        }

    def put(self, bucket: str, objects: Mapping[str, bytes]) -> None:
        """Makes these all that there is in a bucket."""
        self.store.put(bucket, objects)

    def dumps(self, kind: str, bucket: str = "first") -> list[str]:
        """The names of the dumps in a bucket, oldest first."""
        return sorted(
            found[1]
            for key in self.store.buckets[bucket]
            if (found := re.fullmatch(rf"{CLUSTER}/{kind}/({kind}-[0-9TZ]+)\.sha256", key))
        )

    def on_volume(self, kind: str) -> list[str]:
        """The names of the files on the volume, hidden ones as well; the lock apart."""
        return sorted(
            path.name for path in self.node.claim(f"{kind}-backup").iterdir() if path.name != ".lock"
        )
