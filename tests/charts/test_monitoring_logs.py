"""charts/platform, logs: Loki's configuration and its agent's, held against what their manuals list.

Neither program is to be had here, so each key is compared with the documented ones, and what one file says
with what the other does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.charts.alloy import Block, Reference, read
from tests.charts.monitoring import Objects, load

# Loki 3: the documented keys of the blocks that are used, each with its type or the block below it.
S3: Final = {"bucketnames": str, "region": str, "endpoint": str, "s3forcepathstyle": bool}
LOKI: Final[Mapping[str, Any]] = {
    "auth_enabled": bool,
    "analytics": {"reporting_enabled": bool},
    "server": {"http_listen_port": int},
    "common": {
        "path_prefix": str,
        "replication_factor": int,
        "ring": {"kvstore": {"store": str}},
        "storage": {"s3": S3, "filesystem": {"chunks_directory": str, "rules_directory": str}},
    },
    "schema_config": {
        "configs": [
            {
                "from": str,
                "store": str,
                "object_store": str,
                "schema": str,
                "index": {"prefix": str, "period": "duration"},
            }
        ]
    },
    "limits_config": {
        "retention_period": "duration",
        "ingestion_rate_mb": int,
        "ingestion_burst_size_mb": int,
        "max_global_streams_per_user": int,
        "max_line_size": "bytes",
        "max_line_size_truncate": bool,
        "max_label_names_per_series": int,
        "allow_structured_metadata": bool,
        "discover_service_name": list,
        "reject_old_samples": bool,
        "reject_old_samples_max_age": "duration",
    },
    "compactor": {
        "working_directory": str,
        "retention_enabled": bool,
        "delete_request_store": str,
        "compaction_interval": "duration",
        "retention_delete_delay": "duration",
    },
}
FORMS: Final = {"duration": r"([1-9][0-9]*[smhd])+", "bytes": r"[1-9][0-9]*[KMG]B"}

# Alloy 1: the documented attributes of the components and blocks that are used.
ALLOY: Final[Mapping[str, set[str]]] = {
    "discovery.kubernetes": {"role"},
    "namespaces": {"names", "own_namespace"},
    "discovery.relabel": {"targets"},
    "rule": {
        *("source_labels", "separator", "regex", "modulus"),
        *("target_label", "replacement", "action"),
    },
    "loki.source.kubernetes": {"targets", "forward_to"},
    "clustering": {"enabled"},
    "loki.process": {"forward_to"},
    "stage.json": {"expressions", "source", "drop_malformed"},
    "stage.template": {"source", "template"},
    "stage.labels": {"values"},
    "stage.structured_metadata": {"values"},
    "stage.label_keep": {"values"},
    "loki.write": {"external_labels", "max_streams"},
    "endpoint": {"url", "name", "headers", "tenant_id"},
}
EXPORTS: Final = {
    "discovery.kubernetes": {"targets"},
    "discovery.relabel": {"output", "rules"},
    "loki.process": {"receiver"},
    "loki.write": {"receiver"},
}

CASES: Final[Mapping[str, Mapping[str, Any]]] = {
    "default": {},
    "filesystem": {"storage": {"kind": "filesystem"}, "labels": ["namespace"]},
    "elsewhere": {"storage": {"endpoint": "http://minio.storage.svc:9000"}, "namespaces": ["a", "b"]},
}
each = pytest.mark.parametrize("logs", CASES.values(), ids=CASES)


def strange(said: Any, known: Any, place: str = "") -> Iterator[str]:
    """What Loki would not know, or not take."""
    if isinstance(known, Mapping):
        for key, value in said.items():
            if key in known:
                yield from strange(value, known[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}"
    elif isinstance(known, list):
        for value in said:
            yield from strange(value, known[0], f"{place}[]")
    elif isinstance(known, str):
        if not re.fullmatch(FORMS[known], said):
            yield f"{place}: {said}"
    elif type(said) is not known:
        yield f"{place}: {said!r}"


@each
def test_loki_knows_everything_that_is_said(logs: Mapping[str, Any]) -> None:
    config = Objects({"logs": logs}).config("loki", "config.yaml")
    assert list(strange(config, LOKI)) == []


def test_what_loki_does_not_know_is_found() -> None:
    assert list(strange({"compactor": {"retention": True, "retention_enabled": "yes"}}, LOKI)) == [
        ".compactor.retention",
        ".compactor.retention_enabled: 'yes'",
    ]
    assert list(strange({"limits_config": {"retention_period": "30 days"}}, LOKI)) == [
        ".limits_config.retention_period: 30 days"
    ]


@each
def test_lines_are_kept_for_30_days_and_then_deleted(logs: Mapping[str, Any]) -> None:
    config = Objects({"logs": logs}).config("loki", "config.yaml")
    assert config["limits_config"]["retention_period"] == f"{30 * 24}h"
    # Nothing is deleted without the compactor's own switch, a place for its marks, and an index by the day.
    assert config["compactor"]["retention_enabled"] is True
    (storage,) = config["common"]["storage"]
    (schema,) = config["schema_config"]["configs"]
    assert storage == schema["object_store"] == config["compactor"]["delete_request_store"]
    assert (schema["store"], schema["schema"], schema["index"]["period"]) == ("tsdb", "v13", "24h")


def components(logs: Mapping[str, Any]) -> list[Block]:
    return read(Objects({"logs": logs}).file("alloy", "config.alloy"))


@each
def test_the_agent_knows_everything_that_is_said_and_names_only_what_is_there(
    logs: Mapping[str, Any],
) -> None:
    blocks = components(logs)
    exported = {
        f"{block.name}.{block.label}.{field}" for block in blocks for field in EXPORTS.get(block.name, ())
    }

    def look(block: Block) -> None:
        assert block.attributes.keys() <= ALLOY[block.name], block.name
        for value in block.attributes.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, Reference):
                    assert one in exported
        for inner in block.blocks:
            look(inner)

    for block in blocks:
        assert block.label
        look(block)


@each
def test_labels_are_few_and_loki_takes_no_others(logs: Mapping[str, Any]) -> None:
    blocks = {block.name: block for block in components(logs)}
    stages = {stage.name: stage.attributes for stage in blocks["loki.process"].blocks}
    targets = {
        rule.attributes["target_label"]
        for rule in blocks["discovery.relabel"].blocks
        if "target_label" in rule.attributes
    }
    named = targets | set(stages["stage.labels"]["values"])
    aside = set(stages["stage.structured_metadata"]["values"])
    kept = stages["stage.label_keep"]["values"]
    # Each label that is kept is made, and has few values; the rest goes with the line.
    assert set(kept) <= named - aside
    assert aside == {"pod", "node", "trace_id", "span_id"}
    assert list(stages)[-1] == "stage.label_keep"
    outside = blocks["loki.write"].attributes["external_labels"]
    assert outside == {"cluster": "production-1", "environment": "production"}
    limits = Objects({"logs": logs}).config("loki", "config.yaml")["limits_config"]
    assert limits["max_label_names_per_series"] == len(kept) + len(outside)


def test_a_level_becomes_one_of_a_few_words() -> None:
    (process,) = (block for block in components({}) if block.name == "loki.process")
    stages = {stage.name: stage.attributes for stage in process.blocks}
    assert stages["stage.json"]["expressions"]["level"] == "level"
    template = stages["stage.template"]["template"]
    assert stages["stage.template"]["source"] == "level"
    # `{{ if eq $l "a" "b" }}c{{ else if ... }}...{{ else }}d{{ end }}`: what each word becomes.
    becomes = {
        word: level
        for words, level in re.findall(r'if eq \$l((?: "\w+")+) }}(\w+)', template)
        for word in json.loads(f"[{','.join(words.split())}]")
    }
    # Those of structlog, which Responder writes with, and of Go's, Java's and syslog's.
    assert becomes == {
        **dict.fromkeys(("trace", "debug"), "debug"),
        **dict.fromkeys(("info", "notice"), "info"),
        **dict.fromkeys(("warn", "warning"), "warning"),
        **dict.fromkeys(("error", "err"), "error"),
        **dict.fromkeys(("critical", "fatal", "panic"), "critical"),
    }
    assert template.endswith("{{ else }}unknown{{ end }}")
    assert template.count("{{") == template.count("}}")


def test_the_agent_sends_to_the_place_that_grafana_asks() -> None:
    (write,) = (block for block in components({}) if block.name == "loki.write")
    (endpoint,) = write.blocks
    datasources = load(Objects().file("datasources", "datasources.yaml"))["datasources"]
    (loki,) = (one for one in datasources if one["type"] == "loki")
    assert endpoint.attributes["url"] == f"{loki['url']}/loki/api/v1/push"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('a "b" {\n  c = \n}', "line 3: '}' where { belongs"),
        ('a "b" {\n  c = "d\n}', "line 2: '\"d"),
        ('a "b" {\n  c = ["d" "e"]\n}', "line 2: '\"e\"' where , belongs"),
        ('a "b" {\n', "line 2: '' where } belongs"),
    ],
)
def test_what_is_no_configuration_of_alloys_is_found(wrong: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read(wrong)
