"""Where the stand-ins listen, as the settings say, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from responder.errors import UsageError
from responder.sandbox.places import Places, places_of
from responder.settings import Address, load_settings

SHIPPED = Path(__file__).parents[2] / "config" / "sandbox.yaml"


def places(directory: Path, **sections: Any) -> Places:
    config = directory / "sandbox.yaml"
    config.write_text(yaml.safe_dump({**yaml.safe_load(SHIPPED.read_text()), **sections}))
    return places_of(load_settings(config, {}), Path("c.yaml"))


def test_the_shipped_ones(tmp_path: Path) -> None:
    assert places(tmp_path) == Places(
        Address("127.0.0.1", 9096),
        Address("127.0.0.1", 9025),
        Path("var/sandbox/slack-bot-token"),
        Path("var/sandbox/pagerduty-routing-key"),
        Path("var/sandbox/slack-signing-secret"),
        Path("var/sandbox/kubeconfig"),
    )


TOKEN = "var/sandbox/slack-bot-token"
KUBECONFIG = "var/sandbox/kubeconfig"
API = "http://127.0.0.1:9096/slack/api/"
EVENTS = "http://127.0.0.1:9096/pagerduty/v2/enqueue"
OWN = "it must name a file in var/sandbox/"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"slack": None}, "slack.api_url to be http://127.0.0.1:PORT/slack/api/"),
        ({"slack": {"api_url": "https://slack.com/api/"}}, "slack.api_url to be http://127.0.0.1:PORT"),
        ({"slack": {"api_url": API.replace("127.0.0.1", "10.0.0.1")}}, "slack.api_url to be"),
        ({"slack": {"api_url": "http://127.0.0.1:9096/api/"}}, "slack.api_url to be"),
        ({"slack": {"api_url": API}}, f"slack.bot_token_file anew: {OWN}"),
        ({"slack": {"api_url": API, "bot_token_file": "/etc/passwd"}}, f"slack.bot_token_file anew: {OWN}"),
        (
            {"slack": {"api_url": API, "bot_token_file": TOKEN, "signing_secret_file": "/etc/passwd"}},
            f"slack.signing_secret_file anew: {OWN}",
        ),
        ({"pagerduty": None}, f"pagerduty.events_url to be {EVENTS}"),
        ({"pagerduty": {"events_url": EVENTS}}, f"pagerduty.routing_key_file anew: {OWN}"),
        (
            {"prometheus": {"url": "http://127.0.0.1:9090"}},
            "prometheus.url to be http://127.0.0.1:9096/prometheus",
        ),
        (
            {"kubernetes": [{"cluster": "prod", "kubeconfig": KUBECONFIG}]},
            "one cluster, which is called sandbox",
        ),
        (
            {"kubernetes": [{"cluster": "sandbox", "kubeconfig": KUBECONFIG, "context": "x"}]},
            "one cluster, which is called sandbox",
        ),
        ({"kubernetes": [{"cluster": "sandbox"}]}, f"kubernetes.kubeconfig anew: {OWN}"),
        (
            {"kubernetes": [{"cluster": "sandbox", "kubeconfig": "/etc/kubeconfig"}]},
            f"kubernetes.kubeconfig anew: {OWN}",
        ),
        ({"smtp": None}, "smtp.smarthost to be 127.0.0.1:PORT"),
        ({"smtp": {"smarthost": "mail.example:25", "from": "a@b.example"}}, "smtp.smarthost to be"),
    ],
)
def test_what_is_not_the_sandboxs_own_is_refused(
    tmp_path: Path, sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        places(tmp_path, **sections)
    assert str(caught.value).startswith("c.yaml: the sandbox ")
    assert message in str(caught.value)
