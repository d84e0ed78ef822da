"""charts/responder/files/permissions.yaml, from the action catalogue.

`python -m tests.charts.permissions` writes it; a test holds the file to what this says. It must never hold a
permission of its own: they stand beside the actions' code.
"""

from pathlib import Path
from typing import Final

import yaml

from responder.actions.catalogue import NEEDS
from responder.actions.kubernetes.rbac import single
from responder.core.actioncatalogue import ACTIONS
from tests.charts.helm import CHARTS

FILE: Final = CHARTS / "responder" / "files" / "permissions.yaml"

_HEAD: Final = """\
# What each action needs in a cluster; `single`: the verbs that can be granted for one object by its name.
# Made from the action catalogue by `python -m tests.charts.permissions`; templates/_roles.tpl reads it.
"""


def text() -> str:
    """The file. Verbs that an action can do without (it then tells people less) are among them."""
    needs = {
        action: [
            {
                "group": one.group,
                "resource": one.resource,
                "verbs": sorted(one.verbs),
                "single": sorted(verb for verb in one.verbs if single(one, verb)),
            }
            for one in NEEDS.get(action, ())
        ]
        for action in sorted(ACTIONS)
    }
    return _HEAD + yaml.safe_dump(needs, sort_keys=False)


def write(path: Path = FILE) -> None:
    """Write the file."""
    path.write_text(text())


if __name__ == "__main__":
    write()
