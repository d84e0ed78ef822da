"""A small ruleset as people write one, for tests of simulations."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from responder.core.rules import Ruleset
from responder.ruleset import load_ruleset
from responder.settings import Settings

ROUTING: Final = """\
route:
  receiver: team
  group_by: [alertname]
  routes:
    - {matchers: ['severity="critical"'], receiver: pager}
    - {matchers: ['severity="night"'], receiver: quiet, mute_time_intervals: [nights]}
receivers:
  - {name: team, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
  - {name: pager, pagerduty_configs: [{routing_key: k}], opsgenie_configs: [{api_key: k}]}
  - {name: quiet, slack_configs: [{channel: '#quiet', send_resolved: false}]}
inhibit_rules:
  - {source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [alertname]}
time_intervals:
  - {name: nights, time_intervals: [{times: [{start_time: 00:00, end_time: 08:00}]}]}
"""


def ruleset() -> Ruleset:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "routing.yaml"
        path.write_text(ROUTING)
        return load_ruleset(path, Settings(), read_files=False).ruleset
