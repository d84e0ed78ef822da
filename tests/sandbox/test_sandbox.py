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
}
"""What the story comes to in each place, in order, and nothing else."""


def test_the_story_is_told_and_what_a_newcomer_pastes_works(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    sandbox.start()
    lines = sandbox.text.splitlines()
    assert lines[:2] == [
        f"Responder is listening on http://127.0.0.1:{sandbox.port}.",
        f"  -> In a browser, {sandbox.site} shows Slack, PagerDuty and mail: stand-ins on this machine.",
    ]
    proof = [line for line in lines if line.startswith(("  ok", "  !!"))]
    assert proof[:-2] == [
        "  ok Told in Slack and by mail. Nobody was paged.",
        "  ok Somebody was paged, two channels and the mailbox know.",
        "  ok Told to nobody, and the ledger says why.",
        "  ok The warning that it hid is announced in #alerts.",
        "  ok All is over, and everybody who heard of it knows.",
    ]
    assert re.fullmatch(r"  ok ledger: \d+ notifications owed = .* \+ 0 dead \+ 0 pending", proof[-2])
    assert re.fullmatch(r"  ok journal: whole: rows 1 to \d+", proof[-1])
    assert "     why: the rule critical-over-warning inhibits it: a source with equal labels fires" in lines
    assert f"  $ {sandbox.site}/pagerduty" in lines
    told: dict[tuple[str, str], list[str]] = {}
    for one in sandbox.received():
        name = "BackupTooOld" if "BackupTooOld" in one["text"] else "HighErrorRate"
        told.setdefault((name, one["where"]), []).append(one["how"])
    assert told == ARRIVES
    shown = [line for line in lines if line.startswith("  <- ")]
    assert len(shown) == sum(map(len, ARRIVES.values()))

    (curl,) = [line for line in lines if line.startswith("  $ curl")]
    address, body = re.search(r"curl (\S+) .* -d '(.*)'", curl).groups()  # type: ignore[union-attr]
    assert address == f"http://127.0.0.1:{sandbox.port}/api/v2/alerts"
    before = len(sandbox.received())
    sandbox.post(*json.loads(body))
    sandbox.wait_for(lambda: len(sandbox.received()) == before + 3)
    assert sorted(one["where"] for one in sandbox.received()[before:]) == [CRITICAL, "incident #2", MAIL]
    assert sandbox.stop() == 0
    assert "Traceback" not in sandbox.text
    assert sandbox.text.endswith("\nStopping.\n")


def test_it_goes_on_with_what_an_earlier_run_left(make: Callable[..., Sandbox]) -> None:
    sandbox = make()
    sandbox.launch()
    sandbox.wait_for(lambda: "3. A warning" in sandbox.text)
    sandbox.kill9()
    sandbox.start()
    assert "An earlier story was cut short" in sandbox.text
    assert sandbox.text.count("  ok journal: whole") == 1
    assert "  !!" not in sandbox.text
    sandbox.signal(signal.SIGINT)
    assert sandbox.wait() == 0


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
    assert {line.split()[1] for line in found} == {"slack", "pagerduty", "smtp"}
    assert counts == "0 problems, 0 warnings, 11 ok"
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
    names = ("token", "slack-bot-token", "pagerduty-routing-key")
    files = [sandbox.directory / "var" / "sandbox" / name for name in names]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600] * 3
    sandbox.post({"labels": {"alertname": "X", "severity": "critical"}})
    sandbox.wait_for(lambda: len(sandbox.received()) == 3)
    paths = ("/", "/slack", "/pagerduty", "/mail", "/received")
    pages = "".join(get(f"{sandbox.site}{path}").text() for path in paths)
    for path in files:
        secret = path.read_text().strip()
        assert len(secret) >= 32
        assert secret not in sandbox.text
        assert secret not in pages
