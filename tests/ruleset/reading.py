"""What the tests of `ruleset` share: a file's text in, what is loaded or what is wrong out."""

from pathlib import Path

import pytest

from responder.errors import ProblemsError
from responder.ruleset import Loaded, load_ruleset
from responder.settings import Settings

BASE = """
route: {receiver: r}
receivers: [{name: r}]
"""
"""The least that loads."""


def load(text: str, directory: Path, settings: Settings | None = None, **options: bool) -> Loaded:
    """Load a text as the file `routing.yaml`; its directory may hold what it names."""
    path = directory / "routing.yaml"
    path.write_text(text)
    return load_ruleset(path, settings or Settings(), **options)


def wrong(text: str, directory: Path, settings: Settings | None = None) -> list[str]:
    """Every problem of a text that does not load, without the directory's name."""
    with pytest.raises(ProblemsError) as caught:
        load(text, directory, settings)
    return shown(str(caught.value).splitlines(), directory)


def warned(loaded: Loaded, directory: Path) -> list[str]:
    """The warnings of what did load, without the directory's name."""
    return shown([str(problem) for problem in loaded.warnings], directory)


def shown(lines: list[str], directory: Path) -> list[str]:
    return [line.replace(f"{directory}/", "") for line in lines]
