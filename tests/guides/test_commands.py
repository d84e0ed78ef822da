"""Every command of every guide and runbook is one that its program takes."""

from pathlib import Path

import pytest

from tests.guides.pages import PAGES, name
from tests.guides.reading import programs, read
from tests.guides.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, programs())


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_of_a_page_is_right(page: Path, shell: Shell) -> None:
    assert read(page.read_text(), shell).faults == ()
