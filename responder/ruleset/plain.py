"""Rules as an Alertmanager would read them: what is ours alone is left out.

`web.alertmanager` shows it as the configuration in force, for amtool and others that read one.
What it is given holds no secrets any more, and it adds nothing of its own.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from responder.ruleset.sources import routing_text

RECEIVER: Final = frozenset({"fallback_receiver"})
"""Keys of a receiver that Alertmanager does not know."""

INTEGRATION: Final = frozenset({"template"})
"""Keys of an entry of `slack_configs` and its like that Alertmanager does not know."""


def plain_text(source: Mapping[str, str]) -> str:
    """The routing of a Ruleset's `source` without our extensions; comments go as well.

    Scalars are written as they were: nobody guesses here what `17:00` may be.
    """
    _, text = routing_text(source)
    root = yaml.compose(text, Loader=yaml.BaseLoader)
    if root is None:
        return ""
    for receiver in _items(root, "receivers"):
        _remove(receiver, RECEIVER)
        for section in _sections(receiver):
            for entry in _elements(section):
                _remove(entry, INTEGRATION)
    written = yaml.serialize(root, Dumper=yaml.BaseDumper, allow_unicode=True, width=1 << 20)
    assert isinstance(written, str)
    return written


def _items(node: yaml.Node, key: str) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                yield from _elements(value)


def _elements(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value


def _sections(receiver: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(receiver, yaml.MappingNode):
        yield from (value for name, value in receiver.value if str(name.value).endswith("_configs"))


def _remove(node: yaml.Node, keys: frozenset[str]) -> None:
    if isinstance(node, yaml.MappingNode):
        node.value = [(name, value) for name, value in node.value if name.value not in keys]
