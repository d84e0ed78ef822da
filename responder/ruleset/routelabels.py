"""Labels of routes as a file writes them: their names, and whether their values can be expanded.

`routes` reads them from each route, parents first. It never expands one: values are over what is told,
which is not known yet.
"""

from collections.abc import Mapping
from typing import NamedTuple

from responder.document.fields import Fields
from responder.document.tree import MappingNode, Place, ScalarNode
from responder.ruleset.secrets import Reading


class Written(NamedTuple):
    """A label's value, as it is written, and where its name stands."""

    text: str
    place: Place


def read_labels(fields: Fields, above: Mapping[str, Written], reading: Reading) -> dict[str, Written]:
    """A route's own labels by name. `above`: those of its parent, which it has too unless it names them.

    One that this version cannot expand is reported and kept: its parent's must not stand in for it.
    """
    found: dict[str, Written] = {}
    node = fields.take("labels")
    for name, value in fields.pairs("labels"):
        assert isinstance(node, MappingNode)
        written = Written("" if value.null else value.text, node.entries[name].key)
        if not name:
            fields.problems.error(written.place, "labels: a label needs a name")
        else:
            found[name] = written
            _check_value(name, value, reading)
    _check_cycles(fields, {**above, **found}, found)
    return found


def _check_value(name: str, value: ScalarNode, reading: Reading) -> None:
    if "{{" not in value.text:
        return
    from responder.templating.gotext import in_jinja

    if in_jinja(value.text) is None:
        reading.unsupport(
            value.place,
            f"labels: {name}: a Go template that this version cannot expand; nobody is told the label",
        )


def _check_cycles(fields: Fields, every: Mapping[str, Written], own: Mapping[str, Written]) -> None:
    """Labels that name one another have no value. `every` has those of the route above too."""
    seen: set[str] = set()
    for name, written in own.items():
        if "{{" in written.text and name not in seen and (cycle := _cycle(name, every)):
            seen.update(cycle)
            way = " names ".join([*cycle, name])
            fields.problems.error(written.place, f"labels: {name} has no value: {way}")


def _cycle(start: str, labels: Mapping[str, Written]) -> list[str]:
    """The way from a label back to itself, by what each names; [] if there is none."""
    from responder.templating.gotext import labels_in

    ways = [[start]]
    tried = {start}
    while ways:
        way = ways.pop()
        for named in sorted(labels_in(labels[way[-1]].text) & labels.keys()):
            if named == start:
                return way
            if named not in tried:
                tried.add(named)
                ways.append([*way, named])
    return []
