"""The way in: from a rules directory or file to a compiled Ruleset, with every problem at once.

`service` and the commands call `load_ruleset`; whoever has a Ruleset's `source` gets the same one
back from `compile_ruleset`. What is kept in `source` holds no secret.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import Final

import msgspec

from responder.core.catalogue import Secret
from responder.core.guardrules import GuardRules
from responder.core.model import MINUTE
from responder.core.routing import Router
from responder.core.rules import Ruleset
from responder.core.runbook import Runbook
from responder.core.suppression import Suppression
from responder.document.fields import Fields, duration
from responder.document.tree import MappingNode, Place, Problems, SequenceNode, decode, parse
from responder.errors import FileError, Problem, ProblemsError
from responder.ruleset.defaults import Defaults
from responder.ruleset.entries import read_keys
from responder.ruleset.inhibit import read_inhibit_rules
from responder.ruleset.intervals import read_intervals
from responder.ruleset.kinds import GLOBAL
from responder.ruleset.opened import Opened, entries, read_bytes
from responder.ruleset.receivers import read_receivers, stored_secrets
from responder.ruleset.routes import read_route, unused_receivers
from responder.ruleset.runbooks import Known, Pages, compile_pages, read_texts
from responder.ruleset.secrets import Reading, masked_text
from responder.ruleset.settingssource import SETTINGS, settings_source, stored_settings
from responder.ruleset.signing import read_signing_secrets
from responder.ruleset.sources import RUNBOOKS, SUPPRESSION, Texts, texts_of
from responder.ruleset.suppression import Intervals, read_suppression
from responder.settings.values import Overrides, RunbookTimers, Settings

ROUTING: Final = "routing.yaml"

_KNOWN: Final = frozenset({ROUTING, SUPPRESSION, RUNBOOKS, "prometheus", "tests"})


class Loaded(msgspec.Struct, frozen=True):
    """A Ruleset, and what its author should know.

    `unsupported`: what this version cannot do. `broken`: the errors of runbooks, which are not in the
    Ruleset therefore, while everything else is. `signing_secrets`: with which Slack may sign what it sends
    us, the newest first.
    """

    ruleset: Ruleset
    warnings: tuple[Problem, ...] = ()
    unsupported: tuple[Problem, ...] = ()
    broken: tuple[Problem, ...] = ()
    signing_secrets: tuple[Secret, ...] = ()


def load_ruleset(
    path: Path,
    settings: Settings,
    *,
    read_files: bool = True,
    allow_unsupported: bool = True,
    opened: Opened | None = None,
) -> Loaded:
    """Read and compile a rules directory, or one file with the routing (an alertmanager.yml).

    `read_files` False leaves files with secrets alone, for those who only ask where alerts go.
    `allow_unsupported` False makes errors of integrations that this version lacks.
    `opened` is filled with what was read from and how it was found, even if this raises.
    Raises FileError if there is nothing to read, and ProblemsError with every problem.
    """
    reading = Reading(
        read_files=read_files,
        secrets_dir=settings.secrets_dir,
        places=settings.places,
        opened={} if opened is None else opened,
    )
    texts = _read(path, reading)
    signing_secrets = read_signing_secrets(settings.slack, reading)
    loaded = compile_texts(texts, settings, reading, allow_unsupported)
    return msgspec.structs.replace(loaded, signing_secrets=signing_secrets)


def compile_ruleset(sources: Mapping[str, str], settings: Settings, live: Ruleset | None = None) -> Loaded:
    """The Ruleset of a `source`: equal in hash, and in everything that decisions depend on.

    The settings that were stored with it win over `settings`. Its secrets were never stored:
    integrations that `live` has too get theirs from it, others have no settings. No file is read.
    Raises ProblemsError.
    """
    reading = Reading(read_files=False)
    if SETTINGS in sources:
        settings, reading.missing = stored_settings(sources[SETTINGS], settings, reading.problems)
    loaded = compile_texts(texts_of(sources), settings, reading, allow_unsupported=True)
    if live is None:
        return loaded
    receivers = stored_secrets(loaded.ruleset.receivers, live.receivers)
    return msgspec.structs.replace(loaded, ruleset=replace(loaded.ruleset, receivers=receivers))


def _read(path: Path, reading: Reading) -> Texts:
    """The texts of a rules directory or of one file. Raises FileError if there is no routing to read."""
    if not path.is_dir():
        return Texts(path, _text(path, reading))
    _look_around(path, reading.problems)
    suppression, unread = path / SUPPRESSION, Problems()
    text = _text(suppression, reading, optional=True)
    return Texts(
        path / ROUTING,
        _text(path / ROUTING, reading),
        None if text is None else (suppression, text),
        read_texts(path / RUNBOOKS, unread, reading.opened),
        unread,
    )


def _look_around(directory: Path, problems: Problems) -> None:
    """What lies in the directory that no rules are read from."""
    for entry in entries(directory):
        if entry.name not in _KNOWN:
            problems.warning(
                Place(str(entry), 0, 0),
                "not read: rules are routing.yaml, suppression.yaml, runbooks/, prometheus/ and tests/",
            )


def _text(path: Path, reading: Reading, *, optional: bool = False) -> str | None:
    """What a file says; None where it is not UTF-8, or is not there and `optional`. Raises FileError."""
    try:
        data = read_bytes(path, reading.opened)
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError):
            return None
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    return decode(data, str(path), reading.problems)


# -- compiling ----------------------------------------------------------------------------------


def compile_texts(texts: Texts, settings: Settings, reading: Reading, allow_unsupported: bool) -> Loaded:
    """The Ruleset that texts make. Raises ProblemsError."""
    root = None if texts.routing is None else parse(texts.routing, str(texts.path), reading.problems)
    ruleset = None
    if isinstance(root, MappingNode):
        ruleset = _ruleset(Fields(root, "the file", reading.problems), texts, settings, reading)
    elif root is not None:
        reading.problems.error(
            root.place, "the rules must be a mapping with route and receivers, as an alertmanager.yml is"
        )
    floors = ruleset.guards if ruleset else GuardRules()
    known = Known(ruleset.receivers if ruleset else None, floors)
    read = compile_pages(texts.pages, known, texts.unread)
    unsupported = reading.unsupported.listed()
    if not allow_unsupported:
        unsupported = [msgspec.structs.replace(problem, severity="error") for problem in unsupported]
    problems = reading.problems.listed() + unsupported
    if ruleset is None or any(problem.severity == "error" for problem in problems):
        raise ProblemsError(problems + read.warnings + read.broken)
    warnings = (*reading.problems.listed(), *read.warnings)
    hurry = (settings.overrides or Overrides()).runbooks
    return Loaded(_with_pages(ruleset, read, hurry), warnings, tuple(unsupported), tuple(read.broken))


def _with_pages(ruleset: Ruleset, pages: Pages, times: RunbookTimers) -> Ruleset:
    """The runbooks beside the routing; pages that are broken are in neither source nor hash."""
    texts = {f"{RUNBOOKS}/{name}.md": text for name, text in pages.texts.items()}
    source = {**ruleset.source, **texts}
    runbooks = {name: _timed(runbook, times) for name, runbook in pages.runbooks.items()}
    return replace(ruleset, runbooks=runbooks, source=source, hash=_hash(source))


def _timed(runbook: Runbook, times: RunbookTimers) -> Runbook:
    """The runbook with the sandbox's times in place of those that its page asks for."""
    asked = {name: value for name in ("settle", "every", "within") if (value := getattr(times, name))}
    guards = runbook.guards
    if times.cooldown is not None:
        guards = msgspec.structs.replace(guards, cooldown=times.cooldown)
    verify = tuple(msgspec.structs.replace(one, **asked) for one in runbook.verify)
    return msgspec.structs.replace(runbook, guards=guards, verify=verify)


def _hash(source: Mapping[str, str]) -> str:
    return sha256(dumps(source, sort_keys=True).encode()).hexdigest()


def _ruleset(fields: Fields, texts: Texts, settings: Settings, reading: Reading) -> Ruleset | None:
    """Everything but the runbooks; None if some of it is wrong."""
    overrides = settings.overrides or Overrides()
    defaults, resolve_timeout = _global(fields, settings, reading)
    receivers, named_at = read_receivers(fields, defaults, overrides.receivers, reading)
    intervals = read_intervals(fields, wraps=settings.compatibility == "responder")
    inhibit_rules = read_inhibit_rules(fields)
    suppression = _suppression(texts, intervals, reading.problems)
    route, root = fields.fields("route", "a route"), None
    if fields.require("route") and route is not None:
        root = read_route(route, receivers, intervals, overrides.timers, reading)
    _unused_sections(fields, reading)
    fields.close()
    if root is None or reading.problems.failed:
        return None
    for name, place in unused_receivers(root, named_at, receivers):
        reading.problems.warning(place, f'no route names the receiver "{name}"')
    assert texts.routing is not None
    source = {
        texts.path.name: masked_text(texts.routing, reading.masks, str(texts.path)),
        SETTINGS: settings_source(settings, reading),
    }
    if texts.suppression:
        source[SUPPRESSION] = texts.suppression[1]
    return Ruleset(
        hash=_hash(source),
        router=Router(root),
        receivers=receivers,
        inhibit_rules=inhibit_rules,
        time_intervals=intervals,
        suppression=suppression,
        compatibility=settings.compatibility,
        resolve_timeout=resolve_timeout,
        stale_after=settings.intake.stale_after,
        source=source,
        guards=settings.guards,
        clusters=tuple(one.cluster for one in settings.kubernetes),
        asks_prometheus=settings.prometheus is not None,
    )


def _suppression(texts: Texts, intervals: Intervals, problems: Problems) -> Suppression:
    """The maintenance windows, over the time intervals of the routing."""
    if texts.suppression is None:
        return Suppression()
    path, text = texts.suppression
    return read_suppression(parse(text, str(path), problems), intervals, problems)


def _global(root: Fields, settings: Settings, reading: Reading) -> tuple[Defaults, int]:
    """What the rest of the file inherits, and the resolve_timeout of `global`."""
    fields = root.fields("global", "global") or Fields(None, "global", reading.problems)
    resolve_timeout = fields.read("resolve_timeout", duration, 5 * MINUTE)
    # Files that it names are read where an integration inherits them.
    read_keys(fields, GLOBAL, msgspec.structs.replace(reading, read_files=False))
    fields.close()
    return Defaults(fields, settings), resolve_timeout


def _unused_sections(fields: Fields, reading: Reading) -> None:
    """Sections of Alertmanager's that have no counterpart here."""
    for key in ("templates", "tracing", "event_recorder"):
        node = fields.take(key)
        if node is not None and not (isinstance(node, SequenceNode) and not node.items):
            reading.problems.warning(fields.key_place(key), f"{key}: not used by this version")
