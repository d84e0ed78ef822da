"""The section `backups` of charts/platform: it is valid, fits together, and is what the platform promises."""

import copy
import functools
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts import crosschecks
from tests.charts.helm import CHARTS, ROOT, Manifest, Refused, rendered
from tests.charts.rehearsal import of_backups
from tests.charts.schemas import problems

pytestmark = pytest.mark.peers

GOLDEN: Final = Path(__file__).parent / "golden" / "backups-defaults.yaml"
VALUES: Final = yaml.safe_load((CHARTS / "platform" / "values.yaml").read_text())["backups"]
RULES: Final = yaml.safe_load((ROOT / "rules" / "prometheus" / "backup.yaml").read_text())
# What is there without the chart: docs/BACKUP_RESTORE_GUIDE.md says who makes each.
EXTERNAL: Final = {
    *("Namespace/velero", "ConfigMap/kube-root-ca.crt", "PersistentVolumeClaim/data-redis-0"),
    *("Secret/backup-storage", "Secret/backup-storage-offsite", "Secret/postgresql-backup"),
    *("Secret/postgresql-restore", "Secret/redis-backup", "Secret/redis-ca"),
}
OFF: Final = {"enabled": False}
HOSTILE: Final = "a\"'; {{ .Values }}\n  - b: $(id) # \\"
MATRIX: Final[Mapping[str, Mapping[str, Any]]] = {
    "defaults": {},
    "everything on": {
        "storage": {
            "primary": {"url": "https://s3.example.com"},
            "offsite": {"url": "https://s3.example.org:9000"},
        },
        "volumes": {"storageClass": "fast"},
        "images": {"redis": {"registry": "registry.example.com:5000", "digest": f"sha256:{'0' * 64}"}},
        "redis": {"host": "redis-replica.production.svc.cluster.local", "ca": "another-ca"},
        "postgresql": {"rehearsalQuery": "SELECT count(*) > 0 FROM orders"},
        "configuration": {"namespaces": ["production", "staging"]},
    },
    "nothing optional": {
        **dict.fromkeys(("velero", "offsiteCopy", "validation", "drill", "network"), OFF),
        "storage": {"encryption": ""},
        "redis": {"host": "redis-plain", "tls": False, "secret": "", "restore": {"claim": ""}},
    },
    "small": {"postgresql": OFF, "redis": OFF, "velero": {"moveData": False, "hooks": []}},
    "no dumps": {"postgresql": OFF, "redis": OFF, "configuration": OFF},
    "hostile names": {
        "postgresql": {
            "database": HOSTILE[:30],
            "user": HOSTILE,
            "rehearsalQuery": HOSTILE,
            "restore": {"user": HOSTILE},
        },
        "velero": {
            "hooks": [
                {
                    **VALUES["velero"]["hooks"][0],
                    "name": HOSTILE,
                    "labels": {"a/b": HOSTILE},
                    "command": [HOSTILE, "{{ x }}"],
                }
            ]
        },
    },
    "off": {"enabled": False},
}


def backups(values: Mapping[str, Any] | None = None) -> list[Manifest]:
    """What the section renders; other sections have tests of their own."""
    return copy.deepcopy(_backups(json.dumps(values or {})))


@functools.cache
def _backups(values: str) -> list[Manifest]:
    return of_backups(rendered("platform", {"backups": json.loads(values)}))


def named(found: list[Manifest], kind: str, name: str) -> Manifest:
    [one] = [o for o in found if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return one


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_what_is_rendered_is_valid_and_fits_together(values: Mapping[str, Any]) -> None:
    found = backups(values)
    more = {"Namespace/staging", "Secret/another-ca"} if values == MATRIX["everything on"] else set()
    assert [text for one in found for text in problems(one)] == []
    assert crosschecks.problems(found, external=EXTERNAL | more) == []
    assert (found == []) == (values == OFF)


def test_hostile_values_are_values() -> None:
    found = backups(MATRIX["hostile names"])
    env = named(found, "CronJob", "postgresql-backup")["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "initContainers"
    ][0]["env"]
    assert {"name": "PGUSER", "value": HOSTILE} in env
    assert {"name": "PGDATABASE", "value": HOSTILE[:30]} in env
    [hook] = named(found, "Schedule", "cluster-daily")["spec"]["template"]["hooks"]["resources"]
    assert (hook["name"], hook["labelSelector"]) == (HOSTILE, {"matchLabels": {"a/b": HOSTILE}})
    assert hook["pre"][0]["exec"]["command"] == [HOSTILE, "{{ x }}"]


def test_what_is_rendered_by_default_is_what_was_reviewed() -> None:
    """UPDATE_GOLDEN=1 writes it anew: look at the difference. The scripts are reviewed where they lie."""
    found = backups()
    scripts = named(found, "ConfigMap", "backup-scripts")
    files = sorted((CHARTS / "platform" / "files" / "backups").iterdir())
    assert scripts["data"] == {path.name: path.read_text() for path in files}
    scripts["data"] = sorted(scripts["data"])
    text = yaml.safe_dump_all(found, sort_keys=True, width=110)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


# -- what is promised -------------------------------------------------------------------------------


def test_times_and_places_are_those_that_the_platform_promises() -> None:
    found = backups()
    jobs = {o["metadata"]["name"]: o["spec"] for o in found if o["kind"] == "CronJob"}
    assert {name: spec["schedule"] for name, spec in jobs.items() if not spec.get("suspend")} == {
        "postgresql-backup": "0 */4 * * *",
        "redis-backup": "*/30 * * * *",
        "configuration-backup": "15,45 * * * *",
        "offsite-copy": "55 * * * *",
        "backup-validation": "0 5 * * 0",
        "restore-drill": "0 6 1 * *",
    }
    assert sorted(name for name, spec in jobs.items() if spec.get("suspend")) == [
        "postgresql-restore",
        "redis-restore",
    ]
    assert {spec["timeZone"] for spec in jobs.values()} == {"Etc/UTC"}
    assert {kind: VALUES[kind]["keepDays"] for kind in ("postgresql", "redis", "configuration")} == {
        "postgresql": 30,
        "redis": 7,
        "configuration": 90,
    }
    assert VALUES["postgresql"]["compression"] == 9
    schedules = {o["metadata"]["name"]: o["spec"] for o in found if o["kind"] == "Schedule"}
    assert {
        name: (spec["schedule"], spec["template"]["ttl"], spec["template"]["storageLocation"])
        for name, spec in schedules.items()
    } == {
        "cluster-hourly": ("30 * * * *", "168h0m0s", "primary"),
        "cluster-daily": ("0 2 * * *", "720h0m0s", "primary"),
        "cluster-weekly": ("0 1 * * 0", "8760h0m0s", "archive"),
    }
    locations = {o["metadata"]["name"]: o["spec"] for o in found if o["kind"] == "BackupStorageLocation"}
    assert {
        name: (spec["config"]["region"], spec["accessMode"], spec["default"])
        for name, spec in locations.items()
    } == {
        "primary": ("eu-central-1", "ReadWrite", True),
        "offsite": ("eu-west-1", "ReadOnly", False),
        "archive": ("eu-west-1", "ReadWrite", False),
    }


def test_every_backup_that_the_rules_expect_is_made_and_rehearsed_within_the_same_age() -> None:
    found = {
        (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"])
        for o in backups()
        if "namespace" in o["metadata"]
    }
    kinds = {"velero": "Schedule", "cronjob": "CronJob"}
    ages = {}
    for rule in RULES["groups"][0]["rules"]:
        if rule.get("record") == "backup_max_age_seconds":
            labels = rule["labels"]
            assert (kinds[labels["system"]], labels["namespace"], labels["backup"]) in found
            ages[labels["backup"]] = eval(rule["expr"].removeprefix("vector"))
    for kind in ("postgresql", "redis", "configuration"):
        assert VALUES[kind]["maximumAge"] == ages[f"{kind}-backup"]


def test_every_volume_is_taken_by_a_job_that_starts_with_the_installation() -> None:
    """Helm waits until claims are bound, which many classes of storage do for the first pod alone."""

    def taking(values: Mapping[str, Any]) -> tuple[str, set[str], set[str]]:
        found = backups(values)
        [job] = [one for one in found if one["kind"] == "Job"]
        volumes = job["spec"]["template"]["spec"]["volumes"]
        taken = {one["persistentVolumeClaim"]["claimName"] for one in volumes}
        claims = {one["metadata"]["name"] for one in found if one["kind"] == "PersistentVolumeClaim"}
        return job["metadata"]["name"], taken, claims

    name, taken, claims = taking({})
    assert taken == claims == {"postgresql-backup", "redis-backup", "configuration-backup"}
    # A Job of that name is never another one.
    less, taken, claims = taking({"redis": OFF})
    assert taken == claims == {"postgresql-backup", "configuration-backup"}
    assert less != name
    assert taking({"postgresql": {"keepDays": 31}})[0] == name


def test_who_writes_the_configuration_down_may_read_that_and_no_secret() -> None:
    found = backups({"configuration": {"exported": ["configmaps", "deployments.apps"]}})
    assert named(found, "Role", "configuration-backup")["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    ]


def test_only_containers_that_ask_kubernetes_have_a_token() -> None:
    found = backups()
    having = {
        (o["metadata"]["name"], container["name"])
        for o in found
        if o["kind"] == "CronJob"
        for spec in [o["spec"]["jobTemplate"]["spec"]["template"]["spec"]]
        for container in [*spec.get("initContainers", []), *spec["containers"]]
        if any(mount["name"] == "token" for mount in container["volumeMounts"])
    }
    assert having == {("configuration-backup", "dump"), ("backup-validation", "velero")}


def test_only_the_copy_of_redis_is_given_the_authority_and_may_only_read_it() -> None:
    """A restore asks the server nothing that matters: it must work where the authority is lost as well."""
    for values, secret in (
        ({}, "redis-ca"),
        ({"host": "10.1.2.3", "ca": ""}, ""),
        ({"port": 1, "tls": False}, ""),
    ):
        given = {}
        for one in backups({"redis": values}):
            if one["kind"] == "CronJob":
                spec = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
                volumes = [v["secret"] for v in spec["volumes"] if "secret" in v]
                mounts = [
                    (container["name"], mount)
                    for container in [*spec.get("initContainers", []), *spec["containers"]]
                    for mount in container["volumeMounts"]
                    if mount["name"] == "redis-ca"
                ]
                if volumes or mounts:
                    given[one["metadata"]["name"]] = (volumes, mounts)
        volume = {"secretName": secret, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        mount = ("dump", {"name": "redis-ca", "mountPath": "/redis-ca", "readOnly": True})
        assert given == ({"redis-backup": ([volume], [mount])} if secret else {})


def test_the_archive_becomes_colder_by_a_rule_for_its_own_folder() -> None:
    found = backups()
    rule = yaml.safe_load(named(found, "ConfigMap", "archive-lifecycle")["data"]["lifecycle.json"])
    assert rule == {
        "Rules": [
            {
                "ID": "archive",
                "Status": "Enabled",
                "Filter": {"Prefix": "production-1/archive/"},
                "Transitions": [{"Days": 7, "StorageClass": "GLACIER_IR"}],
            }
        ]
    }
    place = named(found, "BackupStorageLocation", "archive")["spec"]["objectStorage"]
    assert f"{place['prefix']}/" == rule["Rules"][0]["Filter"]["Prefix"]


# -- what is refused ----------------------------------------------------------------------------------


NO_CRON: Final = {
    "@hourly": "it has 1 fields, not 5 (minute, hour, day, month, weekday)",
    "0 * * * * *": "it has 6 fields, not 5 (minute, hour, day, month, weekday)",
    "60 * * * *": '"60" is no minute',
    "*/0 * * * *": '"*/0" is no minute',
    "1, * * * *": '"1," is no minute',
    "* 24 * * *": '"24" is no hour',
    "* * 0 * *": '"0" is no day',
    "* * * 13 *": '"13" is no month',
    "* * * * 7": '"7" is no weekday',
    "0 2 * * MONDAY": '"MONDAY" is no weekday',
    "0 2 * * *\n": '"*\\n" is no weekday',
    "0 20-08 1 * *": "the range 20-08 runs backwards",
}


def test_values_that_are_wrong_are_refused_each_with_its_place() -> None:
    wrong = {
        "postgres": {},
        "pushgateway": "pushgateway:9091",
        "postgresql": {
            "shedule": "0 * * * *",
            "compression": 10,
            "work": "20GiB",
            "secret": None,
            "sslmode": "on",
            "restore": {"jobs": 0},
        },
        "velero": {"daily": {"keepDay": 3}, "weekly": {"colderClass": "GLACIER"}},
        "redis": {"keepDays": "7", "volume": {"keepDays": 0}, "port": 65536, "tls": "yes", "ca": "a/b"},
        "storage": {"primary": {"bucket": "My_Bucket"}},
        "images": {"redis": {"tag": "latest"}, "storage": {"digest": "sha256:0"}},
        "configuration": {"exported": ["secrets"], "namespaces": ["*"]},
        "network": {"databases": ["10.0.0.0"]},
    }
    with pytest.raises(Refused) as refused:
        rendered("platform", {"backups": wrong})
    said = {line.strip("- ") for line in str(refused.value).splitlines() if "- at '/backups" in line}
    # Where more than one thing is wrong within, that is said as well.
    said = {line for line in said if not line.endswith("validation failed")}
    assert {line.partition("' does not match pattern")[0] for line in said} == {
        "at '/backups': additional properties 'postgres' not allowed",
        "at '/backups/pushgateway': 'pushgateway:9091",
        "at '/backups/postgresql': additional properties 'shedule' not allowed",
        "at '/backups/postgresql': missing property 'secret'",
        "at '/backups/postgresql/compression': maximum: got 10, want 9",
        "at '/backups/postgresql/work': '20GiB",
        "at '/backups/postgresql/sslmode': value must be one of 'disable', 'allow', 'prefer', 'require', "
        "'verify-ca', 'verify-full'",
        "at '/backups/postgresql/restore/jobs': minimum: got 0, want 1",
        "at '/backups/velero/daily': additional properties 'keepDay' not allowed",
        "at '/backups/velero/weekly/colderClass': value must be one of 'GLACIER_IR', 'STANDARD_IA', "
        "'INTELLIGENT_TIERING'",
        "at '/backups/redis/tls': got string, want boolean",
        "at '/backups/redis/ca': 'anyOf' failed",
        "at '/backups/redis/ca': value must be ''",
        "at '/backups/redis/ca': 'a/b",
        "at '/backups/redis/keepDays': got string, want integer",
        "at '/backups/redis/volume/keepDays': minimum: got 0, want 1",
        "at '/backups/redis/port': maximum: got 65,536, want 65,535",
        "at '/backups/storage/primary/bucket': 'My_Bucket",
        "at '/backups/images/redis/tag': 'not' failed",
        "at '/backups/images/storage/digest': 'sha256:0",
        "at '/backups/configuration/exported/0': 'not' failed",
        "at '/backups/configuration/namespaces/0': '*",
        "at '/backups/network/databases/0': '10.0.0.0",
    }


@pytest.mark.parametrize("text", NO_CRON)
def test_what_is_no_cron_expression_is_refused_with_its_place_and_its_field(text: str) -> None:
    with pytest.raises(Refused) as refused:
        rendered("platform", {"backups": {"drill": {"schedule": text}}})
    quoted = json.dumps(text)
    assert f"backups.drill.schedule: {quoted} is no cron expression: {NO_CRON[text]}" in str(refused.value)


def test_every_schedule_is_looked_at_and_a_right_one_is_rendered_as_it_is() -> None:
    found = backups({"redis": {"schedule": "0,30 8-18/2 1-15,31 jan-MAR,12 MON-fri"}})
    assert (
        named(found, "CronJob", "redis-backup")["spec"]["schedule"]
        == "0,30 8-18/2 1-15,31 jan-MAR,12 MON-fri"
    )
    with pytest.raises(Refused) as refused:
        rendered("platform", {"backups": {"velero": {"hourly": {"schedule": "60 * * * *"}}}})
    assert 'backups.velero.hourly.schedule: "60 * * * *" is no cron expression' in str(refused.value)
    templates = "".join(
        path.read_text() for path in (CHARTS / "platform" / "templates" / "backups").iterdir()
    )
    assert templates.count("schedule: ") - templates.count('schedule: "0 0 30 2 *"') == templates.count(
        'schedule: {{ include "platform.backups.cron"'
    )


SAME: Final = "app.dependencies.redis is the same server, redis.production.svc.cluster.local:6379, and "


@pytest.mark.parametrize(
    ("redis", "dependency", "said"),
    [
        ({"tls": False}, {}, f"backups.redis.tls: {SAME}speaks TLS: it has to be true"),
        *(
            (
                {"tls": False, "host": host},
                {"tls": "application"},
                f"backups.redis.tls: {SAME}speaks TLS: it ",
            )
            for host in ("redis", "Redis.production", "redis.production.svc")
        ),
        ({"ca": "x"}, {}, f'backups.redis.ca: {SAME}is checked by the authority "redis-ca", not "x"'),
        ({}, {"ca": None}, f'backups.redis.ca: {SAME}is checked by the authority "", not "redis-ca"'),
        # Not the same server, or one whose authority the application alone knows.
        ({"tls": False, "host": "redis.staging"}, {}, ""),
        ({"tls": False, "port": 6380}, {}, ""),
        ({"ca": "x"}, {"tls": "application"}, ""),
        ({"ca": ""}, {"ca": None}, ""),
        ({"tls": False, "enabled": False}, {}, ""),
    ],
)
def test_the_backups_speak_to_redis_as_the_application_does(
    redis: Mapping[str, Any], dependency: Mapping[str, Any], said: str
) -> None:
    values = {"backups": {"redis": redis}, "app": {"dependencies": {"redis": dependency}}}
    if said:
        with pytest.raises(Refused) as refused:
            rendered("platform", values)
        assert f"- {said}" in str(refused.value)
        assert str(refused.value).count("\n- ") == 1
    else:
        assert rendered("platform", values)
