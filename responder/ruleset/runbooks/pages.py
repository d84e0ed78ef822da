"""All pages together: reads the files, makes a Runbook of each, and says where two are in each other's way.

`ruleset.load` calls it beside the routing. A page with an error is left out, whole; it stops no other
page, and never the routing.
"""

from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from itertools import combinations
from pathlib import Path, PurePath
from typing import Final

import msgspec

from responder.core.guardrules import GuardRules
from responder.core.matching import Matcher
from responder.core.parameters import references
from responder.core.runbook import Runbook
from responder.document.tree import Place, Problems, decode
from responder.errors import Problem
from responder.ruleset.opened import Opened, read_bytes, read_directory
from responder.ruleset.runbooks.blocks import read_blocks
from responder.ruleset.runbooks.floors import warn
from responder.ruleset.runbooks.frontmatter import Front, read_front
from responder.ruleset.runbooks.markdown import take_apart

MAX_PAGE: Final = 256 * 1024
"""Bytes of one page."""


class Known(msgspec.Struct, frozen=True):
    """What pages are held against: the routing's receivers (None: it could not be read) and the floors."""

    receivers: Collection[str] | None
    floors: GuardRules


class Pages(msgspec.Struct):
    """What became of the pages, by their names. `broken`: the errors of those that are left out."""

    runbooks: dict[str, Runbook] = msgspec.field(default_factory=dict)
    texts: dict[str, str] = msgspec.field(default_factory=dict)
    warnings: list[Problem] = msgspec.field(default_factory=list)
    broken: list[Problem] = msgspec.field(default_factory=list)

    def take(self, problems: Problems) -> None:
        """What is wrong with one page, or with the directory."""
        for problem in problems.listed():
            (self.broken if problem.severity == "error" else self.warnings).append(problem)


def read_texts(directory: Path, problems: Problems, opened: Opened | None = None) -> dict[str, str]:
    """The text of each page in a directory, by the path of its file; what cannot be read is recorded.

    No directory, no pages. `opened` is filled with what was read from.
    """
    opened = {} if opened is None else opened
    found: dict[str, str] = {}
    try:
        inside = read_directory(directory, opened)
    except (FileNotFoundError, NotADirectoryError):
        return found
    except OSError as error:
        problems.error(Place(str(directory), 0, 0), f"cannot be read: {error.strerror}")
        return found
    for path in inside:
        if path.name == "README.md":
            continue
        if path.suffix != ".md" or not path.is_file():
            problems.warning(Place(str(path), 0, 0), "not read: a runbook is a file NAME.md")
            continue
        try:
            data = read_bytes(path, opened)
        except OSError as error:
            problems.error(Place(str(path), 0, 0), f"cannot be read: {error.strerror}")
            continue
        if len(data) > MAX_PAGE:
            problems.error(Place(str(path), 0, 0), "larger than 256 KiB")
        elif (text := decode(data, str(path), problems)) is not None:
            found[str(path)] = text
    return found


def compile_pages(texts: Mapping[str, str], known: Known, unread: Problems | None = None) -> Pages:
    """A Runbook for each text that has no error. The keys are the names of their files.

    `unread`: what `read_texts` found wrong, which becomes part of the answer.
    """
    pages, matched = Pages(), dict[str, Place]()
    pages.take(unread or Problems())
    for file in sorted(texts, key=lambda path: PurePath(path).stem):
        problems, text = Problems(), texts[file]
        read = _read(file, text, known, problems)
        pages.take(problems)
        if read is not None and not problems.failed:
            runbook, front = read
            pages.runbooks[runbook.name], pages.texts[runbook.name] = runbook, text
            if "match" in front.fields:
                matched[runbook.name] = front.fields.place("match")
    pages.warnings += _rivals(pages.runbooks, matched)
    return pages


def _read(file: str, text: str, known: Known, problems: Problems) -> tuple[Runbook, Front] | None:
    anatomy = take_apart(text, file, problems)
    if anatomy is None or anatomy.front is None:
        return None
    front = read_front(anatomy.front, file, known.receivers, problems)
    procedure = read_blocks(anatomy.blocks, front.target, front.names, problems)
    if anatomy.blocks and "target" not in front.fields:
        problems.error(front.fields.where, "it has steps, and so needs a target: a run is about one object")
    if problems.failed:
        return None
    runbook = Runbook(
        name=front.name,
        title=front.title,
        hash=sha256(text.encode()).hexdigest(),
        matchers=front.matchers,
        parameters=tuple(front.names.declared.values()),
        target=front.target,
        mode=front.mode,
        risk=front.risk,
        guards=front.tightening,
        hold=front.hold,
        preconditions=tuple(procedure.preconditions),
        steps=tuple(procedure.steps),
        verify=tuple(procedure.verify),
        on_failure=tuple(procedure.on_failure),
        prose=anatomy.prose,
        place=front.fields.where.short,
    )
    _warn_unused(front, problems)
    warn(runbook, front.fields, procedure.verified_at, known.floors)
    return runbook, front


def _warn_unused(front: Front, problems: Problems) -> None:
    for name in front.names.declared:
        if name not in front.names.used:
            problems.warning(
                front.fields.key_place("parameters"),
                f"parameters: {name} is used nowhere, and yet a run is denied without it",
            )


# -- two pages for one alert --------------------------------------------------------------------


def _rivals(runbooks: Mapping[str, Runbook], matched: Mapping[str, Place]) -> Iterator[Problem]:
    """Pages that may be about the same alert and the same target."""
    for one, other in combinations(runbooks.values(), 2):
        if _what(one) == _what(other) and _together(one, other):
            yield Problem(
                *matched[other.name],
                f"match: {one.name} may match the same alerts, and has the same target: both would act",
                "warning",
            )


def _what(runbook: Runbook) -> tuple[str, str, str] | None:
    """The target, with labels in place of parameters, whose names are the page's own."""
    target = runbook.target
    if target is None:
        return None
    labels = {parameter.name: parameter.label or parameter.name for parameter in runbook.parameters}
    return target.kind, _labelled(target.namespace, labels), _labelled(target.name, labels)


def _labelled(text: str, labels: Mapping[str, str]) -> str:
    for name in references(text):
        text = text.replace(f"${{{name}}}", f"${{label {labels.get(name, name)}}}")
    return text


def _together(one: Runbook, other: Runbook) -> bool:
    """Whether some alert could match both, as far as exact values tell."""
    return any(_compatible(first, second) for first in one.matchers for second in other.matchers)


def _compatible(one: Collection[Matcher], other: Collection[Matcher]) -> bool:
    """Both ask for a value of `alertname` in common, and of no label for values that exclude each other."""
    names: set[str] = set()
    for first in one:
        for second in other:
            if first.name == second.name and first.accepts is not None and second.accepts is not None:
                if first.accepts.isdisjoint(second.accepts):
                    return False
                names.add(first.name)
    return "alertname" in names
