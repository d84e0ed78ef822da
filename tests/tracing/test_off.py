"""Where tracing is off, nothing of OpenTelemetry is there."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.peers.ports import free_port

PROGRAM: Final = """
import asyncio, json, sys
from pathlib import Path
from responder.service import Service
from responder.settings import load_settings

async def main():
    service = Service(load_settings(Path(sys.argv[1]), {}))
    await service.start()
    await service.stop()

asyncio.run(main())
names = ("opentelemetry", "google.protobuf", "requests")
print(json.dumps([name for name in names if name in sys.modules]))
"""


@pytest.mark.parametrize("on", [False, True])
def test_serving_imports_what_it_needs(tmp_path: Path, on: bool) -> None:
    (tmp_path / "routing.yaml").write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    config: dict[str, object] = {
        "listen": f"127.0.0.1:{free_port()}",
        "storage": f"sqlite:///{tmp_path}/responder.db",
        "rules": str(tmp_path / "routing.yaml"),
    }
    if on:
        config["tracing"] = {"endpoint": f"http://127.0.0.1:{free_port()}/v1/traces"}
    (tmp_path / "responder.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "responder.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    imported = json.loads(done.stdout.splitlines()[-1])
    assert imported == (["opentelemetry", "google.protobuf", "requests"] if on else [])
