"""Rules that are read again: when, with what result, and what is said of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from responder.clock import SystemClock
from responder.core.catalogue import Secret
from responder.core.messages import Accepted, Declined
from responder.core.model import MILLISECOND
from responder.core.rules import Ruleset
from responder.engine.reload import Reload
from responder.errors import FileError, Overloaded, ProblemsError, Refused
from responder.settings import Reload as ReloadSettings
from responder.settings import Settings, Slack
from responder.telemetry import Metrics

ONE = "route: {receiver: one}\nreceivers: [{name: one}]\n"
TWO = "route: {receiver: two}\nreceivers: [{name: two}]\n"
BROKEN = "route: {receiver: nobody}\nreceivers: [{name: one}]\n"


class Engine:
    """Takes rulesets, or says why not."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.answers: list[object] = []

    async def apply(self, actor: str, ruleset: Ruleset) -> object:
        answer = self.answers.pop(0) if self.answers else Accepted()
        if isinstance(answer, Exception):
            raise answer
        self.taken.append((actor, ruleset.router.root.receiver))
        return answer


class Place:
    """Rules in a directory, and a Reload of them."""

    def __init__(self, directory: Path) -> None:
        rules = directory / "rules"
        rules.mkdir()
        self.rules, self.secret = rules / "routing.yaml", directory / "signing"
        self.rules.write_text(ONE)
        self.secret.write_text("first\n")
        self.engine, self.metrics = Engine(), Metrics()
        given = Settings(
            rules=rules,
            reload=ReloadSettings(5 * MILLISECOND),
            slack=Slack(signing_secret_file=self.secret),
        )
        self.reload = Reload(given, SystemClock(), self.metrics)
        self.reload.first()

    def replace(self, file: Path, text: str) -> None:
        """As editors and deployments do it."""
        other = file.with_name(f".{file.name}")
        other.write_text(text)
        other.replace(file)

    @property
    def ok(self) -> float | None:
        return self.metrics.registry.get_sample_value("responder_config_last_reload_successful")

    @property
    def pages(self) -> tuple[float | None, float | None]:
        """Runbooks that are loaded, and broken ones."""
        loaded, broken = (
            self.metrics.registry.get_sample_value("responder_runbooks", {"state": state})
            for state in ("loaded", "broken")
        )
        return loaded, broken

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110 - nobody says when
                await asyncio.sleep(0.002)


@asynccontextmanager
async def watched(directory: Path) -> AsyncIterator[Place]:
    place = Place(directory)
    with capture_logs():
        task = asyncio.create_task(place.reload.watch(place.engine.apply))
        try:
            yield place
        finally:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task


async def test_a_changed_file_is_read(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        await asyncio.sleep(0.03)
        assert place.engine.taken == []
        place.replace(place.rules, TWO)
        await place.until(lambda: bool(place.engine.taken))
        await asyncio.sleep(0.03)
        assert place.engine.taken == [("changed files", "two")]


async def test_a_changed_secret_is_read(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        assert place.reload.signing_secrets() == (Secret("first"),)
        place.replace(place.secret, "second\nfirst\n")
        await place.until(lambda: len(place.reload.signing_secrets()) == 2)
        assert place.reload.signing_secrets() == (Secret("second"), Secret("first"))
        assert place.engine.taken == [("changed files", "one")]


PAGE = "---\nrunbook: {}\ntitle: T\n---\nprose\n"


async def test_pages_are_watched_and_a_broken_one_is_out_of_force_and_said(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        pages = place.rules.parent / "runbooks"
        pages.mkdir()
        place.replace(pages / "one.md", PAGE.format("one"))
        await place.until(lambda: place.pages == (1, 0))
        place.replace(pages / "two.md", PAGE.format("two"))
        await place.until(lambda: place.pages == (2, 0))
        place.replace(pages / "two.md", PAGE.format("other"))
        await place.until(lambda: place.pages == (1, 1))
        told = place.reload.shown()
        assert (told["successful"], told["error"]) == (True, None)
        assert [(Path(one["file"]).name, one["severity"]) for one in told["problems"]] == [
            ("two.md", "error")
        ]
        (pages / "two.md").unlink()
        await place.until(lambda: place.pages == (1, 0))
        assert place.reload.shown()["problems"] == []


async def test_maintenance_windows_are_watched(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        before = place.reload.shown()["in_force"]["rules"]
        place.replace(place.rules.with_name("suppression.yaml"), "maintenance: []\n")
        await place.until(lambda: bool(place.engine.taken))
        assert place.reload.shown()["in_force"]["rules"] != before


async def test_what_is_no_file_is_tried_once(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        place.rules.with_name("suppression.yaml").mkdir()
        await place.until(lambda: place.ok == 0)
        told = place.reload.shown()
        await asyncio.sleep(0.03)
        assert place.reload.shown() == told


async def test_a_bad_file_is_tried_once_and_changes_nothing(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        place.replace(place.rules, BROKEN)
        await place.until(lambda: place.ok == 0)
        told = place.reload.shown()
        await asyncio.sleep(0.03)
        assert place.reload.shown() == told
        assert place.engine.taken == []
        place.replace(place.rules, ONE)
        await place.until(lambda: place.ok == 1)
        assert place.engine.taken == [("changed files", "one")]


async def test_rules_that_could_not_be_accepted_are_tried_again(tmp_path: Path) -> None:
    async with watched(tmp_path) as place:
        place.engine.answers = [Overloaded("busy"), ValueError("a bug"), Declined(500, "no")]
        place.replace(place.rules, TWO)
        await place.until(lambda: bool(place.engine.taken) and place.ok == 1)
        assert place.engine.taken == [("changed files", "two")] * 2


async def test_off_means_never(tmp_path: Path) -> None:
    reload = Reload(Settings(rules=tmp_path, reload=ReloadSettings(0)), SystemClock(), Metrics())
    await asyncio.wait_for(reload.watch(Engine().apply), 1)
    assert reload.shown()["watch"] is None


async def test_what_is_said_of_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    first = place.reload.shown()
    assert (first["successful"], first["by"], first["error"], first["watch"]) == (True, "start", None, "5ms")
    place.rules.write_text(BROKEN)
    with capture_logs() as logs, pytest.raises(ProblemsError):
        await place.reload.again("ann", place.engine.apply)
    told = place.reload.shown()
    assert told["problems"] == [
        {
            "file": str(place.rules),
            "line": 1,
            "column": 19,
            "severity": "error",
            "message": 'receiver: there is no receiver "nobody"',
        }
    ]
    assert (told["successful"], told["by"], told["error"]) == (False, "ann", "1 problems")
    assert told["in_force"] == first["in_force"]
    assert [(line["event"], line["by"]) for line in logs] == [("reload_failed", "ann")]
    place.rules.unlink()
    with capture_logs(), pytest.raises(FileError):
        await place.reload.again("ann", place.engine.apply)
    assert place.reload.shown()["error"] == f"{place.rules} cannot be read: No such file or directory"
    place.rules.write_text(TWO)
    place.engine.answers = [Declined(409, "not now")]
    with capture_logs(), pytest.raises(Refused):
        await place.reload.again("ann", place.engine.apply)
    assert place.reload.shown()["error"] == "not now"
    await place.reload.again("bob", place.engine.apply)
    told = place.reload.shown()
    assert (told["successful"], told["by"], told["error"], told["problems"]) == (True, "bob", None, [])
    assert told["in_force"]["rules"] != first["in_force"]["rules"]
    assert place.ok == 1
