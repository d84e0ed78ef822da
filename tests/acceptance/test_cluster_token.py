"""A cluster's token goes to the cluster and nowhere else: no file that the service writes holds it."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.chaos.faults import QUICK, routing
from tests.peers.calls import call, wait_until
from tests.peers.cluster import ClusterThread
from tests.peers.fixtures import StartResponder
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Sink

pytestmark = pytest.mark.acceptance

RUNBOOK: Final = """---
runbook: restart
title: Restart a Deployment
parameters:
  namespace: {type: dns_label}
  deployment: {type: dns_subdomain}
target: {kind: Deployment, namespace: "${namespace}", name: "${deployment}"}
mode: approve
---
# Restart

```step
action: kubernetes.rollout_restart
timeout: 1m
```
"""
ALLOWED: Final = {"action": "kubernetes.rollout_restart", "cluster": "sandbox", "namespace": "shop"}
TOKEN: Final = sha256(b"cluster").hexdigest()
ANN: Final = {"Authorization": "Bearer ann"}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ClusterThread]:
    with ClusterThread(tmp_path, token=TOKEN) as started:
        yield started


@pytest.fixture
def responder(
    start_responder: StartResponder, cluster: ClusterThread, sink: Sink, tmp_path: Path
) -> ResponderProcess:
    people, tokens = tmp_path / "people.yaml", tmp_path / "tokens.yaml"
    people.write_text(yaml.safe_dump([{"name": "ann", "roles": ["read", "respond"]}]))
    digest = sha256(b"ann").hexdigest()
    entry = {"name": "ann", "sha256": digest, "person": "ann", "roles": ["read", "respond"]}
    tokens.write_text(yaml.safe_dump([entry]))
    config = {
        **cluster.config,
        "auth": {"tokens_file": str(tokens)},
        "people": str(people),
        "guards": {"allow": [ALLOWED]},
        "delivery": QUICK,
    }
    process: ResponderProcess = start_responder(routing(sink), config, start=False)
    (process.rules / "runbooks").mkdir()
    (process.rules / "runbooks" / "restart.md").write_text(RUNBOOK)
    process.start()
    return process


def ask_for_a_restart(responder: ResponderProcess) -> str:
    body = {"runbook": "restart", "parameters": {"namespace": "shop", "deployment": "checkout"}}
    reply = call("POST", f"{responder.url}/api/v1/runs", body, ANN)
    assert reply.status == 200, reply.body
    found: str = reply.json()["id"]
    return found


def run(responder: ResponderProcess, name: str) -> dict[str, Any]:
    found: dict[str, Any] = call("GET", f"{responder.url}/api/v1/runs/{name}", None, ANN).json()
    return found


def wait_ended(responder: ResponderProcess, name: str) -> list[str]:
    """The states that the run went through, once it has ended."""
    wait_until(lambda: bool(run(responder, name).get("ended_at")), what="the run has ended")
    states = [moment["state"] for moment in run(responder, name)["story"]]
    return [state for n, state in enumerate(states) if n == 0 or states[n - 1] != state]


def test_the_clusters_token_is_nowhere(responder: ResponderProcess, cluster: ClusterThread) -> None:
    cluster.look(lambda there: there.fault("403", verb="patch"))
    assert wait_ended(responder, ask_for_a_restart(responder))[-1] == "failed"
    cluster.look(lambda there: there.revoke(TOKEN))
    name = ask_for_a_restart(responder)
    wait_until(lambda: "401 Unauthorized" in json.dumps(run(responder, name)), what="the token is refused")
    responder.stop()
    written = [path for path in responder.database.parent.rglob("*") if path.is_file()]
    assert responder.database in written
    assert [path.name for path in written if TOKEN[:16].encode() in path.read_bytes()] == []
