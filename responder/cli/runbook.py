"""`responder runbook`: the pages that people read and that Responder follows.

Called by the CLI's table. The commands are in modules of their own; nothing is decided here.
"""

import click

from responder.cli.pages import lint, list_, show


@click.group("runbook", help="Runbooks: list, lint, show.")
def runbook() -> None:
    """What the sub-commands share: nothing."""


for _command in (list_, lint, show):
    runbook.add_command(_command)
