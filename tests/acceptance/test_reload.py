"""Files that change under a running service: what takes effect, and what nobody hears of."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from responder.service import Service
from responder.settings import load_settings
from tests.notify.sink import Sink
from tests.notify.sink import serving as listening
from tests.peers.ports import free_port

pytestmark = pytest.mark.acceptance


class Running:
    """A service, its files, and whom it tells."""

    def __init__(self, directory: Path, sink: Sink, session: aiohttp.ClientSession) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.sink, self._session = sink, session
        self.rules, self.data = directory / "rules", directory / "secrets"
        self.rules.mkdir()
        self.data.mkdir()
        self.give_secret("first")
        (self.data / "token").symlink_to("..data/token")
        self.write()
        self.config = directory / "responder.yaml"
        self.config.write_text(
            yaml.safe_dump(
                {
                    "listen": self.url.removeprefix("http://"),
                    "storage": f"sqlite:///{directory}/responder.db",
                    "rules": str(self.rules),
                    "reload": {"watch": "10ms"},
                    "delivery": {"first_retry": "50ms", "max_retry": "50ms"},
                }
            )
        )

    def write(self, text: str | None = None, **route: str) -> None:
        """Another routing.yaml."""
        auth = {"authorization": {"credentials_file": str(self.data / "token")}}
        told = {"url": f"{self.sink.url}/team", "http_config": auth}
        times = {"group_wait": "0s", "group_interval": "50ms", "repeat_interval": "1h"}
        rules = {
            "route": {"receiver": "team", "group_by": ["alertname"], **times, **route},
            "receivers": [{"name": "team", "webhook_configs": [told]}],
        }
        other = self.rules / ".new"
        other.write_text(yaml.safe_dump(rules) if text is None else text)
        other.replace(self.rules / "routing.yaml")

    def give_secret(self, text: str) -> None:
        """As Kubernetes does: a directory of its own, and a link that is swapped."""
        fresh = self.data / f"..{text}"
        fresh.mkdir()
        (fresh / "token").write_text(text)
        link = self.data / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self.data / "..data")

    async def get(self, path: str) -> Any:
        async with self._session.get(f"{self.url}{path}") as response:
            assert response.status == 200
            return await response.json()

    async def fire(self, name: str) -> None:
        body = json.dumps([{"labels": {"alertname": name}}]).encode()
        headers = {"Content-Type": "application/json"}
        async with self._session.post(f"{self.url}/api/v2/alerts", data=body, headers=headers) as response:
            assert response.status == 200

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        async with asyncio.timeout(10):
            while not await holds():  # noqa: ASYNC110 - it is a service that is asked
                await asyncio.sleep(0.005)

    async def heard(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.sink.received) >= count

        await self.until(enough)

    async def loaded(self, by: str = "changed files") -> None:
        async def so() -> bool:
            told = await self.get("/api/v1/reload")
            return bool(told["by"] == by and told["successful"])

        await self.until(so)

    def told(self) -> list[tuple[str, str]]:
        """(alert, with which secret) of each request."""
        return [
            (one.json["groupLabels"]["alertname"], one.headers["Authorization"].removeprefix("Bearer "))
            for one in self.sink.received
        ]


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Running]:
    async with listening() as sink, aiohttp.ClientSession() as session:
        place = Running(directory, sink, session)
        service = Service(load_settings(place.config, {}))
        await service.start()
        try:
            yield place
        finally:
            await service.stop()


async def test_another_secret_takes_effect_and_nothing_is_told_again(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.fire("A")
        await place.heard(1)
        place.give_secret("second")
        await place.loaded()
        await asyncio.sleep(0.2)  # several looks at the group
        await place.fire("B")
        await place.heard(2)
        assert place.told() == [("A", "first"), ("B", "second")]


async def test_what_waits_is_sent_with_the_new_secret(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        place.sink.answers(503)
        await place.fire("A")
        await place.heard(1)
        place.give_secret("second")
        await place.loaded()
        count = len(place.sink.received)
        await place.heard(count + 2)
        place.sink.answers(200)
        assert {secret for _, secret in place.told()[count + 1 :]} == {"second"}


async def test_what_was_refused_for_a_secret_is_told_when_there_is_another(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        place.sink.answers(401)
        await place.fire("A")
        await place.heard(1)
        place.sink.answers(200)
        await asyncio.sleep(0.2)  # several looks at the group
        assert [secret for name, secret in place.told() if name == "A"] == ["first"]
        place.give_secret("second")

        async def again() -> bool:
            return ("A", "second") in place.told()

        await place.until(again)


async def test_other_rules_move_no_one_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as place:
        await place.fire("A")
        await place.heard(1)
        place.write(group_wait="1ms")
        await place.loaded()
        place.write("route: {receiver: team}\nreceivers: [{name: te")

        async def refused() -> bool:
            return not (await place.get("/api/v1/reload"))["successful"]

        await place.until(refused)
        await place.fire("B")
        await place.heard(2)
        assert [name for name, _ in place.told()] == ["A", "B"]
        shown = await place.get("/api/v1/reload")
        assert [problem["line"] for problem in shown["problems"]] == [3]
