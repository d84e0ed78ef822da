"""What guides and runbooks speak of is there: sections, panels, dashboards, values of the charts."""

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.guides.kinds import shipped
from tests.guides.pages import PAGES, ROOT, RUNBOOKS, name, prose, spans
from tests.monitoring.shipped import DASHBOARDS

each = pytest.mark.parametrize("page", PAGES, ids=name)


def headings(page: Path) -> list[str]:
    return [line.lstrip("#").strip() for _, line in prose(page.read_text()) if line.startswith("#")]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def words(page: Path) -> str:
    """A page without its code and its front matter."""
    text = re.sub(r"\A---\n.*?\n---\n", "", page.read_text(), flags=re.DOTALL)
    return re.sub(r"`[^`]*`", "", " ".join(line for _, line in prose(text)))


@each
def test_links_lead_to_sections_that_are_there(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([\w./-]*)#([\w-]+)\)", page.read_text()):
        there = (page.parent / target) if target else page
        assert anchor in anchors(there), f"{target}#{anchor}"


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=name)
def test_what_is_quoted_is_a_panel_or_a_section(page: Path) -> None:
    panels = {panel["title"] for path in DASHBOARDS for panel in json.loads(path.read_text())["panels"]}
    sections = {heading for path in RUNBOOKS.glob("*.md") for heading in headings(path)}
    quoted = set(re.findall(r"\"([A-Z][^\"]+)\"", words(page)))
    assert quoted - panels - sections == set()


@each
def test_the_dashboards_that_are_named_are_shipped(page: Path) -> None:
    shipped = {json.loads(path.read_text())["title"] for path in DASHBOARDS}
    named = set(re.findall(r"\bdashboards? \*([^*]+)\*", words(page)))
    assert named - shipped == set()


@functools.cache
def values(chart: str) -> dict[str, Any]:
    found = yaml.load((ROOT / "charts" / chart / "values.yaml").read_text(), yaml.CSafeLoader)
    assert isinstance(found, dict)
    return found


def paths(found: Any, head: str = "") -> Iterator[str]:
    """Every value of a chart by its path."""
    if isinstance(found, dict):
        for key, inner in found.items():
            yield f"{head}{key}"
            yield from paths(inner, f"{head}{key}.")


@each
def test_the_values_that_are_named_are_the_charts(page: Path) -> None:
    known = {path for chart in ("platform", "responder") for path in paths(values(chart))}
    tops = {path for path in known if "." not in path}
    named = {
        span
        for _, span in spans(page.read_text())
        if re.fullmatch(r"[a-zA-Z]+(\.[a-zA-Z]+)+", span) and span.partition(".")[0] in tops
    }
    assert named - known == set()


def secrets(found: Any) -> Iterator[str]:
    """The Secrets that an object refers to."""
    if isinstance(found, list):
        for inner in found:
            yield from secrets(inner)
    elif isinstance(found, dict):
        for key, inner in found.items():
            if key in ("secretName", "credentialName") and isinstance(inner, str):
                yield inner
            elif key == "sidecar.istio.io/userVolume":
                yield from secrets(json.loads(inner))
            elif key in ("secretKeyRef", "secretRef", "credential") and isinstance(inner, dict):
                yield inner["name"]
            else:
                yield from secrets(inner)


def test_the_deployment_guide_makes_every_secret_that_the_charts_ask_for() -> None:
    objects = shipped().values()
    asked = {name for one in objects if one["kind"] != "Certificate" for name in secrets(one)}
    there = {one["metadata"]["name"] for one in objects if one["kind"] == "Secret"}
    there |= {one["spec"]["secretName"] for one in objects if one["kind"] == "Certificate"}
    guide = (ROOT / "docs" / "PRODUCTION_DEPLOYMENT_GUIDE.md").read_text()
    made = set(re.findall(r"create secret generic ([\w-]+)", guide))
    assert asked - there == made
