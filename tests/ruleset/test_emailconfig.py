from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from responder.core.catalogue import EmailSettings, Secret, Template, Tls
from responder.core.rules import Integration
from responder.ruleset import compile_ruleset
from responder.settings import Settings, Smtp
from tests.ruleset.reading import HEAD, integrations, load, problems, told

OPS = "ops@example.com"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "password").write_text("canary-settings\n")
    return Settings(
        smtp=Smtp(
            smarthost="mail.example.com:587",
            sender="Responder <responder@example.com>",
            hello="responder.example.com",
            auth_username="responder",
            auth_password_file=tmp_path / "password",
            require_tls=False,
        )
    )


def one(receiver: str, directory: Path, settings: Settings | None = None) -> Integration:
    (found,) = integrations(receiver, directory, settings)
    return found


def test_the_settings_say_everything_but_who(tmp_path: Path, settings: Settings) -> None:
    found = one(f"  email_configs: [{{to: {OPS}}}]\n", tmp_path, settings)
    assert found == Integration(
        id="email:" + sha256(f"email to={OPS}".encode()).hexdigest()[:12],
        kind="email",
        send_resolved=False,
        destination="email mail.example.com:587",
        settings=EmailSettings(
            to=(OPS,),
            sender="Responder <responder@example.com>",
            host="mail.example.com",
            port=587,
            hello="responder.example.com",
            username="responder",
            password=Secret("canary-settings"),
            require_tls=False,
        ),
    )


def test_global_and_the_entry_win_and_bring_no_password_of_the_settings(
    tmp_path: Path, settings: Settings
) -> None:
    head = """global:
  smtp_smarthost: '[2001:db8::1]:465'
  smtp_from: Alerts <alerts@example.org>
  smtp_auth_username: global
  smtp_auth_password: canary-global
  smtp_auth_identity: identity
"""
    receiver = """  email_configs:
    - {to: 'Ops <ops@example.com>, b@example.com'}
    - to: c@example.com
      from: own@example.com
      smarthost: own.example:25
      hello: own
      auth_username: own
      auth_secret: canary-cram
      require_tls: false
      force_implicit_tls: true
      tls_config: {insecure_skip_verify: true}
      threading: {enabled: false}
"""
    loaded = load(head + HEAD + receiver, tmp_path, settings)
    general, own = loaded.ruleset.receivers["r"].integrations
    assert general.settings == EmailSettings(
        to=("Ops <ops@example.com>", "b@example.com"),
        sender="Alerts <alerts@example.org>",
        host="2001:db8::1",
        port=465,
        hello="responder.example.com",
        username="global",
        password=Secret("canary-global"),
        identity="identity",
        implicit_tls=True,
    )
    assert general.destination == "email [2001:db8::1]:465"
    assert own.settings == EmailSettings(
        to=("c@example.com",),
        sender="own@example.com",
        host="own.example",
        port=25,
        hello="own",
        username="own",
        password=Secret("canary-cram"),
        identity="identity",
        require_tls=False,
        implicit_tls=True,
        tls=Tls(insecure_skip_verify=True),
        threading=False,
    )


def test_a_secret_for_cram_md5_is_a_password(tmp_path: Path) -> None:
    receiver = f"""  email_configs:
    - {{to: {OPS}, from: {OPS}, smarthost: 'm:25', auth_username: u, auth_secret: canary}}
"""
    assert one(receiver, tmp_path).settings == EmailSettings(
        to=(OPS,), sender=OPS, host="m", port=25, username="u", password=Secret("canary")
    )


def test_what_lacks_and_where_it_may_be_set(tmp_path: Path) -> None:
    receiver = f"  email_configs: [{{to: {OPS}}}]\n"
    assert told(receiver, tmp_path) == [
        "4:19: warning: email_configs: no mail server: set smarthost here, smtp_smarthost in global, or "
        "smtp.smarthost in responder.yaml",
        "4:19: warning: email_configs: no sender: set from here, smtp_from in global, or smtp.from in "
        "responder.yaml",
    ]
    found = one(receiver, tmp_path)
    assert (found.supported, found.settings) == (False, None)


@pytest.mark.parametrize("key", ["to", "from", "smarthost", "hello", "auth_username", "auth_identity"])
def test_targets_are_no_templates(key: str, tmp_path: Path) -> None:
    values = {"to": OPS, "from": OPS, "smarthost": "'m:25'"} | {key: "'{{ .x }}'"}
    receiver = f"  email_configs: [{{{', '.join(f'{name}: {value}' for name, value in values.items())}}}]\n"
    assert [line.partition(" warning: ")[2] for line in told(receiver, tmp_path)] == [
        f"{key}: a Go template; this version needs a plain value"
    ]
    assert (one(receiver, tmp_path).supported, one(receiver, tmp_path).settings) == (False, None)


def test_the_password_of_the_settings_may_not_be_here(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "password").unlink()
    receiver = f"  email_configs: [{{to: {OPS}}}]\n"
    assert told(receiver, tmp_path, settings) == [
        "settings: warning: smtp.auth_password_file: there is no password; what needs it ends as unsupported"
    ]
    assert one(receiver, tmp_path, settings).supported is False


def test_the_authorities_of_the_settings(tmp_path: Path, settings: Settings) -> None:
    pem = (Path(__file__).parents[1] / "notify/tls/ca.pem").read_text()
    (tmp_path / "ca.pem").write_text(pem)
    assert settings.smtp is not None
    there = replace(settings, smtp=msgspec.structs.replace(settings.smtp, ca_file=tmp_path / "ca.pem"))
    receiver = f"  email_configs: [{{to: {OPS}}}]\n"
    assert one(receiver, tmp_path, there).settings.tls == Tls(ca=pem.strip())
    (tmp_path / "ca.pem").write_text("nonsense")
    assert problems(receiver, tmp_path, there) == [
        "settings: error: smtp.ca_file: holds no certificate in PEM form"
    ]


def test_what_is_said(tmp_path: Path, settings: Settings) -> None:
    receiver = """  email_configs:
    - to: ops@example.com
      headers:
        Subject: A plain subject
        X-Team: platform
        Reply-To: '{{ .x }}'
        Content-Type: text/plain
      text: ''
      html: '{{ template "x" }}'
      threading: {thread_by_date: daily}
      template:
        html: |
          <b>{{ common_labels.alertname }}</b>
"""
    settings_ = one(receiver, tmp_path, settings).settings
    assert settings_.headers == (("X-Team", "platform"),)
    assert settings_.templates == {
        "subject": Template("A plain subject", plain=True, place=f"{tmp_path}/routing.yaml:7:18"),
        "html": Template("<b>{{ common_labels.alertname }}</b>\n", place=f"{tmp_path}/routing.yaml:15:15"),
    }
    template = "a Go template; Responder's own text is used instead"
    assert told(receiver, tmp_path, settings) == [
        f"9:19: warning: headers: Reply-To: {template}",
        "10:23: warning: headers: Content-Type: not used; Responder sets it itself",
        f"12:13: warning: html: {template}",
        "13:19: warning: thread_by_date: not used; a thread is one incident's",
    ]


def test_what_cannot_be(tmp_path: Path, settings: Settings) -> None:
    receiver = r"""  email_configs:
    - {}
    - {to: 'ops', from: 'a@b.c, d@e.f', smarthost: mail}
    - {to: ops@example.com, headers: {"X Y": a, X-Z: "a\nBcc: evil@example.com"}}
    - {to: "ops@example.com\nBcc: evil@example.com"}
    - {to: ops@example.com, hello: "us\r\nMAIL FROM:<evil@example.com>"}
"""
    assert problems(receiver, tmp_path, settings) == [
        "5:7: error: email_configs needs to",
        "6:12: error: to: 'ops' is not an address such as ops@example.com",
        "6:25: error: from: must be one address, such as Responder <responder@example.com>",
        "6:52: error: smarthost: 'mail' is not a server and its port, such as mail.example.com:587",
        "7:46: error: headers: 'X Y' is not the name of a header",
        "7:54: error: headers: X-Z: a header's value is one line of text",
        "8:12: error: to: an address is one line of text",
        r"9:36: error: hello: 'us\r\nMAIL FROM:<evil@example.com>' is not the name of a host such as "
        "responder.example.com",
    ]


def test_the_same_from_what_was_kept(tmp_path: Path, settings: Settings) -> None:
    receiver = f"""  email_configs:
    - {{to: {OPS}}}
    - {{to: {OPS}, smarthost: 'own:25', auth_username: u, auth_password: canary}}
    - {{to: {OPS}, smarthost: 'own:25'}}
"""
    ruleset = load(HEAD + receiver, tmp_path, settings).ruleset
    assert "canary" not in str(ruleset.source)
    again = compile_ruleset(ruleset.source, Settings()).ruleset
    assert again.hash == ruleset.hash
    first, second, third = ruleset.receivers["r"].integrations
    assert again.receivers["r"].integrations == (
        msgspec.structs.replace(first, settings=None),
        msgspec.structs.replace(second, settings=None),
        third,
    )
    assert compile_ruleset(ruleset.source, Settings(), live=ruleset).ruleset.receivers == ruleset.receivers
