"""YAML as it was composed: looking into nodes, and taking keys out of them.

`plain` and `earlier` change a document with it without guessing what a scalar may be. It reads no file, and
a node of another shape than was asked for is passed over.
"""

from collections.abc import Iterator

import yaml


def values(node: yaml.Node | None, key: str) -> Iterator[yaml.Node]:
    """What stands under a key of a mapping."""
    if isinstance(node, yaml.MappingNode):
        yield from (value for name, value in node.value if name.value == key)


def elements(node: yaml.Node) -> Iterator[yaml.Node]:
    """The elements of a list."""
    if isinstance(node, yaml.SequenceNode):
        yield from node.value


def items(node: yaml.Node, key: str) -> Iterator[yaml.Node]:
    """The elements of the list under a key."""
    for value in values(node, key):
        yield from elements(value)


def keys(node: yaml.Node | None) -> set[str]:
    """The keys of a mapping."""
    return {name.value for name, _ in node.value} if isinstance(node, yaml.MappingNode) else set()


def sections(receiver: yaml.Node) -> Iterator[tuple[str, yaml.Node]]:
    """What a receiver tells, by kind: the key (`slack_configs`) and what stands under it."""
    if isinstance(receiver, yaml.MappingNode):
        for name, value in receiver.value:
            if str(name.value).endswith("_configs"):
                yield name.value, value


def remove(node: yaml.Node, gone: frozenset[str]) -> None:
    """Take keys out of a mapping."""
    if isinstance(node, yaml.MappingNode):
        node.value = [(name, value) for name, value in node.value if name.value not in gone]


def text(value: str) -> yaml.Node:
    """A scalar."""
    return yaml.ScalarNode("tag:yaml.org,2002:str", value)
