from pathlib import Path

from tests.ruleset.reading import load, warned, wrong

HEAD = """
receivers: [{name: a}]
route:
  receiver: a
  routes:
"""


def test_deprecated_keys_load_with_their_modern_spelling(tmp_path: Path) -> None:
    loaded = load(
        HEAD
        + """
    - match: {severity: critical, empty: }
      match_re: {service: a|b}
      matchers: [env="prod"]
""",
        tmp_path,
    )
    assert loaded.ruleset.router.routes[1].key == (
        '{}/{empty="",env="prod",service=~"^(?:a|b)$",severity="critical"}'
    )
    assert warned(loaded, tmp_path) == [
        (
            "routing.yaml:7:7: warning: match is deprecated; write matchers: "
            "['severity=\"critical\"', 'empty=\"\"']"
        ),
        "routing.yaml:8:7: warning: match_re is deprecated; write matchers: ['service=~\"^(?:a|b)$\"']",
    ]


def test_scalars_that_yaml_would_turn_into_something_else(tmp_path: Path) -> None:
    # Alertmanager documents unquoted values; a YAML 1.1 loader makes True, 83, 1.1 and False of these.
    loaded = load(HEAD + "    - match: {enabled: on, build: 0123, ver: 1.10, no: no}\n", tmp_path)
    assert loaded.ruleset.router.routes[1].key == '{}/{build="0123",enabled="on",no="no",ver="1.10"}'


def test_what_is_no_matcher(tmp_path: Path) -> None:
    problems = wrong(
        HEAD
        + r"""
    - matchers: severity="critical"
    - matchers: ['severity', [x], ~]
    - matchers: ['a=~"(?=x)"', 'b=~"\\C"']
    - match: {"a b": x, c: [y]}
    - match_re: {a: "(", b: }
""",
        tmp_path,
    )
    # What a matcher's own problem says is the parser's; that it stands at its place is ours.
    places = [problem.split(": ")[0].removeprefix("routing.yaml:") for problem in problems]
    assert places == ["7:17", "8:18", "8:30", "8:35", "9:18", "9:32", "10:22", "10:28", "11:21", "11:29"]
    assert {problem.split(": ")[1] for problem in problems} == {"error"}
    assert problems[0] == "routing.yaml:7:17: error: matchers: must be a list, not a text"
    assert problems[2] == "routing.yaml:8:30: error: matchers: must be a text such as 'severity=\"critical\"'"
    assert problems[7] == "routing.yaml:10:28: error: match: c must be a text, not a list"
    assert problems[9] == "routing.yaml:11:29: error: match_re: b needs a regular expression"


def test_a_matcher_that_only_the_old_grammar_reads_is_a_warning(tmp_path: Path) -> None:
    loaded = load(HEAD + "    - matchers: ['job=']\n", tmp_path)
    (line,) = warned(loaded, tmp_path)
    assert line.startswith(
        "routing.yaml:6:18: warning: matchers: 'job=' is understood by the classic grammar"
    )
    assert loaded.ruleset.router.routes[1].key == '{}/{job=""}'
