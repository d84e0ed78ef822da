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
BY_THEMSELVES: Final = ("answering", "hanging", "verified", "decided", "unrecorded")
PAGES: Final = {name: page(name) for name in (*BY_THEMSELVES, "waiting")}
"""A page for each turn at which the process is killed, for a Deployment of the same name."""
CONFIG: Final[dict[str, Any]] = {
    "delivery": QUICK,
    "guards": {
        **GUARDS,
        "approvals": {"low": 0, "medium": 0, "high": 2},
        "rate_runbook": 99,
        "rate_service": 99,
        "rate_global": 99,
        "rate_day": 99,
        "together": 99,
        "verify": {"settle": "2s", "every": "200ms", "within": "1m", "good": 2},
    },
}
ROUTING: Final = {"route": {"receiver": "nobody", "group_wait": "0s"}, "receivers": [{"name": "nobody"}]}


class Ward:
    """The process, the cluster in which it acts, and what was done there."""

    def __init__(self, process: ResponderProcess, there: ClusterThread) -> None:
        self.process, self.there = process, there
        self.before: Any = None
        """The run that waits for people, as it was before the process was killed."""

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {who}"}
        reply = call(method, f"{self.process.url}{path}", body, headers)
        assert reply.status == 200, reply.text()
        return reply.json() if reply.body else None

    def fire(self, name: str) -> None:
        """The alert of a page, about the Deployment of that name."""
        labels = {"namespace": "shop", "deployment": name}
        self.there.look(lambda: self.there.prometheus.fire(name, **labels))
        self.ask("sender", "POST", "/webhooks/alertmanager", webhook_payload([webhook_alert(name, **labels)]))

    def run(self, name: str) -> Any:
        """The only run of a page."""
        (found,) = self.ask("ann", "GET", f"/api/v1/runs?runbook={name}")
        return self.ask("ann", "GET", f"/api/v1/runs/{found['id']}")

    def wait(self, name: str, state: str, timeout: float = 40.0) -> Any:
        def holds() -> bool:
            time.sleep(0.1)  # the two of us share the machine
            return bool(self.run(name)["state"] == state)

        try:
            wait_until(holds, timeout)
        except AssertionError:
            raise AssertionError(f"it is not {state}: {self.run(name)['story']}") from None
        return self.run(name)

    def wait_asked(self, name: str) -> None:
        """Until a change of a Deployment was asked for."""
        self.there.wait(
            lambda: bool(self.there.cluster.writes("deployments", "shop", name)), "it is asked", 40
        )

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
            quick = text.replace("every 15s, within 2m", "every 200ms, within 1m\nsettle: 2s")
            (process.rules / "runbooks" / f"{name}.md").write_text(quick)
            there.look(lambda name=name: there.cluster.apply(deployment("shop", name, 2)))  # type: ignore[misc]
        process.start()
        made = Ward(process, there)
        for name in BY_THEMSELVES:
            found = made.ask("ann", "GET", f"/api/v1/runbooks/{name}")
            signed = {"hash": found["hash"], "reason": "tried"}
            made.ask("ann", "POST", f"/api/v1/runbooks/{name}/sign", signed)
        yield made
        process.kill9()


@pytest.fixture(scope="module")
def killed(ward: Ward) -> Ward:
    """Runs at five turns, all of them cut off by one kill -9; the process that came after it."""
    cluster, database = ward.there.cluster, ward.process.database
    ward.fire("waiting")
    ward.there.look(lambda: cluster.fault("hang_after", verb="patch", name="answering"))
    ward.there.look(lambda: cluster.fault("hang", verb="patch", name="hanging"))
    for name in ("answering", "hanging", "verified"):
        ward.fire(name)
    for name in ("answering", "hanging", "verified"):
        ward.wait_asked(name)
    ward.before = ward.wait("waiting", "awaiting_approval")
    forbid(database, "UPDATE ON executions", "NEW.state = 'claimed'")
    ward.fire("decided")
    ordered = "SELECT count(*) FROM executions WHERE state = 'pending'"
    wait_until(lambda: count(database, ordered) == 1, 40, "the step is ordered")
    ward.wait("verified", "verifying")
    assert ward.asked("decided") == 0
    ward.kill()
    permit(database)
    ward.process.start()
    return ward


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


def test_after_the_decision_and_before_the_step_is_begun_it_is_ordered_anew(killed: Ward) -> None:
    done = killed.wait("decided", "succeeded")
    assert "withdrawn at a restart: it had not begun" in [moment["text"] for moment in done["story"]]
    assert (killed.restarts("decided"), killed.asked("decided")) == (1, 1)


def test_while_the_cluster_answers_a_look_finds_that_it_was_done(killed: Ward) -> None:
    done = killed.wait("answering", "succeeded")
    assert "unknown" in [moment["state"] for moment in done["story"]]
    assert (killed.restarts("answering"), killed.asked("answering")) == (1, 1)


def test_while_the_cluster_has_not_done_it_nobody_does_it_again(killed: Ward) -> None:
    run = killed.wait("hanging", "unknown")  # for a minute what was asked may still be on its way
    said = {"applied": False, "reason": "it is as it was"}
    killed.ask("ann", "POST", f"/api/v1/runs/{run['id']}/resolve", said)
    killed.wait("hanging", "failed")
    assert (killed.restarts("hanging"), killed.asked("hanging")) == (0, 1)


def test_while_it_is_found_out_whether_it_helped_that_is_asked_again(killed: Ward) -> None:
    killed.wait("verified", "succeeded")
    assert (killed.restarts("verified"), killed.asked("verified")) == (1, 1)


def test_while_it_waits_for_people_it_waits_on(killed: Ward) -> None:
    after = killed.run("waiting")
    for key in ("id", "state", "expires_at", "plan"):
        assert after[key] == killed.before[key]
    assert killed.asked("waiting") == 0
    approved = {"plan": after["plan"]["hash"]}
    killed.ask("ben", "POST", f"/api/v1/runs/{after['id']}/approve", approved)
    killed.wait("waiting", "succeeded")
    assert (killed.restarts("waiting"), killed.asked("waiting")) == (1, 1)


def test_after_it_was_done_and_before_that_is_on_record_a_look_finds_it(killed: Ward) -> None:
    forbid(killed.process.database, "INSERT ON inputs", "NEW.kind = 'step_finished'")
    killed.fire("unrecorded")
    killed.wait_asked("unrecorded")
    wait_until(lambda: "report_failed" in killed.process.log.read_text(), 40, "its end is not on record")
    killed.kill()
    permit(killed.process.database)
    killed.process.start()
    done = killed.wait("unrecorded", "succeeded")
    assert "unknown" in [moment["state"] for moment in done["story"]]
    assert (killed.restarts("unrecorded"), killed.asked("unrecorded")) == (1, 1)
    check_books(killed.process)
