"""Texts that replace an integration's own: Alertmanager's keys without a Go template, and `template`.

The readers of `slack_configs`, `pagerduty_configs` and `email_configs` call `read_texts`. Every
Jinja2 template is tried here, so that a mistake is found when the rules are loaded.
"""

from collections.abc import Collection, Iterable, Mapping

from responder.core.catalogue import Template
from responder.document.fields import Fields
from responder.document.tree import Place, ScalarNode
from responder.ruleset.secrets import Reading


def read_texts(
    fields: Fields, literals: Mapping[str, str], names: Collection[str], reading: Reading
) -> dict[str, Template]:
    """The texts by the integration's names for them.

    `literals` maps Alertmanager's keys to those names; `names` are those that `template` may have,
    `details.*` among them standing for a mapping. Of the same text `template` wins.
    """
    found: dict[str, Template] = {}
    for key, name in literals.items():
        literal(found, name, fields.scalar(key))
    section = fields.fields("template", f"template of {fields.what}")
    if section is None:
        return found
    for name in names:
        if name == "details.*":
            for detail, node in section.pairs("details"):
                _jinja(found, f"details.{detail}", node, reading)
        else:
            _jinja(found, name, section.scalar(name), reading)
    section.close()
    return found


def literal(found: dict[str, Template], name: str, node: ScalarNode | None) -> None:
    """Take a text as it stands; a Go template, which is warned of already, and "" mean our own."""
    if node is not None and not node.null and node.text and "{{" not in node.text:
        found[name] = Template(node.text, plain=True, place=str(node.place))


def _jinja(found: dict[str, Template], name: str, node: ScalarNode | None, reading: Reading) -> None:
    if node is None or node.null or not node.text.strip():
        return
    template = found[name] = Template(node.text, place=str(node.place))
    if not reading.read_files:
        return  # it was tried when it was written
    from responder.templating import check

    for line, message in check(template, html=name == "html"):
        place = node.place
        if line and node.block:
            place = Place(place.file, place.line + line, 1)
        elif line > 1:
            message = f"line {line}: {message}"
        reading.problems.error(place, f"template: {name}: {message}")


def warn_unused(fields: Fields, keys: Iterable[str], reading: Reading) -> None:
    """Tell the author of keys that change nothing here; of Go templates he is told already."""
    for key in keys:
        node = fields.take(key)
        if node is not None and not (isinstance(node, ScalarNode) and ("{{" in node.text or not node.text)):
            reading.problems.warning(
                fields.key_place(key), f"{key}: not used; Responder's own form is sent instead"
            )


def one_target(node: ScalarNode | None, key: str, reading: Reading) -> str:
    """The text of something that says where to; a Go template in it cannot be honoured."""
    if node is None:
        return ""
    if "{{" in node.text:
        reading.unsupport(node.place, f"{key}: a Go template; this version needs a plain value")
    return node.text
