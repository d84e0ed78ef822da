import pytest

from responder.document.tree import Problems, to_plain
from responder.ruleset.runbooks.markdown import KINDS, take_apart

FRONT = "---\na: 1\n---\n"


def parts(body: str) -> list[tuple[str, int, int, object]]:
    """(kind, line, column, YAML) of the blocks of a page with nothing wrong; the body begins on line 4."""
    problems = Problems()
    found = take_apart(FRONT + body, "p.md", problems)
    assert found is not None
    assert problems.listed() == []
    return [
        (block.kind, block.place.line, block.place.column, to_plain(block.node)) for block in found.blocks
    ]


def wrong(text: str) -> list[str]:
    problems = Problems()
    take_apart(text, "p.md", problems)
    return [str(problem).removeprefix("p.md:").replace("error: ", "") for problem in problems.listed()]


# -- front matter -------------------------------------------------------------------------------


def test_front_matter_is_what_stands_between_the_first_two_lines_of_dashes() -> None:
    problems = Problems()
    found = take_apart("---\na: {b: 1}\n--- \n\n# T\n\n---\nc: 2\n---\n", "p.md", problems)
    assert found is not None
    assert found.front is not None
    assert (to_plain(found.front), found.prose, problems.listed()) == (
        {"a": {"b": "1"}},
        "# T\n\n---\nc: 2\n---",
        [],
    )


BEGIN = "1:1: a runbook begins with its front matter: ---, YAML, and --- again"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", BEGIN),
        ("# Title\n---\na: 1\n---\n", BEGIN),
        ("\n---\na: 1\n---\n", BEGIN),
        (" ---\na: 1\n---\n", BEGIN),
        ("----\na: 1\n----\n", BEGIN),
        ("---\na: 1\n", "1:1: the front matter has no end: a line with --- alone"),
        ("---\na: 1\n--- x\n", "1:1: the front matter has no end: a line with --- alone"),
        ("---\n---\n", "1:1: the front matter is empty"),
        ("---\n# nothing\n\n---\n", "1:1: the front matter is empty"),
        ("---\na: 1\na: 2\n---\n", '3:1: duplicate key "a": first at p.md:2:1'),
        (
            "---\nx: [1\n---\n",
            "3:1: not YAML: while parsing a flow sequence, did not find expected ',' or ']'",
        ),
        ("---\na: !!python/object 1\n---\n", "2:4: an unknown tag (a value that begins with ! needs quotes)"),
        ("---\na: b\u202ec\n---\n", "2:5: a character that cannot be seen (U+202E): leave it out"),
        ("---\na: b\u00a0c\n---\n", "2:5: a character that cannot be seen (U+00A0): leave it out"),
    ],
)
def test_front_matter_that_cannot_be_read_is_named_with_its_line(text: str, problem: str) -> None:
    assert wrong(text) == [problem]


# -- blocks -------------------------------------------------------------------------------------


def test_blocks_of_our_kinds_are_taken_and_others_are_prose() -> None:
    blocks = "".join(f"```{kind}\nk: {kind}\n```\n" for kind in KINDS)
    others = "```bash\nrm -rf /\n```\n```\nstep: 1\n```\n~~~promql\nup\n~~~\n    ```step\n    a: 1\n    ```\n"
    assert parts(others + blocks) == [
        (kind, 16 + 3 * index, 1, {"k": kind}) for index, kind in enumerate(KINDS)
    ]


def test_the_places_of_what_stands_in_a_block_are_those_of_the_page() -> None:
    problems = Problems()
    found = take_apart(
        f"{FRONT}\r\ntext\r\n\r\n   ~~~~ step\r\n   a:\r\n     b: [x,\r\n       y]\r\n   ~~~~\r\n",
        "p.md",
        problems,
    )
    assert found is not None
    [block] = found.blocks
    assert (block.kind, str(block.place)) == ("step", "p.md:7:4")
    assert to_plain(block.node) == {"a": {"b": ["x", "y"]}}
    mapping = block.node
    assert str(mapping.place) == "p.md:8:4"
    assert problems.listed() == []


def test_a_block_inside_a_longer_fence_is_an_example() -> None:
    assert parts("````markdown\n```step\na: 1\n```\n````\n```step\nb: 2\n```\n") == [
        ("step", 9, 1, {"b": "2"})
    ]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("```step\na: 1\n", "4:1: step: the block has no end: a line with ``` alone"),
        ("````step\na: 1\n```\n", "4:1: step: the block has no end: a line with ```` alone"),
        ("```step", "4:1: step: the block has no end: a line with ``` alone"),
        ("```step one\na: 1\n```\n", "4:1: step: nothing may follow it on its line"),
        ("```step\n```\n", "4:1: step: the block is empty"),
        ("```step\n\n# a: 1\n```\n", "4:1: step: the block is empty"),
        (
            "text\n\n- ```step\n  a: 1\n  ```\n",
            "6:3: step: a block must not stand inside a list or a quotation",
        ),
        ("> ```step\n> a: 1\n> ```\n", "4:3: step: a block must not stand inside a list or a quotation"),
        ("```steps\na: 1\n```\n", '4:1: "steps" is no kind of block; did you mean "step"?'),
        ("```Step\na: 1\n```\n", '4:1: "Step" is no kind of block; did you mean "step"?'),
        ("```on-failure\n- a\n```\n", '4:1: "on-failure" is no kind of block; did you mean "on_failure"?'),
        ("```verfiy\na: 1\n```\n", '4:1: "verfiy" is no kind of block; did you mean "verify"?'),
        ("```step\na: 1\n\tb: 2\n```\n", "6:1: not YAML: a tab; indent with spaces"),
        (
            "```step\na: b: c\n```\n",
            "5:5: not YAML: mapping values are not allowed in this context "
            "(quote a value that contains ': ')",
        ),
        ("```step\na: \u200b1\n```\n", "5:4: a character that cannot be seen (U+200B): leave it out"),
        (
            "<!--\n```step\na: 1\n```\n-->\n",
            "5:1: step: a block must not stand inside HTML (a comment hides nothing here)",
        ),
        (
            "<pre>\n```step\na: 1\n```\n</pre>\n",
            "5:1: step: a block must not stand inside HTML (a comment hides nothing here)",
        ),
    ],
)
def test_a_block_that_readers_might_take_for_something_else_is_an_error(body: str, problem: str) -> None:
    assert wrong(FRONT + body) == [problem]


def test_every_problem_is_found_at_once() -> None:
    assert wrong("---\na: 1\na: 2\n---\n```steps\n```\n```step\nx: [\n```\n") == [
        '3:1: duplicate key "a": first at p.md:2:1',
        '5:1: "steps" is no kind of block; did you mean "step"?',
        "9:1: not YAML: while parsing a flow node, did not find expected node content",
    ]
