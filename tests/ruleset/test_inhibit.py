from pathlib import Path

from tests.ruleset.reading import BASE, load, warned, wrong


def test_rules_and_their_deprecated_forms(tmp_path: Path) -> None:
    loaded = load(
        BASE
        + """
inhibit_rules:
  - name: critical-over-warning
    source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [alertname, no]
  - source_match: {severity: critical}
    source_match_re: {team: a|b}
    target_match: {severity: info}
    target_match_re: {team: c|d}
    equal: [cluster]
""",
        tmp_path,
    )
    first, second = loaded.ruleset.inhibit_rules
    assert (first.name, first.equal, first.place) == (
        "critical-over-warning",
        ("alertname", "no"),
        "routing.yaml:6",
    )
    assert [str(matcher) for matcher in (*first.source_matchers, *first.target_matchers)] == [
        'severity="critical"',
        'severity="warning"',
    ]
    assert [str(matcher) for matcher in second.source_matchers] == [
        'severity="critical"',
        'team=~"^(?:a|b)$"',
    ]
    assert [line.split(" is ")[0] for line in warned(loaded, tmp_path)] == [
        "routing.yaml:10:5: warning: source_match",
        "routing.yaml:11:5: warning: source_match_re",
        "routing.yaml:12:5: warning: target_match",
        "routing.yaml:13:5: warning: target_match_re",
    ]


def test_rules_that_do_too_much_or_nothing(tmp_path: Path) -> None:
    loaded = load(
        BASE
        + """
inhibit_rules:
  - {source_matchers: [a="1"], target_matchers: [a="2"]}
  - {equal: [alertname]}
""",
        tmp_path,
    )
    assert warned(loaded, tmp_path) == [
        (
            "routing.yaml:6:5: warning: an inhibit rule without equal: any source inhibits every target, "
            "whatever they are about"
        ),
        "routing.yaml:7:5: warning: an inhibit rule without matchers inhibits nothing",
    ]


def test_what_is_wrong_in_a_rule(tmp_path: Path) -> None:
    assert wrong(
        BASE
        + """
inhibit_rules:
  - {source_matcher: [a="1"], target_matchers: [a="2"], equal: ["", alertname]}
  - {source_matchers: [a="1"], target_matchers: [a="2"], equal: alertname}
""",
        tmp_path,
    ) == [
        (
            'routing.yaml:6:6: error: unknown key "source_matcher" in an inhibit rule; did you mean '
            '"source_matchers"?'
        ),
        "routing.yaml:6:65: error: equal: cannot be empty",
        (
            "routing.yaml:7:5: warning: an inhibit rule without equal: any source inhibits every target, "
            "whatever they are about"
        ),
        "routing.yaml:7:65: error: equal: must be a list, not a text",
    ]
