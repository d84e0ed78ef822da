"""kill -9 at every turn of a run: its step is carried out once at most, and the run ends as it should."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from responder.sandbox.kubernetes.platform import deployment
from tests.acceptance.runs.house import GUARDS, page
from tests.chaos.faults import QUICK, check_books, count, forbid, permit
from tests.peers.calls import call, wait_until
from tests.peers.clusters import ClusterThread
from tests.peers.payloads import webhook_alert, webhook_payload
from tests.peers.responder import ResponderProcess

pytestmark = pytest.mark.chaos

PEOPLE: Final = {"ann": ["read", "respond", "approve", "admin"], "ben": ["read", "respond", "approve"]}
PAGES: Final = {name: page(name) for name in ("by-itself", "with-people")}
CONFIG: Final[dict[str, Any]] = {
    "delivery": QUICK,
    "guards": {
        **GUARDS,
        "approvals": {"low": 0, "medium": 0, "high": 2},
        "rate_runbook": 99,
        "rate_service": 99,
        "rate_global": 99,
        "rate_day": 99,
    },
}
ROUTING: Final = {"route": {"receiver": "nobody", "group_wait": "0s"}, "receivers": [{"name": "nobody"}]}


class Ward:
    """The process, the cluster in which it acts, and what was done there."""

    def __init__(self, process: ResponderProcess, there: ClusterThread) -> None:
        self.process, self.there = process, there

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {who}"}
        reply = call(method, f"{self.process.url}{path}", body, headers)
        assert reply.status == 200, reply.text()
        return reply.json() if reply.body else None

    def fire(self, name: str, target: str) -> str:
        """An alert about a Deployment of its own; the id of its run."""
        self.there.look(lambda: self.there.cluster.apply(deployment("shop", target, 2)))
        labels = {"namespace": "shop", "deployment": target}

        def ready() -> bool:
            status = self.there.cluster.get("Deployment", "shop", target)["status"]
            return bool(status.get("availableReplicas") == 2)

        self.there.wait(ready, "it is rolled out")
        self.there.look(lambda: self.there.prometheus.fire(name, **labels))
        self.ask("sender", "POST", "/webhooks/alertmanager", webhook_payload([webhook_alert(name, **labels)]))
        wait_until(lambda: self.runs(target) != [], what="it has a run")
        (run,) = self.runs(target)
        return str(run["id"])

    def runs(self, target: str) -> list[Any]:
        return [
            run for run in self.ask("ann", "GET", "/api/v1/runs") if run["parameters"]["deployment"] == target
        ]

    def run(self, run: str) -> Any:
        return self.ask("ann", "GET", f"/api/v1/runs/{run}")

    def wait(self, run: str, state: str, timeout: float = 40.0) -> Any:
        def holds() -> bool:
            time.sleep(0.1)  # the two of us share the machine
            return bool(self.run(run)["state"] == state)

        try:
            wait_until(holds, timeout)
        except AssertionError:
            raise AssertionError(f"it is not {state}: {self.run(run)['story']}") from None
        return self.run(run)

    def restarts(self, target: str) -> int:
        return self.there.look(lambda: len(self.there.cluster.restarts("shop", target)))

    def asked(self, target: str) -> int:
        """How often a change was asked for, done or not."""
        return self.there.look(lambda: len(self.there.cluster.writes("deployments", "shop", target)))

    def kill(self) -> None:
        self.process.kill9()
        self.there.look(self.there.cluster.release)


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    directory = tmp_path_factory.mktemp("acting")
    with ClusterThread(directory) as there:
        process = ResponderProcess(directory / "one", ROUTING, {**CONFIG, **there.config, **files(directory)})
        (process.rules / "runbooks").mkdir()
        for name, text in PAGES.items():
            quick = text.replace("every 15s, within 2m", "every 200ms, within 1m\nsettle: 1s")
            (process.rules / "runbooks" / f"{name}.md").write_text(quick)
        process.start()
        made = Ward(process, there)
        found = made.ask("ann", "GET", "/api/v1/runbooks/by-itself")
        made.ask("ann", "POST", "/api/v1/runbooks/by-itself/sign", {"hash": found["hash"], "reason": "tried"})
        yield made
        process.kill9()


def files(directory: Path) -> dict[str, Any]:
    """People and tokens, each the person's name."""
    people = [{"name": name, "roles": roles} for name, roles in PEOPLE.items()]
    tokens: list[dict[str, Any]] = [
        {"name": name, "person": name, "sha256": digest(name), "roles": roles}
        for name, roles in PEOPLE.items()
    ]
    tokens.append({"name": "alertmanager", "sha256": digest("sender"), "roles": ["ingest"]})
    (directory / "people.yaml").write_text(yaml.safe_dump(people))
    (directory / "tokens.yaml").write_text(yaml.safe_dump(tokens))
    return {
        "people": str(directory / "people.yaml"),
        "auth": {"tokens_file": str(directory / "tokens.yaml")},
    }


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def test_after_the_decision_and_before_the_step_is_begun_it_is_ordered_anew(ward: Ward) -> None:
    database = ward.process.database
    forbid(database, "UPDATE ON executions", "NEW.state = 'claimed'")
    run = ward.fire("by-itself", "decided")
    ordered = "SELECT count(*) FROM executions WHERE state = 'pending'"
    wait_until(lambda: count(database, ordered) == 1, what="the step is ordered")
    ward.kill()
    permit(database)
    assert ward.asked("decided") == 0
    ward.process.start()
    done = ward.wait(run, "succeeded")
    assert "withdrawn at a restart: it had not begun" in [moment["text"] for moment in done["story"]]
    assert (ward.restarts("decided"), ward.asked("decided")) == (1, 1)
    assert len(ward.runs("decided")) == 1


def test_while_the_cluster_does_it_a_look_finds_that_it_was_done(ward: Ward) -> None:
    ward.there.look(lambda: ward.there.cluster.fault("hang_after", verb="patch", name="answering"))
    run = ward.fire("by-itself", "answering")
    ward.there.wait(lambda: bool(ward.there.cluster.restarts("shop", "answering")), "it is restarted")
    ward.kill()
    ward.process.start()
    done = ward.wait(run, "succeeded")
    assert "unknown" in [moment["state"] for moment in done["story"]]
    assert (ward.restarts("answering"), ward.asked("answering")) == (1, 1)


def test_after_it_was_done_and_before_that_is_on_record(ward: Ward) -> None:
    forbid(ward.process.database, "INSERT ON inputs", "NEW.kind = 'step_finished'")
    run = ward.fire("by-itself", "unrecorded")
    ward.there.wait(lambda: bool(ward.there.cluster.restarts("shop", "unrecorded")), "it is restarted")
    wait_until(lambda: "report_failed" in ward.process.log.read_text(), what="its end is not on record")
    ward.kill()
    permit(ward.process.database)
    ward.process.start()
    done = ward.wait(run, "succeeded")
    assert "unknown" in [moment["state"] for moment in done["story"]]
    assert (ward.restarts("unrecorded"), ward.asked("unrecorded")) == (1, 1)


def test_while_it_is_found_out_whether_it_helped(ward: Ward) -> None:
    run = ward.fire("by-itself", "verified")
    ward.wait(run, "verifying")
    ward.kill()
    ward.process.start()
    ward.wait(run, "succeeded")
    assert (ward.restarts("verified"), ward.asked("verified")) == (1, 1)


def test_while_it_waits_for_people_it_waits_on(ward: Ward) -> None:
    run = ward.fire("with-people", "waiting")
    before = ward.wait(run, "awaiting_approval")
    ward.kill()
    ward.process.start()
    after = ward.run(run)
    assert (after["state"], after["expires_at"], after["plan"]) == (
        "awaiting_approval",
        before["expires_at"],
        before["plan"],
    )
    assert ward.asked("waiting") == 0
    ward.ask("ben", "POST", f"/api/v1/runs/{run}/approve", {"plan": before["plan"]["hash"]})
    ward.wait(run, "succeeded")
    assert (ward.restarts("waiting"), ward.asked("waiting")) == (1, 1)


def test_while_the_cluster_has_not_done_it_nobody_does_it_again(ward: Ward) -> None:
    ward.there.look(lambda: ward.there.cluster.fault("hang", verb="patch", name="hanging"))
    run = ward.fire("by-itself", "hanging")
    ward.there.wait(lambda: bool(ward.there.cluster.writes("deployments", "shop", "hanging")), "it is asked")
    ward.kill()
    ward.process.start()
    ward.wait(run, "unknown")  # for a minute what was asked may still be on its way
    ward.ask("ann", "POST", f"/api/v1/runs/{run}/resolve", {"applied": False, "reason": "it is as it was"})
    ward.wait(run, "failed")
    assert (ward.restarts("hanging"), ward.asked("hanging")) == (0, 1)
    check_books(ward.process)
