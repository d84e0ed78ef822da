"""Helm itself, offline: what a chart renders with given values, and how it refuses others.

The tests of both charts call it; nothing here looks into what was rendered.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from tests.peers.binaries import peer

ROOT: Final = Path(__file__).parents[2]
CHARTS: Final = ROOT / "charts"

Manifest = dict[str, Any]


class Refused(Exception):
    """Helm said no; `str()` is what it wrote."""


def helm(*arguments: str | Path) -> str:
    """What `helm` writes, with no settings but the chart's own; Refused where it fails."""
    with tempfile.TemporaryDirectory() as scratch:
        environment = {"PATH": os.environ["PATH"], "HOME": scratch, "KUBECONFIG": os.devnull}
        environment |= {f"HELM_{kind}_HOME": f"{scratch}/{kind}" for kind in ("CACHE", "CONFIG", "DATA")}
        done = subprocess.run(
            [peer("helm"), *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=60,
        )
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def rendered(
    chart: str,
    *values: Mapping[str, Any] | Path,
    name: str = "",
    namespace: str = "production",
    apis: Sequence[str] = (),
    kubernetes: str = "1.37",
) -> str:
    """`helm template` of charts/CHART: each of `values`, a mapping or a file, over those before it.

    `apis`: what the cluster is said to have beside Kubernetes' own ("group/version/Kind").
    """
    with tempfile.TemporaryDirectory() as scratch:
        flags: list[str | Path] = []
        for place, given in enumerate(values):
            path = given
            if not isinstance(path, Path):
                path = Path(scratch) / f"{place}.yaml"
                path.write_text(json.dumps(given), encoding="utf-8")
            flags += ["--values", path]
        for api in apis:
            flags += ["--api-versions", api]
        return helm(
            *("template", name or chart, CHARTS / chart, "--namespace", namespace),
            *("--kube-version", kubernetes, "--include-crds", *flags),
        )


def objects(text: str) -> list[Manifest]:
    """The objects in what was rendered, in its order."""
    # By the library in C: there is a lot of it.
    return [found for found in yaml.load_all(text, Loader=yaml.CSafeLoader) if found is not None]
