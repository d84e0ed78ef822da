import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.document.tree import (
    MAX_DEPTH,
    MAX_NODES,
    MappingNode,
    Node,
    Place,
    Problems,
    ScalarNode,
    SequenceNode,
    decode,
    parse,
    parse_bytes,
    to_flow,
    to_plain,
)


def read(text: str) -> tuple[object, list[str]]:
    problems = Problems()
    node = parse(text, "f.yaml", problems)
    return (None if node is None else to_plain(node)), [str(problem) for problem in problems.listed()]


def good(text: str) -> object:
    plain, problems = read(text)
    assert problems == []
    return plain


def wrong(text: str) -> list[str]:
    return read(text)[1]


def test_scalars_stay_as_they_are_written() -> None:
    # What PyYAML's own loader makes of these: 1020, True, 83, 1.1, False, 65.
    text = "a: 17:00\nb: on\nc: 0123\nd: 1.10\ne: [no, 1:5]\nf: '  x '\ng: 2026-01-05\n"
    assert good(text) == {
        "a": "17:00",
        "b": "on",
        "c": "0123",
        "d": "1.10",
        "e": ["no", "1:5"],
        "f": "  x ",
        "g": "2026-01-05",
    }


def test_nulls_are_told_from_empty_texts() -> None:
    assert good("a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: !!str\ng: Null\nh: nUll\n") == {
        "a": None,
        "b": None,
        "c": None,
        "d": "",
        "e": "null",
        "f": "",
        "g": None,
        "h": "nUll",
    }


@pytest.mark.parametrize("text", ["", "   \n", "# only this\n", "---\n", "\ufeff", "--- ~\n...\n"])
def test_an_empty_text_is_null(text: str) -> None:
    problems = Problems()
    node = parse_bytes(text.encode(), "f.yaml", problems)
    assert isinstance(node, ScalarNode)
    assert node.null
    assert problems.listed() == []


def test_places_count_from_one_and_in_characters() -> None:
    problems = Problems()
    node = parse('ä: "é" \nlist:\n  - {k: v}\n', "f.yaml", problems)
    assert isinstance(node, MappingNode)
    assert node.place == Place("f.yaml", 1, 1)
    assert node.entries["ä"].key == Place("f.yaml", 1, 1)
    assert node.entries["ä"].value.place == Place("f.yaml", 1, 4)
    listed = node.entries["list"].value
    assert isinstance(listed, SequenceNode)
    inner = listed.items[0]
    assert isinstance(inner, MappingNode)
    assert inner.entries["k"].value.place == Place("f.yaml", 3, 9)


def test_a_place_prints_as_editors_know_it() -> None:
    assert [str(Place("f", 3, 7)), str(Place("RESPONDER__X", 0, 0))] == ["f:3:7", "RESPONDER__X"]


def test_anchors_and_merge_keys() -> None:
    text = """
base: &base {a: 1, b: 2}
more: &more {b: 3, c: 4}
one: {<<: *base, b: own}
two: {<<: [*more, *base]}
late:
  a: own
  <<: *base
twice: {<<: *base, "<<": text}
"""
    plain = good(text)
    assert isinstance(plain, dict)
    assert plain["one"] == {"a": "1", "b": "own"}
    assert plain["two"] == {"a": "1", "b": "3", "c": "4"}
    assert plain["late"] == {"a": "own", "b": "2"}
    assert plain["twice"] == {"a": "1", "b": "2", "<<": "text"}


def test_an_anchor_may_be_given_again() -> None:
    assert good("a: &x 1\nb: &x 2\nc: *x\n") == {"a": "1", "b": "2", "c": "2"}


def test_duplicate_keys_name_both_places() -> None:
    assert wrong("route:\n  receiver: a\n  group_wait: 1s\n  receiver: b\n") == [
        'f.yaml:4:3: error: duplicate key "receiver": first at f.yaml:2:3'
    ]


def test_a_tab_is_called_a_tab() -> None:
    assert wrong("a:\n\tb: 1\n") == ["f.yaml:2:1: error: not YAML: a tab; indent with spaces"]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "a: b: c\n",
            "1:5",
            "not YAML: mapping values are not allowed in this context (quote a value that contains ': ')",
        ),
        ("a: [1,\n", "2:1", "not YAML: while parsing a flow node, did not find expected node content"),
        (
            "- a\nb: c\n",
            "2:1",
            "not YAML: while parsing a block collection, did not find expected '-' indicator",
        ),
        ("ü: \x01\n", "1:4", "not YAML: control characters are not allowed"),
        ("x: 1\n{a: 2}: 3\n", "2:1", "a key must be a text, not a list or a mapping"),
        ("a: 1\n---\nb: 2\n", "3:1", "a second document: only the first would be read"),
        ("a: {<<: text}\n", "1:9", "<< merges a mapping or a list of mappings"),
        ("a: &x [*x]\n", "1:8", "an alias inside its own anchor"),
    ],
)
def test_what_is_no_yaml_is_said_with_its_place(text: str, place: str, message: str) -> None:
    assert wrong(text) == [f"f.yaml:{place}: error: {message}"]


def test_what_may_be_a_secret_is_not_repeated() -> None:
    assert wrong("password: *hunter2\n") == [
        "f.yaml:1:11: error: an alias that no anchor names (a value that begins with * needs quotes)"
    ]
    assert wrong("password: !hunter2\n") == [
        "f.yaml:1:11: error: an unknown tag (a value that begins with ! needs quotes)"
    ]


def test_python_tags_construct_nothing() -> None:
    assert wrong("a: !!python/object/apply:os.system ['true']\n") == [
        "f.yaml:1:4: error: an unknown tag (a value that begins with ! needs quotes)"
    ]


def test_bytes_that_are_not_utf8() -> None:
    problems = Problems()
    assert decode(b"a: 1\nb: \xff\n", "f.yaml", problems) is None
    assert [str(problem) for problem in problems.listed()] == ["f.yaml:2:4: error: not UTF-8 text"]


def test_a_billion_laughs_are_bounded() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    assert wrong(text) == [f"f.yaml:6:30: error: more than {MAX_NODES:,} values once aliases are expanded"]


def test_depth_is_bounded() -> None:
    assert wrong("[" * (MAX_DEPTH + 5) + "]" * (MAX_DEPTH + 5)) == [
        f"f.yaml:1:{MAX_DEPTH + 2}: error: nested more than {MAX_DEPTH} deep"
    ]
    assert wrong("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_replaced_scalars() -> None:
    problems = Problems()
    node = parse("a: one\nb: one\n", "f.yaml", problems)
    assert isinstance(node, MappingNode)
    second = node.entries["b"].value
    assert isinstance(second, ScalarNode)
    assert to_plain(node, {second: "other"}) == {"a": "one", "b": "other"}


def test_spans_cut_the_values_out_of_the_text() -> None:
    text = 'a: "é"\nb: &x plain\nc: |\n  block\nd: end\n'
    node = parse(text, "f.yaml", Problems())
    assert isinstance(node, MappingNode)
    cut = []
    for entry in node.entries.values():
        assert isinstance(entry.value, ScalarNode)
        start, end = entry.value.span
        cut.append(text[start:end])
    assert cut == ['"é"', "&x plain", "|\n  block\n", "end"]


def test_problems_are_kept_once_and_sorted() -> None:
    problems = Problems()
    for line in (9, 3, 9):
        problems.error(Place("f", line, 1), "wrong")
    problems.warning(Place("f", 1, 1), "hm")
    assert [str(problem) for problem in problems.listed()] == [
        "f:1:1: warning: hm",
        "f:3:1: error: wrong",
        "f:9:1: error: wrong",
    ]


def test_one_line_of_yaml_reads_back_the_same() -> None:
    text = "a: yes\nb: 'yes'\nc: [1, '2', ~, {d: 'x: y'}]\ne: &x {f: 1.5}\ng: *x\n'h: i': |\n  two\n  lines\n"
    node = parse(text, "f.yaml", Problems())
    assert node is not None
    flow = to_flow(node)
    assert flow == (
        '{"a": yes, "b": "yes", "c": [1, "2", null, {"d": "x: y"}], "e": {"f": "1.5"}, "g": {"f": "1.5"}, '
        '"h: i": "two\\nlines\\n"}'
    )
    assert good(flow) == to_plain(node)


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=20))
def test_any_text_survives_one_line_of_yaml(text: str) -> None:
    flow = to_flow(ScalarNode(Place("f", 1, 1), text, False, (0, 0)))
    assert "\n" not in flow
    assert good(f"[{flow}]") == [text]


YAML_TEXT = st.text(alphabet="ab:-[]{}&*!|>'\"# \n\t?<~,%@`0", max_size=60)


@given(YAML_TEXT)
def test_any_text_gives_a_node_or_a_problem(text: str) -> None:
    problems = Problems()
    node: Node | None = parse(text, "f.yaml", problems)
    assert (node is None) <= problems.failed
    if node is not None:
        to_plain(node)
