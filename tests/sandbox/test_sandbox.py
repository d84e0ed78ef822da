"""`responder sandbox` as a real process, with the shipped rules at a faster pace."""

import json
import re
import signal
import socket
import sys
from collections.abc import Callable

import pytest
import yaml

from tests.peers.calls import get
from tests.sandbox.process import Sandbox

pytestmark = pytest.mark.acceptance

CRITICAL, OPS, ALERTS = "#critical-alerts", "#machine-native-ops", "#alerts"
MAIL, PAGER = "ops@machinenativeops.com", "incident #1"

ARRIVES = {
    ("BackupTooOld", ALERTS): ["posted", "edited", "replied"],
    ("BackupTooOld", MAIL): ["mailed", "followed up"],
    ("HighErrorRate", CRITICAL): ["posted", "edited", "replied"],
    ("HighErrorRate", OPS): ["posted", "edited", "replied", "edited", "replied"],
    ("HighErrorRate", ALERTS): ["posted", "edited", "replied"],
    ("HighErrorRate", PAGER): ["triggered", "resolved"],
    ("HighErrorRate", MAIL): ["mailed", "followed up", "followed up"],
    ("checkout", PAGER.replace("1", "2")): ["triggered", "resolved"],
    ("checkout", CRITICAL): ["posted", "replied", "replied"],
    ("checkout", MAIL): ["mailed", "followed up"],
    ("payments", CRITICAL): ["posted", "replied", "replied"],
    ("payments", MAIL): ["mailed", "followed up"],
}
"""What the story comes to in each place, in order, and nothing else.

Of `checkout` and `payments` without the edits in place, which are as many as the pace of Slack allows.
"""

RESTARTED = [("patch", "checkout", 200), ("patch", "payments", 200)]
"""All that the cluster is asked to change."""


def told(sandbox: Sandbox) -> dict[tuple[str, str], list[str]]:
    """What arrived about which alert at which place."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in sandbox.received():
        names = ("BackupTooOld", "HighErrorRate", "checkout", "payments")
        (name,) = [name for name in names if name in one["text"]]
        mended = name in ("checkout", "payments")
        if not (mended and one["how"] == "edited"):
            found.setdefault((name, one["where"]), []).append(one["how"])
    return found


def test_the_story_is_told_and_what_a_newcomer_pastes_works(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    sandbox.launch()
    approved = sandbox.paste("approve")
    assert (approved.returncode, approved.stderr) == (0, "")
    sandbox.wait_ready()
    lines = sandbox.text.splitlines()
    assert lines[:2] == [
        f"Responder is listening on http://127.0.0.1:{sandbox.port}.",
        f"  -> In a browser, {sandbox.site} shows Slack, PagerDuty, mail, the cluster: all stand-ins.",
    ]
    proof = [line for line in lines if line.startswith(("  ok", "  !!"))]
    assert proof[:-2] == [
        "  ok Told in Slack and by mail. Nobody was paged.",
        "  ok Somebody was paged, two channels and the mailbox know.",
        "  ok Told to nobody, and the ledger says why.",
        "  ok The warning that it hid is announced in #alerts.",
        "  ok All is over, and everybody who heard of it knows.",
        "  ok Restarted once, after a yes. Its pods stay up, and whoever was paged knows.",
        "  ok Restarted once, by itself. Its pods stay up, and nobody was woken.",
    ]
    assert re.fullmatch(r"  ok ledger: \d+ notifications owed = .* \+ 0 dead \+ 0 pending", proof[-2])
    assert re.fullmatch(r"  ok journal: whole: rows 1 to \d+", proof[-1])
    assert "     why: the rule critical-over-warning inhibits it: a source with equal labels fires" in lines
    assert f"  $ {sandbox.site}/pagerduty" in lines
    assert "     why: the mode is approve: nobody has signed the page as it is now" in lines
    assert "     why: its mode is auto now: the page says so" in lines
    (held,) = [line for line in lines if line.endswith("of the ledger closed, held")]
    assert held.startswith("     why: pagerduty-critical: row ")
    sandbox.wait_for(lambda: told(sandbox) == ARRIVES)
    assert sandbox.writes() == RESTARTED

    (curl,) = [line for line in lines if line.startswith("  $ curl") and "/api/v2/alerts" in line]
    address, body = re.search(r"curl (\S+) .* -d '(.*)'", curl).groups()  # type: ignore[union-attr]
    assert address == f"http://127.0.0.1:{sandbox.port}/api/v2/alerts"
    before = len(sandbox.received())
    sandbox.post(*json.loads(body))
    sandbox.wait_for(lambda: len(sandbox.received()) == before + 3)
    assert sorted(one["where"] for one in sandbox.received()[before:]) == [CRITICAL, "incident #3", MAIL]
    assert sandbox.stop() == 0
    assert "Traceback" not in sandbox.text
    assert sandbox.text.endswith("\nStopping.\n")


def test_it_goes_on_with_what_an_earlier_run_left(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    sandbox.launch()
    sandbox.wait_for(lambda: "3. A warning" in sandbox.text)
    sandbox.kill9()
    sandbox.launch()
    sandbox.wait_for(lambda: "  ok All is over" in sandbox.text)
    assert "An earlier story was cut short" in sandbox.text
    assert "  !!" not in sandbox.text
    sandbox.signal(signal.SIGINT)
    assert sandbox.wait() == 0


def test_what_was_cut_short_in_the_middle_of_a_run_is_not_done_a_second_time(
    make: Callable[..., Sandbox],
) -> None:
    sandbox = make("--no-story")
    sandbox.start()
    sandbox.wait_for(sandbox.serves)  # a rollout under way is left alone
    sandbox.steer("crash", namespace="shop", name="checkout", every=0.2)
    sandbox.wait_for(lambda: "waits for an approval" in sandbox.text)
    (run,) = sandbox.ask("/api/v1/runs")
    assert sandbox.tell(f"/api/v1/runs/{run['id']}/approve", {}) == 200
    sandbox.wait_for(lambda: sandbox.writes() == RESTARTED[:1])
    sandbox.kill9()
    sandbox.argv.remove("--no-story")
    sandbox.launch()
    sandbox.wait_for(lambda: f"Run {run['id']} was cut short" in sandbox.text)
    sandbox.wait_for(lambda: sandbox.ask(f"/api/v1/runs/{run['id']}")["state"] == "failed")
    done = sandbox.ask(f"/api/v1/runs/{run['id']}")
    events = [event["type"] for row in done["journal"] for event in row["events"]]
    assert events.count("step_intended") == 1
    assert done["applied"] == 0
    assert sandbox.writes() == []
    assert sandbox.stop() == 0


def test_without_a_story_it_only_stays_up(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    sandbox.start()
    assert sandbox.received() == []
    assert sandbox.stop() == 0


def test_a_story_that_does_not_come_out_says_where_and_stays_up(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    routing = sandbox.directory / "rules" / "routing.yaml"
    rules = yaml.safe_load(routing.read_text())
    rules["inhibit_rules"] = []
    routing.write_text(yaml.safe_dump(rules))
    sandbox.start()
    (stopped,) = [line for line in sandbox.text.splitlines() if line.startswith("  !!")]
    assert stopped.startswith("  !! The story stops here: the warning is not inhibited")
    assert get(f"http://127.0.0.1:{sandbox.port}/-/ready").status == 200
    assert sandbox.stop() == 0


@pytest.mark.parametrize("which", ["port", "site_port", "smtp_port"])
def test_a_port_in_use_is_one_line_and_status_2(make: Callable[..., Sandbox], which: str) -> None:
    sandbox = make()
    with socket.create_server(("127.0.0.1", getattr(sandbox, which))):
        sandbox.launch()
        assert sandbox.wait() == 2
    (line,) = sandbox.text.splitlines()
    assert f"127.0.0.1:{getattr(sandbox, which)} is in use by another program" in line


def test_a_second_one_leaves_the_files_of_the_first_alone(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    sandbox.start()
    directory = sandbox.directory / "var" / "sandbox"
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    assert sandbox.run("sandbox").returncode == 2
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == before


def test_another_configuration_is_refused(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--config", "config/other.yaml")
    (sandbox.directory / "config" / "other.yaml").write_text("listen: 127.0.0.1:9095\n")
    sandbox.launch()
    assert sandbox.wait() == 2
    assert sandbox.text == (
        "config/other.yaml: the sandbox needs `sandbox: true` and auth.tokens_file; "
        "other configurations are for `responder serve`\n"
    )


def test_without_the_mail_server_it_is_one_line_and_status_2(make: Callable[..., Sandbox]) -> None:
    without = "import sys; sys.modules['aiosmtpd'] = None; from responder.cli.main import main; main()"
    sandbox = make(program=(sys.executable, "-c", without))
    sandbox.launch()
    assert sandbox.wait() == 2
    assert sandbox.text == "the sandbox's mail server needs aiosmtpd: pip install 'responder[sandbox]'\n"


def test_the_doctor_is_content_with_it(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    sandbox.start()
    done = sandbox.run("doctor", "--config", "config/sandbox.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    *found, counts = done.stdout.splitlines()
    assert {line.split()[0] for line in found} == {"ok"}
    assert {line.split()[1].rstrip(":") for line in found} == {
        *("slack", "pagerduty", "smtp", "kubernetes", "prometheus"),
    }
    assert counts == "0 problems, 0 warnings, 14 ok"
    assert sandbox.received() == []
    done = sandbox.run("doctor", "--config", "config/sandbox.yaml", "--send")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted((one["where"], one["how"]) for one in sandbox.received()) == [
        (ALERTS, "posted"),
        (CRITICAL, "posted"),
        (OPS, "posted"),
        (PAGER, "resolved"),
        (PAGER, "triggered"),
        (MAIL, "mailed"),
    ]


def test_no_secret_is_shown(make: Callable[..., Sandbox]) -> None:
    sandbox = make("--no-story")
    sandbox.start()
    names = ("token", "slack-bot-token", "pagerduty-routing-key", "slack-signing-secret")
    files = [sandbox.directory / "var" / "sandbox" / name for name in names]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * 4
    sandbox.post({"labels": {"alertname": "X", "severity": "critical"}})
    sandbox.wait_for(lambda: len(sandbox.received()) == 3)
    paths = ("/", "/slack", "/pagerduty", "/mail", "/cluster", "/received")
    pages = "".join(get(f"{sandbox.site}{path}").text() for path in paths)
    for path in files:
        secret = path.read_text().strip()
        assert len(secret) >= 32
        assert secret not in sandbox.text
        assert secret not in pages
