"""Random configuration files: sound ones, and ones with something subtly wrong.

`test_configuration` throws them with a seed. A file is sound by construction until `break_one` has been
at it; whether it still is afterwards is for amtool to say.
"""

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any, Final, TypeAlias

from tests.conformance.trees import receivers, tree

Node: TypeAlias = Any
"""A node of a document as YAML has it."""

_INTERVALS: Final[tuple[Node, ...]] = (
    {"times": [{"start_time": "09:00", "end_time": "17:00"}], "weekdays": ["monday:friday"]},
    {"weekdays": ["Saturday", "sunday"], "location": "Europe/Berlin"},
    {"days_of_month": ["1:5", "-3:-1"], "months": ["january:march", "12"], "years": ["2020:2030", "2035"]},
    {"times": [{"start_time": "00:00", "end_time": "24:00"}], "location": "UTC"},
    {"months": ["1:3"], "days_of_month": ["27:-1"]},
)

_INTEGRATIONS: Final[dict[str, tuple[Node, ...]]] = {
    "webhook_configs": (
        {"url": "http://127.0.0.1:9/hook", "send_resolved": False, "max_alerts": 5},
        {
            "url": "https://hooks.example.org/x",
            "http_config": {
                "basic_auth": {"username": "u", "password": "p"},
                "tls_config": {"insecure_skip_verify": True, "server_name": "s"},
                "follow_redirects": False,
            },
        },
        {
            "url": "http://127.0.0.1:9/",
            "http_config": {"authorization": {"type": "Bearer", "credentials": "c"}},
        },
        {
            "url": "http://127.0.0.1:9/",
            "http_config": {
                "oauth2": {
                    "client_id": "i",
                    "client_secret": "s",
                    "token_url": "http://127.0.0.1:9/token",
                    "scopes": ["a"],
                    "endpoint_params": {"k": "v"},
                },
                "proxy_url": "http://127.0.0.1:3128",
            },
        },
    ),
    "slack_configs": (
        {
            "api_url": "https://hooks.slack.com/services/a/b/c",
            "channel": "#ops",
            "title": "t",
            "short_fields": True,
        },
        {
            "api_url": "https://hooks.slack.com/services/a/b/c",
            "channel": "#ops",
            "fields": [{"title": "a", "value": "b", "short": True}],
            "actions": [{"type": "button", "text": "go", "url": "http://127.0.0.1/"}],
            "mrkdwn_in": ["text"],
        },
    ),
    "pagerduty_configs": (
        {"routing_key": "k", "severity": "critical"},  # later versions take anything in details
        {"service_key": "k", "client": "c", "images": [{"src": "s", "alt": "a"}], "links": [{"href": "h"}]},
    ),
    "email_configs": (
        {
            "to": "ops@example.org",
            "from": "am@example.org",
            "smarthost": "127.0.0.1:25",
            "require_tls": False,
            "headers": {"Subject": "s"},
        },
        {
            "to": "a@example.org, b@example.org",
            "from": "am@example.org",
            "smarthost": "mail.example.org:587",
            "auth_username": "u",
            "auth_password": "p",
            "text": "t",
            "html": "",
        },
    ),
    "opsgenie_configs": ({"api_key": "k", "responders": [{"name": "a", "type": "team"}], "priority": "P1"},),
    "victorops_configs": ({"api_key": "k", "routing_key": "r", "custom_fields": {"a": "b"}},),
    "pushover_configs": ({"user_key": "u", "token": "t", "retry": "1m", "expire": "1h"},),
    "sns_configs": ({"topic_arn": "arn:aws:sns:us-east-2:1:t", "sigv4": {"region": "us-east-2"}},),
    "telegram_configs": ({"bot_token": "t", "chat_id": 5, "parse_mode": "HTML"},),
    "wechat_configs": ({"corp_id": "c", "api_secret": "s", "to_party": "1"},),
}

_ODD: Final[tuple[Node, ...]] = (
    "",
    None,
    0,
    -1,
    5,
    1.5,
    True,
    "yes",
    [],
    {},
    [""],
    [None],
    {"a": "b"},
    "a",
    "0",
    "0s",
    "5m",
    "1h30m",
    "1.5h",
    "30m1h",
    "-5m",
    "5 m",
    "1d",
    "25:00",
    "24:00",
    "9:00",
    "08:60",
    "monday",
    "friday:monday",
    "mon",
    "3",
    "0:5",
    "31:1",
    "-1:5",
    "1:32",
    "28:-1",
    "2030:2020",
    "13",
    "Nowhere/City",
    "Local",
    "...",
    ["..."],
    ["...", "a"],
    ["a", "a"],
    ["a b"],
    ["1a"],
    "a=b",
    'a="b',
    "a=~(",
    "a=~[z-a]",
    "a=~(?=b)",
    "a=~\\1",
    "a==b",
    "=b",
    "a=",
    "a",
    "{a=b}",
    "{a=b",
    "{}",
    "a=b,c=d",
    "a=b,,c=d",
    "a-b=c",
    "é=b",
    "http://",
    "127.0.0.1",
    "ftp://x/",
    "/tmp/x",
    "nobody@",
    "nobody",
    "root",
    "{{ .x }}",
    "{{ .x ",
    "0x10",
    "1e3",
    "010",
)

_SURPLUS: Final[tuple[tuple[str, Node], ...]] = (
    ("continue", True),
    ("matchers", ["a=b"]),
    ("match", {"a": "b"}),
    ("match_re", {"a": "b("}),
    ("mute_time_intervals", ["i0"]),
    ("active_time_intervals", ["i0"]),
    ("mute_time_intervals", ["nowhere"]),
    ("routes", []),
    ("routes", [{}]),
    ("group_by", []),
    ("receiver", "nobody"),
    ("receiver", "root"),
    ("name", "root"),
    ("send_resolved", "true"),
    ("http_config", {}),
    ("url", "http://127.0.0.1/"),
    ("url_file", "/nowhere"),
    ("api_url_file", "/nowhere"),
    ("bearer_token", "b"),
    ("basic_auth", {"username": "u"}),
    ("source_match", {"a": "b"}),
    ("target_match_re", {"a": "b"}),
    ("equal", ["a"]),
    ("equal", ["a-b"]),
    ("location", "Europe/Paris"),
    ("unknown", 1),
    ("templates", []),
    ("times", [{"start_time": "22:00", "end_time": "06:00"}]),
    ("weekdays", ["saturday:monday"]),
)


def sound(dice: Random) -> dict[str, Node]:
    """A file that nothing is wrong with."""
    route = tree(dice, "r")
    while len(receivers(route)) > 8:  # what is wrong with a large file is wrong with a small one
        route = tree(dice, "r")
    route["receiver"] = "root"
    del route["continue"]
    intervals = [
        {"name": f"i{number}", "time_intervals": deepcopy(dice.sample(_INTERVALS, dice.choice((1, 1, 2))))}
        for number in range(dice.choice((1, 2)))
    ]
    for child in route["routes"]:
        if dice.random() < 0.4:
            key = dice.choice(("mute_time_intervals", "active_time_intervals"))
            child[key] = [one["name"] for one in intervals]
    route |= {
        "group_by": dice.choice((["alertname", "job"], ["..."], [])),
        "group_wait": dice.choice(("0s", "30s", "1m30s")),
        "group_interval": "5m",
        "repeat_interval": dice.choice(("4h", "1d", "1w")),
    }
    named = []
    for name in receivers(route):
        receiver: dict[str, Node] = {"name": name}
        for section in dice.sample(sorted(_INTEGRATIONS), dice.choice((0, 1, 1, 2))):
            receiver[section] = [deepcopy(dice.choice(_INTEGRATIONS[section]))]
        named.append(receiver)
    return {
        "global": {"resolve_timeout": "5m", "smtp_smarthost": "127.0.0.1:25", "smtp_from": "a@example.org"},
        "route": route,
        "receivers": named,
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity=~"warning|info"'],
                "equal": ["alertname"],
            },
            {"source_match": {"a": "b"}, "target_match_re": {"a": "c|d"}, "equal": []},
        ][: dice.choice((0, 1, 2))],
        "time_intervals": intervals,
    }


def break_one(dice: Random, document: dict[str, Node]) -> str:
    """Change one thing that may make the file unsound; what was done."""
    places = list(_places(document, ()))
    where, parent, key = dice.choice(places)
    # Deep and wide sections have most of the places; look at each section as often.
    section = dice.choice(sorted({str(where[0]) for where, _, _ in places}))
    where, parent, key = dice.choice([place for place in places if place[0][0] == section])
    path = ".".join(map(str, where))
    how = dice.choice(("replace", "replace", "replace", "drop", "rename", "add", "double", "wrap", "take"))
    match how:
        case "replace":
            parent[key] = deepcopy(dice.choice(_ODD))
            return f"{path} := {parent[key]!r}"
        case "drop":
            del parent[key]
        case "rename" if isinstance(parent, dict):
            other = dice.choice((f"{key}s", str(key)[:-1], str(key).upper(), str(key).replace("_", "-")))
            parent[other] = parent.pop(key)
            return f"{path} renamed {other}"
        case "add" if isinstance(parent[key], dict):
            name, value = dice.choice(_SURPLUS)
            parent[key][name] = deepcopy(value)
            return f"{path}.{name} := {value!r}"
        case "double" if isinstance(parent, list):
            parent.append(deepcopy(parent[key]))
        case "wrap":
            parent[key] = [parent[key]]
        case "take":
            _, other_parent, other_key = dice.choice(places)
            parent[key] = deepcopy(other_parent[other_key])
            return f"{path} := {parent[key]!r}"
        case _:
            parent[key] = None
            return f"{path} := None"
    return f"{path}: {how}"


def _places(node: Node, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Node, Node]]:
    """Every place below a node: its path, the list or mapping that it is in, and its key there."""
    for key in node if isinstance(node, dict) else range(len(node)):
        yield (*where, key), node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key], (*where, key))
