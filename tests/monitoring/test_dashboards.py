"""config/dashboards: what Grafana accepts, and what is there to be shown."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from tests.monitoring.grafana import faults
from tests.monitoring.shipped import DASHBOARDS, exporters, expressions, filled, metrics_of, queries, recorded


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def test_the_dashboards_that_are_shipped() -> None:
    assert [path.stem for path in DASHBOARDS] == ["backups", "istio-mesh", "platform", "responder"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_knows_everything_that_a_dashboard_says(path: Path) -> None:
    document = read(path)
    assert faults(document) == []
    assert document["uid"] == path.stem


def test_what_grafana_does_not_know_is_found() -> None:
    wrong = copy.deepcopy(read(DASHBOARDS[0]))
    wrong["refreshes"] = "30s"
    wrong["editable"] = "yes"
    wrong["panels"][0]["gridPos"]["w"] = "24"
    wrong["panels"][0]["targets"][0]["legend"] = "x"
    wrong["panels"][0]["type"] = "graph"
    wrong["panels"][2]["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"]["mode"] = "red"
    wrong["panels"][2]["options"]["tooltip"]["mode"] = ["multi"]
    assert sorted(re.sub(r" (is|becomes) .*", "", fault) for fault in faults(wrong)) == [
        "dashboard.editable: 'yes'",
        "dashboard.panels[0].grid_pos.w: '24'",
        "dashboard.panels[0].targets[0].legend: unknown",
        "dashboard.panels[2].field_config.defaults.custom.thresholds_style.mode: 'red'",
        "dashboard.panels[2].options.tooltip.mode: ['multi']",
        "dashboard.refreshes: unknown",
        "panels: kind graph",
    ]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_have_names_of_their_own_and_do_not_overlap(path: Path) -> None:
    panels = read(path)["panels"]
    for key in ("id", "title"):
        assert len({panel[key] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23
    assert [panel["title"] for panel in panels if not panel["description"].endswith(".")] == []


def test_a_legend_is_made_of_labels_that_the_expression_has() -> None:
    for query in queries():
        by = re.findall(r"by \(([^)]*)\)", query.expression)
        labels = set(re.findall(r"{{(\w+)}}", query.legend))
        if by and not query.expression.startswith("histogram_quantile"):
            assert labels <= set(by[0].split(", ")), query


def test_every_expression_is_one() -> None:
    for expression in expressions():
        promql_parser.parse(expression)
    for query in queries():
        promql_parser.parse(filled(query.expression))
        assert "$" not in filled(query.expression), query


def test_every_series_is_made_by_an_exporter_or_a_rule_and_every_one_that_is_listed_is_used() -> None:
    used = {name for expression in expressions() for name in metrics_of(expression)}
    used |= {name for query in queries() for name in metrics_of(filled(query.expression))}
    listed = [name for metrics in exporters().values() for name in metrics]
    assert len(set(listed)) == len(listed)
    assert used - recorded() == set(listed)


def test_metrics_are_found_wherever_an_expression_hides_them() -> None:
    hidden = (
        'sum(rate(a[5m])) / b offset 5m + max_over_time(c[1d:1m]) * {__name__=~"d|e_(f|g(h|i)_j)", z="1"}'
    )
    assert metrics_of(hidden) == {"a", "b", "c", "d", "e_f", "e_gh_j", "e_gi_j"}
