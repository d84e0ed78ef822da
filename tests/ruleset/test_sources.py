from responder.ruleset.settingssource import SETTINGS
from responder.ruleset.sources import page_texts, routing_text

SOURCE = {"runbooks/a.md": "A", SETTINGS: "s", "routing.yaml": "r", "runbooks/b.md": "B"}


def test_the_routing_and_the_pages_are_found_wherever_they_stand() -> None:
    assert routing_text(SOURCE) == ("routing.yaml", "r")
    assert page_texts(SOURCE) == {"runbooks/a.md": "A", "runbooks/b.md": "B"}


def test_without_a_routing_there_is_an_empty_one() -> None:
    assert routing_text({SETTINGS: "s", "runbooks/a.md": "A"}) == ("", "")
