"""The container image, without a container engine: its steps run in a clean directory.

What the Dockerfile copies into its build is laid out as `.dockerignore` says, `.ci/image.sh` builds and
verifies there, and the result runs as another user on a root file system that is read-only.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.peers.calls import answers_ok
from tests.peers.ports import free_port
from tests.peers.process import ChildProcess, environment

pytestmark = pytest.mark.acceptance

ROOT: Final = Path(__file__).parents[1]
USER: Final = 65532

# `env` is run as the user already: only then is what the user may reach known.
AS_USER: Final = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", "env"]


def dockerfile() -> list[str]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def lay_out(context: Path) -> None:
    """Copy what `.dockerignore` lets through: it shuts everything out, then names what comes in."""
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    for line in lines[1:]:
        if not line.startswith("!"):
            assert line == "**/__pycache__/"
            continue
        source, target = ROOT / line[1:], context / line[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def interpreters() -> Iterator[str]:
    """The interpreter of these tests and the system's, if they can make virtual environments."""
    for path in (f"{sys.base_prefix}/bin/python3.{sys.version_info.minor}", "/usr/bin/python3"):
        if Path(path).exists() and works([path, "-c", "import ensurepip, venv"]):
            yield path


def works(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def for_everybody() -> str | None:
    """An interpreter that another user can run: one below root's home is not."""
    return next((path for path in interpreters() if works([*AS_USER, path, "-c", ""])), None)


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """A directory that is to the image what / is, as far as the Dockerfile's COPY lines go."""
    # Not tmp_path: another user must be able to reach it.
    top = Path(tempfile.mkdtemp(prefix="responder-image-", dir="/tmp"))
    top.chmod(0o755)
    lay_out(top / "src")
    python = for_everybody() or next(interpreters())
    for step in ("build", "verify"):
        done = subprocess.run(
            [top / "src" / ".ci" / "image.sh", step, top / "opt"],
            capture_output=True,
            text=True,
            cwd=top / "src",
            env=environment({"PYTHON": python}),
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    yield top
    shutil.rmtree(top)


def test_it_holds_the_command_and_no_tools(image: Path) -> None:
    commands = {path.name for path in (image / "opt" / "bin").iterdir()}
    assert "responder" in commands
    assert commands & {"pip", "pip3", "hatchling", "pytest", "mypy", "ruff", "lint-imports"} == set()


def test_verify_refuses_what_is_not_locked(image: Path) -> None:
    metadata = next((image / "opt" / "lib").glob("python3.*/site-packages")) / "stowaway-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: stowaway\nVersion: 1.0\n")
    try:
        done = subprocess.run(
            [image / "src" / ".ci" / "image.sh", "verify", image / "opt"],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        shutil.rmtree(metadata)
    assert (done.returncode, done.stderr) == (
        1,
        "image: not as locked: too much [('stowaway', '1.0')], missing []\n",
    )


def test_the_dockerfile_runs_these_steps_and_ends_as_it_should() -> None:
    lines = dockerfile()
    stages = [index for index, line in enumerate(lines) if line.startswith("FROM")]
    assert [lines[index] for index in stages] == ["FROM ${BASE} AS build", "FROM ${BASE}"]
    final = lines[stages[1] :]
    assert "RUN .ci/image.sh build /opt/responder && .ci/image.sh verify /opt/responder" in lines
    assert [line for line in final if line.startswith("RUN")] == []
    assert f"USER {USER}:{USER}" in final
    assert final[-2:] == [
        'ENTRYPOINT ["responder"]',
        'CMD ["serve", "--config", "/etc/responder/responder.yaml"]',
    ]
    copied = [line.split()[1] for line in final if line.startswith("COPY") and "--from" not in line]
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    assert [path for path in copied if f"!{path}" not in let_in and f"!{path}/" not in let_in] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a read-only root file system of one's own needs root")
def test_it_serves_as_another_user_on_a_read_only_root(image: Path) -> None:
    if for_everybody() is None:
        pytest.skip(f"no Python that another user can run: {list(interpreters())}")
    state, etc = image / "state", image / "etc"
    state.mkdir()
    os.chown(state, USER, USER)
    etc.mkdir()
    shutil.copy(ROOT / "config" / "responder.yaml", etc)
    shutil.copytree(ROOT / "rules", etc / "rules")
    port = free_port()
    settings = dict(re.findall(r"(RESPONDER__\w+)=(\S+)", "\n".join(dockerfile())))
    assert settings.keys() == {"RESPONDER__RULES", "RESPONDER__STORAGE"}
    inside = {
        name: value.replace("/etc/responder", str(etc)).replace("/var/lib/responder", str(state))
        for name, value in settings.items()
    }
    as_in_the_image = (
        f"mount --bind {state} {state} && mount -o remount,bind,ro / && cd {state} && "
        f"exec {' '.join(AS_USER)} {image}/opt/bin/responder serve --config {etc}/responder.yaml"
    )
    process = ChildProcess(
        "image",
        ["unshare", "--mount", "sh", "-ec", as_in_the_image],
        image,
        lambda: answers_ok(f"http://127.0.0.1:{port}/-/ready"),
        env={
            **inside,
            "PYTHONDONTWRITEBYTECODE": "1",
            "RESPONDER__LISTEN": f"127.0.0.1:{port}",
            "HOME": "/nonexistent",
        },
    )
    try:
        process.start()
        assert process.stop() == 0
    finally:
        process.kill9()
    assert (state / "responder.db").exists()
    assert {path.stat().st_uid for path in state.iterdir()} == {USER}
