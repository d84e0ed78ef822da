from collections.abc import Mapping
from pathlib import Path

import pytest

from responder.core.model import DAY, SECOND
from responder.errors import ProblemsError
from responder.settings import Address, Breaker, Limits, Retention, Settings, load_settings


@pytest.fixture(autouse=True)
def _in_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(text: str, env: Mapping[str, str]) -> Settings:
    path = Path("r.yaml")
    path.write_text(text)
    return load_settings(path, env)


def wrong(text: str, env: Mapping[str, str]) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text, env)
    return str(caught.value).splitlines()


def test_the_environment_wins_over_the_file() -> None:
    settings = load(
        "listen: 127.0.0.1:1\nlimits: {labels: 5, lag: 1s}\n",
        {
            "RESPONDER__LISTEN": "127.0.0.1:2",
            "RESPONDER__LIMITS__LABELS": "6",
            "RESPONDER__DELIVERY__BREAKER__AFTER": "4",
            "RESPONDER__HOSTS": "[a, b]",
            "RESPONDER__RETENTION": "{inputs: 1d}",
            "RESPONDER__RETENTION__JOURNAL": "2d",
            "RESPONDER__SANDBOX": "",
        },
    )
    assert settings.listen == Address("127.0.0.1", 2)
    assert settings.limits == Limits(labels=6, lag=SECOND)
    assert settings.delivery.breaker == Breaker(after=4)
    assert settings.hosts == ("a", "b")
    assert settings.retention == Retention(inputs=DAY, journal=2 * DAY)
    assert settings.sandbox is False


def test_other_variables_are_not_ours() -> None:
    # Kubernetes injects RESPONDER_PORT for a service of that name.
    env = {
        "RESPONDER_PORT": "tcp://10.0.0.1:9095",
        "RESPONDER_SERVICE_HOST": "10.0.0.1",
        "RESPONDER_URL": "http://x",
        "RESPONDER_TOKEN": "t",
        "RESPONDER": "x",
        "PATH": "/bin",
    }
    assert load("", env) == load("", {})


def test_problems_of_the_environment_name_the_variable() -> None:
    assert wrong(
        "listen: 127.0.0.1:1\n",
        {
            "RESPONDER__LIMITS__LABLES": "6",
            "RESPONDER__NO_SUCH": "1",
            "RESPONDER__LISTEN__PORT": "1",
            "RESPONDER__INTAKE__STALE_AFTER": "soon",
            "RESPONDER__HOSTS": "[a",
            "RESPONDER__": "x",
        },
    ) == [
        'RESPONDER__: error: unknown key "" in the settings',
        (
            "RESPONDER__HOSTS:2:1: error: not YAML: while parsing a flow sequence, "
            "did not find expected ',' or ']'"
        ),
        (
            "RESPONDER__INTAKE__STALE_AFTER: error: stale_after: 'soon' is not a duration such as 30s, 5m, "
            "1h30m or 4d"
        ),
        'RESPONDER__LIMITS__LABLES: error: unknown key "lables" in limits; did you mean "labels"?',
        "RESPONDER__LISTEN__PORT: error: listen has no parts that could be set",
        'RESPONDER__NO_SUCH: error: unknown key "no_such" in the settings',
    ]
