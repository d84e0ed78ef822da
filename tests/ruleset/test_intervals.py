from pathlib import Path

from responder.core.timeintervals import TimeInterval
from responder.settings import Settings
from tests.ruleset.reading import BASE, load, warned, wrong


def test_both_keys_name_intervals(tmp_path: Path) -> None:
    # The documentation of Alertmanager writes times without quotes; YAML 1.1 makes 1020 of 17:00.
    loaded = load(
        BASE
        + """
time_intervals:
  - name: evenings
    time_intervals:
      - times: [{start_time: 17:00, end_time: 24:00}]
        weekdays: [monday:friday]
        months: [1:3]
        location: Europe/Berlin
      - {}
mute_time_intervals:
  - {name: never, time_intervals: []}
""",
        tmp_path,
    )
    assert loaded.ruleset.time_intervals == {
        "never": (),
        "evenings": (
            TimeInterval(
                times=((17 * 60, 24 * 60),), weekdays=((1, 5),), months=((1, 3),), location="Europe/Berlin"
            ),
            TimeInterval(),
        ),
    }
    assert warned(loaded, tmp_path) == [
        "routing.yaml:13:1: warning: mute_time_intervals is deprecated; write time_intervals"
    ]


NIGHTS = """
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: 22:00, end_time: 06:00}]
        weekdays: [friday:monday]
"""


def test_a_night_and_a_weekend_in_one_range(tmp_path: Path) -> None:
    loaded = load(BASE + NIGHTS, tmp_path)
    assert loaded.ruleset.time_intervals == {
        "nights": (TimeInterval(times=((22 * 60, 6 * 60),), weekdays=((5, 6), (0, 1))),)
    }
    assert warned(loaded, tmp_path) == []


def test_alertmanager_has_no_such_ranges(tmp_path: Path) -> None:
    assert wrong(BASE + NIGHTS, tmp_path, Settings(compatibility="alertmanager")) == [
        (
            "routing.yaml:8:17: error: times: start_time 22:00 must lie before end_time 06:00; "
            "for a night write two entries, one up to 24:00 and one from 00:00"
        ),
        (
            "routing.yaml:9:20: error: weekdays: 'friday:monday' runs backwards: the week begins on Sunday; "
            "write two entries"
        ),
    ]


def test_the_two_keys_share_one_set_of_names(tmp_path: Path) -> None:
    assert wrong(
        BASE
        + """
time_intervals:
  - {name: a, time_intervals: []}
  - {name: b, time_intervals: []}
  - {time_intervals: []}
mute_time_intervals:
  - {name: a, time_intervals: []}
  - {name: c, intervals: []}
""",
        tmp_path,
    ) == [
        "routing.yaml:6:12: error: name: 'a' is given twice: first at routing.yaml:10:12",
        "routing.yaml:8:5: error: a time interval needs name",
        "routing.yaml:9:1: warning: mute_time_intervals is deprecated; write time_intervals",
        (
            'routing.yaml:11:15: error: unknown key "intervals" in a time interval; did you mean '
            '"time_intervals"?'
        ),
    ]


def test_every_problem_of_an_interval_at_its_place(tmp_path: Path) -> None:
    problems = wrong(
        BASE
        + """
time_intervals:
  - name: a
    time_intervals:
      - times:
          - {start_time: 25:00, end_time: 17:00}
          - {start_time: 17:00, end_time: 17:00}
        weekdays: [monday, noday]
        location: Mars/Olympus
        wekdays: [monday]
      - text
""",
        tmp_path,
    )
    places = [problem.split(": ", 2)[0].removeprefix("routing.yaml:") for problem in problems]
    assert places == ["9:26", "10:13", "11:28", "12:19", "13:18", "14:9"]
    assert problems[-1] == "routing.yaml:14:9: error: an entry of time_intervals must be a mapping"
    assert (
        problems[2] == "routing.yaml:11:28: error: weekdays: 'noday' is not a day of the week such as monday"
    )
