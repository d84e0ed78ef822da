"""`suppression.yaml`: what it says, and what is wrong with it at which place."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from responder.core.matching import Matcher
from responder.core.model import parse_time
from responder.core.suppression import Maintenance
from responder.errors import ProblemsError
from responder.ruleset import Loaded, compile_ruleset, load_ruleset
from responder.settings import Settings
from tests.ruleset.reading import BASE, shown

NIGHTS = """
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: "22:00", end_time: "06:00"}]}, {weekdays: ['saturday:sunday']}]
"""
GOOD = """\
maintenance:
  - name: backup
    matchers: ['alertname=~"Backup.*"', 'cluster="a"']
    time_intervals: [nights]
    owner: platform
    reason: the nightly backup
    until: 2026-12-31
"""


def load(directory: Path, suppression: str) -> Loaded:
    (directory / "routing.yaml").write_text(BASE + NIGHTS)
    (directory / "suppression.yaml").write_text(suppression)
    return load_ruleset(directory, Settings())


def wrong(directory: Path, suppression: str) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(directory, suppression)
    return shown(str(caught.value).splitlines(), directory)


def parts(window: Maintenance) -> tuple[object, ...]:
    return (
        window.name,
        window.matchers,
        window.time_intervals,
        len(window.entries),
        window.owner,
        window.reason,
        window.until,
        window.place,
    )


def test_a_window(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD)
    (window,) = loaded.ruleset.suppression.maintenance
    assert parts(window) == (
        "backup",
        (Matcher("alertname", "=~", "Backup.*"), Matcher("cluster", "=", "a")),
        ("nights",),
        2,
        "platform",
        "the nightly backup",
        parse_time("2027-01-01T00:00:00Z"),
        "suppression.yaml:2",
    )
    assert (loaded.warnings, loaded.unsupported) == ((), ())


def test_what_is_kept_of_it_gives_it_back(tmp_path: Path) -> None:
    ruleset = load(tmp_path, GOOD).ruleset
    again = compile_ruleset(ruleset.source, Settings(), ruleset).ruleset
    assert again.hash == ruleset.hash
    assert list(map(parts, again.suppression.maintenance)) == list(
        map(parts, ruleset.suppression.maintenance)
    )
    assert load(tmp_path, GOOD.replace("nightly", "daily")).ruleset.hash != ruleset.hash


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "maintenance: []\n", "maintenance:\n"])
def test_it_may_say_nothing(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).ruleset.suppression.maintenance == ()


def test_an_end_may_be_a_moment(tmp_path: Path) -> None:
    loaded = load(tmp_path, GOOD.replace("2026-12-31", "2026-12-31T18:00:00+01:00"))
    (window,) = loaded.ruleset.suppression.maintenance
    assert window.until == parse_time("2026-12-31T17:00:00Z")


def test_an_owner_a_reason_and_an_end_there_must_be(tmp_path: Path) -> None:
    text = "maintenance:\n- {name: a, matchers: ['a=b'], time_intervals: [nights]}\n"
    assert wrong(tmp_path, text) == [
        f"suppression.yaml:2:3: error: a maintenance window needs {key}"
        for key in ("owner", "reason", "until")
    ]
    assert wrong(tmp_path, GOOD.replace("owner: platform", "owner: ' '")) == [
        "suppression.yaml:5:12: error: owner: cannot be empty"
    ]


def test_every_problem_at_its_place(tmp_path: Path) -> None:
    text = """\
maintenance:
  - name: a
    matchers: ['a=b', 'a=~"("']
    time_intervals: [night]
    owner: o
    reason: r
    until: tomorrow
    untill: 2026-12-31
  - name: a
    matchers: [x=y]
    time_intervals: []
    owner: o
    reason: r
    until: 2026-13-31
  - text
storm: {}
"""
    found = wrong(tmp_path, text)
    assert found[0].startswith("suppression.yaml:3:23: error: matchers: ")
    assert found[1:] == [
        (
            'suppression.yaml:4:22: error: time_intervals: there is no time interval "night"; '
            'did you mean "nights"?'
        ),
        (
            "suppression.yaml:7:12: error: until: 'tomorrow' is neither a date such as 2026-12-31 nor a time "
            "such as 2026-12-31T18:00:00Z"
        ),
        ('suppression.yaml:8:5: error: unknown key "untill" in a maintenance window; did you mean "until"?'),
        "suppression.yaml:9:11: error: name: 'a' is given twice: first at suppression.yaml:2:11",
        "suppression.yaml:11:21: error: time_intervals: cannot be empty",
        (
            "suppression.yaml:14:12: error: until: '2026-13-31' is neither a date such as 2026-12-31 nor a "
            "time such as 2026-12-31T18:00:00Z"
        ),
        "suppression.yaml:15:5: error: a maintenance window must be a mapping, not a text",
        'suppression.yaml:16:1: error: unknown key "storm" in suppression.yaml; it may have maintenance',
    ]


@pytest.mark.parametrize("matchers", ["['a=~.*']", "[]", "['a=\"\"']", "['a=~\"b|\"', 'c=\"\"']"])
def test_a_window_must_not_hide_everything(tmp_path: Path, matchers: str) -> None:
    text = GOOD.replace("""['alertname=~"Backup.*"', 'cluster="a"']""", matchers)
    assert wrong(tmp_path, text) == [
        "suppression.yaml:3:15: error: matchers: at least one must not match the empty text, "
        "or it hides everything"
    ]


def test_what_is_no_mapping(tmp_path: Path) -> None:
    assert wrong(tmp_path, "- a\n") == [
        "suppression.yaml:1:1: error: must be a mapping with maintenance, a list"
    ]
    assert wrong(tmp_path, "maintenance: {a: b\n")[0].startswith("suppression.yaml:2:1: error: not YAML")


@settings(max_examples=80)
@given(
    start=st.integers(0, len(GOOD)),
    length=st.integers(0, 30),
    put=st.sampled_from(
        ["", "x", "[", "{}", "~", "- ", ": ", "'", "*a", "&a ", "\n", "\t", "0", "<<: ", "\x00"]
    ),
)
def test_a_damaged_file_loads_or_says_why(start: int, length: int, put: str) -> None:
    damaged = GOOD[:start] + put + GOOD[start + length :]
    try:
        ruleset = compile_ruleset({"r.yaml": BASE + NIGHTS, "suppression.yaml": damaged}, Settings()).ruleset
    except ProblemsError as error:
        named = {problem.file for problem in error.problems if problem.severity == "error"}
    else:
        named = {"suppression.yaml"}
        assert all(one.owner and one.reason and one.until for one in ruleset.suppression.maintenance)
    assert named == {"suppression.yaml"}
