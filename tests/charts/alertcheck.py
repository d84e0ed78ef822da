"""Which alerts of rules/prometheus/backup.yaml fire on what was really pushed: asked of promtool.

The rehearsals of backups call it with the series of a Pushgateway; the rules are the shipped ones.
"""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.charts.helm import ROOT
from tests.peers.binaries import peer

RULES: Final = ROOT / "rules" / "prometheus" / "backup.yaml"
# When the rules are asked, in minutes; long enough for every `for`.
_WHEN: Final = 60


def fires(
    series: Mapping[str, float], now: float, directory: Path, alert: str, labels: Mapping[str, str]
) -> bool:
    """Whether the alert fires with these labels, an hour into a world in which `series` are as at `now`.

    promtool lives in 1970, so that times are told as seconds before `now`.
    """
    at = _WHEN * 60
    told = []
    for name, value in series.items():
        if name.startswith("backup_last_success_timestamp_seconds"):
            # Its age at `now` is its age when the rules are asked.
            value = at - (now - value)
        told.append({"series": name, "values": f"{value}x{_WHEN}"})
    selector = ",".join(f'{name}="{value}"' for name, value in {"alertname": alert, **labels}.items())
    case: dict[str, Any] = {
        "interval": "1m",
        "input_series": told,
        "promql_expr_test": [
            {
                "expr": f'count(ALERTS{{alertstate="firing",{selector}}})',
                "eval_time": f"{_WHEN}m",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }
    path = directory / "asked.yaml"
    path.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [case]}))
    done = subprocess.run(
        [peer("promtool"), "test", "rules", path], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0 or "got: nil" in said, said
    return done.returncode == 0
