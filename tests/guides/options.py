"""What a program takes, from its own `--help`, and what is wrong with a call of it.

The checkers of `tests.guides.programs` call it. It knows the ways in which help is written, and no program.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

Takes: TypeAlias = Literal["nothing", "value", "maybe"]
"""`maybe`: a value only behind `=`, as in --dry-run=client."""

# -n, --namespace='':   -f, --values strings   --dry-run string[="unset"]   --devel   -h <hostname>
_OPTION: Final = re.compile(
    r"^ +(?P<names>--?[A-Za-z0-9?][\w.-]*(?:=?, --?[\w][\w.-]*)*)"
    r"(?P<value>\[=[^\]]*\]|=\S.*|=$| <[^>]+>| [A-Za-z][\w.]*\[=\S*\]| [A-Za-z][\w.|]*(?= {2,}|$))?"
)
_BOOLEAN: Final = re.compile(r"=(true|false):?$")
_MAYBE: Final = re.compile(r"( [A-Za-z][\w.]*)?\[=")


@dataclass(frozen=True)
class Parsed:
    """A call, taken apart. `rest`: what stands behind `--`, None without one."""

    words: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    faults: tuple[str, ...]
    rest: tuple[str, ...] | None = None

    def value(self, *names: str) -> str | None:
        """The last value of an option, by any of its names."""
        found = [value for name in names for value in self.values.get(name, ())]
        return found[-1] if found else None


@dataclass(frozen=True)
class Options:
    """The options of a program, or of one of its sub-commands, each with what it takes."""

    takes: Mapping[str, Takes] = field(default_factory=dict)

    def __or__(self, other: "Options") -> "Options":
        """Those of both."""
        return Options({**self.takes, **other.takes})

    def parse(self, argv: Sequence[str], *, interspersed: bool = True) -> Parsed:
        """Take a call apart, without the program's name. Not `interspersed`: a word ends the options."""
        words: list[str] = []
        values: dict[str, list[str]] = {}
        faults: list[str] = []
        rest: tuple[str, ...] | None = None
        ahead = iter(argv)
        for word in ahead:
            if word == "--":
                rest = tuple(ahead)
            elif not word.startswith("-") or word == "-":
                words.append(word)
                if not interspersed:
                    words.extend(ahead)
            else:
                for name, value in self._of(word, ahead, faults):
                    values.setdefault(name, []).append(value)
        kept = {name: tuple(given) for name, given in values.items()}
        return Parsed(tuple(words), kept, tuple(faults), rest)

    def _of(self, word: str, ahead: Iterator[str], faults: list[str]) -> Iterator[tuple[str, str]]:
        name, equals, value = word.partition("=")
        known = self.takes.get(name)
        if known is None and not word.startswith("--") and len(word) > 2:
            yield from self._cluster(word, ahead, faults)
        elif known is None:
            faults.append(f"there is no option {name}")
        elif equals:
            yield name, value
        elif known == "value":
            given = next(ahead, None)
            if given is None:
                faults.append(f"{name} needs a value")
            else:
                yield name, given
        else:
            yield name, ""

    def _cluster(self, word: str, ahead: Iterator[str], faults: list[str]) -> Iterator[tuple[str, str]]:
        """-it, -n100: single letters, of which the last may have a value."""
        for place, letter in enumerate(word[1:], 1):
            known = self.takes.get(f"-{letter}")
            if known is None:
                faults.append(f"there is no option -{letter} (of {word})")
            elif known == "value" and word[place + 1 :]:
                yield f"-{letter}", word[place + 1 :].removeprefix("=")
                return
            else:
                yield from self._of(f"-{letter}", ahead, faults)


def options(text: str, maybe: frozenset[str] = frozenset()) -> Options:
    """The options that a help text lists. `maybe`: their value may be left out, and it does not say so."""
    found: dict[str, Takes] = {}
    for line in text.splitlines():
        option = _OPTION.match(line)
        if option is None:
            continue
        value = option["value"] or ""
        names = [name.rstrip("=") for name in option["names"].split(", ")]
        takes: Takes = "value" if value else "nothing"
        if _MAYBE.match(value) or _BOOLEAN.match(value) or maybe & set(names):
            takes = "maybe"
        for name in names:
            # A line may be prose that begins with an option; the first one describes it.
            found.setdefault(name, takes)
    return Options(found)
