"""A canary in every secret: nothing that the service writes, answers or prints holds one.

The service runs as a process at log level debug, tells everybody well, is refused for its secrets by services
that repeat them, and is asked everything that it can be asked.
"""

import json
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from responder.core.catalogue import Secret
from responder.sandbox import mailview, pagerview, slackview
from responder.web.slack.signature import sign
from tests.chaos.faults import QUICK
from tests.peers.calls import call, wait_until
from tests.peers.fixtures import StartResponder
from tests.peers.payloads import webhook_alert, webhook_payload
from tests.peers.responder import ResponderProcess
from tests.peers.sink import Answer, Sink
from tests.peers.standins import USER, StandInThread
from tests.tracing.collector import CollectorThread

pytestmark = pytest.mark.acceptance


def canary(name: str) -> str:
    """32 letters and digits, as a routing key must be."""
    return sha256(name.encode()).hexdigest()[:32]


CANARIES: Final = {
    name: canary(name)
    for name in (
        "bot token",
        "slack app token",
        "slack hook",
        "slack signing secret",
        "slack app-level token",
        "routing key",
        "routing key in the rules",
        "smtp password",
        "smtp password in the rules",
        "webhook query",
        "webhook path in a file",
        "webhook user",
        "header",
        "header in a file",
        "bearer",
        "basic",
        "oauth secret",
        "oauth token",
        "proxy password",
        "tracing header",
        "reader",
        "operator",
        "stranger",
    )
}
PASSWORD: Final = CANARIES["smtp password"]
ENCODED: Final = {
    "smtp password": b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode(),
    "basic": b64encode(f"hook:{CANARIES['basic']}".encode()).decode(),
}
"""As they go over the wire."""

HASHES: Final = {
    f"hash of {name}": sha256(CANARIES[name].encode()).hexdigest() for name in ("reader", "operator")
}


def found_in(what: bytes | str) -> list[str]:
    """The secrets of which a part is in it. Half of one is too much."""
    data = what.encode() if isinstance(what, str) else what
    parts: dict[str, tuple[str, ...]] = {name: (text[:12], text[-12:]) for name, text in CANARIES.items()}
    parts |= {f"{name}, encoded": (text,) for name, text in ENCODED.items()}
    parts |= {name: (text,) for name, text in HASHES.items()}
    return sorted(name for name, texts in parts.items() if any(text.encode() in data for text in texts))


@dataclass
class Place:
    """The service and everybody whom it tells."""

    responder: ResponderProcess
    people: StandInThread
    sink: Sink
    tokens: Sink
    spans: CollectorThread
    sections: dict[str, str]
    said: Counter[str] = field(default_factory=Counter)

    def tell(self, name: str, receiver: str) -> None:
        """Let an alert fire for a receiver, and wait until it was told or refused."""
        headers = {"Authorization": f"Bearer {CANARIES['operator']}"}
        body = webhook_payload([webhook_alert(name, to=receiver)])
        assert call("POST", f"{self.responder.url}/webhooks/alertmanager", body, headers).status == 200

        def closed() -> int:
            rows = self.ask("/api/v1/deliveries?limit=1000").json()
            return sum(row["receiver"] == receiver and row["state"] in ("delivered", "dead") for row in rows)

        # What goes by the proxy is refused there, and waits for ever.
        self.said[receiver] += receiver != "proxy password"
        wait_until(lambda: closed() == self.said[receiver], 20, f"{name} is told to {receiver}")

    def ask(self, path: str, token: str = "reader") -> Any:
        return call("GET", self.responder.url + path, None, {"Authorization": f"Bearer {CANARIES[token]}"})


@pytest.fixture
def place(start_responder: StartResponder, sink: Sink, tmp_path: Path) -> Iterator[Place]:
    secrets = tmp_path / "secrets"
    people = StandInThread(
        secrets,
        token=f"xoxb-{CANARIES['bot token']}",
        routing_key=CANARIES["routing key"],
        password=PASSWORD,
    )
    people.pagerduty.keys = frozenset({CANARIES["routing key"], CANARIES["routing key in the rules"]})
    people.slack.add_hook(hook_path(), "ops")
    with people, Sink() as tokens, CollectorThread() as spans:
        (secrets / "header").write_text(CANARIES["header in a file"])
        (secrets / "url").write_text(f"{sink.url}/{CANARIES['webhook path in a file']}")
        tokens_file = secrets / "tokens.yaml"
        roles = {"reader": ["read"], "operator": ["ingest", "read", "respond", "admin"]}
        entries = [
            {"name": name, "sha256": sha256(CANARIES[name].encode()).hexdigest(), "roles": given}
            for name, given in roles.items()
        ]
        tokens_file.write_text(yaml.safe_dump(entries))
        slack = {**people.config["slack"]}
        for key, name, lead in (
            ("signing_secret_file", "slack signing secret", ""),
            ("app_token_file", "slack app-level token", "xapp-"),
        ):
            slack[key] = str(secrets / key)
            (secrets / key).write_text(f"{lead}{CANARIES[name]}\n")
        config = {
            **people.config,
            "slack": slack,
            "delivery": QUICK,
            "auth": {"tokens_file": str(tokens_file)},
            "tracing": {
                "endpoint": spans.there.url,
                "headers": {"x-key": {"file": str(secrets / "tracing")}},
                "ratio": 1,
            },
        }
        (secrets / "tracing").write_text(CANARIES["tracing header"])
        told = receivers(people, sink, tokens, secrets)
        own = sink.url.replace("/hook", "/own")
        responder = start_responder(routing(told, own), config, start=False)
        responder.argv += ["--log-level", "debug"]
        responder.start()
        sections = {name: section for name, (section, _) in told.items()}
        yield Place(responder, people, sink, tokens, spans, sections)


def hook_path() -> str:
    return f"T0/B0/{CANARIES['slack hook']}"


def receivers(people: StandInThread, sink: Sink, tokens: Sink, secrets: Path) -> dict[str, tuple[str, Any]]:
    """What each receiver has: the section and the entry of it, by the secret that it needs."""
    bare = sink.url.removesuffix("/hook")
    server = {
        "smarthost": str(people.mail.address),
        "from": "responder@example.com",
        "auth_username": USER,
        "require_tls": False,
    }

    def hook(name: str, **http: Any) -> tuple[str, Any]:
        return "webhook_configs", {"url": f"{bare}/{name}", "http_config": http}

    return {
        "bot token": ("slack_configs", {"channel": "#ops"}),
        "slack app token": (
            "slack_configs",
            {"channel": "ops", "app_token": f"xoxb-{CANARIES['slack app token']}"},
        ),
        "slack hook": ("slack_configs", {"api_url": people.there.hook_url(hook_path())}),
        "routing key": ("pagerduty_configs", {}),
        "routing key in the rules": (
            "pagerduty_configs",
            {"routing_key": CANARIES["routing key in the rules"]},
        ),
        "smtp password": ("email_configs", {"to": "ops@example.com"}),
        "smtp password in the rules": (
            "email_configs",
            {"to": "ops@example.com", **server, "auth_password": CANARIES["smtp password in the rules"]},
        ),
        "webhook query": hook(f"query?key={CANARIES['webhook query']}"),
        "webhook path in a file": ("webhook_configs", {"url_file": str(secrets / "url")}),
        "webhook user": (
            "webhook_configs",
            {"url": f"{bare}/user".replace("://", f"://u:{CANARIES['webhook user']}@")},
        ),
        "header": hook("header", http_headers={"X-Key": {"secrets": [CANARIES["header"]]}}),
        "header in a file": hook("header", http_headers={"X-Key": {"files": [str(secrets / "header")]}}),
        "bearer": hook("bearer", authorization={"credentials": CANARIES["bearer"]}),
        "basic": hook("basic", basic_auth={"username": "hook", "password": CANARIES["basic"]}),
        "oauth secret": hook(
            "oauth",
            oauth2={
                "client_id": "responder",
                "client_secret": CANARIES["oauth secret"],
                "token_url": tokens.url,
            },
        ),
        "proxy password": (
            "webhook_configs",
            {
                "url": "http://proxied.test/",
                "http_config": {"proxy_url": f"http://p:{CANARIES['proxy password']}@127.0.0.1:1"},
            },
        ),
    }


def routing(told: dict[str, tuple[str, Any]], own: str) -> dict[str, Any]:
    """An alert with the label `to` goes to the receiver of that name."""
    routes = [{"receiver": name, "matchers": [f'to="{name}"']} for name in told]
    return {
        "route": {
            "receiver": "own",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": "1h",
            "routes": routes,
        },
        "receivers": [
            *({"name": name, section: [entry]} for name, (section, entry) in told.items()),
            {"name": "own", "webhook_configs": [{"url": own}]},
        ],
    }


def refuse(place: Place, name: str, status: int) -> None:
    """The next request with this secret is refused, by somebody who repeats it."""
    people, section = place.people, place.sections[name]
    prefix = "xoxb-" if name in ("bot token", "slack app token") else ""
    words = " ".join(["no", prefix + CANARIES[name], *([ENCODED[name]] if name in ENCODED else [])])
    if name == "slack hook":
        people.slack.fault("services", f"text_400:{words}" if status == 401 else str(status))
    elif section == "slack_configs":
        people.slack.fault("chat.postMessage", f"ok_false:{words}" if status == 401 else str(status))
    elif section == "pagerduty_configs":
        people.pagerduty.fault(f"400:routing_key {words}" if status == 401 else str(status))
    elif section == "email_configs":
        people.mail.fault("auth", f"535 5.7.8 {words}")
    place.sink.answer_always(Answer(status, body=words))
    place.tokens.answer_always(Answer(status, body=words))


def printed(place: Place, *arguments: str | Path) -> str:
    """All that a command writes, whatever its exit status."""
    done = place.responder.cli(*arguments, check=False)
    return done.stdout + done.stderr


def commands(place: Place) -> dict[str, bytes | str]:
    """Every command that reads anything, with what it prints."""
    responder = place.responder
    config: list[str | Path] = ["--config", responder.config_path]
    told = ["--token", CANARIES["reader"]]
    asked: list[list[str | Path]] = [
        ["check", *config],
        ["check", "--output", "json", *config],
        ["route", "show", "--rules", responder.rules],
        ["explain", "alertname=Well", *told],
        ["explain", "alertname=Well", "--rules", responder.rules],
        ["explain", "alertname=Well", "--token", CANARIES["stranger"]],
        ["ledger", *config],
        ["ledger", *told],
        ["audit", "list", *config],
        ["audit", "list", *told],
        ["audit", "export", *config],
        ["audit", "verify", *config],
        ["delivery", "list", *config],
        ["delivery", "list", "--dead", *told],
        ["doctor", *config],
        ["doctor", "--output", "json", *config],
    ]
    return {" ".join(map(str, one)): printed(place, *one) for one in asked}


def answers(place: Place) -> dict[str, bytes | str]:
    """Every answer of the service to whoever may ask, and to whoever may not."""
    paths = [
        "/",
        "/metrics",
        "/-/ready",
        "/api/v1/ledger",
        "/api/v1/deliveries",
        "/api/v1/deliveries?dead=true",
        "/api/v1/audit?since=1&limit=10000",
        "/api/v1/explain?alertname=Well",
        "/api/v1/reload",
        "/nothing",
    ]
    return {f"{path} {who}": place.ask(path, who).body for path in paths for who in ("reader", "stranger")}


def slack_calls(place: Place) -> dict[str, bytes | str]:
    """What Slack is answered, and whoever only says that they are Slack. Socket Mode's token is refused."""
    body, stamp = b"command=%2Frunbook&text=help&user_id=U0ANA", str(int(time.time()))
    signature = sign(Secret(CANARIES["slack signing secret"]), stamp, body)
    answers: dict[str, bytes | str] = {}
    for who, given, status in (("slack", signature, 200), ("eve", f"v0={'0' * 64}", 401)):
        headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": given}
        answer = call("POST", f"{place.responder.url}/slack/commands", body, headers)
        assert answer.status == status
        answers[f"/slack/commands {who}"] = answer.body
    assert place.people.slack.called("apps.connections.open") != []
    return answers


def files(place: Place) -> dict[str, bytes | str]:
    """Every file beside the rules and settings: log, database, its head."""
    directory = place.responder.directory
    given = {place.responder.config_path, place.responder.rules / "routing.yaml"}
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and path not in given
    }


def told(place: Place) -> dict[str, bytes | str]:
    """What people were told, and how the stand-ins show it."""
    people = place.people
    channel = people.slack.room.channel("ops")
    events = [{**event, "routing_key": ""} for event in people.pagerduty.events]
    return {
        "slack": json.dumps([call.arguments for call in people.slack.calls], default=str),
        "slack page": slackview.as_html(channel),
        "events": json.dumps(events),
        "pagerduty page": pagerview.as_html(people.incidents()),
        "mails": repr([mail.content for mail in people.mails()]),
        "mail page": mailview.as_html(people.mails()),
        "webhooks": repr([request.body for request in place.sink.received]),
        "spans": repr(place.spans.there.spans),
    }


def test_no_secret_is_anywhere(place: Place) -> None:
    token = f'{{"access_token": "{CANARIES["oauth token"]}", "token_type": "Bearer", "expires_in": 60}}'
    place.tokens.answer_always(Answer(headers={"Content-Type": "application/json"}, body=token))
    for name in place.sections:
        place.tell("Well", name)
    # Of those that have the wrong secret, and of the proxy that is not there, Responder tells itself.
    place.sink.wait_until(lambda received: sum(one.path == "/own" for one in received) == 2)
    for status in (401, 403):
        for name in place.sections:
            refuse(place, name, status)
            place.tell(f"Refused{status}", name)
    written = commands(place) | answers(place) | slack_calls(place)
    operator = {"Authorization": f"Bearer {CANARIES['operator']}"}
    written["reload"] = call("POST", f"{place.responder.url}/-/reload", b"", operator).body
    broken(place.responder)
    written["reload of broken rules"] = call("POST", f"{place.responder.url}/-/reload", b"", operator).body
    written["check of broken rules"] = printed(place, "check", "--rules", place.responder.rules)
    sums = json.loads(place.ask("/api/v1/ledger").body)
    assert place.responder.stop() == 0
    assert place.spans.there.headers["x-key"] == CANARIES["tracing header"]
    assert len(place.spans.there.named("deliver")) >= len(place.sections)
    written |= files(place) | told(place)

    assert {name: found for name, text in written.items() if (found := found_in(text))} == {}
    # 16 receivers were told three times: the first time two have the wrong secret, then all are refused, and
    # one waits for its proxy.
    assert (sums["owed"], sums["closed"]["delivered"], sums["pending"]) == (50, 15, 3)
    assert sums["reasons"] == {"dead(auth_error)": 29, "dead(client_error)": 3}
    assert sorted(files(place)) == ["responder.db", "responder.db.head", "responder.db.lock", "responder.log"]


def broken(responder: ResponderProcess) -> None:
    """Rules in which each secret is written wrongly."""
    secret = CANARIES["header"]
    team = {
        "name": "team",
        "slack_configs": [
            {"api_url": f"ftp://{secret}"},
            {"channel": "#ops", "app_token": f"{secret} {secret}"},
            {"channel": "#ops", "app_token": [secret]},
        ],
        "pagerduty_configs": [{"routing_key": f"{secret} {secret}"}, {"routing_key": {"key": secret}}],
        "email_configs": [{"to": "a@example.com", "auth_password": [secret]}],
        "webhook_configs": [
            {"url": f"http://u:{secret}@[bad"},
            {"url": f"gopher://u:{secret}@host/?key={secret}"},
            {"url": "http://127.0.0.1/", "http_config": {"proxy_url": f"http://u:{secret}@[bad"}},
            {"url": "http://127.0.0.1/", "http_config": {"basic_auth": {"password": {"key": secret}}}},
            {"url": "http://127.0.0.1/", "http_config": {"http_headers": {"X": {"secrets": f"{secret}\n"}}}},
        ],
    }
    responder.write_routing({"route": {"receiver": "team"}, "receivers": [team]})


def test_one_that_is_there_is_found() -> None:
    for name, secret in (CANARIES | HASHES).items():
        assert found_in(f"... {secret} ...") == [name]
    for name, secret in ENCODED.items():
        assert found_in(f"... {secret} ...") == [f"{name}, encoded"]
    assert found_in(CANARIES["header"][:12]) == ["header"]
