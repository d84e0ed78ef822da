"""What charts/platform renders for monitoring, by kind and name, for the tests of that section.

Nothing here judges; other sections' objects are left out.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from tests.charts.helm import Manifest, rendered

OPERATOR: Final = tuple(
    f"monitoring.coreos.com/{kind}"
    for kind in ("v1/Prometheus", "v1/Alertmanager", "v1/PrometheusRule", "v1alpha1/ScrapeConfig")
)


def section(text: str) -> str:
    """Of a rendered chart, the documents of this section."""
    documents = text.split("---\n# Source: ")
    return "".join(
        f"---\n# Source: {one}" for one in documents if one.startswith("platform/templates/monitoring/")
    )


@functools.cache
def _rendered(values: str, apis: tuple[str, ...]) -> str:
    return section(rendered("platform", {"monitoring": json.loads(values)}, apis=apis))


def text(values: Mapping[str, Any] | None = None, apis: Sequence[str] = ()) -> str:
    """What is rendered with these values of `monitoring`; Refused where it is not."""
    return _rendered(json.dumps(values or {}), tuple(apis))


def load(said: str) -> Any:
    """YAML, by the library in C: there is a lot of it."""
    return yaml.load(said, Loader=yaml.CSafeLoader)


@functools.cache
def _parsed(said: str) -> list[Manifest]:
    return [found for found in yaml.load_all(said, Loader=yaml.CSafeLoader) if found]


class Objects:
    """The objects of one rendering; not to be changed, since they are kept."""

    def __init__(self, values: Mapping[str, Any] | None = None, apis: Sequence[str] = ()) -> None:
        self.all = _parsed(text(values, apis))

    def of(self, kind: str) -> dict[str, Manifest]:
        """Those of a kind, by name."""
        return {one["metadata"]["name"]: one for one in self.all if one["kind"] == kind}

    def file(self, name: str, key: str) -> str:
        """A file in a ConfigMap."""
        written: str = self.of("ConfigMap")[name]["data"][key]
        return written

    def config(self, name: str, key: str) -> Any:
        """The same, read as YAML."""
        return load(self.file(name, key))
