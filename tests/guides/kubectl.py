"""Whether kubectl would take a call: its sub-command, options, kinds and names of objects, patches.

`tests.guides.programs` calls it. Options come from kubectl's own help; nothing is asked of a cluster.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.charts.helm import Manifest
from tests.charts.schemas import problems
from tests.guides.helptexts import descend, options_of, said
from tests.guides.kinds import KINDS, Kind, missing, shipped
from tests.guides.options import Parsed, options

# Their value may be left out, and kubectl's help does not say so.
_MAYBE: Final = frozenset({"--dry-run", "--validate", "--cascade"})
# POD, JOB: for whoever reads to fill in. Or what a command before it printed.
_PLACEHOLDER: Final = re.compile(r"[A-Z][A-Z-]*|recorded")
_CONDITION: Final = re.compile(r"delete|create|condition=\w+(=\w+)?|jsonpath=.+", re.ASCII)
# Which of the words behind a sub-command are objects: all that are left, TYPE and NAME alike.
_OBJECTS: Final = frozenset(
    {
        *("get", "describe", "delete", "patch", "scale", "wait", "edit", "autoscale"),
        *("rollout history", "rollout pause", "rollout restart", "rollout resume", "rollout status"),
        *("rollout undo", "set resources"),
    }
)
# Objects, and changes such as a=b and a-.
_CHANGES: Final = frozenset({"label", "annotate", "set env", "set image"})
_PODS: Final = frozenset({"logs", "exec", "attach", "debug", "port-forward"})
_NODES: Final = frozenset({"cordon", "uncordon", "drain"})
_FREE: Final = frozenset(
    {"apply", "diff", "version", "events", "api-resources", "cluster-info", "explain", "create"}
)


def faults(
    argv: Sequence[str], directory: Path, made: frozenset[str] = frozenset(), *, whole: bool = True
) -> Iterator[str]:
    """What is wrong with a call; `argv` without the program's name.

    `directory`: where files are; `made`: objects that there are beside the platform's. Not `whole`: what it
    is about may be left out.
    """
    everywhere = options(said("kubectl", "options"))
    # Options that any sub-command has may stand before it.
    head = everywhere.parse(argv, interspersed=False).words
    command, unknown = descend("kubectl", head)
    if unknown:
        yield unknown
        return
    before = argv[: len(argv) - len(head)]
    takes = options_of("kubectl", *command, maybe=_MAYBE) | everywhere
    parsed = takes.parse([*before, *head[len(command) :]])
    yield from parsed.faults
    yield from _values(" ".join(command), parsed)
    for given in (*parsed.values.get("-f", ()), *parsed.values.get("--filename", ())):
        if command != ("logs",) and given != "-" and not (directory / given).exists():
            yield f"nobody has written {given}"
    if whole or parsed.words:
        yield from (fault for name, fault in _objects(" ".join(command), parsed) if name not in made)


def behind_the_dashes(argv: Sequence[str]) -> tuple[str, ...]:
    """The command that a call of exec or debug runs within the pod, if it is one."""
    if "--" not in argv:
        return ()
    return tuple(argv[list(argv).index("--") + 1 :])


# -- values of options ------------------------------------------------------------------------------


def _values(command: str, parsed: Parsed) -> Iterator[str]:
    namespace = _namespace(parsed)
    if namespace and missing("Namespace", namespace):
        yield f"nobody makes the namespace {namespace}"
    condition = parsed.value("--for")
    if command == "wait" and (condition is None or not _CONDITION.fullmatch(condition)):
        yield f"--for={condition} is no condition"
    output = parsed.value("-o", "--output")
    if output is not None and not _formats(command, output):
        yield f"there is no output {output}"
    source = parsed.value("--from")
    if source is not None:
        yield from (fault for _, fault in _named(source.split("/"), namespace))
    patch = parsed.value("-p", "--patch")
    if command == "patch" and patch is not None:
        yield from _patch(parsed, patch)


def _namespace(parsed: Parsed) -> str:
    """The one that a call names; "" if it names none, or has a placeholder for it."""
    namespace = parsed.value("-n", "--namespace") or ""
    return "" if _PLACEHOLDER.fullmatch(namespace) else namespace


def _formats(command: str, output: str) -> bool:
    """Whether kubectl's help names the format; `wide` and the like go without the part behind `=`."""
    listed = re.search(
        r"--output='':\s+Output format\. One of: \((.*)\)", said("kubectl", *command.split(), "--help")
    )
    return listed is not None and output.partition("=")[0] in re.findall(r"[\w-]+", listed[1])


def _patch(parsed: Parsed, patch: str) -> Iterator[str]:
    """A merge patch has to be JSON, and to leave a valid object."""
    try:
        change = json.loads(patch)
    except ValueError as error:
        yield f"the patch is no JSON: {error}"
        return
    if parsed.value("--type") != "merge":
        yield "say --type=merge, so that it is known what a list becomes"
    found = list(_split(parsed.words))
    if len(found) == 1 and (kind := KINDS.get(found[0][0])) and len(found[0]) == 2:
        before = _object(kind, found[0][1])
        if before is not None:
            yield from problems(_merged(before, change))


def _object(kind: Kind, name: str) -> Manifest | None:
    """The object, or for a placeholder any of its kind."""
    found = [
        one
        for (of, called), one in shipped().items()
        if of == kind.name and (called == name or name.isupper())
    ]
    return found[0] if found else None


def _merged(one: Any, change: Any) -> Any:
    if not isinstance(one, Mapping) or not isinstance(change, Mapping):
        return change
    kept = {key: value for key, value in one.items() if change.get(key, "") is not None}
    return kept | {key: _merged(kept.get(key), value) for key, value in change.items() if value is not None}


# -- objects ----------------------------------------------------------------------------------------


def _objects(command: str, parsed: Parsed) -> Iterator[tuple[str, str]]:
    """What is wrong with the words behind a sub-command; before it the object that is missing, else ""."""
    words, namespace = parsed.words, _namespace(parsed)
    if command in _OBJECTS:
        for found in _split(words):
            yield from _named(found, namespace)
        if not words and not parsed.value("-f", "--filename", "-k", "--kustomize"):
            yield "", "it names no object"
    elif command in _CHANGES:
        changes = [word for word in words if "=" in word or word.endswith("-")]
        for found in _split([word for word in words if word not in changes]):
            yield from _named(found, namespace)
        if not changes:
            yield "", "it changes nothing"
    elif command in _PODS:
        if words or not parsed.value("-l", "--selector"):
            yield from _pod(command, words, namespace)
    elif command in _NODES:
        if len(words) != 1 and not parsed.value("-l", "--selector"):
            yield "", "it needs the name of a node"
    elif not command.startswith(("top ", "create ", "config ", "auth ")) and command not in _FREE:
        yield "", f"nobody here knows what the words behind {command!r} mean"


def _pod(command: str, words: Sequence[str], namespace: str) -> Iterator[tuple[str, str]]:
    """`logs job/x`, `exec POD`, `port-forward service/x 80`."""
    if not words:
        yield "", "it names no pod"
        return
    found = words[0].split("/") if "/" in words[0] else ["pod", words[0]]
    yield from _named(found, namespace)
    if command in ("exec", "debug") and len(words) > 1:
        yield "", "what runs in the pod has to stand behind --"
    if command == "port-forward" and len(found) == 2:
        there = _ports(found)
        for word in words[1:]:
            if there and word.rpartition(":")[2] not in there:
                yield "", f"{words[0]} has no port {word.rpartition(':')[2]}, but {', '.join(there)}"


def _ports(found: Sequence[str]) -> list[str]:
    service = shipped().get(("Service", found[1])) if KINDS[found[0]].name == "Service" else None
    return [str(port["port"]) for port in service["spec"]["ports"]] if service else []


def _split(words: Sequence[str]) -> Iterator[list[str]]:
    """`deployment web`, `deployment/web pod/x`, `jobs,pods`: each as [kind] or [kind, name]."""
    if not words:
        return
    if "/" in words[0]:
        for word in words:
            yield word.split("/")
        return
    for kind in words[0].split(","):
        if len(words) == 1:
            yield [kind]
        for name in words[1:]:
            yield [kind, name]


def _named(found: Sequence[str], namespace: str) -> Iterator[tuple[str, str]]:
    kind = KINDS.get(found[0])
    if kind is None:
        yield "", f"nobody here knows the kind {found[0]}"
        return
    for name in found[1:]:
        if _PLACEHOLDER.fullmatch(name):
            continue
        if kind.names and (why := missing(kind.name, name, namespace)):
            yield f"{kind.name}/{name}", why
