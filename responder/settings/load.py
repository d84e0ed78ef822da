"""From the settings file and the environment to one Settings.

`service` and the commands that take `--config` call it once. It reports every problem at once with
its place, reads no secret, and gives nothing a meaning that the documentation does not give it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from responder.core.model import Nanoseconds, parse_duration
from responder.document.fields import (
    Fields,
    choice,
    duration,
    duration_above_zero,
    flag,
    percent,
    size,
    text,
    url,
    whole,
)
from responder.document.tree import MappingNode, Node, Place, Problems, ScalarNode, parse_bytes, to_plain
from responder.errors import FileError
from responder.settings.access import read_people, read_tokens
from responder.settings.destinations import read_destinations
from responder.settings.environment import overlay
from responder.settings.guards import check_triggers, read_guards
from responder.settings.systems import read_clusters, read_prometheus
from responder.settings.tracing import read_tracing
from responder.settings.values import (
    PACES,
    Address,
    Auth,
    Delivery,
    Intake,
    Limits,
    Overrides,
    Pace,
    Person,
    Reload,
    Retention,
    RunbookTimers,
    Settings,
    Storage,
    Timers,
)

T = TypeVar("T")

LATER: Final[Mapping[str, tuple[str, ...] | None]] = {
    "heartbeat": ("url", "every"),
}
"""Settings that nothing reads yet, with their keys; None: not documented further."""


def load_settings(path: Path | None, env: Mapping[str, str]) -> Settings:
    """The settings of a file (None: of no file) under the environment's.

    Relative paths in it count from the working directory. Raises FileError if the file cannot be
    read and ProblemsError with everything that is wrong in it, in the environment, and in the
    files of tokens and people that it names.
    """
    problems = Problems()
    fields = Fields(overlay(_root(path, problems), env, problems), "the settings", problems)
    listen = fields.read("listen", _address, Address())
    sandbox = fields.read("sandbox", flag, False)
    people_file = fields.read("people", text, None)
    people = None if people_file is None else _people(Path(people_file), fields, sandbox)
    destinations = read_destinations(fields)
    settings = Settings(
        listen=listen,
        external_url=fields.read("external_url", url, f"http://{listen}").rstrip("/"),
        hosts=tuple(host.lower() for host in fields.texts("hosts")),
        storage=fields.read("storage", _storage, Storage()),
        rules=fields.read("rules", _path, Path("rules")),
        secrets_dir=fields.read("secrets_dir", _path, None),
        compatibility=(
            "alertmanager"
            if fields.read("compatibility", choice("responder", "alertmanager"), "") == "alertmanager"
            else "responder"
        ),
        auth=_auth(fields, people, sandbox),
        people=people or (),
        intake=_section(fields, "intake", Intake(), {"stale_after": duration_above_zero}),
        limits=_section(fields, "limits", Limits(), _LIMITS),
        delivery=_delivery(fields),
        slack=destinations.slack,
        pagerduty=destinations.pagerduty,
        smtp=destinations.smtp,
        guards=read_guards(fields),
        kubernetes=read_clusters(fields),
        prometheus=read_prometheus(fields),
        reload=_section(fields, "reload", Reload(), {"watch": _watch}),
        retention=_section(fields, "retention", Retention(), _RETENTION),
        tracing=read_tracing(fields),
        sandbox=sandbox,
        overrides=read_overrides(fields),
        unused=_later(fields),
        places=destinations.places,
    )
    fields.close()
    if settings.auth is not None and settings.auth.tokens:
        check_triggers(fields, tuple(token.name for token in settings.auth.tokens))
    _check_reach(fields, settings, path)
    problems.raise_errors()
    return replace(settings, warnings=tuple(problems.listed()))


def _root(path: Path | None, problems: Problems) -> MappingNode:
    if path is None:
        return MappingNode(Place("settings", 0, 0), {})
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    root = parse_bytes(data, str(path), problems)
    if isinstance(root, MappingNode):
        return root
    if root is not None and not (isinstance(root, ScalarNode) and root.null):
        problems.error(root.place, "the settings must be a mapping such as 'listen: 127.0.0.1:9095'")
    return MappingNode(Place(str(path), 1, 1), {})


# -- sections -----------------------------------------------------------------------------------

_LIMITS: Final = {
    "body": size,
    "alerts_per_request": whole,
    "labels": whole,
    "label_value": size,
    "annotations": size,
    "active_alerts": whole,
    "alerts_per_name": whole,
    "lag": duration_above_zero,
    "backlog": size,
}
_RETENTION: Final = {
    "inputs": duration_above_zero,
    "deliveries": duration_above_zero,
    "journal": duration_above_zero,
    "rejected": duration_above_zero,
    "max_size": size,
}


def _section(fields: Fields, key: str, defaults: T, decoders: Mapping[str, Any]) -> T:
    """A section of scalars: the class of `defaults` with what is written in their place."""
    section = fields.fields(key, key)
    if section is None:
        return defaults
    values = {name: section.read(name, decode, getattr(defaults, name)) for name, decode in decoders.items()}
    section.close()
    return type(defaults)(**values)


def _delivery(fields: Fields) -> Delivery:
    section, default = fields.fields("delivery", "delivery"), Delivery()
    if section is None:
        return default
    delivery = Delivery(
        first_retry=section.read("first_retry", _decimal_duration, default.first_retry),
        factor=section.read("factor", _factor, default.factor),
        jitter=section.read("jitter", percent, default.jitter),
        max_retry=section.read("max_retry", _decimal_duration, default.max_retry),
        timeout=section.read("timeout", _decimal_duration, default.timeout),
        breaker=_section(
            section,
            "breaker",
            default.breaker,
            {"after": _failures, "probe": _decimal_duration, "max_probe": _decimal_duration},
        ),
        pace=_paces(section),
    )
    section.close()
    return delivery


def _paces(delivery: Fields) -> dict[str, Pace]:
    """The pace of each kind of integration: what is written, else the default, else none."""
    section, paces = delivery.fields("pace", "pace"), dict(PACES)
    for kind in ("webhook", "slack", "pagerduty", "email"):
        pace = section.fields(kind, f"pace.{kind}") if section else None
        if pace is None:
            continue
        default = PACES.get(kind, Pace(1, 1))
        if kind not in PACES:
            pace.require("rate")
        paces[kind] = Pace(
            pace.read("rate", _rate, default.rate), pace.read("burst", _burst, max(default.burst, 1))
        )
        pace.close()
    if section:
        section.close()
    return paces


_METRICS: Final = choice("open", "read")


def _people(path: Path, fields: Fields, sandbox: bool) -> tuple[Person, ...]:
    place = fields.place("people")
    if sandbox and not path.exists():
        fields.problems.warning(place, f"people: {path} does not exist yet; the sandbox makes it")
        return ()
    return read_people(path, place, fields.problems)


def _auth(fields: Fields, people: Any, sandbox: bool) -> Auth | None:
    section = fields.fields("auth", "auth")
    if section is None:
        return None
    metrics: Literal["open", "read"] = "read" if section.read("metrics", _METRICS, "") == "read" else "open"
    named = section.read("tokens_file", text, "") if section.require("tokens_file") else ""
    section.close()
    if not named:
        return None
    path, place = Path(named), section.place("tokens_file")
    if sandbox and not path.exists():
        fields.problems.warning(place, f"tokens_file: {path} does not exist yet; the sandbox makes it")
        return Auth(path, (), metrics)
    return Auth(path, read_tokens(path, place, people, fields.problems), metrics)


def read_overrides(fields: Fields) -> Overrides | None:
    """The section `overrides`; `ruleset` reads those that were stored with old rules by it."""
    section = fields.fields("overrides", "overrides")
    if section is None:
        return None
    timers = _section(
        section,
        "timers",
        Timers(),
        {
            "group_wait": duration,
            "group_interval": duration_above_zero,
            "repeat_interval": duration_above_zero,
        },
    )
    runbooks = _section(
        section,
        "runbooks",
        RunbookTimers(),
        {
            "cooldown": duration,
            "settle": duration_above_zero,
            "every": duration_above_zero,
            "within": duration_above_zero,
        },
    )
    receivers = section.fields("receivers", "receivers")
    section.close()
    nodes: dict[str, Node] = {}
    for name in receivers.written() if receivers else ():
        assert receivers
        node = receivers.take(name)
        if isinstance(node, MappingNode):
            nodes[name] = node
        else:
            receivers.error(name, "must be a mapping such as {webhook_configs: [...]}")
    return Overrides(timers, nodes, runbooks)


def _later(fields: Fields) -> dict[str, object]:
    """Settings of later versions: their keys are checked, they are kept, and a warning says so."""
    found: dict[str, object] = {}
    for key, names in LATER.items():
        node = fields.take(key)
        if node is None:
            continue
        fields.problems.warning(fields.key_place(key), f"{key}: not used by this version")
        if names is not None:
            part = Fields(node, key, fields.problems)
            for name in names:
                part.read(name, _LATER_DECODERS.get(name, text), None)
            part.close()
        found[key] = to_plain(node)
    return found


_LATER_DECODERS: Final[Mapping[str, Callable[[ScalarNode], object]]] = {
    "url": url,
    "every": duration_above_zero,
}


def _check_reach(fields: Fields, settings: Settings, path: Path | None) -> None:
    """What is allowed on loopback only."""
    if settings.listen.loopback:
        if settings.overrides and not settings.sandbox:
            fields.problems.error(fields.key_place("overrides"), "overrides: only with sandbox: true")
        return
    place = fields.place("listen")
    if "auth" not in fields:
        fields.problems.error(
            place,
            f"listen: other machines can reach {settings.listen}, and nobody needs a token: "
            "set auth.tokens_file, or listen on 127.0.0.1",
        )
    if settings.sandbox or settings.overrides:
        fields.problems.error(place, "listen: the sandbox and its overrides are for 127.0.0.1 only")


# -- scalars ------------------------------------------------------------------------------------


def _path(node: ScalarNode) -> Path:
    return Path(node.text)


def _address(node: ScalarNode) -> Address:
    host, colon, port = node.text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "0.0.0.0"  # noqa: S104 - ":9095", as Go writes it
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"{node.text[:64]!r} is not an address such as 127.0.0.1:9095")
    return Address(host, int(port))


def _storage(node: ScalarNode) -> Storage:
    if node.text.startswith(("postgresql:", "postgres:")):
        raise ValueError("PostgreSQL comes with a later version; write sqlite:///var/responder.db")
    path = node.text.removeprefix("sqlite:///")
    if path == node.text or path in ("", "/", ":memory:"):
        raise ValueError(
            "must be sqlite:///PATH (from the working directory) or sqlite:////PATH (from the root), "
            "such as sqlite:///var/responder.db"
        )
    return Storage(Path(path))


def _decimal_duration(node: ScalarNode) -> Nanoseconds:
    """A Prometheus duration above zero, or decimal seconds such as 0.5s."""
    whole_part, dot, rest = node.text.partition(".")
    tenths = rest.removesuffix("s")
    if dot and node.text.isascii() and tenths != rest and tenths.isdigit() and len(tenths) <= 9:
        value = parse_duration(f"{whole_part}s") + int(tenths.ljust(9, "0"))
    else:
        value = parse_duration(node.text)
    if value == 0:
        raise ValueError("cannot be zero")
    return value


def _watch(node: ScalarNode) -> Nanoseconds:
    """A duration above zero, or `off`."""
    if node.text.lower() == "off":
        return 0
    try:
        return duration_above_zero(node)
    except ValueError as error:
        raise ValueError(f"{error} (write off to look at no file)") from None


def _factor(node: ScalarNode) -> float:
    try:
        value = float(node.text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 100:
        raise ValueError(f"{node.text[:64]!r} is not a number from 1 to 100, such as 1.5")
    return value


def _rate(node: ScalarNode) -> float:
    try:
        value = float(node.text)
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 10_000:
        raise ValueError(f"{node.text[:64]!r} is not a number a second from 0.001 to 10000, such as 1")
    return value


def _burst(node: ScalarNode) -> int:
    value = whole(node)
    if not 1 <= value <= 10_000:
        raise ValueError(f"{node.text[:64]!r} is not a number from 1 to 10000, such as 10")
    return value


def _failures(node: ScalarNode) -> int:
    """`10`, or in words: `10 failures in a row`."""
    number = node.text.removesuffix(" failures in a row")
    if not (number.isascii() and number.isdigit()) or int(number) < 1:
        raise ValueError(f"{node.text[:64]!r} is not a number of failures such as 10")
    return int(number)
