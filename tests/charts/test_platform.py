"""charts/platform as a whole; its parts have tests of their own."""

from tests.charts.helm import CHARTS, helm, objects, rendered
from tests.charts.schemas import problems


def test_the_chart_is_linted_without_a_word() -> None:
    assert "[WARNING]" not in helm("lint", "--strict", CHARTS / "platform")


def test_what_it_renders_by_default_is_valid() -> None:
    assert [text for found in objects(rendered("platform")) for text in problems(found)] == []
