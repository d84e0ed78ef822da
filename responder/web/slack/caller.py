"""Who it is that types or presses: a Slack user, and the person of the people file behind the id.

`entrance` makes a Caller of each request, `commands` and `presses` ask what it may do. Names that Slack
sends along are not looked at: anybody may call themselves anything.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from responder.errors import Forbidden
from responder.settings.values import Person

MAPPED_TO_NOBODY: Final = frozenset({"read", "acknowledge"})
"""What every user of the workspace may do."""

_ID: Final = re.compile(r"[UW][A-Z0-9]{2,20}")


@dataclass(frozen=True, slots=True)
class Caller:
    """`person`: the name in the people file, "" if there is none for this user."""

    user: str
    person: str
    roles: frozenset[str]

    @property
    def actor(self) -> str:
        """What the journal says."""
        return f"{self.person} (slack:{self.user})" if self.person else f"slack:{self.user}"

    def check(self, role: str, what: str) -> None:
        """Raise Forbidden, which names the missing role, unless they may."""
        if role in self.roles:
            return
        if not self.person:
            raise Forbidden(
                f"{what} needs the role {role!r}, and {self.user} is nobody in the people file: such users "
                "may acknowledge and read, nothing else"
            )
        raise Forbidden(f"{what} needs the role {role!r}, which {self.person} lacks")


def is_user(text: str) -> bool:
    """Whether it is the id of a Slack user."""
    return _ID.fullmatch(text) is not None


def caller(people: Iterable[Person], user: str) -> Caller:
    """The caller with this Slack id."""
    for person in people:
        if person.slack == user:
            roles: set[str] = {*person.roles, *MAPPED_TO_NOBODY}
            return Caller(user, person.name, frozenset(roles))
    return Caller(user, "", MAPPED_TO_NOBODY)
