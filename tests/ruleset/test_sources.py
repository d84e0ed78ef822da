from pathlib import Path

from responder.ruleset.settingssource import SETTINGS
from responder.ruleset.sources import SUPPRESSION, Texts, page_texts, routing_text, texts_of

SOURCE = {"runbooks/a.md": "A", SETTINGS: "s", SUPPRESSION: "q", "routing.yaml": "r", "runbooks/b.md": "B"}


def test_the_routing_and_the_pages_are_found_wherever_they_stand() -> None:
    assert routing_text(SOURCE) == ("routing.yaml", "r")
    assert page_texts(SOURCE) == {"runbooks/a.md": "A", "runbooks/b.md": "B"}


def test_without_a_routing_there_is_an_empty_one() -> None:
    assert routing_text({SETTINGS: "s", "runbooks/a.md": "A", SUPPRESSION: "q"}) == ("", "")


def test_everything_but_the_settings_is_text_to_compile() -> None:
    found = texts_of(SOURCE)
    assert (found.path, found.routing, found.suppression) == (
        Path("routing.yaml"),
        "r",
        (Path("suppression.yaml"), "q"),
    )
    assert (found.pages, found.unread.failed) == (page_texts(SOURCE), False)
    assert texts_of({"a.yml": "r"}).suppression is Texts(Path("a.yml"), "r").suppression is None
