"""From an alertmanager.yml to rules of ours: the same text, with what must change changed in its place.

`cli.migrate` writes what `migrate` gives. Who is told of what never changes by it: the result is read
again and must say what the original said, but for what the notes name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os.path import relpath
from pathlib import Path
from typing import Final, Literal, NamedTuple

from responder.core.model import go_quote
from responder.core.rules import Ruleset
from responder.document.tree import (
    MappingNode,
    Node,
    Place,
    Problems,
    ScalarNode,
    SequenceNode,
    decode,
    parse,
)
from responder.errors import FileError, Problem
from responder.ruleset.editing import Edit, Edited, Source, apply, one_line, scalars
from responder.ruleset.gotemplates import default_of, defined_in
from responder.ruleset.kinds import KINDS, SERVED
from responder.ruleset.load import ROUTING, compile_texts
from responder.ruleset.secrets import Reading
from responder.ruleset.sources import Texts
from responder.settings.values import Settings

_HEAD: Final = (
    "Made from {name} by `responder migrate`. Above what was changed or needs a look stands a comment",
    'that begins with "responder:"; everything else is as it was.',
)
_OWN: Final = re.compile(r"(?:slack|pagerduty|email)\.default\.\w+")
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*\s+)*")

_PAGERDUTY: Final = (
    "description",
    "severity",
    "source",
    "class",
    "component",
    "group",
    "client",
    "client_url",
)
_TEMPLATES: Final[Mapping[tuple[str, str], str]] = {
    ("slack", "title"): "title",
    ("slack", "text"): "text",
    ("email", "text"): "text",
    ("email", "html"): "html",
    ("email", "headers.Subject"): "subject",
    **{("pagerduty", key): key for key in _PAGERDUTY},
}
"""Alertmanager's keys to those of `template`, where that has one for the same text."""

Kind = Literal["changed", "person"]


@dataclass(frozen=True, slots=True)
class Note:
    """Something that was changed, or that a person should look at.

    `place` is where it stands now, `was` where in the original.
    """

    kind: Kind
    place: Place
    was: Place
    message: str


@dataclass(frozen=True, slots=True)
class Migrated:
    """The text of the new routing, what it comes to, and what its author should know.

    `lacking`: there is something in it that this version cannot do.
    """

    text: str
    ruleset: Ruleset
    notes: tuple[Note, ...]
    lacking: bool = False


def migrate(path: Path, into: Path, settings: Settings) -> Migrated:
    """What the routing in the directory `into` is to be, made from the configuration at `path`.

    Files with secrets are not read, and nothing is written. Raises FileError if there is nothing to
    read, and ProblemsError with every problem if the configuration does not load.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    # What the sandbox overrides is not what these rules say.
    settings = replace(settings, overrides=None)
    reading = Reading(read_files=False, secrets_dir=settings.secrets_dir, places=settings.places)
    text = decode(data, str(path), reading.problems)
    loaded = compile_texts(Texts(path, text), settings, reading, allow_unsupported=True)
    root = parse(text or "", str(path), Problems())
    assert text is not None
    assert isinstance(root, MappingNode)
    found = _Migration(Source(text, root), root, path, into / ROUTING)
    found.move_files(reading.files)
    found.leave_out_defaults()
    found.remark_on([*loaded.warnings, *loaded.unsupported])
    edited, remarks = found.done()
    notes = tuple(found.note(each, edited) for each in remarks)
    return Migrated(edited.text, loaded.ruleset, notes, lacking=bool(loaded.unsupported))


class _Remark(NamedTuple):
    """A note while it is not known yet where it will stand; `edit` makes it true."""

    kind: Kind
    place: Place
    message: str
    edit: Edit | None = None


class _Migration:
    """Gathers remarks and edits, and tries whether the result means the same."""

    def __init__(self, source: Source, root: MappingNode, path: Path, target: Path) -> None:
        self._source = source
        self._root = root
        self._path = path
        self._target = target
        self._remarks: dict[tuple[Place, str], _Remark] = {}
        self._moved: dict[tuple[int, int], str] = {}
        self._renamed: dict[Place, str] = {}
        self._left_out: set[Place] = set()
        self._seen_to: set[Place] = set()
        self._kept: dict[int, int] = {}

    # -- what there is to say -----------------------------------------------------------------

    def move_files(self, files: Mapping[ScalarNode, Path]) -> None:
        """Relative names are read from where the rules lie, which is elsewhere now."""
        directory = self._target.parent.absolute()
        if self._path.parent.absolute() == directory:
            return
        given = self._path.is_absolute() or self._target.is_absolute()
        for node, file in files.items():
            if Path(node.text).is_absolute() or node.place in self._renamed:
                continue
            # As the file system goes, not as it is written: one of the two may be behind a link.
            real = file.parent.resolve() / file.name
            name = str(file) if given else relpath(real, directory.resolve())
            written = self._source.text[slice(*node.span)]
            kept = _PROPERTIES.match(written)
            ending = written[len(written.rstrip("\r\n")) :]
            self._renamed[node.place] = name
            self._moved[node.span] = f"{kept[0] if kept else ''}{go_quote(name)}{ending}"
            self._say("changed", node.place, f"was {node.text}: names of files count from {directory.name}/")

    def leave_out_defaults(self) -> None:
        """Alertmanager's own default texts go: ours say the same, and more."""
        entry = self._root.entries.get("templates")
        patterns = [each.text for each in scalars(entry.value)] if entry else []
        defined, nothing = defined_in(patterns, self._path.parent)
        for text in _texts(self._root):
            name = default_of(text.kind, text.key, text.value.text)
            if name is None:
                self._suggest(text)
            elif name in defined:
                self._see_to(
                    text.value.place,
                    f"{text.key}: {defined[name]} defines {name} anew; Responder's own text is used instead",
                )
            elif name and nothing:
                self._see_to(
                    text.value.place,
                    f"{text.key}: Responder's own text is used instead of Alertmanager's default, which "
                    f"{nothing[0]} may define anew (no such file is here)",
                )
            else:
                self._leave_out(text)
        if entry and patterns:
            own = sorted(name for name in defined if _OWN.fullmatch(name))
            also = f"; they define Alertmanager's own {', '.join(own)} anew" if own else ""
            self._see_to(entry.key, f"templates: Go templates are not used by Responder{also}")

    def _leave_out(self, text: "_Text") -> None:
        place = text.holder.entries[text.key].key
        message = f"{text.key} is left out: it was Alertmanager's default; Responder has its own"
        # A mapping with nothing left in it would be null.
        kept = self._kept.setdefault(id(text.holder), len(text.holder.entries))
        edit = self._source.without(place, text.value, message) if kept > 1 else None
        if edit is None:
            self._see_to(
                text.value.place,
                f"{text.key}: Responder's own text is used instead of Alertmanager's default; leave it out",
            )
            return
        self._kept[id(text.holder)] -= place not in self._left_out
        self._seen_to.add(text.value.place)
        self._left_out.add(place)
        self._remarks[place, message] = _Remark("changed", place, message, edit)

    def _suggest(self, text: "_Text") -> None:
        """Of a Go template that can be put in our words, say how."""
        from responder.templating.gotext import in_jinja

        name = _TEMPLATES.get((text.kind, text.path))
        if name is None and text.kind == "pagerduty" and text.path != text.key:
            name = "details"
        ours = in_jinja(text.value.text, html=name == "html") if name else None
        if ours is None:
            return
        said = f"{name}: {_quoted(ours)}"
        if name == "details":
            key = text.key if text.key.isidentifier() else _quoted(text.key)
            said = f"details: {{{key}: {_quoted(ours)}}}"
        self._see_to(
            text.value.place,
            f"{text.key}: a Go template; Responder's own text is used instead, "
            f"unless you write template: {{{said}}}",
        )

    def remark_on(self, problems: Iterable[Problem]) -> None:
        """What `responder check` says, but for what was seen to and what is merely old-fashioned."""
        for problem in problems:
            place = Place(problem.file, problem.line, problem.column)
            if place not in self._seen_to and " is deprecated; write " not in problem.message:
                self._say("person", place, problem.message)

    def _see_to(self, place: Place, message: str) -> None:
        self._seen_to.add(place)
        self._say("person", place, message)

    def _say(self, kind: Kind, place: Place, message: str) -> None:
        self._remarks[place, message] = _Remark(kind, place, message)

    # -- what it comes to ---------------------------------------------------------------------

    def done(self) -> tuple[Edited, list[_Remark]]:
        """The text with every change, and what was said.

        Where comments in their places would make it mean something else, all of them are at its head.
        """
        remarks = sorted(self._remarks.values(), key=lambda each: each.place)
        moved = [Edit(*span, text) for span, text in self._moved.items()]
        above = [each.edit or self._source.comment(each.place, each.message) for each in self._here(remarks)]
        edited = apply(self._source.text, [self._head(()), *above, *moved])
        if self._means_the_same(edited.text, self._left_out):
            return edited, remarks
        kept = [
            _Remark("person", each.place, each.message.replace(" is left out: it was", ": it is"))
            if each.edit
            else each
            for each in remarks
        ]
        lines = [f"responder: line {each.place.line} of it: {each.message}" for each in self._here(kept)]
        edited = apply(self._source.text, [self._head(lines), *moved])
        assert self._means_the_same(edited.text, set())
        return edited, kept

    def note(self, remark: _Remark, edited: Edited) -> Note:
        """A remark with the place where it stands now; what is about the settings stays there."""
        place = remark.place
        if self._here([remark]):
            line = edited.line(self._source.offset(place), self._source.text)
            place = Place(str(self._target), line, place.column)
        return Note(remark.kind, place, remark.place, remark.message)

    def _here(self, remarks: Iterable[_Remark]) -> list[_Remark]:
        return [each for each in remarks if each.place.file == str(self._path) and each.place.line]

    def _head(self, more: Iterable[str]) -> Edit:
        lines = [*(line.format(name=self._path.name) for line in _HEAD), *more, ""]
        return Edit(0, 0, "".join(f"# {one_line(line)}".rstrip() + self._source.newline for line in lines))

    def _means_the_same(self, text: str, left_out: set[Place]) -> bool:
        problems = Problems()
        root = parse(text, str(self._target), problems)
        if root is None or problems.failed:
            return False
        return _plain(root, {}, set()) == _plain(self._root, self._renamed, left_out)


def _plain(node: Node, renamed: Mapping[Place, str], left_out: set[Place]) -> object:
    """What a tree says: texts (with whether they are plain), lists, mappings."""
    if isinstance(node, MappingNode):
        return {
            key: _plain(entry.value, renamed, left_out)
            for key, entry in node.entries.items()
            if entry.key not in left_out
        }
    if isinstance(node, SequenceNode):
        return [_plain(item, renamed, left_out) for item in node.items]
    if node.place in renamed:
        return (renamed[node.place], False)
    return (node.text, node.plain)


def _quoted(text: str) -> str:
    """A text as YAML on one line, whatever is in it."""
    return "'" + text.replace("'", "''") + "'" if text.isprintable() else go_quote(text)


# -- texts of integrations ------------------------------------------------------------------------


class _Text(NamedTuple):
    """A text of an integration that Alertmanager may expand: `path` is `title`, `headers.Subject`..."""

    kind: str
    path: str
    key: str
    holder: MappingNode
    value: ScalarNode


def _texts(root: MappingNode) -> Iterator[_Text]:
    """Those of integrations that we deliver to."""
    sections = {kind.section: kind.name for kind in KINDS if kind.name in SERVED}
    for receiver in _mappings(root, "receivers"):
        for section, kind in sections.items():
            for entry in _mappings(receiver, section):
                yield from _texts_of(kind, "", entry)


def _texts_of(kind: str, path: str, holder: MappingNode) -> Iterator[_Text]:
    for key, entry in holder.entries.items():
        if isinstance(entry.value, ScalarNode):
            if "{{" in entry.value.text:
                yield _Text(kind, f"{path}{key}", key, holder, entry.value)
        elif isinstance(entry.value, MappingNode) and key in ("headers", "details") and not path:
            yield from _texts_of(kind, f"{key}.", entry.value)


def _mappings(holder: MappingNode, key: str) -> Iterator[MappingNode]:
    entry = holder.entries.get(key)
    if entry is not None and isinstance(entry.value, SequenceNode):
        yield from (item for item in entry.value.items if isinstance(item, MappingNode))
