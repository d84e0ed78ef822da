"""Files that changed, and when that is said."""

import os
from hashlib import sha256
from pathlib import Path

from responder.ruleset.opened import found
from responder.ruleset.watch import Watch


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def watching(*files: tuple[Path, str]) -> Watch:
    watch = Watch()
    watch.expect({path: digest(text) if text else "" for path, text in files})
    return watch


def test_a_change_is_said_once_it_has_stayed_for_a_turn(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    watch = watching((file, "one"))
    assert [watch.changed() for _ in range(3)] == [False, False, False]
    file.write_text("half writ")
    assert watch.changed() is False
    file.write_text("half written no more")
    assert watch.changed() is False
    assert [watch.changed(), watch.changed()] == [True, True]
    watch.expect({file: digest("half written no more")})
    assert [watch.changed(), watch.changed()] == [False, False]


def test_what_is_written_again_without_a_difference_has_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    watch = watching((file, "one"))
    watch.changed()
    other = tmp_path / "b"
    other.write_text("one")
    other.replace(file)
    os.utime(file, (1, 1))
    assert [watch.changed(), watch.changed()] == [False, False]


def test_of_the_same_size_and_time_it_is_another_file(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    file.write_text("one")
    watch = watching((file, "one"))
    watch.changed()
    other.write_text("two")
    for path in (file, other):
        os.utime(path, (1, 1))
    watch.changed()
    other.replace(file)
    assert [watch.changed(), watch.changed()] == [False, True]


def test_a_link_above_it_is_swapped_as_kubernetes_does(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"..{name}").mkdir()
        (tmp_path / f"..{name}" / "token").write_text(name)
    data, token = tmp_path / "..data", tmp_path / "token"
    data.symlink_to("..one")
    token.symlink_to("..data/token")
    watch = watching((token, "one"))
    assert [watch.changed(), watch.changed()] == [False, False]
    fresh = tmp_path / "..data_tmp"
    fresh.symlink_to("..two")
    fresh.replace(data)
    assert [watch.changed(), watch.changed()] == [False, True]


def test_what_was_not_there_and_what_is_gone(tmp_path: Path) -> None:
    absent, present = tmp_path / "absent", tmp_path / "present"
    present.write_text("one")
    watch = watching((absent, ""), (present, "one"))
    assert [watch.changed(), watch.changed()] == [False, False]
    absent.mkdir()
    assert [watch.changed(), watch.changed()] == [False, True]
    watch.expect({absent: found(absent), present: digest("one")})
    (absent / "page").write_text("")
    assert [watch.changed(), watch.changed()] == [False, True]
    (absent / "page").unlink()
    watch.expect({absent: "", present: digest("one")})
    absent.rmdir()
    assert [watch.changed(), watch.changed()] == [False, False]
    present.unlink()
    assert [watch.changed(), watch.changed()] == [False, True]
