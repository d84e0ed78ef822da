"""What the settings come to: frozen values that the rest of the house is given.

`settings.load` builds one Settings at start; `service` hands its parts to whoever needs them.
Durations are nanoseconds and sizes bytes. Nothing here holds the text of a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from responder.core.guardrules import GuardRules
from responder.core.model import DAY, HOUR, MILLISECOND, SECOND, Nanoseconds
from responder.document.tree import Node, Place
from responder.errors import Problem

Propagator: TypeAlias = Literal["tracecontext", "b3", "b3multi", "jaeger"]
PROPAGATORS: Final[tuple[Propagator, ...]] = ("tracecontext", "b3", "b3multi", "jaeger")

Role: TypeAlias = Literal["ingest", "read", "respond", "approve", "admin"]
ROLES: Final[tuple[Role, ...]] = ("ingest", "read", "respond", "approve", "admin")

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30


class Address(msgspec.Struct, frozen=True):
    """Where to listen. Port 0 lets the system choose."""

    host: str = "127.0.0.1"
    port: int = 9095

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Storage(msgspec.Struct, frozen=True):
    """Where everything durable is kept. A relative path counts from the working directory."""

    path: Path = Path("var/responder.db")
    dialect: Literal["sqlite"] = "sqlite"


class Person(msgspec.Struct, frozen=True):
    """Somebody who may approve: a line of the people file."""

    name: str
    roles: frozenset[Role]
    slack: str = ""
    email: str = ""


class Token(msgspec.Struct, frozen=True):
    """A line of the tokens file. `sha256` is the token's, in lower-case hex; the token is not known.

    `roles` are the effective ones: what the token has and its person has too; without a person
    what the token has, but never `approve`.
    """

    name: str
    sha256: str
    roles: frozenset[Role]
    person: str | None = None


class Auth(msgspec.Struct, frozen=True):
    """Who may call. `metrics`: whether `/metrics` is open to everybody or needs the role `read`."""

    tokens_file: Path
    tokens: tuple[Token, ...] = ()
    metrics: Literal["open", "read"] = "open"


class Intake(msgspec.Struct, frozen=True):
    """How alerts are taken in. A webhook alert that nobody renewed for `stale_after` is stale."""

    stale_after: Nanoseconds = 24 * HOUR


class Limits(msgspec.Struct, frozen=True):
    """What one request, one alert and all of them together may come to."""

    body: int = 32 * MIB
    alerts_per_request: int = 50_000
    labels: int = 64
    label_value: int = 4 * KIB
    annotations: int = 64 * KIB
    active_alerts: int = 250_000
    alerts_per_name: int = 50_000
    lag: Nanoseconds = 10 * SECOND
    backlog: int = 256 * MIB


class Breaker(msgspec.Struct, frozen=True):
    """When a destination counts as down, and how often it is then tried."""

    after: int = 10
    probe: Nanoseconds = 5 * SECOND
    max_probe: Nanoseconds = 60 * SECOND


class Pace(msgspec.Struct, frozen=True):
    """How fast a destination may be told: `rate` a second, `burst` at once after a rest."""

    rate: float
    burst: int


PACES: Final[Mapping[str, Pace]] = {
    # Slack asks for one message a second and channel; PagerDuty for 120 events a key in any minute,
    # the burst among them.
    "slack": Pace(1, 1),
    "pagerduty": Pace(1.8, 12),
}


class Delivery(msgspec.Struct, frozen=True):
    """How sending is retried and paced. `jitter` is a share of the wait, both ways: 0.5 for 50%.

    `pace` by kind of integration; one that it does not name is not paced.
    """

    first_retry: Nanoseconds = 500 * MILLISECOND
    factor: float = 1.5
    jitter: float = 0.5
    max_retry: Nanoseconds = 60 * SECOND
    timeout: Nanoseconds = 10 * SECOND
    breaker: Breaker = msgspec.field(default_factory=Breaker)
    pace: Mapping[str, Pace] = msgspec.field(default_factory=lambda: dict(PACES))


class Slack(msgspec.Struct, frozen=True):
    """Slack's Web API, for every `slack_configs` that names no `api_url` of its own.

    The files hold the bot token (`xoxb-`), the secret that signs what Slack sends us (on two lines
    while it is changed: the new one, the old one), and the app-level token (`xapp-`) of Socket Mode.
    `api_url` is the Web API's base, ending in `/api/`.
    """

    bot_token_file: Path | None = None
    signing_secret_file: Path | None = None
    app_token_file: Path | None = None
    api_url: str = "https://slack.com/api/"

    @property
    def heard(self) -> bool:
        """Whether somebody hears of it when a button is pressed."""
        return bool(self.signing_secret_file or self.app_token_file)


class Pagerduty(msgspec.Struct, frozen=True):
    """PagerDuty's Events API v2. `events_url` is the full enqueue URL.

    `routing_key_file`: the integration key of every `pagerduty_configs` that names none of its own.
    """

    events_url: str = "https://events.pagerduty.com/v2/enqueue"
    routing_key_file: Path | None = None
    webhook_secret_file: Path | None = None


class Smtp(msgspec.Struct, frozen=True):
    """The mail server of every `email_configs` that names no smarthost of its own.

    `sender` is written `from`. `require_tls`: STARTTLS or nothing; `implicit_tls`: TLS from the
    first byte. `ca_file`: which authorities to trust instead of the system's.
    """

    smarthost: str = ""
    sender: str = ""
    hello: str = ""
    auth_username: str = ""
    auth_identity: str = ""
    auth_password_file: Path | None = None
    require_tls: bool = True
    implicit_tls: bool = False
    ca_file: Path | None = None


class Cluster(msgspec.Struct, frozen=True):
    """A Kubernetes cluster. `cluster` is the value of the alerts' label of this name.

    `kubeconfig` None: the cluster that we run in, by the service account of our pod. `context` "": the
    kubeconfig's current one.
    """

    cluster: str
    kubeconfig: Path | None = None
    context: str = ""


class Prometheus(msgspec.Struct, frozen=True):
    """Who is asked whether an alert still fires, and what runbooks ask. `url` is the base, without `/api`.

    `token_file`: a bearer token, read for each question. `ca_file`: which authorities to trust instead of
    the system's. `timeout`: of one question.
    """

    url: str
    token_file: Path | None = None
    ca_file: Path | None = None
    timeout: Nanoseconds = 10 * SECOND


class Reload(msgspec.Struct, frozen=True):
    """When the rules are read again unasked. `watch`: how often files are looked at; 0: never."""

    watch: Nanoseconds = 5 * SECOND


class Retention(msgspec.Struct, frozen=True):
    """How long rows are kept, and how large the database may grow."""

    inputs: Nanoseconds = 7 * DAY
    deliveries: Nanoseconds = 30 * DAY
    journal: Nanoseconds = 400 * DAY
    rejected: Nanoseconds = 7 * DAY
    max_size: int = 10 * GIB


class SecretHeader(msgspec.Struct, frozen=True):
    """A header field whose value is the line in a file, or a variable of the environment (`env`)."""

    name: str
    place: Place
    file: Path | None = None
    env: str = ""


class Tracing(msgspec.Struct, frozen=True):
    """Where spans go. `endpoint` is the full URL of an OTLP/HTTP receiver.

    `headers` go along with every request, `ca_file` says which authorities to trust instead of the system's.
    `ratio` of the requests that come without a trace context are sampled. `propagators`: the forms in which
    contexts are read, the first one that is there, and all in which they are passed on.
    `service`, `environment` and `attributes` are true of every span. `queue`: spans that wait at the most,
    `batch`: spans in one request, `every`: how long the first waits for others. `timeout`: of one batch, its
    further tries included; `stop_within`: how long a stop waits for what is left.
    """

    endpoint: str
    headers: tuple[SecretHeader, ...] = ()
    ca_file: Path | None = None
    ratio: float = 0.1
    propagators: tuple[Propagator, ...] = ("tracecontext", "b3", "jaeger")
    service: str = "responder"
    environment: str = ""
    attributes: Mapping[str, str] = msgspec.field(default_factory=dict)
    queue: int = 2048
    batch: int = 512
    every: Nanoseconds = 5 * SECOND
    timeout: Nanoseconds = 10 * SECOND
    stop_within: Nanoseconds = 2 * SECOND


class Timers(msgspec.Struct, frozen=True):
    """Timers that replace every route's own; None leaves them."""

    group_wait: Nanoseconds | None = None
    group_interval: Nanoseconds | None = None
    repeat_interval: Nanoseconds | None = None


class RunbookTimers(msgspec.Struct, frozen=True):
    """Times that replace those which runbooks ask for themselves; None leaves them.

    `settle`, `every` and `within` are of verify blocks, `cooldown` is of `guards`.
    """

    cooldown: Nanoseconds | None = None
    settle: Nanoseconds | None = None
    every: Nanoseconds | None = None
    within: Nanoseconds | None = None


class Overrides(msgspec.Struct, frozen=True):
    """What wins over the rules, in the sandbox only.

    `receivers` maps a receiver's name to the integrations that replace its own, still as nodes:
    `ruleset` reads them as it reads the file's, and reports problems at their places.
    """

    timers: Timers = msgspec.field(default_factory=Timers)
    receivers: Mapping[str, Node] = msgspec.field(default_factory=dict)
    runbooks: RunbookTimers = msgspec.field(default_factory=RunbookTimers)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured outside the rules.

    `auth` None: callers are anonymous (loopback only). `tracing` None: nothing is traced.
    `secrets_dir`: where files that the rules name must lie. `unused`: settings of later versions,
    checked as far as they are documented.
    `places`: where files with secrets are named (`slack.bot_token_file`); they are read with the
    rules that need them. `warnings`: what the author should know.
    """

    listen: Address = field(default_factory=Address)
    external_url: str = "http://127.0.0.1:9095"
    hosts: tuple[str, ...] = ()
    storage: Storage = field(default_factory=Storage)
    rules: Path = Path("rules")
    secrets_dir: Path | None = None
    compatibility: Literal["responder", "alertmanager"] = "responder"
    auth: Auth | None = None
    people: tuple[Person, ...] = ()
    intake: Intake = field(default_factory=Intake)
    limits: Limits = field(default_factory=Limits)
    delivery: Delivery = field(default_factory=Delivery)
    slack: Slack | None = None
    pagerduty: Pagerduty = field(default_factory=Pagerduty)
    smtp: Smtp | None = None
    kubernetes: tuple[Cluster, ...] = ()
    prometheus: Prometheus | None = None
    guards: GuardRules = field(default_factory=GuardRules)
    reload: Reload = field(default_factory=Reload)
    retention: Retention = field(default_factory=Retention)
    tracing: Tracing | None = None
    sandbox: bool = False
    overrides: Overrides | None = None
    unused: Mapping[str, object] = field(default_factory=dict, repr=False)
    places: Mapping[str, Place] = field(default_factory=dict, repr=False, compare=False)
    warnings: tuple[Problem, ...] = ()
