"""The names in a page: `${parameter}` and where it may stand, and receivers of the routing.

The readers of front matter and blocks ask a Names about every text that holds one. What is checked
here needs no check at run time but that of the values themselves.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Final

import msgspec

from responder.core.parameters import ParameterType, query_fault, references
from responder.core.runbook import CLUSTER, Parameter, Query
from responder.document.fields import Fields
from responder.document.tree import Problems, ScalarNode

_LONGEST: Final = 4_096
"""Characters of a query: it stands in the journal, and people are to read it."""


class Names(msgspec.Struct):
    """The parameters of a page, which of them were used so far, and the receivers that there are.

    `receivers` None: the routing could not be read, and nothing is said of them.
    """

    declared: Mapping[str, Parameter]
    receivers: Collection[str] | None
    problems: Problems
    used: set[str] = msgspec.field(default_factory=set)

    def receiver(self, node: ScalarNode, key: str) -> str:
        """A receiver of the routing; "" if there is none of that name."""
        name = node.text
        if self.receivers is None or name in self.receivers:
            return name
        near = get_close_matches(name, self.receivers, n=1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        self.problems.error(node.place, f'{key}: there is no receiver "{name[:64]}"{hint}')
        return ""

    def check(self, node: ScalarNode, key: str, free: bool = False) -> bool:
        """Whether a text's references are right; `free`: it may hold values of the type `text`."""
        found = references(node.text)
        if node.text.count("${") != len(found):
            self.problems.error(node.place, f"{key}: a ${{ without }}")
            return False
        wrong = [name for name in found if not self._known(name, node, key, free)]
        return not wrong

    def _known(self, name: str, node: ScalarNode, key: str, free: bool) -> bool:
        self.used.add(name)
        if name == CLUSTER:
            return True
        parameter = self.declared.get(name)
        if parameter is None:
            near = get_close_matches(name, [*self.declared, CLUSTER], n=1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            self.problems.error(node.place, f'{key}: there is no parameter "{name[:64]}"{hint}')
            return False
        if parameter.type.kind == "text" and not free:
            self.problems.error(
                node.place, f"{key}: {name} is a text, which never enters a name, a URL or a query"
            )
            return False
        return True

    def sample(self, text: str) -> str:
        """The text with something harmless for each reference."""
        for name in references(text):
            text = text.replace(f"${{{name}}}", "a")
        return text

    def name_of_object(self, fields: Fields, key: str, type_: ParameterType) -> str:
        """A text that becomes a name of this type; "" if it is wrong or absent."""
        node = fields.scalar(key)
        if node is None or not self.check(node, key):
            return ""
        if fault := type_.fault(self.sample(node.text)):
            shown = "" if node.text == self.sample(node.text) else " (with a for each ${...})"
            self.problems.error(node.place, f"{key}: {fault}{shown}")
            return ""
        return node.text

    def query(self, fields: Fields, key: str) -> Query | None:
        """A PromQL expression; None if it is wrong or absent, which is recorded."""
        node = fields.scalar(key) if fields.require(key) else None
        if node is None or not self.check(node, key):
            return None
        if not node.text.strip():
            self.problems.error(node.place, f"{key}: cannot be empty")
        elif len(node.text) > _LONGEST:
            self.problems.error(node.place, f"{key}: longer than {_LONGEST} characters")
        elif fault := query_fault(node.text):
            self.problems.error(node.place, f"{key}: {fault}")
        else:
            return Query(node.text.strip(), node.place.short)
        return None
