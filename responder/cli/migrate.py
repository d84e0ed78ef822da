"""`responder migrate`: a rules directory from an alertmanager.yml.

People call it once, when they come from Alertmanager. It writes all of it or nothing, overwrites
nothing unless it is told to, and reads no secret.
"""

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Any, Final, Literal

import click

from responder.cli.client import DEFAULT_CONFIG, output_option, print_json, printable
from responder.errors import FileError, Refused
from responder.ruleset.load import ROUTING
from responder.ruleset.migration import Migrated, Note
from responder.ruleset.migration import migrate as migrated
from responder.settings import Settings, load_settings

_ALERT: Final = '{"at": "0s", "alerts": [{"labels": {"alertname": "Example", "severity": "critical"}}]}'


@click.command("migrate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    metavar="DIR",
    help="The rules directory; it is made if it is not there.",
)
@click.option("--force", is_flag=True, help="Overwrite a routing.yaml that is there.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The settings that the rules will run under. Default: config/responder.yaml, if it is there",
)
@output_option
def migrate(
    file: Path, into: Path, force: bool, config: Path | None, output: Literal["text", "json"]
) -> None:
    """Write DIR/routing.yaml from FILE, an alertmanager.yml.

    Routes, receivers, timers and comments stay as they are, and who is told of what stays the same.
    Texts that were Alertmanager's defaults are left out, and relative names of files lead to the same
    files. What a person should look at (an inline secret, a Go template, an integration that cannot be
    delivered to) has a comment above it that begins with "responder:", and is listed. FILE is not changed.

    Exit status: 0 written, 1 FILE is wrong (every problem is printed) or DIR/routing.yaml is there,
    2 FILE cannot be read or DIR not be written.
    """
    target = into / ROUTING
    if target.exists() and not force:
        raise Refused(f"{target} is there already: name another directory, or overwrite it with --force")
    if config is None and DEFAULT_CONFIG.is_file():
        config = DEFAULT_CONFIG
    settings = Settings() if config is None else load_settings(config, os.environ)
    found = migrated(file, into, settings)
    _write(target, found.text, file)
    if output == "json":
        print_json(_document(file, target, found))
    else:
        for line in _text(file, target, found):
            click.echo(line)


def _write(target: Path, text: str, like: Path) -> None:
    """All of it or nothing, and readable for those who can read the original: it may hold secrets."""
    partial = target.with_name(f".{target.name}.partial")
    made = [each for each in (target.parent, *target.parent.parents) if not each.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        mode = like.stat().st_mode & 0o777
        with open(
            os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8", newline=""
        ) as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        partial.chmod(mode | 0o200)
        partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        for each in made:
            with contextlib.suppress(OSError):
                each.rmdir()
        raise FileError(f"{target} cannot be written: {error.strerror}") from None


# -- what was done ------------------------------------------------------------------------------


def _counts(found: Migrated) -> dict[str, Any]:
    ruleset = found.ruleset
    kinds = Counter(each.kind for receiver in ruleset.receivers.values() for each in receiver.integrations)
    return {
        "routes": len(ruleset.router.routes),
        "receivers": len(ruleset.receivers),
        "integrations": dict(sorted(kinds.items())),
        "inhibit_rules": len(ruleset.inhibit_rules),
        "time_intervals": len(ruleset.time_intervals),
    }


def _next(target: Path, found: Migrated) -> list[str]:
    rules = quote(str(target.parent))
    return [
        f"responder check --rules {rules}{' --allow-unsupported' if found.lacking else ''}",
        f"responder route show --rules {rules}",
        f"responder route test --rules {rules} alertname=Example severity=critical",
        f"echo '{_ALERT}' | responder simulate --rules {rules} --input - --until 12h",
    ]


def _document(file: Path, target: Path, found: Migrated) -> dict[str, Any]:
    def listed(kind: str) -> list[dict[str, Any]]:
        return [_note(each) for each in found.notes if each.kind == kind]

    return {
        "from": str(file),
        "written": [str(target)],
        "kept": _counts(found),
        "changed": listed("changed"),
        "for_a_person": listed("person"),
        "next": _next(target, found),
    }


def _note(note: Note) -> dict[str, Any]:
    return {
        "file": note.place.file,
        "line": note.place.line,
        "column": note.place.column,
        "was_line": note.was.line,
        "message": note.message,
    }


def _text(file: Path, target: Path, found: Migrated) -> Iterator[str]:
    counts = _counts(found)
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts["integrations"].items())
    yield f"{target} is written from {file}. Kept as they were:"
    receivers = f"{_many(counts['receivers'], 'receiver')} ({kinds or 'none tells anybody'})"
    yield f"  {_many(counts['routes'], 'route')}, {receivers},"
    inhibit_rules = _many(counts["inhibit_rules"], "inhibit rule")
    yield f"  {inhibit_rules}, {_many(counts['time_intervals'], 'time interval')}"
    for kind, title in (("changed", "Changed"), ("person", "For a person to look at")):
        notes = [each for each in found.notes if each.kind == kind]
        yield f"{title}: {len(notes) or 'nothing'}"
        for each in notes:
            yield f"  {each.place}: {printable(each.message)}"
    yield "Next:"
    for command in _next(target, found):
        yield f"  {command}"


def _many(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
