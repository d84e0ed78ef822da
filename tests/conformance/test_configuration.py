"""Which files are sound: `amtool check-config` and we, given the same ones.

What differs on purpose is listed with its reason; everything else is a finding.
"""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest
import yaml

from responder.errors import ProblemsError
from responder.ruleset import load_ruleset
from responder.settings import Settings
from tests.conformance.conftest import Dice, Tally
from tests.conformance.files import break_one, sound
from tests.peers.binaries import peer
from tests.peers.process import environment

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(1200)]

FILES: Final = 1_500
BATCH: Final = 100

WE_ARE_STRICTER: Final[dict[str, str]] = {
    r"must be a text such as 'severity|must be a text, not nothing|expected a text such as a or a:b|"
    r"entry of time_intervals must be a mapping|must be a mapping, not nothing|"
    r"times: expected start_time and end_time": (
        "an entry of a list that says nothing is a slip; amtool takes it for an empty one"
    ),
    r"smarthost: .* is not a server and its port": "a port is a number from 1 to 65535",
    r"(to|from): .* is not an address": "amtool takes anything for an address, and fails when it is used",
    r"means every label and must stand alone|'\.\.\.' is given twice": "saying `...` twice is a slip",
    r"is not a whole number": "amtool cuts off what is behind the point",
    r"'-.*' is not a duration": "amtool takes a negative time to wait",
    r"(proxy|token)_url: not a URL": "amtool takes anything for a URL here, and fails when it is used",
}
"""What only we refuse (a pattern of our message), and why."""

WE_TAKE_IT: Final[dict[str, str]] = {
    r"is not a valid label name|invalid label name|bad matcher format: (a-b|é)": (
        "names in any alphabet, as Alertmanager since 0.27"
    ),
    r"no global Slack API URL set|missing service or routing key": (
        "both services are reached by what the settings say, where the file says nothing"
    ),
    r"unsupported scheme \"\" for URL": "a Go template in a URL, which later versions expand, is warned of",
    r"either oauth2 client_secret or": "later versions take it: a client may prove itself by a certificate",
    r"address .*\{\{.*missing port": "a Go template is warned of where it is inherited, and not expanded",
    r"start day cannot be before end day": "a weekend in one range",
    r"start time cannot be equal or greater than end time": "a night in one range",
    r"Slack (action|field)": "buttons and fields of one's own are not shown: what they lack does no harm",
    r"^no global (VictorOps|Wechat|OpsGenie)|telegram_config|opsGenieConfig responder|^panic: .*Wechat": (
        "an integration that this version does not deliver is reported as such, not proof-read"
    ),
}
"""What only amtool refuses (a pattern of its message), and why we do not."""


def theirs(amtool: str, paths: Sequence[Path]) -> Iterator[str]:
    """Amtool's complaint about each file, or nothing; a crash of it is one too, and it is asked again."""
    while paths:
        argv = [amtool, "check-config", *map(str, paths)]
        done = subprocess.run(
            argv, check=False, capture_output=True, text=True, errors="replace", env=environment()
        )
        answers = done.stdout.split("Checking '")[1:]
        for path, answer in zip(paths, answers, strict=False):
            verdict = answer.removeprefix(f"{path}'").strip()
            assert verdict.startswith(("SUCCESS", "FAILED: ", "panic: ")) or not verdict, done.stdout
            yield "" if verdict.startswith("SUCCESS") else verdict.removeprefix("FAILED: ") or "panic: "
        assert answers, done.stderr
        paths = paths[len(answers) :]


def ours(path: Path) -> list[str]:
    """Our errors about a file."""
    try:
        load_ruleset(path, Settings(), read_files=False)
    except ProblemsError as error:
        return [str(problem) for problem in error.problems if problem.severity == "error"]
    return []


def explained(patterns: dict[str, str], message: str) -> bool:
    return any(re.search(pattern, message) for pattern in patterns)


def test_a_file_is_sound_if_amtool_says_so(dice: Dice, tally: Tally, tmp_path: Path) -> None:
    amtool = peer("amtool")
    verdicts: Counter[str] = Counter()
    found: list[str] = []
    for turn in range(FILES * dice.scale // BATCH):
        paths, done = [], []
        for number in range(BATCH):
            random = dice.random("file", turn, number)
            document = sound(random)
            done.append([break_one(random, document) for _ in range(random.choice((0, 1, 1, 1, 1)))])
            paths.append(tmp_path / f"{number}.yml")
            paths[-1].write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
        for path, changes, complaint in zip(paths, done, theirs(amtool, paths), strict=True):
            problems = ours(path)
            if bool(complaint) == bool(problems):
                verdicts["refused" if problems else "taken"] += 1
                assert changes or not problems, f"{problems}\n{path.read_text()}"
                assert all(re.match(r".+\.yml:\d+:\d+: error: \S", problem) for problem in problems)
            elif (complaint and explained(WE_TAKE_IT, complaint)) or (
                problems and all(explained(WE_ARE_STRICTER, problem) for problem in problems)
            ):
                verdicts["on purpose"] += 1
            else:
                found.append(f"{changes}\n  amtool: {complaint or 'fine'}\n  ours:   {problems or 'fine'}")
    assert found == [], "\n".join([f"{len(found)} differ", *found])
    assert min(verdicts["refused"], verdicts["taken"]) > FILES // 5
    tally(f"configuration: {sum(verdicts.values())} files, {dict(verdicts)}")
