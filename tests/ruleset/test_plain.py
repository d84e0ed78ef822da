"""Rules as an Alertmanager would read them."""

import pytest
import yaml

from responder.ruleset.plain import plain_text
from responder.ruleset.settingssource import SETTINGS

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


def test_what_is_ours_alone_is_left_out_and_the_rest_is_as_it_was_written() -> None:
    text = plain_text({"runbooks/a.md": "---", "routing.yaml": SOURCE, SETTINGS: "{}"})
    read = yaml.load(text, yaml.BaseLoader)  # scalars as they are written
    assert read == {
        "global": {"resolve_timeout": "5m"},
        "route": {"receiver": "team", "group_by": ["..."], "routes": [{"receiver": "mail"}]},
        "receivers": [
            {
                "name": "team",
                "slack_configs": [{"channel": "#shop", "http_config": {"follow_redirects": "true"}}],
                "webhook_configs": [{"url": "http://h/<secret:0123456789ab>"}],
            },
            {"name": "mail", "email_configs": [{"to": "a@b.c"}, {"to": "a@b.c"}]},
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
