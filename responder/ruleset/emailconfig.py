"""An entry of `email_configs`: who gets the mail, and by which server.

`receivers` calls `read_email` after `entries` has checked every key. The password of the settings
goes to no server but the settings' own, whatever the rules say.
"""

from typing import Final

import msgspec

from responder.core.catalogue import EmailSettings, Secret, Template, Tls
from responder.document.addresses import address, addresses, greeting, host_port
from responder.document.fields import Fields, decode_scalar, flag, text
from responder.ruleset.defaults import Defaults, Reached
from responder.ruleset.httpconfig import authorities, read_tls
from responder.ruleset.secrets import Reading
from responder.ruleset.texts import literal, one_target, read_texts

_OURS: Final = frozenset(
    {
        "bcc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "in-reply-to",
        "message-id",
        "mime-version",
        "references",
    }
)
"""Headers that the mail's form and its thread depend on."""
_HEADER_NAME: Final = frozenset(map(chr, range(33, 127))) - {":"}  # RFC 5322, section 2.2
_SMTPS: Final = 465


class _Server(msgspec.Struct, frozen=True):
    """What the entry and `global` say, or the settings: never some of each."""

    host: str
    port: int
    username: str
    password: Secret | None
    identity: str
    require_tls: bool
    implicit_tls: bool
    tls: Tls | None


def read_email(fields: Fields, defaults: Defaults, reading: Reading) -> Reached:
    """Its settings, and where it leads: the mail server."""
    to = fields.scalar("to")
    identity = f"to={to.text}" if to else ""
    recipients: tuple[str, ...] = ()
    if "{{" not in one_target(to, "to", reading):
        recipients = fields.read("to", addresses, ())
    sender = _sender(fields, defaults, reading)
    server = _server(fields, defaults, reading)
    hello = _hello(fields, defaults, reading)
    templates: dict[str, Template] = {}
    headers = _headers(fields, templates, reading)
    texts = read_texts(fields, {"text": "text", "html": "html"}, ("subject", "text", "html"), reading)
    threading = _threading(fields, reading)
    if server is None:
        return Reached(None, "", identity)
    at = f"[{server.host}]" if ":" in server.host else server.host
    settings = EmailSettings(
        to=recipients,
        sender=sender,
        host=server.host,
        port=server.port,
        hello=hello,
        username=server.username,
        password=server.password,
        identity=server.identity,
        require_tls=server.require_tls,
        implicit_tls=server.implicit_tls,
        tls=server.tls,
        headers=headers,
        templates=templates | texts,
        threading=threading,
    )
    return Reached(settings if recipients and sender else None, f"{at}:{server.port}", identity)


def _inherited(fields: Fields, key: str, defaults: Defaults, reading: Reading) -> str:
    """A text of the entry or of `global`."""
    return one_target(defaults.scalar(fields, key, f"smtp_{key}"), key, reading)


def _sender(fields: Fields, defaults: Defaults, reading: Reading) -> str:
    node = defaults.scalar(fields, "from", "smtp_from")
    if node is not None:
        if "{{" in one_target(node, "from", reading):
            return ""
        found = decode_scalar(node, "from", address, reading.problems)
        return found[0] if found else ""
    sender = defaults.settings.smtp.sender if defaults.settings.smtp else ""
    if not sender:
        reading.unsupport(
            fields.where,
            "email_configs: no sender: set from here, smtp_from in global, or smtp.from in responder.yaml",
        )
    return sender


def _hello(fields: Fields, defaults: Defaults, reading: Reading) -> str:
    node = defaults.scalar(fields, "hello", "smtp_hello")
    if node is None or "{{" in one_target(node, "hello", reading):
        return (defaults.settings.smtp.hello if defaults.settings.smtp else "") or "localhost"
    found = decode_scalar(node, "hello", greeting, reading.problems)
    return found[0] if found else ""


# -- the server ---------------------------------------------------------------------------------


def _server(fields: Fields, defaults: Defaults, reading: Reading) -> _Server | None:
    node = defaults.scalar(fields, "smarthost", "smtp_smarthost")
    if node is None:
        return _settings_server(fields, defaults, reading)
    if "{{" in one_target(node, "smarthost", reading):
        return None
    found = decode_scalar(node, "smarthost", host_port, reading.problems)
    if found is None:
        return None
    host, port = found[0]
    tls_at = next(
        (
            (section, key)
            for section, key in ((fields, "tls_config"), (defaults.general, "smtp_tls_config"))
            if key in section
        ),
        None,
    )
    implicit = _flag(fields, "force_implicit_tls", defaults)
    require = _flag(fields, "require_tls", defaults)
    return _Server(
        host,
        port,
        _inherited(fields, "auth_username", defaults, reading),
        _password(fields, defaults, reading),
        _inherited(fields, "auth_identity", defaults, reading),
        require_tls=True if require is None else require,
        implicit_tls=port == _SMTPS if implicit is None else implicit,
        tls=read_tls(*tls_at, reading) if tls_at else None,
    )


def _flag(fields: Fields, key: str, defaults: Defaults) -> bool | None:
    own = fields.read(key, flag, None)
    return defaults.general.read(f"smtp_{key}", flag, None) if own is None else own


def _password(fields: Fields, defaults: Defaults, reading: Reading) -> Secret | None:
    """The password; `auth_secret`, which Alertmanager has for CRAM-MD5 alone, serves as one."""
    for section, prefix in ((fields, ""), (defaults.general, "smtp_")):
        for key in (f"{prefix}auth_password", f"{prefix}auth_secret"):
            if found := reading.hidden(section, key):
                return found
    return None


def _settings_server(fields: Fields, defaults: Defaults, reading: Reading) -> _Server | None:
    smtp = defaults.settings.smtp
    if smtp is None or not smtp.smarthost:
        reading.unsupport(
            fields.where,
            "email_configs: no mail server: set smarthost here, smtp_smarthost in global, or smtp.smarthost "
            "in responder.yaml",
        )
        return None
    host, _, port = smtp.smarthost.rpartition(":")
    password = tls = None
    if smtp.auth_password_file:
        password = reading.of_settings(smtp.auth_password_file, "smtp.auth_password_file")
    if smtp.ca_file and (pem := reading.of_settings(smtp.ca_file, "smtp.ca_file")):
        tls = Tls(ca=authorities(pem.reveal(), "smtp.ca_file", reading.place_of("smtp.ca_file"), reading))
    return _Server(
        host.removeprefix("[").removesuffix("]"),
        int(port),
        smtp.auth_username,
        password,
        smtp.auth_identity,
        smtp.require_tls,
        smtp.implicit_tls or int(port) == _SMTPS,
        tls,
    )


# -- what is sent -------------------------------------------------------------------------------


def _headers(fields: Fields, templates: dict[str, Template], reading: Reading) -> tuple[tuple[str, str], ...]:
    """Headers without a Go template; the subject is a text like the others."""
    found: dict[str, tuple[str, str]] = {}
    for name, node in fields.pairs("headers"):
        if name.lower() == "subject":
            literal(templates, "subject", node)
        elif not name or not _HEADER_NAME.issuperset(name):
            reading.problems.error(node.place, f"headers: {name[:64]!r} is not the name of a header")
        elif name.lower() in _OURS:
            reading.problems.warning(node.place, f"headers: {name}: not used; Responder sets it itself")
        elif not node.text.isprintable():
            reading.problems.error(node.place, f"headers: {name}: a header's value is one line of text")
        elif "{{" not in node.text:
            found[name.lower()] = name, node.text
    return tuple(found.values())


def _threading(fields: Fields, reading: Reading) -> bool:
    section = fields.fields("threading", "threading")
    if section is None:
        return True
    if section.read("thread_by_date", text, "none") not in ("", "none"):
        reading.problems.warning(
            section.key_place("thread_by_date"), "thread_by_date: not used; a thread is one incident's"
        )
    return section.read("enabled", flag, True)
