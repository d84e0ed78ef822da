import ssl
from pathlib import Path

import pytest

from responder.core.catalogue import Authorization, BasicAuth, OAuth2, Secret, Tls, WebhookSettings
from tests.ruleset.reading import load, warned, wrong

PEM = Path(__file__).parents[1] / "notify" / "tls"


def text(http_config: str, top: str = "") -> str:
    return f"""{top}
route: {{receiver: r}}
receivers:
- name: r
  webhook_configs:
  - url: http://a/
    http_config: {http_config}
"""


def settings(http_config: str, directory: Path) -> WebhookSettings:
    (found,) = load(text(http_config), directory).ruleset.receivers["r"].integrations
    assert isinstance(found.settings, WebhookSettings)
    return found.settings


def problems(http_config: str, directory: Path) -> list[str]:
    return [
        line.removeprefix("routing.yaml:7:")
        for line in wrong(text(http_config), directory)
        if " error: " in line
    ]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A directory with a few secrets, as they are mounted."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    for name in ("user", "password", "token", "client"):
        (directory / name).write_text(f"{name} from a file\n")
    return directory


def test_basic_auth(tmp_path: Path, secrets: Path) -> None:
    inline = settings("{basic_auth: {username: u, password: p}}", tmp_path)
    assert inline.basic_auth == BasicAuth("u", Secret("p"))
    named = settings("{basic_auth: {username_file: secrets/user, password_file: secrets/password}}", tmp_path)
    assert named.basic_auth == BasicAuth("user from a file", Secret("password from a file"))
    only_user = settings("{basic_auth: {username: u}}", tmp_path)
    assert only_user.basic_auth == BasicAuth("u", Secret(""))


def test_authorization(tmp_path: Path, secrets: Path) -> None:
    bearer = settings("{authorization: {credentials_file: secrets/token}}", tmp_path)
    assert bearer.authorization == Authorization("Bearer", Secret("token from a file"))
    other = settings("{authorization: {type: ' GenieKey ', credentials: k}}", tmp_path)
    assert other.authorization == Authorization("GenieKey", Secret("k"))


def test_bearer_tokens_are_deprecated(tmp_path: Path) -> None:
    loaded = load(text("{bearer_token: t}"), tmp_path)
    (found,) = loaded.ruleset.receivers["r"].integrations
    assert found.settings.authorization == Authorization("Bearer", Secret("t"))
    assert warned(loaded, tmp_path) == [
        "routing.yaml:7:19: warning: bearer_token is deprecated; write authorization",
        (
            "routing.yaml:7:33: warning: bearer_token: an inline secret; put it in a file and name that in "
            "bearer_token_file"
        ),
    ]


def test_oauth2(tmp_path: Path, secrets: Path) -> None:
    found = settings(
        """
      oauth2:
        client_id: id
        client_secret_file: secrets/client
        token_url: https://login.example/token
        scopes: [a, b]
        endpoint_params: {audience: x}
        tls_config: {server_name: s}
        proxy_url: http://proxy:3128
""",
        tmp_path,
    )
    assert found.oauth2 == OAuth2(
        "id",
        Secret("client from a file"),
        "https://login.example/token",
        ("a", "b"),
        (("audience", "x"),),
        Tls(server_name="s"),
        Secret("http://proxy:3128"),
    )


def test_headers_proxy_and_the_rest(tmp_path: Path, secrets: Path) -> None:
    found = settings(
        """
      follow_redirects: false
      enable_http2: true
      proxy_url: http://user:canary@proxy:3128/
      http_headers:
        X-Several: {values: [one, two], secrets: [three]}
        X-File: {files: [secrets/token]}
""",
        tmp_path,
    )
    assert (found.follow_redirects, found.proxy_url) == (False, Secret("http://user:canary@proxy:3128/"))
    assert found.headers == (
        ("X-Several", Secret("one")),
        ("X-Several", Secret("two")),
        ("X-Several", Secret("three")),
        ("X-File", Secret("token from a file")),
    )


def test_what_is_not_used_is_said(tmp_path: Path) -> None:
    loaded = load(
        text("{proxy_url: 'http://p/', no_proxy: x, proxy_connect_header: {a: [b]}, enable_http2: false}"),
        tmp_path,
    )
    assert warned(loaded, tmp_path) == [
        "routing.yaml:7:43: warning: no_proxy: not used by this version",
        "routing.yaml:7:56: warning: proxy_connect_header: not used by this version",
    ]


def test_tls(tmp_path: Path) -> None:
    found = settings(
        f"""
      tls_config:
        ca_file: {PEM}/ca.pem
        cert_file: {PEM}/client.pem
        key_file: {PEM}/client.key
        server_name: example.com
        insecure_skip_verify: true
        min_version: TLS12
        max_version: TLS13
""",
        tmp_path,
    )
    assert found.tls == Tls(
        ca=(PEM / "ca.pem").read_text(),
        cert_file=str(PEM / "client.pem"),
        key_file=str(PEM / "client.key"),
        server_name="example.com",
        insecure_skip_verify=True,
        min_version="TLS12",
        max_version="TLS13",
    )
    ssl.create_default_context(cadata=found.tls.ca).load_cert_chain(found.tls.cert_file, found.tls.key_file)


def test_tls_that_cannot_work(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    assert problems("{tls_config: {ca_file: text}}", tmp_path) == [
        "41: error: ca_file: holds no certificate in PEM form"
    ]
    assert problems("{tls_config: {ca_file: not-there}}", tmp_path) == [
        "41: error: ca_file: not-there cannot be read: No such file or directory"
    ]
    assert problems(f"{{tls_config: {{cert_file: {PEM}/client.pem}}}}", tmp_path) == [
        "43: error: cert_file: needs key_file beside it"
    ]
    assert problems(
        f"{{tls_config: {{cert_file: {PEM}/client.pem, key_file: {PEM}/server.key}}}}", tmp_path
    ) == [f"43: error: cert_file: {PEM}/client.pem and {PEM}/server.key are not a certificate and its key"]
    assert problems("{tls_config: {cert_file: a, key_file: b}}", tmp_path) == [
        "43: error: cert_file: a or b cannot be read: No such file or directory"
    ]
    assert problems(
        "{tls_config: {min_version: TLS13, max_version: TLS12, ca: x, ca_file: y, version: z}}", tmp_path
    ) == [
        "65: error: max_version: TLS12 is below min_version TLS13",
        "76: error: ca: holds no certificate in PEM form",
        "79: error: ca_file: ca is set already; at most one of ca, ca_file",
        '91: error: unknown key "version" in tls_config; did you mean "min_version"?',
    ]
    assert problems("{tls_config: {min_version: '1.2'}}", tmp_path) == [
        "45: error: min_version: '1.2' is not one of TLS10, TLS11, TLS12, TLS13"
    ]


def test_a_client_certificate_that_stands_in_the_file(tmp_path: Path) -> None:
    loaded = load(text("{tls_config: {cert: canary, key: canary}}"), tmp_path)
    (found,) = loaded.ruleset.receivers["r"].integrations
    assert not found.supported
    assert [str(problem).partition("routing.yaml:7:")[2] for problem in loaded.unsupported] == [
        "38: warning: cert: not supported inline; write cert_file",
        "51: warning: key: not supported inline; write key_file",
    ]
    assert "canary" not in loaded.ruleset.source["routing.yaml"]


def test_a_proxy_of_another_kind(tmp_path: Path) -> None:
    loaded = load(text("{proxy_url: 'socks5://user:canary@p:1080'}"), tmp_path)
    assert [str(problem).partition("routing.yaml:7:")[2] for problem in loaded.unsupported] == [
        "30: warning: proxy_url: only http and https proxies are supported"
    ]
    assert "canary" not in loaded.ruleset.source["routing.yaml"]


@pytest.mark.parametrize(
    ("http_config", "expected"),
    [
        (
            "{basic_auth: {username: a}, authorization: {credentials_file: b}}",
            [
                (
                    "46: error: authorization: basic_auth is set already; at most one of basic_auth, "
                    "authorization, "
                    "oauth2, bearer_token, bearer_token_file"
                ),
                "80: error: credentials_file: b cannot be read: No such file or directory",
            ],
        ),
        (
            "{basic_auth: {username: a, username_file: b, password: c, password_file: d}}",
            [
                "45: error: username_file: username is set already; at most one of username, username_file",
                "60: error: username_file: b cannot be read: No such file or directory",
                "76: error: password_file: password is set already; at most one of password, password_file",
                "91: error: password_file: d cannot be read: No such file or directory",
            ],
        ),
        (
            "{authorization: {type: Basic, credentials: x}}",
            ["41: error: type: basic has a key of its own: write basic_auth"],
        ),
        (
            "{oauth2: {client_secret: x, token_uri: y}}",
            [
                "27: error: oauth2 needs client_id",
                "27: error: oauth2 needs token_url",
                '46: error: unknown key "token_uri" in oauth2; did you mean "token_url"?',
            ],
        ),
        ("{proxy_url: 'proxy:3128'}", ["30: error: proxy_url: not a URL such as https://example.com/path"]),
        (
            "{http_headers: {Host: {values: [a]}, 'a b': {values: [a]}, X-A: {}, x-a: {value: [a]}}}",
            [
                "34: error: http_headers: Host is set by Responder itself",
                "55: error: http_headers: 'a b' is not the name of a header",
                "86: error: http_headers: x-a is given as X-A already",
                '92: error: unknown key "value" in http_headers.x-a; did you mean "values"?',
            ],
        ),
        (
            '{http_headers: {X-A: {values: ["a\\r\\nB: c", [d], ~]}}}',
            [
                "49: error: values: a header's value is one line of text",
                "62: error: values: must be a text",
                "67: error: values: must be a text",
            ],
        ),
        (
            "{folow_redirects: no}",
            ['19: error: unknown key "folow_redirects" in http_config; did you mean "follow_redirects"?'],
        ),
        ("[]", ["18: error: http_config must be a mapping, not a list"]),
    ],
)
def test_what_cannot_be(http_config: str, expected: list[str], tmp_path: Path) -> None:
    assert problems(http_config, tmp_path) == expected


# -- global -------------------------------------------------------------------------------------


def test_a_webhook_inherits_the_global_one_as_a_whole(tmp_path: Path, secrets: Path) -> None:
    loaded = load(
        """
global:
  http_config: {authorization: {credentials_file: secrets/token}, follow_redirects: false}
route: {receiver: r}
receivers:
- name: r
  webhook_configs:
  - url: http://a/
  - {url: http://b/, http_config: {proxy_url: 'http://p/'}}
""",
        tmp_path,
    )
    inheriting, own = (each.settings for each in loaded.ruleset.receivers["r"].integrations)
    assert inheriting.authorization == Authorization("Bearer", Secret("token from a file"))
    assert inheriting.follow_redirects is False
    assert (own.authorization, own.follow_redirects, own.proxy_url) == (None, True, Secret("http://p/"))


def test_the_global_one_is_checked_though_nobody_inherits_it(tmp_path: Path) -> None:
    top = "global: {http_config: {authorization: {credentials_file: not-there, typ: x}}}"
    assert wrong(f"{top}\nroute: {{receiver: r}}\nreceivers: [{{name: r}}]\n", tmp_path) == [
        'routing.yaml:1:69: error: unknown key "typ" in authorization; did you mean "type"?'
    ]
    assert wrong(f"{top}\n{text('{}')}".replace("http_config: {}\n", "\n"), tmp_path) == [
        "routing.yaml:1:58: error: credentials_file: not-there cannot be read: No such file or directory",
        'routing.yaml:1:69: error: unknown key "typ" in authorization; did you mean "type"?',
    ]
