"""What `actions` asks Prometheus, asked of a real one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from responder.actions.prometheus import Oracle
from responder.core.model import labels_from
from responder.core.parameters import fill_query
from responder.settings import Prometheus as PrometheusSettings
from tests.peers.binaries import peer
from tests.peers.calls import wait_until
from tests.peers.prometheus import Exposition, Prometheus

pytestmark = pytest.mark.peers

ODD = 'a"b\\c.d|e'
"""A label's value that would change a query if it were not quoted."""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, exposition: Exposition) -> Iterator[Prometheus]:
    """One with an alert that fires and one that does not. It scrapes nothing yet: nobody waits for that."""
    rules: list[dict[str, Any]] = [
        {"alert": "Boom", "expr": "vector(1)", "labels": {"severity": "page", "odd": ODD}},
        {"alert": "Quiet", "expr": "vector(1) > 2"},
    ]
    process = Prometheus(peer("prometheus"), tmp_path_factory.mktemp("prometheus"), exposition, rules, [])
    process.start()
    wait_until(lambda: process.query("ALERTS") == [1.0], 20.0, "the rule fires")
    yield process
    process.kill9()


@pytest.fixture
async def oracle(prometheus: Prometheus) -> AsyncIterator[Oracle]:
    made = Oracle(PrometheusSettings(prometheus.url))
    yield made
    await made.close()


async def test_an_alert_that_fires_is_known_whatever_was_added_to_it_on_the_way(oracle: Oracle) -> None:
    own = {"alertname": "Boom", "severity": "page", "odd": ODD}
    for more in ({}, {"cluster": "prod", "replica": "a"}):
        assert await oracle.firing(labels_from(own | more)) == ("yes", "Prometheus says that it fires")
    for other in ({"severity": "info"}, {"odd": "x"}, {"alertname": "Quiet"}):
        firing = await oracle.firing(labels_from(own | other))
        assert firing == ("no", "Prometheus says that it does not fire")
    assert (await oracle.firing(labels_from({"alertname": "Boom"})))[0] == "unknown"


async def test_values_enter_queries_as_what_they_are(oracle: Oracle) -> None:
    for text in ('ALERTS{odd="${v}"} > 0', 'ALERTS{odd=~"${v}"} > 0'):
        assert (await oracle.ask(fill_query(text, {"v": ODD}))).holds
        assert not (await oracle.ask(fill_query(text, {"v": "a.*"}))).holds


async def test_questions_that_cannot_be_answered(oracle: Oracle) -> None:
    for query, words in (
        ("up{", "HTTP 400: "),
        ("1 + 1", "the expression gives scalar, and not a list of samples"),
        ("ALERTS[5m]", "the expression gives matrix, and not a list of samples"),
    ):
        answer = await oracle.ask(query)
        assert answer.problem.startswith(words)
        assert not answer.holds


def test_it_is_where_the_rules_are_that_it_is_asked(prometheus: Prometheus, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from responder.cli.main import main

    (tmp_path / "routing.yaml").write_text("route: {receiver: r}\nreceivers: [{name: r}]\n")
    config = tmp_path / "responder.yaml"
    config.write_text(f"rules: {tmp_path}/routing.yaml\nprometheus: {{url: '{prometheus.url}'}}\n")
    result = CliRunner().invoke(main, ["doctor", "prometheus", "--config", str(config)])
    assert (result.exit_code, result.stdout.splitlines()[0]) == (
        0,
        "warning  prometheus: it answers, and the alert Watchdog does not fire in it",
    )
