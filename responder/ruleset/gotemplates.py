"""Go templates as Alertmanager's users write them: which of them are its own defaults.

`ruleset.migration` asks; what others are in Jinja2 `templating.gotext` knows. A template is looked at as
text and never run.
"""

import glob
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_DEFAULT: Final = re.compile(r'\{\{-?\s*template\s+"(\w+\.default\.(\w+))"\s+(\.[\w.]*)\s*-?\}\}')
_DEFINED: Final = re.compile(r'\{\{-?\s*define\s+"([^"]+)"')
_INSTANCES: Final = {"firing": ".Alerts.Firing", "resolved": ".Alerts.Resolved"}
_WORD_FOR_WORD: Final = {
    ("slack", "color"): '{{ifeq.Status"firing"}}danger{{else}}good{{end}}',
    ("pagerduty", "num_firing"): "{{.Alerts.Firing|len}}",
    ("pagerduty", "num_resolved"): "{{.Alerts.Resolved|len}}",
}
"""Defaults that name no template, by kind and key, without white space."""


def default_of(kind: str, key: str, text: str) -> str | None:
    """The template that Alertmanager's default for this key of this kind names, if `text` is that default.

    "" where the default names none; None where the text is anything else.
    """
    written = text.strip()
    if "".join(written.split()) == _WORD_FOR_WORD.get((kind, key), "-"):
        return ""
    match = _DEFAULT.fullmatch(written)
    if match is None or not match[1].startswith(f"{kind}."):
        return None
    if match[2] == "instances":
        return match[1] if match[3] == _INSTANCES.get(key) else None
    same = match[2].lower() == key.replace("_", "").lower() and match[3] == "."
    return match[1] if same else None


def defined_in(patterns: Iterable[str], directory: Path) -> tuple[dict[str, str], list[str]]:
    """Templates that files define, each with its file's name, and the patterns under which no file is.

    `patterns` are those of `templates` in a configuration that lies in `directory`.
    """
    defined: dict[str, str] = {}
    nothing: list[str] = []
    for pattern in patterns:
        files = sorted(glob.glob(pattern, root_dir=directory))
        texts = [(name, text) for name in files if (text := _text(directory / name)) is not None]
        if not texts:
            nothing.append(pattern)
        for name, text in texts:
            defined |= dict.fromkeys(_DEFINED.findall(text), name)
    return defined, nothing


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return None
