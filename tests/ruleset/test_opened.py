"""How what was read is noted, and that looking again finds the same."""

from pathlib import Path

import pytest

from responder.ruleset.opened import Opened, entries, found, read_bytes, read_directory


def test_what_is_noted_is_what_is_found_there(tmp_path: Path) -> None:
    file, directory, opened = tmp_path / "file", tmp_path / "directory", Opened()
    file.write_text("text")
    directory.mkdir()
    (directory / "a").write_text("")
    assert read_bytes(file, opened) == b"text"
    assert read_directory(directory, opened) == [directory / "a"]
    assert opened == {file: found(file), directory: found(directory)}
    assert "" not in opened.values()


def test_what_cannot_be_read_is_noted_as_it_is(tmp_path: Path) -> None:
    absent, file, opened = tmp_path / "absent", tmp_path / "file", Opened()
    file.write_text("text")
    with pytest.raises(FileNotFoundError):
        read_bytes(absent, opened)
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path, opened)
    with pytest.raises(NotADirectoryError):
        read_directory(file, opened)
    assert opened == {absent: "", tmp_path: found(tmp_path), file: found(file)}


def test_of_a_directory_the_names_count_but_those_of_tools(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("one")
    before = found(tmp_path)
    (tmp_path / ".a").write_text("")
    (tmp_path / "b").write_text("two")
    assert (entries(tmp_path), found(tmp_path)) == ([tmp_path / "b"], before)
    (tmp_path / "a").write_text("")
    assert found(tmp_path) != before
