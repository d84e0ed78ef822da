"""Secrets in the rules: where they come from, and what is written down in their place.

Every reader of this package takes secrets through a Reading, which reads `*_file` contents, warns
of inline ones, and remembers by what each is replaced in the text that the journal keeps. No
secret, and nothing that a secret might be, ever stands in a problem.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from responder.core.catalogue import MASK, Secret
from responder.core.model import go_quote
from responder.document.fields import Fields, split_url
from responder.document.tree import Place, Problems, ScalarNode
from responder.ruleset.opened import Opened, read_bytes

_MASKED: Final = re.compile(r"<secret(?::(?P<digest>[0-9a-f]{12}))?>")


class Reading(msgspec.Struct):
    """What one reading of the rules has found so far.

    `read_files` False: files with secrets are not opened and their secrets are empty, for those
    who only ask where alerts go and for replay. `secrets_dir`: where such files must lie, if set.
    `unsupported` holds what cannot be honoured by this version. `masks` maps a scalar to what is
    written down in its place. `withheld` counts secrets that were asked for and are not there:
    not read, or masked when these rules were stored; `lacking` what was found unsupported.
    `places`: where the settings name files with secrets; `missing`: those that are not there.
    `files`: each scalar that names a file, and that file. `opened`: how each file was found that was read.
    """

    problems: Problems = msgspec.field(default_factory=Problems)
    unsupported: Problems = msgspec.field(default_factory=Problems)
    masks: dict[ScalarNode, str] = msgspec.field(default_factory=dict)
    read_files: bool = True
    secrets_dir: Path | None = None
    withheld: int = 0
    lacking: int = 0
    places: Mapping[str, Place] = msgspec.field(default_factory=dict)
    missing: set[str] = msgspec.field(default_factory=set)
    files: dict[ScalarNode, Path] = msgspec.field(default_factory=dict)
    opened: Opened = msgspec.field(default_factory=dict)

    def secret(self, fields: Fields, key: str) -> Secret | None:
        """The secret under `key` or in the file under `key_file`; None when neither is given."""
        fields.at_most_one(key, f"{key}_file")
        content = self.content(fields, f"{key}_file")
        inline = fields.scalar(key)
        if inline is None:
            return content
        self.warn_inline(inline, key, has_file=True)
        return self.inline(inline)

    def hidden(self, fields: Fields, key: str) -> Secret | None:
        """As `secret`, of a key that `entries` has warned of and masked already."""
        content = self.content(fields, f"{key}_file")
        inline = fields.scalar(key)
        return content if inline is None else self.given(inline.text)

    def inline(self, node: ScalarNode) -> Secret:
        """A secret that stands in the rules themselves."""
        self.mask(node)
        return self.given(node.text)

    def given(self, text: str) -> Secret:
        """A secret's text, unless it is one that was masked when these rules were stored."""
        self.withheld += _MASKED.search(text) is not None
        return Secret(text)

    def mask(self, node: ScalarNode) -> None:
        """Write nothing of a secret down."""
        self.masks[node] = MASK

    def identity(self, fields: Fields, key: str) -> str:
        """What tells a destination from others, without telling the secret that it hangs on.

        For an inline secret its digest, for a file the file's name: a key that is changed in its
        file is still the same destination. "" when neither is given.
        """
        inline = fields.scalar(key)
        if inline is not None:
            return f"{key}={digest(inline.text)}"
        file = fields.scalar(f"{key}_file")
        return "" if file is None else f"{key}_file={file.text}"

    def mask_identity(self, node: ScalarNode) -> None:
        """Write a digest down in a secret's place, so that its destination can still be told."""
        self.masks[node] = f"<secret:{digest(node.text)}>"

    def mask_url(self, node: ScalarNode) -> None:
        """Write down only where a URL leads; path, query and user are the secret part."""
        try:
            parts = split_url(node.text)
        except ValueError:
            self.mask_identity(node)
        else:
            host = parts.netloc.rpartition("@")[2]
            self.masks[node] = f"{parts.scheme}://{host}/<secret:{digest(node.text)}>"

    def mask_template(self, node: ScalarNode) -> None:
        """Write down of a Go template only that it is one."""
        self.masks[node] = f"{{{{<secret:{digest(node.text)}>}}}}"

    def warn_inline(self, node: ScalarNode, key: str, has_file: bool) -> None:
        """Tell the author of a secret that stands in the rules themselves."""
        better = f"put it in a file and name that in {key}_file" if has_file else "keep this file from others"
        self.problems.warning(node.place, f"{key}: an inline secret; {better}")

    def content(self, fields: Fields, key: str) -> Secret | None:
        """The content of the file under `key` without its last line's end; None when not given."""
        node = fields.scalar(key)
        if node is None:
            return None
        return Secret(self.file(node, key).rstrip("\r\n"))

    def file(self, node: ScalarNode, key: str) -> str:
        """The content of a file that a node names; "" when it cannot or is not to be read."""
        path = self.path(node, key)
        if path is None:
            return ""
        if not self.read_files:
            self.withheld += 1
            return ""
        try:
            return self.read(path, node.place, key)
        except OSError as error:
            self.problems.error(node.place, f"{key}: {path} cannot be read: {error.strerror}")
            return ""

    def of_settings(self, path: Path, key: str) -> Secret | None:
        """The secret in a file that the settings name as `key` (`slack.bot_token_file`).

        None if there is no such file: with a warning, since rules are also checked where secrets
        are not, and what needs it is counted as lacking. Any other fault is an error.
        """
        place = self.place_of(key)
        if key in self.missing:
            self.lacking += 1
            return None
        if not self.read_files:
            self.withheld += 1
            return Secret("")
        try:
            return Secret(self.read(path.absolute(), place, key).strip())
        except FileNotFoundError:
            self.missing.add(key)
            self.lacking += 1
            self.problems.warning(place, f"{key}: there is no {path}; what needs it ends as unsupported")
        except OSError as error:
            self.problems.error(place, f"{key}: {path} cannot be read: {error.strerror}")
        return None

    def one_word(self, secret: Secret, place: Place, key: str) -> None:
        """Record a token or key that cannot be one: several lines, spaces, a byte order mark."""
        text = secret.reveal()
        if (
            text
            and not _MASKED.search(text)
            and not (text.isascii() and text.isprintable() and " " not in text)
        ):
            self.problems.error(place, f"{key}: must be one word of ASCII")

    def place_of(self, key: str) -> Place:
        """Where the settings say it."""
        return self.places.get(key, Place("settings", 0, 0))

    def read(self, path: Path, place: Place, key: str) -> str:
        """The content of a file, with a problem if it is no text or says nothing. Raises OSError."""
        try:
            content = read_bytes(path, self.opened).decode().replace("\r\n", "\n")
        except UnicodeDecodeError:
            self.problems.error(place, f"{key}: {path} is not UTF-8 text")
            return ""
        if not content.strip():
            self.problems.error(place, f"{key}: {path} is empty")
        return content

    def path(self, node: ScalarNode, key: str) -> Path | None:
        """The absolute path that a node names, from its own file's directory; None if not allowed."""
        path = (Path(node.place.file).parent / node.text).absolute()
        self.files[node] = path
        if self.secrets_dir is None or path.resolve().is_relative_to(self.secrets_dir.resolve()):
            return path
        self.problems.error(node.place, f"{key}: {path} does not lie in secrets_dir {self.secrets_dir}")
        return None

    def unsupport(self, place: Place, message: str) -> None:
        """Record something that is right and that this version cannot do."""
        self.lacking += 1
        self.unsupported.warning(place, message)


def digest(text: str) -> str:
    """Twelve hex digits that stand for a secret; of a masked one, those that it was given."""
    masked = _MASKED.search(text)
    if masked and masked["digest"]:
        return masked["digest"]
    return sha256(text.encode()).hexdigest()[:12]


_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")


def masked_text(text: str, masks: dict[ScalarNode, str], file: str) -> str:
    """A source text with its inline secrets replaced; everything else stays where it is written."""
    spans = sorted(
        {(node.span, mask) for node, mask in masks.items() if node.place.file == file}, reverse=True
    )
    for (start, end), mask in spans:
        written = text[start:end]
        properties = _PROPERTIES.match(written)
        kept = properties.group() if properties else ""
        line_end = written[len(written.rstrip("\r\n")) :]
        text = f"{text[:start]}{kept}{go_quote(mask)}{line_end}{text[end:]}"
    return text
