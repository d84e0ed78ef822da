from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from responder.core.catalogue import PagerdutySettings, Secret, Template
from responder.core.model import SECOND
from responder.core.rules import Integration
from responder.document.tree import Place
from responder.ruleset import compile_ruleset
from responder.settings import Pagerduty, Settings
from tests.ruleset.reading import HEAD, integrations, load, problems, told

KEY = "canary0123456789canary0123456789"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "settings-key").write_text(f"{KEY}\n")
    return Settings(pagerduty=Pagerduty(routing_key_file=tmp_path / "settings-key"))


def one(receiver: str, directory: Path, settings: Settings | None = None) -> Integration:
    (found,) = integrations(receiver, directory, settings)
    return found


def short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:8]


def test_a_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    found = one("  pagerduty_configs: [{routing_key_file: key}]\n", tmp_path)
    assert found == Integration(
        id="pagerduty:" + sha256(b"pagerduty routing_key_file=key").hexdigest()[:12],
        kind="pagerduty",
        send_resolved=True,
        destination=f"pagerduty events.pagerduty.com {short('key')}",
        settings=PagerdutySettings(routing_key=Secret(KEY)),
        shows=True,
    )


def test_the_settings_key_and_url(tmp_path: Path, settings: Settings) -> None:
    url = "http://127.0.0.1:9096/pagerduty/v2/enqueue"
    there = replace(settings, pagerduty=msgspec.structs.replace(settings.pagerduty, events_url=url))
    found = one("  pagerduty_configs: [{}]\n", tmp_path, there)
    assert found.settings == PagerdutySettings(routing_key=Secret(KEY), url=url)
    assert found.destination == f"pagerduty 127.0.0.1:9096 {short(str(tmp_path / 'settings-key'))}"
    # Moving the file's name between rules and settings does not make it another destination.
    named = one(f"  pagerduty_configs: [{{routing_key_file: '{tmp_path}/settings-key'}}]\n", tmp_path, there)
    assert (named.id, named.destination, named.settings) == (found.id, found.destination, found.settings)


def test_what_the_rules_say_wins(tmp_path: Path, settings: Settings) -> None:
    head = "global: {pagerduty_url: 'https://global.example/v2/enqueue'}\n"
    receiver = f"""  pagerduty_configs:
    - {{routing_key: {KEY}}}
    - {{routing_key: {KEY}, url: 'https://own.example/v2/enqueue'}}
"""
    loaded = load(head + HEAD + receiver, tmp_path, settings)
    general, own = loaded.ruleset.receivers["r"].integrations
    assert (general.settings.url, own.settings.url) == (
        "https://global.example/v2/enqueue",
        "https://own.example/v2/enqueue",
    )
    assert own.destination == f"pagerduty own.example {short(KEY)}"


def test_the_settings_key_goes_to_their_own_host_alone(tmp_path: Path, settings: Settings) -> None:
    receiver = "  pagerduty_configs: [{url: 'https://evil.example/'}]\n"
    assert told(receiver, tmp_path, settings) == [
        "4:23: warning: pagerduty_configs: no routing key for evil.example: pagerduty.routing_key_file is "
        "for events.pagerduty.com alone; set routing_key_file here"
    ]
    found = one(receiver, tmp_path, settings)
    assert (found.supported, found.settings) == (False, None)


def test_what_lacks(tmp_path: Path) -> None:
    receiver = """  pagerduty_configs:
    - {}
    - {service_key_file: v1}
    - {routing_key: '{{ .x }}'}
"""
    assert told(receiver, tmp_path) == [
        "7:21: warning: routing_key: an inline secret; put it in a file and name that in routing_key_file",
        "5:7: warning: pagerduty_configs: no routing key: set routing_key_file here, or "
        "pagerduty.routing_key_file in responder.yaml",
        "6:26: warning: service_key: PagerDuty's Events API v1 is not delivered to: create an integration of "
        "type Events API v2 and set routing_key_file",
        "7:21: warning: routing_key: a Go template; this version needs a plain key",
    ]
    found = integrations(receiver, tmp_path)
    assert [(each.supported, each.settings) for each in found] == [(False, None)] * 3
    assert len({each.id for each in found}) == 3


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "no"
    settings = Settings(
        pagerduty=Pagerduty(routing_key_file=path), places={"pagerduty.routing_key_file": Place("E", 0, 0)}
    )
    assert told("  pagerduty_configs: [{}]\n", tmp_path, settings) == [
        "E: warning: pagerduty.routing_key_file: there is no no; what needs it ends as unsupported"
    ]


def test_everything_it_says(tmp_path: Path, settings: Settings) -> None:
    receiver = """  pagerduty_configs:
    - client: Platform
      client_url: '{{ .ExternalURL }}'
      severity: high
      class: deploy
      timeout: 3s
      details: {runs: 5, firing: '{{ .x }}', nested: {a: b}, note: plain}
      images: [{src: 'https://img.example/a.png', alt: A}, {src: '{{ .x }}'}, {alt: none}]
      links: [{href: 'https://wiki.example/', text: Wiki}]
      template:
        source: '{{ common_labels.service }}'
        details: {note: '{{ counts.firing }} firing', pods: '{{ firing|length }}'}
"""
    found = one(receiver, tmp_path, settings)

    def at(place: str, text: str, plain: bool = False) -> Template:
        return Template(text, plain=plain, place=f"{tmp_path}/routing.yaml:{place}")

    assert found.settings == PagerdutySettings(
        routing_key=Secret(KEY),
        templates={
            "client": at("5:15", "Platform", plain=True),
            "severity": at("7:17", "high", plain=True),
            "class": at("8:14", "deploy", plain=True),
            "source": at("14:17", "{{ common_labels.service }}"),
            "details.runs": at("10:23", "5", plain=True),
            "details.note": at("15:25", "{{ counts.firing }} firing"),
            "details.pods": at("15:61", "{{ firing|length }}"),
        },
        images=(("https://img.example/a.png", "", "A"),),
        links=(("https://wiki.example/", "Wiki"),),
        timeout=3 * SECOND,
    )
    template = "a Go template; Responder's own text is used instead"
    assert told(receiver, tmp_path, settings) == [
        f"6:19: warning: client_url: {template}",
        "7:17: warning: severity: none of critical, error, warning, info; PagerDuty is told error",
        f"10:34: warning: details: firing: {template}",
        "10:46: warning: details: nested: not used; only texts are",
        f"11:66: warning: src: {template}",
    ]


def test_what_cannot_be(tmp_path: Path, settings: Settings) -> None:
    assert problems(
        """  pagerduty_configs:
    - {details: [a]}
    - {template: {summary: x, details: x}}
    - {url: nowhere}
""",
        tmp_path,
        settings,
    ) == [
        "5:17: error: details: must be a mapping of names and texts",
        '6:19: error: unknown key "summary" in template of pagerduty_configs',
        "6:40: error: details: must be a mapping, not a text",
        "7:13: error: url: not a URL such as https://example.com/path",
    ]


def test_the_same_from_what_was_kept(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "key").write_text(KEY)
    receiver = f"""  pagerduty_configs:
    - {{}}
    - {{routing_key: {KEY}}}
    - {{routing_key_file: key}}
    - {{service_key: {KEY}}}
    - {{url: 'https://evil.example/'}}
"""
    ruleset = load(HEAD + receiver, tmp_path, settings).ruleset
    assert "canary" not in str(ruleset.source)
    again = compile_ruleset(ruleset.source, Settings()).ruleset
    assert again.hash == ruleset.hash
    assert again.receivers["r"].integrations == tuple(
        msgspec.structs.replace(each, settings=None) for each in ruleset.receivers["r"].integrations
    )
    assert compile_ruleset(ruleset.source, Settings(), live=ruleset).ruleset.receivers == ruleset.receivers
