"""Who a Slack user is, and what they may do."""

import pytest

from responder.errors import Forbidden
from responder.settings.values import Person
from responder.web.slack.caller import caller, is_user

PEOPLE = (
    Person("ana", frozenset({"read", "respond", "approve"}), "U0ANA"),
    Person("ben", frozenset({"respond"}), ""),
)


def test_a_user_is_the_person_with_that_id() -> None:
    ana = caller(PEOPLE, "U0ANA")
    assert (ana.person, ana.actor) == ("ana", "ana (slack:U0ANA)")
    assert ana.roles == {"read", "respond", "approve", "acknowledge"}


def test_anybody_else_may_acknowledge_and_read() -> None:
    somebody = caller(PEOPLE, "U0EVE")
    assert (somebody.person, somebody.actor) == ("", "slack:U0EVE")
    assert somebody.roles == {"read", "acknowledge"}
    somebody.check("acknowledge", "acknowledging")
    with pytest.raises(
        Forbidden, match="approving needs the role 'approve', and U0EVE is nobody in the people"
    ):
        somebody.check("approve", "approving")


def test_a_refusal_names_the_missing_role() -> None:
    ana = caller(PEOPLE, "U0ANA")
    ana.check("approve", "approving")
    with pytest.raises(Forbidden, match="lifting needs the role 'admin', which ana lacks"):
        ana.check("admin", "lifting")


@pytest.mark.parametrize(
    ("text", "good"),
    [("U0ANA", True), ("W012A3CDE", True), ("", False), ("ana", False), ("U0ANA\n", False), ("<@U1>", False)],
)
def test_ids_of_users(text: str, good: bool) -> None:
    assert is_user(text) is good
