"""docs/BACKUP_RESTORE_GUIDE.md: its kubectl lines are run against the rendered jobs; what it names exists."""

import functools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.charts.helm import CHARTS, ROOT, Manifest, rendered
from tests.charts.rehearsal import DATABASE, Rehearsal, of_backups
from tests.peers.apiserver import ApiServer
from tests.peers.binaries import peer
from tests.peers.objectstore import ObjectStore
from tests.peers.postgresql import PostgreSQL
from tests.peers.pushgateway import Pushgateway
from tests.peers.users import directory

pytestmark = pytest.mark.peers

GUIDE: Final = (ROOT / "docs" / "BACKUP_RESTORE_GUIDE.md").read_text()
# Objects of kinds that kubectl knows are not sent as JSON, all that the server here reads: they are shown.
SHOWN: Final = "--dry-run=client --output=yaml"
SCRIPTS: Final = {path.name: path for path in (CHARTS / "platform" / "files" / "backups").iterdir()}


def block(begins: str) -> str:
    """The one fenced block with this line."""
    blocks = [re.sub(r"(?m)^   ", "", text) for text in re.findall(r"(?ms)^ *```bash\n(.*?)^ *```$", GUIDE)]
    [found] = [text for text in blocks if begins in text]
    return found


@pytest.fixture
def rehearsal(
    postgresql: PostgreSQL, object_store: ObjectStore, pushgateway: Pushgateway
) -> Iterator[Rehearsal]:
    with directory() as place:
        yield Rehearsal(place, object_store, pushgateway, postgresql=postgresql.port)


@pytest.fixture
def cluster(rehearsal: Rehearsal) -> Iterator[ApiServer]:
    server = ApiServer()
    for found in rehearsal.objects:
        if found["kind"] == "CronJob":
            server.put(found)
    yield server
    server.close()


def bash(server: ApiServer, text: str, place: Path) -> str:
    (place / "config").write_text(server.kubeconfig)
    env = {
        "KUBECONFIG": str(place / "config"),
        "HOME": str(place),
        "PATH": f"{Path(peer('kubectl')).parent}:/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=place,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def jobs(server: ApiServer) -> dict[str, Any]:
    return {name: found for (_, plural, _, name), found in server.objects.items() if plural == "jobs"}


def test_jobs_that_people_start_by_the_guide_are_the_jobs_of_the_chart(
    cluster: ApiServer, tmp_path: Path
) -> None:
    lines = re.findall(r"(?m)^(kubectl .* create job \S+ --from=\S+)$", GUIDE)
    made = [yaml.safe_load(bash(cluster, f"{line} {SHOWN}", tmp_path)) for line in lines]

    started = {
        "restore-1": "postgresql-restore",
        "restore-3": "redis-restore",
        "rehearsal-1": "backup-validation",
        "drill-1": "restore-drill",
        "backup-1": "postgresql-backup",
        "backup-2": "redis-backup",
        "backup-3": "configuration-backup",
        "backup-4": "offsite-copy",
    }
    templates = {
        name: found["spec"]["jobTemplate"]["spec"]
        for (_, plural, _, name), found in cluster.objects.items()
        if plural == "cronjobs"
    }
    # kubectl leaves out a value that is empty.
    assert {job["metadata"]["name"]: job["spec"] for job in made} == {
        name: json.loads(json.dumps(templates[cronjob]).replace(', "value": ""', ""))
        for name, cronjob in started.items()
    }


def test_a_database_is_put_back_by_the_lines_of_the_guide(
    cluster: ApiServer, rehearsal: Rehearsal, postgresql: PostgreSQL, tmp_path: Path
) -> None:
    postgresql.sql(
        f"CREATE DATABASE {DATABASE};"
        "CREATE ROLE backup LOGIN PASSWORD 'what-backup-is-asked' IN ROLE pg_read_all_data"
    )
    try:
        postgresql.sql("CREATE TABLE t AS SELECT md5(n::text) FROM generate_series(1, 2000) n", DATABASE)
        name = rehearsal.make("postgresql")
        rehearsal.store.buckets["first"].clear()
        postgresql.sql("DROP TABLE t", DATABASE)
        lines = block("SWAP=yes").replace(
            "SWAP=yes", f"SWAP=yes ROLES=yes DUMP={name} FROM=offsite:second/production-1"
        )
        bash(cluster, lines, tmp_path)

        ended = rehearsal.node.run(jobs(cluster)["restore-2"], rehearsal.objects)

        assert ended.status == 0, ended.log
        assert postgresql.sql("SELECT count(*) FROM t", DATABASE) == "2000\n"
    finally:
        for database in postgresql.sql(
            f"SELECT datname FROM pg_database WHERE datname LIKE '{DATABASE}%'"
        ).split():
            postgresql.sql(f'DROP DATABASE "{database}" WITH (FORCE)')
        postgresql.sql("DROP ROLE backup")


def test_the_other_lines_for_kubectl_are_understood_by_it(
    cluster: ApiServer, rehearsal: Rehearsal, tmp_path: Path
) -> None:
    [lifecycle] = [o for o in _defaults() if o["metadata"]["name"] == "archive-lifecycle"]
    cluster.put(lifecycle)
    bash(cluster, block("get configmap archive-lifecycle"), tmp_path)
    assert (tmp_path / "lifecycle.json").read_text() == lifecycle["data"]["lifecycle.json"]
    for file in ("first.key", "postgresql-backup.password", "credentials-first", "credentials-second"):
        (tmp_path / file).write_text("x")
    lines = re.findall(r"(?m)^ *(kubectl .* create secret .*)$", GUIDE)
    secrets = [yaml.safe_load(bash(cluster, f"{line} {SHOWN}", tmp_path)) for line in lines]
    assert {(s["metadata"]["namespace"], s["metadata"]["name"]): sorted(s["data"]) for s in secrets} == {
        ("velero", "cloud-credentials"): ["cloud"],
        ("velero", "cloud-credentials-offsite"): ["cloud"],
        ("production", "backup-storage"): ["access-key-id", "secret-access-key"],
        ("production", "postgresql-backup"): ["password"],
    }


def test_flags_of_what_waits_for_a_cluster_are_those_of_kubectl_and_helm() -> None:
    verbs = "wait|scale|logs|get jobs|get configmap|set env|diff|apply|upgrade"
    lines = re.findall(rf"(?m)((?:kubectl|helm) (?:--namespace \S+ )?(?:{verbs}) [^|\n]*)", GUIDE)
    assert len(lines) > 15
    for line in lines:
        program, *words = re.sub(r"--namespace \S+ ", "", line).split()
        command = words[: 2 if words[0] == "set" else 1]
        known = _flags(program, *command)
        for flag in re.findall(r"(?<= )--[a-z-]+", line):
            assert flag in known, line


@functools.cache
def _flags(*command: str) -> frozenset[str]:
    program, *rest = command
    more = ["options"] if program == "kubectl" else ["--help"]
    texts = [
        subprocess.run([peer(program), *a], capture_output=True, text=True, check=True).stdout
        for a in (more, [*rest, "--help"])
    ]
    return frozenset(re.findall(r"(?m)^ +(?:-., )?(--[a-z-]+)", "".join(texts)))


@functools.cache
def _defaults() -> list[Manifest]:
    return of_backups(rendered("platform"))


def test_words_values_and_places_that_the_guide_names_exist() -> None:
    scripts = "".join(path.read_text() for path in SCRIPTS.values())
    table = GUIDE.split("| it says | why | do |")[1].split("\n\n")[0]
    for said in re.findall(
        r"`([^`]*)`", "".join(row.split("|")[1] for row in table.splitlines() if row.count("|") > 3)
    ):
        for part in re.split(r" *\.\.\. *", said):
            assert part in scripts, said
    for status in re.findall(r"\((6\d|7\d)\)", table):
        assert f"die {status} " in scripts
    values = yaml.safe_load((CHARTS / "platform" / "values.yaml").read_text())
    for path in re.findall(r"`(backups\.[A-Za-z.]+)`", GUIDE):
        found = values
        for key in path.split("."):
            assert key in found, path
            found = found[key]
    for link in re.findall(r"\]\(#([a-z0-9-]+)\)", GUIDE):
        headings = [
            re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-")
            for line in re.findall(r"(?m)^#+ (.*)$", GUIDE)
        ]
        assert link in headings, link
    for path in re.findall(r"`((?:charts|rules|config)/[\w/.-]+)`", GUIDE):
        assert (ROOT / path).exists(), path
    for name in re.findall(r"create job \S+ --from=cronjob/(\S+)", GUIDE):
        assert name in {o["metadata"]["name"] for o in _defaults() if o["kind"] == "CronJob"}
    for image in (
        values["backups"]["storage"]["primary"]["bucket"],
        values["backups"]["storage"]["offsite"]["bucket"],
    ):
        assert image in GUIDE


def test_the_scripts_are_plain_sh() -> None:
    argv = [
        peer("shellcheck"),
        "--shell=sh",
        "--external-sources",
        "--source-path=SCRIPTDIR",
        "--exclude=SC2153",
    ]
    done = subprocess.run(
        [*argv, *(str(path) for name, path in SCRIPTS.items() if name.endswith(".sh"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
