"""Rules as an Alertmanager would read them: what is ours alone is left out.

`web.alertmanager` shows it as the configuration in force, for amtool and others that read one.
What it is given holds no secrets any more, and what `earlier` adds stands for what the settings hold.
"""

from collections.abc import Mapping
from typing import Final

import yaml

from responder.core.intervalparse import WEEKDAYS, parse_interval
from responder.ruleset.earlier import as_earlier
from responder.ruleset.settingssource import SETTINGS
from responder.ruleset.sources import routing_text
from responder.ruleset.yamlnodes import elements, items, remove, sections, text, values

ROUTE: Final = frozenset({"inherit_mutes", "labels"})
"""Keys of a route that Alertmanager 0.25 does not know; `labels` came with 0.34, the others are ours."""

RECEIVER: Final = frozenset({"fallback_receiver"})
"""Keys of a receiver that Alertmanager does not know."""

INTEGRATION: Final = frozenset({"template"})
"""Keys of an entry of `slack_configs` and its like that Alertmanager does not know."""


def plain_text(source: Mapping[str, str]) -> str:
    """The routing of a Ruleset's `source` as Alertmanager 0.25 takes it; comments go as well.

    Scalars are written as they were: nobody guesses here what `17:00` may be.
    """
    _, routing = routing_text(source)
    root = yaml.compose(routing, Loader=yaml.BaseLoader)
    if root is None:
        return ""
    for route in values(root, "route"):
        _remove_below(route, ROUTE)
    for key in ("time_intervals", "mute_time_intervals"):
        for named in items(root, key):
            for entries in values(named, "time_intervals"):
                if isinstance(entries, yaml.SequenceNode):
                    entries.value = [spelled for entry in entries.value for spelled in _spelled_out(entry)]
    for receiver in items(root, "receivers"):
        remove(receiver, RECEIVER)
        for _, section in sections(receiver):
            for entry in elements(section):
                remove(entry, INTEGRATION)
    as_earlier(root, _mail_server(source))
    written = yaml.serialize(root, Dumper=yaml.BaseDumper, allow_unicode=True, width=1 << 20)
    assert isinstance(written, str)
    return written


def _mail_server(source: Mapping[str, str]) -> dict[str, str]:
    """What the settings say of the mail server, by key."""
    stored = yaml.load(source.get(SETTINGS, ""), Loader=yaml.BaseLoader)  # noqa: S506 - scalars alone
    return dict(stored.get("smtp", {})) if isinstance(stored, dict) else {}


def _remove_below(route: yaml.Node, keys: frozenset[str]) -> None:
    remove(route, keys)
    for child in items(route, "routes"):
        _remove_below(child, keys)


# -- nights and weekends ----------------------------------------------------------------------


def _spelled_out(entry: yaml.Node) -> list[yaml.Node]:
    """A time interval as near as Alertmanager can say it: the morning after a night is another entry.

    Only the days of the week move on with the morning; days of the month, months and years do not.
    """
    if not isinstance(entry, yaml.MappingNode):
        return [entry]
    fields = {name.value: value for name, value in entry.value}
    days = [node.value for node in elements(fields["weekdays"])] if "weekdays" in fields else []
    weekdays = parse_interval({"weekdays": days}, wraps=True).weekdays or ()
    on = {day for first, last in weekdays for day in range(first, last + 1)}
    if len(weekdays) > len(days):
        fields["weekdays"] = _list([text(WEEKDAYS[day]) for day in sorted(on)])
    times = list(items(entry, "times"))
    nights = [time for time in times if _clock(time, "start_time") > _clock(time, "end_time")]
    if not nights:
        return [_with(entry, fields)]
    evenings = [_range(_clock(night, "start_time"), "24:00") for night in nights]
    others = [time for time in times if time not in nights]
    mornings = [_range("00:00", _clock(night, "end_time")) for night in nights]
    found = [_with(entry, fields | {"times": _list(others + evenings)})]
    if days:
        fields["weekdays"] = _list([text(WEEKDAYS[day]) for day in sorted((day + 1) % 7 for day in on)])
    mornings = [morning for morning in mornings if _clock(morning, "end_time") != "00:00"]
    return [*found, _with(entry, fields | {"times": _list(mornings)})] if mornings else found


def _clock(time: yaml.Node, key: str) -> str:
    return next((str(value.value) for value in values(time, key)), "")


def _with(entry: yaml.MappingNode, fields: Mapping[str, yaml.Node]) -> yaml.Node:
    """The entry with these values; a key that stays keeps its place."""
    pairs = [(name, fields[name.value]) for name, _ in entry.value]
    return yaml.MappingNode(entry.tag, pairs, flow_style=entry.flow_style)


def _range(start: str, end: str) -> yaml.Node:
    pairs = [(text("start_time"), text(start)), (text("end_time"), text(end))]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=True)


def _list(items: list[yaml.Node]) -> yaml.Node:
    return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=True)
