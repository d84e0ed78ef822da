"""The composition root: what one running Responder makes of its files."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import yaml

from responder.service import Service
from responder.settings import load_settings
from tests.peers.ports import free_port
from tests.ruleset.runbooks.writing import page

ROUTING = "route: {receiver: pager}\nreceivers: [{name: pager}, {name: chat}]\n"


def counts(service: Service) -> dict[str, float]:
    [metric] = service.metrics.runbooks.collect()
    return {sample.labels["state"]: sample.value for sample in metric.samples}


async def test_a_broken_runbook_is_out_of_force_loudly_and_stops_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runbooks = tmp_path / "rules" / "runbooks"
    runbooks.mkdir(parents=True)
    (tmp_path / "rules" / "routing.yaml").write_text(ROUTING)
    (runbooks / "page.md").write_text(page())
    (runbooks / "other.md").write_text(page("mode: always\n").replace("runbook: page", "runbook: other"))
    config = tmp_path / "responder.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "listen": f"127.0.0.1:{free_port()}",
                "storage": f"sqlite:///{tmp_path}/responder.db",
                "rules": f"{tmp_path}/rules",
            }
        )
    )
    service = Service(load_settings(config, {}))
    await service.start()
    try:
        assert list(service.engine.ruleset.runbooks) == ["page"]
        assert counts(service) == {"loaded": 1, "broken": 1}
        said = capsys.readouterr()
        assert "other.md:9:7: error: mode: 'always' is not one of" in said.out + said.err

        # What was right and is broken now is out of force as well: nobody runs a page that is not there.
        (runbooks / "page.md").write_text(page("risk: none\n"))
        (runbooks / "other.md").write_text(page().replace("runbook: page", "runbook: other"))
        await service.reload("somebody")
        assert list(service.engine.ruleset.runbooks) == ["other"]
        assert counts(service) == {"loaded": 1, "broken": 1}

        (runbooks / "page.md").unlink()
        await service.reload("somebody")
        assert counts(service) == {"loaded": 1, "broken": 0}
    finally:
        await service.stop()


SLOW: Final = (
    "aiohttp",
    "aiosmtplib",
    "jinja2",
    "kubernetes_asyncio",
    "markdown_it",
    "opentelemetry",
    "pdpyras",
    "pydantic",
    "requests",
    "rich",
    "slack_sdk",
    "responder.actions.worker",
    "responder.notify.http",
    "responder.replay",
    "responder.web.general",
)
"""What nobody needs before it is ready, and takes long to import."""


def test_what_must_be_there_before_it_is_ready_is_little() -> None:
    program = (
        "import sys, responder.cli.main, responder.cli.serve, responder.service\n"
        "print([name for name in sys.argv[1:] if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program, *SLOW], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
