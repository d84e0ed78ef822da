"""`RESPONDER__A__B=value` in the environment stands for `a: {b: value}` in the settings file.

`settings.load` lays it over the file before anything is decoded. Only names with two underscores
after RESPONDER count: Kubernetes injects `RESPONDER_PORT=tcp://...`, and `RESPONDER_URL` and
`RESPONDER_TOKEN` belong to the client commands.
"""

from collections.abc import Mapping
from typing import Final

from responder.document.tree import (
    Entry,
    MappingNode,
    Node,
    Place,
    Problems,
    ScalarNode,
    SequenceNode,
    parse,
)

PREFIX: Final = "RESPONDER__"


def overlay(root: MappingNode, env: Mapping[str, str], problems: Problems) -> MappingNode:
    """The settings with what the environment says on top; values are read as YAML.

    A whole section (`RESPONDER__LIMITS='{labels: 32}'`) is laid down before its parts.
    """
    names = sorted(
        (name for name in env if name.startswith(PREFIX)), key=lambda name: (name.count("__"), name)
    )
    for name in names:
        place = Place(name, 0, 0)
        value = parse(env[name], name, problems)
        if value is not None:
            path = name.removeprefix(PREFIX).lower().split("__")
            root = _put(root, path, _at(value, place), place, problems)
    return root


def _put(node: MappingNode, path: list[str], value: Node, place: Place, problems: Problems) -> MappingNode:
    key, *rest = path
    if rest:
        below = node.entries[key].value if key in node.entries else None
        if below is None or (isinstance(below, ScalarNode) and below.null):
            below = MappingNode(place, {})
        if not isinstance(below, MappingNode):
            problems.error(place, f"{key} has no parts that could be set")
            return node
        value = _put(below, rest, value, place, problems)
    kept = node.entries[key].key if rest and key in node.entries else place
    return MappingNode(node.place, {**node.entries, key: Entry(kept, value)})


def _at(node: Node, place: Place) -> Node:
    """The same node, every place in it being the variable's name."""
    if isinstance(node, ScalarNode):
        return ScalarNode(place, node.text, node.plain, node.span)
    if isinstance(node, SequenceNode):
        return SequenceNode(place, tuple(_at(item, place) for item in node.items))
    return MappingNode(
        place, {key: Entry(place, _at(entry.value, place)) for key, entry in node.entries.items()}
    )
