"""Runs the pods of rendered jobs on this machine: the very commands, variables and scripts, with real tools.

The rehearsals of backups call it. Each container sees the programs of its image alone, and the shell of
Alpine's images, which is busybox; paths of its volumes are put where they are here. Nothing runs as root.
"""

import atexit
import functools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.charts.helm import Manifest
from tests.peers.binaries import peer
from tests.peers.users import as_user, own

# What each image is there for, by the beginning of its name.
TOOLS: Final[Mapping[str, Sequence[str]]] = {
    "postgres": (
        *(
            "createdb",
            "dropdb",
            "initdb",
            "pg_dump",
            "pg_dumpall",
            "pg_isready",
            "pg_restore",
            "postgres",
            "psql",
        ),
    ),
    "redis": ("redis-check-rdb", "redis-cli", "redis-server"),
    "alpine/kubectl": ("kubectl",),
    "rclone": ("rclone",),
}
# Alpine's busybox has it, Debian's has not.
MISSING_IN_BUSYBOX: Final = ("flock",)


@functools.cache
def _programs(image: str) -> Path:
    """A directory with what an image has, for all nodes."""
    path = Path(tempfile.mkdtemp(prefix="image-"))
    atexit.register(shutil.rmtree, path)
    path.chmod(0o755)
    busybox = peer("busybox")
    applets = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout
    for applet in applets.split():
        (path / applet).symlink_to(busybox)
    for program in (*MISSING_IN_BUSYBOX, *TOOLS[image]):
        (path / program).symlink_to(peer(program))
    return path


@dataclass(frozen=True)
class Ended:
    """How a pod ended, and all that its containers wrote."""

    status: int
    log: str


class Node:
    """Where pods run: `directory` has the claims of their volumes, which outlive them.

    `secrets`: the values by the secret's name and key. A pod that asks for another one does not start.
    """

    def __init__(self, directory: Path, secrets: dict[str, dict[str, str]]) -> None:
        self.directory = directory
        self.secrets = secrets
        self.home: dict[str, str] = {}
        """Files in everybody's home directory: name to text."""

    def claim(self, name: str) -> Path:
        """Where a claim's files are."""
        return own(self.directory / "claims" / name)

    def replace(self, image: str, program: str, script: str) -> None:
        """Puts a script in the place of a program of an image; "$REAL" is the real one."""
        path = own(self.directory / "replaced" / image) / program
        path.write_text(f"#!/bin/sh\nREAL={peer(program)}\n{script}\n")
        path.chmod(0o755)

    def restore(self) -> None:
        """Every program is the real one again."""
        shutil.rmtree(self.directory / "replaced")

    def path(self, image: str) -> str:
        """Where a container looks for its programs."""
        name = next(name for name in TOOLS if image.startswith(name))
        return f"{self.directory / 'replaced' / name}:{_programs(name)}"

    def run(self, job: Manifest, objects: Sequence[Manifest], *, prefix: Sequence[str] = ()) -> Ended:
        """Runs the pod of a Job, or of a CronJob's, to its end. `prefix`: what each command begins with."""
        pod = self.pod(job, objects)
        ended = Ended(0, "")
        for container in pod.containers:
            if ended.status == 0:
                done = pod.run(container, prefix=prefix)
                ended = Ended(done.status, ended.log + done.log)
        pod.remove()
        return ended

    def pod(self, job: Manifest, objects: Sequence[Manifest]) -> "Pod":
        """A pod of a Job, or of a CronJob's, with its volumes; nothing runs yet."""
        spec = job["spec"]["jobTemplate"]["spec"] if job["kind"] == "CronJob" else job["spec"]
        return Pod(self, spec["template"]["spec"], objects)


class Pod:
    """One pod: its volumes where they are on this machine."""

    def __init__(self, node: Node, spec: Mapping[str, Any], objects: Sequence[Manifest]) -> None:
        self.spec = spec
        self._node = node
        self.directory = own(Path(tempfile.mkdtemp(prefix="pod-", dir=node.directory)))
        self._volumes: dict[str, Path] = {}
        for volume in spec["volumes"]:
            path = self.directory / volume["name"]
            if "configMap" in volume:
                name = volume["configMap"]["name"]
                [found] = [o for o in objects if o["kind"] == "ConfigMap" and o["metadata"]["name"] == name]
                own(path)
                for file, text in found["data"].items():
                    (path / file).write_text(text)
            elif "secret" in volume:
                keys = node.secrets[volume["secret"]["secretName"]]
                own(path)
                for item in volume["secret"]["items"]:
                    (path / item["path"]).write_text(keys[item["key"]])
            elif "persistentVolumeClaim" in volume:
                path = node.claim(volume["persistentVolumeClaim"]["claimName"])
            else:
                own(path)
            self._volumes[volume["name"]] = path
        for file, text in node.home.items():
            place = self._volumes["tmp"] / file
            own(place.parent)
            place.write_text(text)

    @property
    def containers(self) -> list[Mapping[str, Any]]:
        """Its containers, in the order in which they run."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def run(self, container: Mapping[str, Any], *, prefix: Sequence[str] = ()) -> Ended:
        """Runs one container to its end."""
        process = self.launch(container, prefix=prefix)
        try:
            log, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            kill9(process)
            raise
        return Ended(process.returncode, log)

    def volume(self, name: str) -> Path:
        """Where a volume is."""
        return self._volumes[name]

    def argv(self, container: Mapping[str, Any]) -> list[str]:
        """A container's command, as it is run here."""
        first, *rest = (self._here(part, container) for part in container["command"])
        assert first == "/bin/sh"
        return [*as_user(), f"{self._node.path(container['image']).rpartition(':')[2]}/sh", *rest]

    def environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        """Its variables, and nothing of ours."""
        found = {"PATH": self._node.path(container["image"]), "LC_ALL": "C.UTF-8"}
        for variable in container["env"]:
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                found[variable["name"]] = self._node.secrets[reference["name"]][reference["key"]]
            else:
                # kubectl leaves out a value that is empty.
                found[variable["name"]] = self._here(variable.get("value", ""), container)
        return found

    def launch(self, container: Mapping[str, Any], *, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
        """Starts a container, in a process group of its own."""
        return subprocess.Popen(
            [*prefix, *self.argv(container)],
            env=self.environment(container),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def remove(self) -> None:
        """Its own volumes are gone."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _here(self, text: str, container: Mapping[str, Any]) -> str:
        for mount in container["volumeMounts"]:
            at = mount["mountPath"]
            if text == at or text.startswith(f"{at}/"):
                return f"{self._volumes[mount['name']]}{text.removeprefix(at)}"
        return text


def kill9(process: subprocess.Popen[str]) -> None:
    """Ends a container as the kernel would: nobody in it is asked."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
