"""Every command of every guide and runbook is one that its program takes."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.charts.schemas import MODELS, problems
from tests.guides.kinds import KINDS, Kind
from tests.guides.pages import PAGES, name
from tests.guides.programs import CHECKERS, Setting, faults
from tests.guides.reading import called, judged, programs
from tests.guides.shell import Call, Shell, Told


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Path, tuple[Shell, Told]]:
    """What each page calls, and where: each in a directory of its own."""
    found = {}
    for page in PAGES:
        shell = Shell(tmp_path_factory.mktemp(page.stem), programs())
        found[page] = shell, called(page.read_text(), shell)
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_is_right(page: Path, pages: Mapping[Path, tuple[Shell, Told]]) -> None:
    shell, told = pages[page]
    assert judged(page.read_text(), told, shell) == []


def mistyped(call: Call) -> Iterator[tuple[str, ...]]:
    """A call with each of its options misspelt in turn."""
    end = call.argv.index("--") if "--" in call.argv else len(call.argv)
    for place, word in enumerate(call.argv[:end]):
        if word.startswith("--"):
            yield (*call.argv[:place], f"--x{word[2:]}", *call.argv[place + 1 :])


def test_no_option_of_any_command_could_be_misspelt_unseen(pages: Mapping[Path, tuple[Shell, Told]]) -> None:
    tried, unseen = set(), []
    for shell, told in pages.values():
        for call in told.calls:
            for argv in mistyped(call):
                # The same option of the same command is tried once.
                what = (argv[0], *sorted(word.partition("=")[0] for word in argv if word.startswith("--")))
                if argv[0] in CHECKERS and what not in tried:
                    tried.add(what)
                    if not faults(argv, Setting(shell.directory)):
                        unseen.append(" ".join(argv))
    assert unseen == []
    assert len(tried) > 150


# Those of extensions are asked for by the tests of the charts: their models take long to load.
OWN: Final = sorted(kind for kind in set(KINDS.values()) if kind.api.rpartition("/")[0] not in MODELS)


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.name)
def test_the_kinds_that_pages_may_name_exist(kind: Kind) -> None:
    said = problems({"apiVersion": kind.api, "kind": kind.name, "metadata": {"name": "a"}})
    assert [text for text in said if "there is no" in text or "nobody here" in text] == []
