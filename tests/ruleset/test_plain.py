"""Rules as an Alertmanager would read them."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from responder.ruleset import load_ruleset
from responder.ruleset.kinds import GLOBAL, KINDS
from responder.ruleset.plain import plain_text
from responder.ruleset.settingssource import SETTINGS
from responder.settings import Settings, Smtp
from tests.peers.binaries import peer
from tests.peers.process import environment

SOURCE = """
# who hears of what
global: &defaults
  resolve_timeout: 5m
route: {receiver: team, group_by: ['...'], labels: {team: a}, routes: [{labels: {team: b}, receiver: mail}]}
receivers:
  - name: team
    fallback_receiver: mail
    slack_configs:
      - channel: '#shop'
        template: {title: '{{ x }}'}
        http_config: {follow_redirects: true}
    webhook_configs: [{url: 'http://h/<secret:0123456789ab>'}]
  - name: mail
    email_configs: [&mail {to: a@b.c, template: {subject: s}}, *mail]
time_intervals:
  - name: night
    time_intervals: [{times: [{start_time: 17:00, end_time: "24:00"}], weekdays: [saturday]}]
"""

MAIL = {"to": "a@b.c", "smarthost": "localhost:25", "from": "responder@localhost"}


def test_what_is_ours_alone_is_left_out_and_the_rest_is_as_it_was_written() -> None:
    text = plain_text({"runbooks/a.md": "---", "routing.yaml": SOURCE, SETTINGS: "{}"})
    read = yaml.load(text, yaml.BaseLoader)  # scalars as they are written
    assert read == {
        "global": {"resolve_timeout": "5m"},
        "route": {"receiver": "team", "group_by": ["..."], "routes": [{"receiver": "mail"}]},
        "receivers": [
            {
                "name": "team",
                "slack_configs": [
                    {
                        "channel": "#shop",
                        "http_config": {"follow_redirects": "true"},
                        "api_url": "<secret>",
                    }
                ],
                "webhook_configs": [{"url": "http://h/<secret:0123456789ab>"}],
            },
            {"name": "mail", "email_configs": [MAIL, MAIL]},
        ],
        "time_intervals": [
            {
                "name": "night",
                "time_intervals": [
                    {
                        "times": [{"start_time": "17:00", "end_time": "24:00"}],
                        "weekdays": ["saturday"],
                    }
                ],
            }
        ],
    }
    assert "follow_redirects: true" in text  # a quoted one would be a text
    assert "!!" not in text


@pytest.mark.parametrize("source", [{}, {"routing.yaml": ""}, {SETTINGS: "x: 1"}, {"runbooks/a.md": "a: 1"}])
def test_no_rules_are_an_empty_text(source: dict[str, str]) -> None:
    assert plain_text(source) == ""


def test_a_list_where_a_mapping_should_be_is_left_alone() -> None:
    assert plain_text({"r": "receivers: [1, [2], {slack_configs: 3}]"}) == (
        "receivers: [1, [2], {slack_configs: 3}]\n"
    )


def test_nights_and_weekends_are_spelled_out_and_what_is_inherited_is_not_said() -> None:
    text = plain_text(
        {
            "routing.yaml": """
route:
  receiver: a
  inherit_mutes: true
  routes: [{matchers: [x=1], routes: [{inherit_mutes: false, continue: true}]}]
time_intervals:
  - name: n
    time_intervals:
      - times: [{start_time: 22:00, end_time: 06:00}, {start_time: 09:00, end_time: 10:00}]
        weekdays: ['friday:monday', wednesday]
        months: ['1']
      - {weekdays: ['Saturday:sunday'], location: UTC}
      - {times: [{start_time: 20:00, end_time: 00:00}]}
      - {weekdays: ['monday:friday']}
"""
        }
    )
    read = yaml.load(text, yaml.BaseLoader)
    assert read["route"] == {
        "receiver": "a",
        "routes": [{"matchers": ["x=1"], "routes": [{"continue": "true"}]}],
    }
    assert read["time_intervals"][0]["time_intervals"] == [
        {
            "times": [
                {"start_time": "09:00", "end_time": "10:00"},
                {"start_time": "22:00", "end_time": "24:00"},
            ],
            "weekdays": ["sunday", "monday", "wednesday", "friday", "saturday"],
            "months": ["1"],
        },
        {
            "times": [{"start_time": "00:00", "end_time": "06:00"}],
            "weekdays": ["sunday", "monday", "tuesday", "thursday", "saturday"],
            "months": ["1"],
        },
        {"weekdays": ["sunday", "saturday"], "location": "UTC"},
        {"times": [{"start_time": "20:00", "end_time": "24:00"}]},
        {"weekdays": ["monday:friday"]},
    ]


def test_what_came_after_0_25_is_left_out_and_what_it_asks_for_is_there() -> None:
    source = """
global: {slack_app_token: x, http_config: {enable_http2: true, no_proxy: x, tls_config: {ca: x}}}
tracing: {endpoint: x}
route: {receiver: a}
inhibit_rules: [{name: n, equal: [a]}]
receivers:
  - name: a
    labels: {x: y}
    webhook_configs:
      - {url_file: /x, timeout: 1s}
      - {url: 'http://h', http_config: {oauth2: {grant_type: x, tls_config: {key: x, key_file: y}}}}
    slack_configs: [{channel: c, app_token: x}, {channel: d, api_url_file: /y}]
    pagerduty_configs: [{send_resolved: true}, {routing_key_file: /z, timeout: 1s}]
    email_configs: [{to: a@b.c}, {to: a@b.c, smarthost: 'm:25', from: d@e.f, threading: {}}]
    msteams_configs: [{webhook_url: x}]
"""
    settings = 'smtp: {smarthost: "mail:587", from: "r@b.c", require_tls: false}\n'
    read = yaml.load(plain_text({SETTINGS: settings, "routing.yaml": source}), yaml.BaseLoader)
    assert read == {
        "global": {"http_config": {"enable_http2": "true", "tls_config": {}}},
        "route": {"receiver": "a"},
        "inhibit_rules": [{"equal": ["a"]}],
        "receivers": [
            {
                "name": "a",
                "webhook_configs": [
                    {"url": "http://localhost/<secret>"},
                    {"url": "http://h", "http_config": {"oauth2": {"tls_config": {"key_file": "y"}}}},
                ],
                "slack_configs": [
                    {"channel": "c", "api_url": "<secret>"},
                    {"channel": "d", "api_url_file": "/y"},
                ],
                "pagerduty_configs": [
                    {"send_resolved": "true", "routing_key": "<secret>"},
                    {"routing_key_file": "/z"},
                ],
                "email_configs": [
                    {"to": "a@b.c", "smarthost": "mail:587", "from": "r@b.c"},
                    {"to": "a@b.c", "smarthost": "m:25", "from": "d@e.f"},
                ],
            }
        ],
    }


def test_what_global_says_is_not_said_again() -> None:
    general = "{slack_api_url: 'http://s', smtp_smarthost: 'm:25', smtp_from: a@b.c}"
    receivers = "[{name: a, slack_configs: [{channel: c}], email_configs: [{to: a@b.c}]}]"
    read = yaml.safe_load(plain_text({"r": f"global: {general}\nreceivers: {receivers}\n"}))
    assert read["receivers"] == yaml.safe_load(receivers)


def refused(config: Path) -> str:
    """What Debian's amtool says against a file."""
    argv = [peer("amtool"), "check-config", str(config)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=environment())
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.peers
def test_amtool_takes_the_shipped_rules(tmp_path: Path) -> None:
    shipped = load_ruleset(Path("rules"), Settings(smtp=Smtp("mail:25", "a@b.c")), read_files=False)
    (tmp_path / "plain.yml").write_text(plain_text(shipped.ruleset.source))
    assert refused(tmp_path / "plain.yml") == ""


@pytest.mark.peers
def test_amtool_knows_every_key_that_is_left(tmp_path: Path) -> None:
    entries: dict[str, Any] = {kind.section: [dict.fromkeys(kind.keys)] for kind in KINDS}
    http = "http_headers no_proxy proxy_connect_header proxy_from_environment tls_config oauth2 basic_auth"
    entries["webhook_configs"][0]["http_config"] = dict.fromkeys(http.split())
    document = {
        "global": dict.fromkeys(GLOBAL),
        "tracing": None,
        "event_recorder": None,
        "route": {"receiver": "a", "labels": {}, "inherit_mutes": "true"},
        "inhibit_rules": [{"name": "n"}],
        "receivers": [{"name": "a", "labels": {}, "fallback_receiver": "a"} | entries],
    }
    (tmp_path / "plain.yml").write_text(plain_text({"routing.yaml": yaml.safe_dump(document)}))
    assert [line for line in refused(tmp_path / "plain.yml").splitlines() if "not found" in line] == []
