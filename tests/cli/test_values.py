"""Values as people type and read them."""

import click
import pytest

from responder.cli.values import DURATION, TIME, called
from responder.core.model import MINUTE, labels_from
from tests.clock import MONDAY


def test_what_people_type() -> None:
    assert (DURATION.convert("90s", None, None), TIME.convert("2026-01-05T00:00:00Z", None, None)) == (
        MINUTE * 3 // 2,
        MONDAY,
    )


@pytest.mark.parametrize("text", ["", "now", "0001-01-01T00:00:00Z", "2026-01-05", "1969-01-01T00:00:00Z"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(click.BadParameter):
        TIME.convert(text, None, None)


@pytest.mark.parametrize("text", ["", "1", "1x", "-1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter):
        DURATION.convert(text, None, None)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"alertname": "A", "b": "c"}, 'A {b="c"}'),
        ({"alertname": "A"}, "A"),
        ({"b": "c"}, '{b="c"}'),
        ({}, ""),
    ],
)
def test_an_alert_is_called_by_its_name_first(labels: dict[str, str], expected: str) -> None:
    assert called(labels_from(labels)) == expected
