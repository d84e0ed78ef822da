"""Timelines whose rules are written as users write them, and in which Slack, PagerDuty and mail are told.

Tests call `with_people` where what reaches people is at stake. What the rules and settings mean is read by
the product's own loaders.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import yaml

from responder.core.catalogue import EmailSettings, PagerdutySettings, SlackSettings
from responder.core.model import Nanoseconds
from responder.core.rules import Receiver, Ruleset
from responder.ruleset import load_ruleset
from responder.settings import load_settings
from responder.settings.values import PACES
from tests.acceptance.timeline.clock import TimelineClock
from tests.acceptance.timeline.timeline import Timeline
from tests.peers.standins import StandIns


def with_people(
    directory: Path, *receivers: Mapping[str, Any], timeout: Nanoseconds = 0, **route: Any
) -> Timeline:
    """A timeline in which everything goes to the first receiver, and Slack holds us to its rates.

    Responder's own alerts go to the sink `own`. `route`: what its route says beside `receiver`.
    `timeout`: how long people are waited for, in real time, if not for as long as in earnest.
    """
    clock = TimelineClock()
    people = StandIns(directory / "secrets", clock, strict=True)
    return Timeline(
        directory,
        _rules(directory, people, receivers, route, timeout),
        ("own",),
        patient=False,
        pace=PACES.get,
        people=people,
        clock=clock,
    )


def _rules(
    directory: Path,
    people: StandIns,
    receivers: tuple[Mapping[str, Any], ...],
    route: Mapping[str, Any],
    timeout: Nanoseconds,
) -> Callable[[Mapping[str, str]], Ruleset]:
    def build(urls: Mapping[str, str]) -> Ruleset:
        own = {
            "name": "own",
            "webhook_configs": [{"url": f"{urls['own']}/hooks/own", "send_resolved": True}],
        }
        root = {
            "receiver": receivers[0]["name"],
            "group_by": ["alertname"],
            **route,
            "routes": [{"receiver": "own", "matchers": ['alertname=~"Responder.+"']}],
        }
        rules = directory / "rules"
        rules.mkdir(exist_ok=True)
        text = yaml.safe_dump({"route": root, "receivers": [*map(dict, receivers), own]}, sort_keys=False)
        (rules / "routing.yaml").write_text(text)
        config = directory / "responder.yaml"
        config.write_text(yaml.safe_dump({"rules": f"{rules}/", **people.config}, sort_keys=False))
        ruleset = load_ruleset(rules, load_settings(config, {})).ruleset
        if not timeout:
            return ruleset
        hurried = {name: _hurried(one, timeout) for name, one in ruleset.receivers.items()}
        return replace(ruleset, receivers=hurried)

    return build


def _hurried(receiver: Receiver, timeout: Nanoseconds) -> Receiver:
    return msgspec.structs.replace(
        receiver,
        integrations=tuple(
            msgspec.structs.replace(one, settings=msgspec.structs.replace(one.settings, timeout=timeout))
            if isinstance(one.settings, EmailSettings | PagerdutySettings | SlackSettings)
            else one
            for one in receiver.integrations
        ),
    )
