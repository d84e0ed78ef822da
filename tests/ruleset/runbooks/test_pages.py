import os
from hashlib import sha256
from pathlib import Path

import pytest

from responder.core.guardrules import GuardRules
from responder.document.tree import Place, Problems
from responder.ruleset.runbooks import compile_pages, read_texts
from responder.ruleset.runbooks.pages import MAX_PAGE, Known
from tests.ruleset.runbooks.writing import BODY, compiled, page, warned


def named(name: str, text: str | None = None) -> str:
    return (text or page()).replace("runbook: page", f"runbook: {name}")


# -- files --------------------------------------------------------------------------------------


def test_a_directory_of_pages_and_what_else_lies_there(tmp_path: Path) -> None:
    for name in ("b.md", "a.md", "README.md", ".hidden.md"):
        (tmp_path / name).write_text(f"text of {name}")
    (tmp_path / "bom.md").write_bytes(b"\xef\xbb\xbfx")
    (tmp_path / "note.txt").write_text("")
    (tmp_path / "more").mkdir()
    (tmp_path / "more.md").mkdir()
    (tmp_path / "broken.md").write_bytes(b"a\n\xff")
    (tmp_path / "link.md").symlink_to(tmp_path / "a.md")
    (tmp_path / "lost.md").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.md")
    problems = Problems()
    found = read_texts(tmp_path, problems)
    assert found == {
        f"{tmp_path}/a.md": "text of a.md",
        f"{tmp_path}/b.md": "text of b.md",
        f"{tmp_path}/bom.md": "x",
        f"{tmp_path}/link.md": "text of a.md",
    }
    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in problems.listed()] == [
        "broken.md:2:1: error: not UTF-8 text",
        "lost.md: warning: not read: a runbook is a file NAME.md",
        "more: warning: not read: a runbook is a file NAME.md",
        "more.md: warning: not read: a runbook is a file NAME.md",
        "note.txt: warning: not read: a runbook is a file NAME.md",
        "pipe.md: warning: not read: a runbook is a file NAME.md",
    ]


def test_a_page_is_of_256_kib_at_most(tmp_path: Path) -> None:
    (tmp_path / "most.md").write_bytes(b"x" * MAX_PAGE)
    (tmp_path / "over.md").write_bytes(b"x" * (MAX_PAGE + 1))
    problems = Problems()
    assert list(read_texts(tmp_path, problems)) == [f"{tmp_path}/most.md"]
    assert [str(problem) for problem in problems.listed()] == [
        f"{tmp_path}/over.md: error: larger than 256 KiB"
    ]


# -- one beside others --------------------------------------------------------------------------


def test_a_broken_page_is_left_out_whole_and_stops_no_other() -> None:
    broken = named("page-1", page("mode: always\n")) + "```verfiy\n```\n"
    pages = compiled(page(), broken, named("page-2"))
    assert list(pages.runbooks) == list(pages.texts) == ["page", "page-2"]
    assert [str(problem) for problem in pages.broken] == [
        "rules/page-1.md:9:7: error: mode: 'always' is not one of observe, suggest, approve, auto",
        'rules/page-1.md:18:1: error: "verfiy" is no kind of block; did you mean "verify"?',
    ]


def test_a_page_is_known_by_the_hash_of_its_text() -> None:
    crlf = page().replace("\n", "\r\n")
    pages = compiled(crlf)
    assert pages.runbooks["page"].hash == sha256(crlf.encode()).hexdigest()
    assert pages.texts == {"page": crlf}
    assert pages.runbooks["page"].steps == compiled(page()).runbooks["page"].steps


def test_a_page_under_another_name_is_none() -> None:
    pages = compiled(page(), page())
    assert list(pages.runbooks) == ["page"]
    assert [problem.message for problem in pages.broken] == [
        'runbook: the file must have the same name: page.md, or "runbook: page-1"'
    ]


def test_what_could_not_be_read_is_part_of_the_answer() -> None:
    unread = Problems()
    unread.error(Place("x.md", 0, 0), "larger than 256 KiB")
    unread.warning(Place("y", 0, 0), "not read")
    pages = compile_pages({}, Known([], GuardRules()), unread)
    assert ([str(p) for p in pages.broken], [str(p) for p in pages.warnings]) == (
        ["x.md: error: larger than 256 KiB"],
        ["y: warning: not read"],
    )


def test_a_parameter_that_is_used_nowhere() -> None:
    text = page().replace("  name:", "  other: {type: uid, from: labels.uid}\n  name:")
    assert warned(text) == ["5:1: parameters: other is used nowhere, and yet a run is denied without it"]


# -- two for one alert --------------------------------------------------------------------------

RIVAL = "4:8: match: page may match the same alerts, and has the same target: both would act"


@pytest.mark.parametrize(
    ("changes", "rival"),
    [
        ({}, True),
        # Under other names, from the same labels.
        ({"  namespace:": "  ns:", "${namespace}": "${ns}"}, True),
        ({'alertname="A"': 'alertname=~"B|A"'}, True),
        ({"'alertname=\"A\"'": "'alertname=\"A\"', 'severity=\"critical\"'"}, True),
        ({"['alertname=\"A\"']": "[['alertname=\"B\"'], ['alertname=\"A\"']]"}, True),
        ({'alertname="A"': 'alertname="B"'}, False),
        ({"from: labels.name}": "from: labels.other}"}, False),
        ({'name: "${name}"}': "name: fixed}"}, False),
        ({"match: ['alertname=\"A\"']\n": ""}, False),
        ({"target:": "# target:", BODY: "---\n"}, False),
    ],
)
def test_two_pages_about_one_alert_and_one_target(changes: dict[str, str], rival: bool) -> None:
    text = named("page-1")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    pages = compiled(page(), text)
    assert pages.broken == []
    assert [
        f"{one.line}:{one.column}: {one.message}" for one in pages.warnings if "both would act" in one.message
    ] == ([RIVAL] if rival else [])


def test_labels_that_exclude_each_other_tell_two_pages_apart() -> None:
    one, other = (
        named(name).replace("'alertname=\"A\"'", f"'alertname=\"A\"', 'severity=\"{severity}\"'")
        for name, severity in (("page", "critical"), ("page-1", "warning"))
    )
    assert compiled(one, other).warnings == []
