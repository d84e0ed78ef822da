from pathlib import Path

import pytest

from responder.core.model import MILLISECOND, SECOND
from responder.document.tree import Place
from responder.errors import ProblemsError, UsageError
from responder.settings import Settings, Tracing, load_settings
from responder.settings.tracing import read_secrets
from responder.settings.values import SecretHeader


def load(text: str, directory: Path) -> Settings:
    path = directory / "r.yaml"
    path.write_text(text)
    return load_settings(path, {})


def wrong(text: str, directory: Path) -> list[str]:
    with pytest.raises(ProblemsError) as caught:
        load(text, directory)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


def test_without_the_section_nothing_is_traced(tmp_path: Path) -> None:
    assert load("", tmp_path).tracing is None


def test_an_endpoint_is_enough(tmp_path: Path) -> None:
    loaded = load('tracing: {endpoint: "http://jaeger:4318/v1/traces"}', tmp_path).tracing
    assert loaded == Tracing("http://jaeger:4318/v1/traces")
    assert (loaded.ratio, loaded.propagators) == (0.1, ("tracecontext", "b3", "jaeger"))


def test_every_key(tmp_path: Path) -> None:
    settings = load(
        """tracing:
  endpoint: https://otlp.example.com/v1/traces
  headers: {Authorization: {file: a}, x-key: {env: KEY}}
  ca_file: ca.pem
  ratio: 0.25
  propagators: [b3multi, tracecontext]
  service: responder-eu
  environment: production
  attributes: {team: platform, zone: 1}
  queue: 100
  batch: 100
  every: 250ms
  timeout: 3s
  stop_within: 1s
""",
        tmp_path,
    )
    file = f"{tmp_path}/r.yaml"
    assert settings.tracing == Tracing(
        endpoint="https://otlp.example.com/v1/traces",
        headers=(
            SecretHeader("authorization", Place(file, 3, 28), Path("a")),
            SecretHeader("x-key", Place(file, 3, 46), None, "KEY"),
        ),
        ca_file=Path("ca.pem"),
        ratio=0.25,
        propagators=("b3multi", "tracecontext"),
        service="responder-eu",
        environment="production",
        attributes={"team": "platform", "zone": "1"},
        queue=100,
        batch=100,
        every=250 * MILLISECOND,
        timeout=3 * SECOND,
        stop_within=SECOND,
    )


def test_what_is_wrong_is_named_with_its_place(tmp_path: Path) -> None:
    assert wrong(
        """tracing:
  endpoint: http://me:secret@jaeger:4318/v1/traces
  headers: {"bad name": {env: A}, host: {env: A}, a: {file: b, env: C}, d: {}, A: {env: "1"}, e: text}
  ratio: 10%
  propagators: [b3, xray, b3]
  attributes: {service.name: x, a: [b]}
  queue: 10
  batch: 11
  every: 0s
  protocol: grpc
""",
        tmp_path,
    ) == [
        "r.yaml:2:13: error: endpoint: must be the address of an OTLP/HTTP receiver and no more, such as "
        "http://jaeger-collector:4318/v1/traces; secrets belong into headers",
        "r.yaml:3:25: error: bad name: is no header field that can be set",
        "r.yaml:3:41: error: host: is no header field that can be set",
        "r.yaml:3:64: error: env: file is set already; at most one of file, env",
        "r.yaml:3:76: error: d: needs file or env: where its value is",
        "r.yaml:3:83: error: A: is given twice",
        "r.yaml:3:89: error: env: '1' is no name of a variable such as OTLP_TOKEN",
        "r.yaml:3:98: error: headers.e must be a mapping, not a text",
        "r.yaml:4:10: error: ratio: '10%' is not a share from 0 to 1, such as 0.1",
        "r.yaml:5:21: error: propagators: 'xray' is not one of tracecontext, b3, b3multi, jaeger",
        "r.yaml:5:27: error: propagators: b3 is given twice",
        "r.yaml:6:16: error: attributes: service.name is set by tracing.service",
        "r.yaml:6:36: error: attributes: a: must be a text, not a list",
        "r.yaml:8:10: error: batch: batch (11) cannot be more than queue (10)",
        "r.yaml:9:10: error: every: cannot be zero",
        'r.yaml:10:3: error: unknown key "protocol" in tracing',
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tracing: {ratio: 1}", "r.yaml:1:10: error: tracing needs endpoint"),
        (
            'tracing: {endpoint: "http://jaeger:4318"}',
            "r.yaml:1:21: error: endpoint: needs the path too: http://jaeger:4318/v1/traces",
        ),
        (
            'tracing: {endpoint: "grpc://jaeger:4317/x"}',
            "r.yaml:1:21: error: endpoint: not a URL such as https://example.com/path",
        ),
        (
            'tracing: {endpoint: "http://j:1/v1/traces", propagators: []}',
            "r.yaml:1:58: error: propagators: name one at least, or leave it out",
        ),
        (
            'tracing: {endpoint: "http://j:1/v1/traces", ratio: 1.5}',
            "r.yaml:1:52: error: ratio: '1.5' is not a share from 0 to 1, such as 0.1",
        ),
        (
            'tracing: {endpoint: "http://j:1/v1/traces", queue: 0}',
            "r.yaml:1:52: error: queue: '0' is not a number from 1 to 100000, such as 512",
        ),
        (
            'tracing: {endpoint: "http://j:1/v1/traces", queue: 100}',
            "r.yaml:1:52: error: queue: batch (512) cannot be more than queue (100)",
        ),
    ],
)
def test_one_thing_wrong(tmp_path: Path, text: str, problem: str) -> None:
    assert wrong(text, tmp_path)[0] == problem


def headers(*given: SecretHeader) -> Tracing:
    return Tracing("http://jaeger:4318/v1/traces", given)


def test_secrets_come_from_files_and_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("Bearer abc def\n")
    place = Place("r.yaml", 3, 4)
    given = headers(
        SecretHeader("authorization", place, tmp_path / "a"), SecretHeader("x-key", place, None, "KEY")
    )
    assert read_secrets(given, {"KEY": "k"}) == {"authorization": "Bearer abc def", "x-key": "k"}


@pytest.mark.parametrize("value", ["", "two\nlines", "sécret"])
def test_a_secret_that_cannot_be_sent_is_named_and_not_shown(tmp_path: Path, value: str) -> None:
    (tmp_path / "a").write_text(value)
    given = headers(SecretHeader("x-key", Place("r.yaml", 3, 4), tmp_path / "a"))
    with pytest.raises(UsageError) as caught:
        read_secrets(given, {})
    assert str(caught.value) == (
        f"r.yaml:3:4: tracing.headers: x-key: {tmp_path}/a must hold one line of ASCII characters"
    )


def test_a_file_that_is_missing_and_a_variable_that_is_not_set(tmp_path: Path) -> None:
    place = Place("r.yaml", 3, 4)
    with pytest.raises(UsageError) as caught:
        read_secrets(headers(SecretHeader("x-key", place, tmp_path / "no")), {})
    assert str(caught.value) == (
        f"r.yaml:3:4: tracing.headers: x-key: {tmp_path}/no cannot be read: No such file or directory"
    )
    with pytest.raises(UsageError) as caught:
        read_secrets(headers(SecretHeader("x-key", place, None, "KEY")), {})
    assert str(caught.value) == (
        "r.yaml:3:4: tracing.headers: x-key: the variable KEY must hold one line of ASCII characters"
    )


def test_the_shipped_file_shows_every_key() -> None:
    text = (Path(__file__).parents[2] / "config" / "responder.yaml").read_text()
    section = text.partition("#tracing:\n")[2].partition("\n\n")[0]
    shown = [line[3:].partition(":")[0] for line in section.splitlines() if line[3].isalpha()]
    assert shown == list(Tracing.__struct_fields__)
