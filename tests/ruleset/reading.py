"""What the tests of `ruleset` share: a file's text in, what is loaded or what is wrong out."""

from pathlib import Path

import pytest

from responder.core.rules import Integration
from responder.errors import ProblemsError
from responder.ruleset import Loaded, load_ruleset
from responder.settings import Settings

BASE = """
route: {receiver: r}
receivers: [{name: r}]
"""
"""The least that loads."""


def load(
    text: str,
    directory: Path,
    settings: Settings | None = None,
    *,
    read_files: bool = True,
    allow_unsupported: bool = True,
) -> Loaded:
    """Load a text as the file `routing.yaml`; its directory may hold what it names."""
    path = directory / "routing.yaml"
    path.write_text(text)
    return load_ruleset(
        path, settings or Settings(), read_files=read_files, allow_unsupported=allow_unsupported
    )


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


HEAD = "route: {receiver: r}\nreceivers:\n- name: r\n"
"""Three lines: what a receiver says begins on the fourth."""


def integrations(
    receiver: str, directory: Path, settings: Settings | None = None, read_files: bool = True
) -> tuple[Integration, ...]:
    """The integrations of a receiver's text, which is indented by two."""
    loaded = load(f"{HEAD}{receiver}", directory, settings, read_files=read_files)
    return loaded.ruleset.receivers["r"].integrations


def problems(receiver: str, directory: Path, settings: Settings | None = None) -> list[str]:
    """Every problem of a receiver's text that does not load, as `line:column: ...`."""
    found = wrong(f"{HEAD}{receiver}", directory, settings)
    return [line.removeprefix("routing.yaml:") for line in found]


def told(receiver: str, directory: Path, settings: Settings | None = None) -> list[str]:
    """Warnings of a receiver's text that loads, and what is unsupported in it, as `line:column: ...`."""
    loaded = load(f"{HEAD}{receiver}", directory, settings)
    found = shown([str(problem) for problem in (*loaded.warnings, *loaded.unsupported)], directory)
    return [line.removeprefix("routing.yaml:") for line in found]
