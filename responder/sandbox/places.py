"""Where the configuration wants the stand-ins: on which addresses, and with which secrets' files.

`cli.sandbox` asks before it starts them, so that each is said in one place. What is not on loopback,
or would overwrite a file that is not the sandbox's own, is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from responder.errors import UsageError
from responder.sandbox.standins import CLUSTER
from responder.settings import Address, Settings

_OWN: Final = ("127.0.0.1", "localhost", "::1")
_SLACK: Final = "/slack/api/"
_PAGERDUTY: Final = "/pagerduty/v2/enqueue"
_PROMETHEUS: Final = "/prometheus"


@dataclass(frozen=True, slots=True)
class Places:
    """`site`: Slack, PagerDuty and the pages over HTTP; `smtp`: the mail server.

    `signing_secret_file` None: Slack calls nobody, and its page has nothing to type in. `kubeconfig` None:
    no cluster is started.
    """

    site: Address
    smtp: Address
    bot_token_file: Path
    routing_key_file: Path
    signing_secret_file: Path | None = None
    kubeconfig: Path | None = None


def places_of(settings: Settings, config: Path) -> Places:
    """They. Raises UsageError, which names `config` and the key."""
    assert settings.auth is not None

    def own(key: str, path: Path | None) -> Path:
        assert settings.auth is not None
        directory = settings.auth.tokens_file.parent
        if path is None or path.parent != directory:
            raise UsageError(f"{config}: the sandbox writes {key} anew: it must name a file in {directory}/")
        return path

    slack, smtp = settings.slack, settings.smtp
    api_url = slack.api_url if slack else ""
    site = _address(api_url)
    if site is None or api_url != f"http://{site}{_SLACK}":
        raise UsageError(f"{config}: the sandbox needs slack.api_url to be http://127.0.0.1:PORT{_SLACK}")
    events_url = f"http://{site}{_PAGERDUTY}"
    if settings.pagerduty.events_url != events_url:
        raise UsageError(f"{config}: the sandbox needs pagerduty.events_url to be {events_url}")
    mail = _address(f"smtp://{smtp.smarthost}" if smtp else "")
    if mail is None:
        raise UsageError(f"{config}: the sandbox needs smtp.smarthost to be 127.0.0.1:PORT")
    prometheus = f"http://{site}{_PROMETHEUS}"
    if settings.prometheus is not None and settings.prometheus.url != prometheus:
        raise UsageError(f"{config}: the sandbox needs prometheus.url to be {prometheus}")
    clusters = settings.kubernetes
    if clusters and [(one.cluster, one.context) for one in clusters] != [(CLUSTER, "")]:
        raise UsageError(f"{config}: the sandbox has one cluster, which is called {CLUSTER}")
    return Places(
        site,
        mail,
        own("slack.bot_token_file", slack.bot_token_file if slack else None),
        own("pagerduty.routing_key_file", settings.pagerduty.routing_key_file),
        own("slack.signing_secret_file", slack.signing_secret_file)
        if slack and slack.signing_secret_file
        else None,
        own("kubernetes.kubeconfig", clusters[0].kubeconfig) if clusters else None,
    )


def _address(url: str) -> Address | None:
    """The address in the URL, if it is one of this machine's own."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return Address(host, port) if host in _OWN and port else None
