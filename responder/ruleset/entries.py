"""One entry of a `*_configs` list (or `global`), checked key by key against its table.

`receivers` and `load` call `read_keys` with the tables of `kinds`. It warns of Go templates and of
secrets that stand in the file, and gives nothing back: what is delivered is read by its own reader.
"""

from collections.abc import Callable, Mapping
from typing import Final

from responder.document.addresses import host_port
from responder.document.fields import Fields, decode_scalar, flag, go_duration, split_url, url
from responder.document.tree import MappingNode, Node, ScalarNode, SequenceNode
from responder.ruleset.httpconfig import read_http_config, read_tls
from responder.ruleset.kinds import Keys, Shape
from responder.ruleset.secrets import Reading


def read_keys(fields: Fields, keys: Keys, reading: Reading) -> None:
    """Check every key of the table; the caller closes the fields."""
    for key, shape in keys.items():
        if isinstance(shape, Shape):
            _read_key(fields, key, shape, reading)
        elif isinstance(shape, list):
            for entry in fields.each(key, f"{fields.what}.{key}"):
                read_keys(entry, shape[0], reading)
                entry.close()
        elif (section := fields.fields(key, f"{fields.what}.{key}")) is not None:
            read_keys(section, shape, reading)
            section.close()


def _read_key(fields: Fields, key: str, shape: Shape, reading: Reading) -> None:
    match shape:
        case Shape.FLAG | Shape.WHOLE | Shape.DURATION | Shape.URL:
            fields.read(key, _DECODERS[shape], None)
        case Shape.TEXT:
            warn_templates(fields.scalar(key), key, reading)
        case Shape.TARGET | Shape.SERVER:
            _read_target(fields, key, shape, reading)
        case Shape.TEXTS:
            fields.texts(key)
            warn_templates(fields.take(key), key, reading)
        case Shape.MAP:
            for name, text_node in fields.pairs(key):
                warn_templates(text_node, f"{key}: {name}", reading)
        case Shape.ANY:
            warn_templates(fields.take(key), key, reading)
        case Shape.HIDDEN | Shape.HIDDEN_URL:
            _read_hidden(fields, key, shape, reading)
        case Shape.FILE:
            if file_node := fields.scalar(key):
                reading.path(file_node, key)
        case Shape.HTTP:
            if node := fields.take(key):
                read_http_config(node, reading)
        case Shape.TLS:
            read_tls(fields, key, reading)


def _read_target(fields: Fields, key: str, shape: Shape, reading: Reading) -> None:
    node = fields.scalar(key)
    if shape is Shape.SERVER and node and node.text and "{{" not in node.text:
        # Named as the reader of mail names it, which comes upon the same problem.
        decode_scalar(node, "smarthost", host_port, reading.problems)


def _read_hidden(fields: Fields, key: str, shape: Shape, reading: Reading) -> None:
    fields.at_most_one(key, f"{key}_file")
    node = fields.scalar(key)
    if node is None:
        return
    if shape is Shape.HIDDEN:
        reading.warn_inline(node, key, has_file=True)
        # A password of a mailbox is not what tells one destination from another, and may be short.
        if "password" in key:
            reading.mask(node)
        else:
            reading.mask_identity(node)
        return
    if "{{" in node.text:
        reading.mask_template(node)
    elif decode_scalar(node, key, url, reading.problems) and not (
        key in _SLACK_URLS and is_web_api(node.text)
    ):
        reading.mask_url(node)
    else:
        return
    if not (key == "url" and fields.what == "webhook_configs"):  # plain as a rule; its reader looks closer
        reading.warn_inline(node, key, has_file=True)


def incoming_webhook(node: ScalarNode, key: str, reading: Reading) -> None:
    """Warn of a Slack URL that can only post."""
    if not is_web_api(node.text):
        reading.problems.warning(
            node.place,
            f"{key}: an incoming-webhook URL can only post: no updates, threads or buttons; "
            "leave it out and set slack.bot_token_file in responder.yaml",
        )


_SLACK_URLS: Final = frozenset({"api_url", "slack_api_url"})


def is_web_api(text: str) -> bool:
    """Whether a URL is Slack's Web API, which is the same for everybody, and not a capability."""
    try:
        parts = split_url(text)
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return plain and parts.path.endswith(("/api/", "/api/chat.postMessage"))


def warn_templates(node: Node | None, key: str, reading: Reading) -> None:
    """Warn of every Go template in a value, which is not expanded here."""
    if isinstance(node, ScalarNode):
        if "{{" in node.text:
            reading.problems.warning(
                node.place, f"{key}: a Go template; Responder's own text is used instead"
            )
    elif isinstance(node, SequenceNode):
        for item in node.items:
            warn_templates(item, key, reading)
    elif isinstance(node, MappingNode):
        for name, entry in node.entries.items():
            warn_templates(entry.value, f"{key}: {name}", reading)


def _number(node: ScalarNode) -> int:
    digits = node.text.removeprefix("-")
    if not (node.plain and digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ValueError(f"{node.text[:64]!r} is not a whole number such as 100")
    return int(node.text)


_DECODERS: Final[Mapping[Shape, Callable[[ScalarNode], object]]] = {
    Shape.FLAG: flag,
    Shape.WHOLE: _number,
    Shape.DURATION: go_duration,
    Shape.URL: url,
}
