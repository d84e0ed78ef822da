"""Edits in a YAML text: comments in their places, keys left out, lines that can be found again."""

import pytest

from responder.document.tree import MappingNode, Place, Problems, ScalarNode, parse
from responder.ruleset.editing import Edit, Source, apply, one_line, scalars


def source(text: str) -> Source:
    root = parse(text, "f", Problems())
    assert root is not None
    return Source(text, root)


def test_edits_are_done_in_one_go_and_lines_are_found_again() -> None:
    text = "a\nb\nc\n"
    edited = apply(text, [Edit(4, 5, "C"), Edit(0, 0, "# x\n"), Edit(2, 2, "# 1\n"), Edit(2, 2, "# 2\n")])
    assert edited.text == "# x\na\n# 1\n# 2\nb\nC\n"
    assert [edited.line(at, text) for at in (0, 2, 4)] == [2, 5, 6]


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ("a: 1\nb: 2\n", (2, 4), "a: 1\n# responder: x\nb: 2\n"),
        ("a:\n  - b: 2\n", (2, 8), "a:\n  # responder: x\n  - b: 2\n"),
        ("a: 1\r\nb: 2\r\n", (2, 4), "a: 1\r\n# responder: x\r\nb: 2\r\n"),
        ("a: {b: 1,\n  c: 2}\n", (2, 6), "a: {b: 1,\n  # responder: x\n  c: 2}\n"),
        ("a: {b: 'x\n  y', c: 2}\n", (2, 10), "# responder: x\na: {b: 'x\n  y', c: 2}\n"),
        ("é: ü\nb: 2\n", (2, 4), "é: ü\n# responder: x\nb: 2\n"),
        ("a: |\n  x\n\n  y\nb: 2\n", (5, 4), "a: |\n  x\n\n  y\n# responder: x\nb: 2\n"),
    ],
)
def test_a_comment_stands_above_and_never_within_a_value(
    text: str, place: tuple[int, int], expected: str
) -> None:
    edit = source(text).comment(Place("f", *place), "x")
    assert apply(text, [edit]).text == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nt: x\nb: 2\n", "a: 1\n# responder: gone\nb: 2\n"),
        ("a: 1\nt: x  # why\n", "a: 1\n# responder: gone  # why\n"),
        ("a: 1\nt: |\n  x\n  y\nb: 2\n", "a: 1\n# responder: gone\nb: 2\n"),
        ("a: 1\nt: 'x\n  y'\nb: 2\n", "a: 1\n# responder: gone\nb: 2\n"),
        ('a: 1\n"t" :\n  x\nb: 2\n', "a: 1\n# responder: gone\nb: 2\n"),
    ],
)
def test_a_key_is_left_out_where_it_has_its_lines_for_itself(text: str, expected: str) -> None:
    assert without(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{a: 1, t: x}",
        "{a: 1,\n t: x, b: 2}",
        "t: &name x\nb: *name\n",
        "a: &name x\nt: *name\n",
        "t: !!str x\n",
    ],
)
def test_a_key_stays_where_others_share_its_lines_or_its_value(text: str) -> None:
    assert without(text) is None


def without(text: str) -> str | None:
    root = parse(text, "f", Problems())
    assert isinstance(root, MappingNode)
    entry = root.entries["t"]
    assert isinstance(entry.value, ScalarNode)
    edit = Source(text, root).without(entry.key, entry.value, "gone")
    return apply(text, [edit]).text if edit else None


def test_a_comment_is_one_line_whatever_it_says() -> None:
    assert one_line("a\nb\u2028c\x1b[2Jd é") == "a\\nb\\u2028c\\x1b[2Jd é"


def test_every_text_of_a_tree() -> None:
    root = parse("a: [1, {b: 2}]\nc: &x 3\nd: *x\n", "f", Problems())
    assert root is not None
    assert [node.text for node in scalars(root)] == ["1", "2", "3", "3"]
