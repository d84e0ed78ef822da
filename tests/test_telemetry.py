"""Log lines as they leave the process."""

import json
import subprocess
import sys

LINES = """
from responder.telemetry import configure_logging, logger
configure_logging(json=True)
log = logger("test")
log.info("plain", count=3, name="caf\\u00e9", what=ValueError("x"))
log.info("large", number=1 << 70)
log.info("half", text="\\ud800")
log.info("terminal", text="a\\x9b2J\\x7f\\x1b[2J\\nb")
"""


def test_a_log_line_is_json_whatever_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", LINES], capture_output=True, check=True)
    lines = done.stderr.splitlines()
    told = [json.loads(line) for line in lines]
    assert [line["event"] for line in told] == ["plain", "large", "half", "terminal"]
    assert (told[0]["count"], told[0]["name"], told[0]["what"]) == (3, "caf\u00e9", "ValueError('x')")
    assert told[1]["number"] == 1 << 70
    assert told[2]["text"] == "\ud800"
    assert told[3]["text"] == "a\x9b2J\x7f\x1b[2J\nb"
    assert all(line["part"] == "test" and line["level"] == "info" and line["at"] for line in told)


def test_nothing_in_a_log_line_gives_a_terminal_orders() -> None:
    done = subprocess.run([sys.executable, "-c", LINES], capture_output=True, check=True)
    last = done.stderr.splitlines()[-1].decode()
    assert last.isprintable()
